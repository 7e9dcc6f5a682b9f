"""Verifies the ML-DSA-44 line of a checkpoint with pyca/cryptography, from C2SP's tlog-cosignature alone.

    post_quantum.py VKEY CHECKPOINT

VKEY is a file of verifier keys, one of them of type 6; CHECKPOINT a signed note. The last line of standard output is one
JSON object; the exit status is 1 if the line is missing or not valid.
"""

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

ML_DSA_44 = 6


def parse_key(line):
    """Name, key id and public key of a verifier key of type 6; nothing for another type."""
    name, key_id, encoded = line.split("+", 2)
    material = base64.b64decode(encoded, validate=True)
    if material[0] != ML_DSA_44:
        return None
    computed = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    if computed.hex() != key_id:
        raise ValueError("the key id is not that of the key")
    return name, computed, material[1:]


def message(name, time, text):
    """The structure cosigned_message of a whole tree."""
    origin, size, root = text.split("\n")[:3]
    vector = lambda value: bytes([len(value.encode())]) + value.encode()
    return b"".join([
        b"subtree/v1\n\x00", vector(name), struct.pack(">Q", time), vector(origin),
        struct.pack(">QQ", 0, int(size)), base64.b64decode(root, validate=True),
    ])


def verify(vkey_file, checkpoint_file):
    keys = [parse_key(line) for line in Path(vkey_file).read_text().splitlines()]
    [(name, key_id, public)] = [key for key in keys if key]
    text, lines = Path(checkpoint_file).read_text().rsplit("\n\n", 1)
    for line in lines.splitlines():
        signer, encoded = line.removeprefix("\u2014 ").split(" ")
        signed = base64.b64decode(encoded, validate=True)
        if signer == name and signed[:4] == key_id:
            (time,) = struct.unpack(">Q", signed[4:12])
            MLDSA44PublicKey.from_public_bytes(public).verify(signed[12:], message(name, time, text))
            return {"valid": True, "time": time, "tree_size": int(text.split("\n")[1])}
    raise ValueError("no line by the key of type 6")


if __name__ == "__main__":
    try:
        report, status = verify(*sys.argv[1:]), 0
    except (ValueError, InvalidSignature) as error:
        report, status = {"valid": False, "error": f"{type(error).__name__}: {error}"}, 1
    print(json.dumps(report))
    sys.exit(status)
