"""Draws the entries of every request in the frozen vectors of docs/spec/audit.md, from that page alone.

    audit_draw.py VECTORS

The last line of standard output is one JSON object; the exit status is 1 if a draw differs from the frozen one.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path


def draw(request):
    note = request["checkpoint"]
    text = note[: note.rindex("\n\n") + 1]
    size = int(text.split("\n")[1])
    nonce = base64.urlsafe_b64decode(request["nonce"] + "=")
    seed = hashlib.sha256(b"\x52" + hashlib.sha256(text.encode()).digest() + nonce).digest()
    drawn, i = {}, 0
    while len(drawn) < request["count"]:
        candidate = int.from_bytes(hashlib.sha256(b"\x53" + seed + i.to_bytes(8, "big")).digest()[:8], "big")
        if candidate < 2**64 - 2**64 % size:
            drawn[candidate % size] = None
        i += 1
    return list(drawn)


if __name__ == "__main__":
    cases = json.loads(Path(sys.argv[1]).read_text())["cases"]
    valid = [case for case in cases if case["expect"] == "ok" and "request" in case["input"]]
    different = [
        case["name"] for case in valid if draw(json.loads(case["input"]["request"])) != case["input"]["drawn"]
    ]
    print(json.dumps({"draws": len(valid), "different": different}))
    sys.exit(1 if different or not valid else 0)
