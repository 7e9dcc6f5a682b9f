"""Reads a served log with aics-tlog (PyPI), which knows nothing of Grantbook, and verifies it.

    read_log.py LOG VKEY OLD_CHECKPOINT

LOG is an address ending in /log, VKEY a file whose first line is the log's verifier key and whose second the clock's;
further lines are not read. Verified are the served checkpoint with its cosignature, the inclusion of entries from all over the tree, every tile and
entry bundle, and the earlier checkpoint being a prefix. The last line of standard output is one JSON object; the exit
status is 1 if anything does not verify.
"""

import json
import sys
from pathlib import Path

from aics_tlog.checkpoint import checkpoint_from_note, verify_checkpoint
from aics_tlog.note import parse_vkey
from aics_tlog.remote import HttpTileReader
from aics_tlog.tiles import consistency_proof_from_tiles, inclusion_proof_from_tiles
from aics_tlog.tree import verify_consistency, verify_leaf_inclusion
from aics_tlog.verified import VerifiedTileReader, audit_tiles


def open_checkpoint(signed, log_key, clock_key):
    """The checkpoint, if the log has signed it and the clock cosigned it."""
    checkpoint, note = checkpoint_from_note(signed)
    result = verify_checkpoint(note, log_key, [clock_key], 1, expected_origin=log_key.name)
    if not result.ok:
        raise ValueError(f"checkpoint: {result.error}")
    return checkpoint


def sample(size):
    """Leaf indices at both ends, on both sides of bundle boundaries, and spread between."""
    edges = {0, 1, size // 2, size - 2, size - 1}
    edges |= {boundary + step for boundary in range(256, size, 256) for step in (-1, 0, 1)}
    edges |= set(range(0, size, 37))
    return sorted(index for index in edges if 0 <= index < size)


def verify(log, vkey_file, old_file):
    log_key, clock_key = (parse_vkey(line) for line in Path(vkey_file).read_text().splitlines()[:2])
    # the address is this machine's own: no proxy of the environment has a say
    reader = HttpTileReader(log, proxies={})
    new = open_checkpoint(reader.read_checkpoint(), log_key, clock_key)
    old = open_checkpoint(Path(old_file).read_bytes(), log_key, clock_key)
    audit = audit_tiles(reader, new.size, new.root)
    tree = VerifiedTileReader(reader, new.size, new.root)
    indices = sample(new.size)
    for index in indices:
        proof = inclusion_proof_from_tiles(reader, index, new.size)
        if not verify_leaf_inclusion(tree.entry(index), index, new.size, proof, new.root):
            raise ValueError(f"entry {index} is not included")
    proof = consistency_proof_from_tiles(reader, old.size, new.size)
    if not verify_consistency(old.size, new.size, old.root, new.root, proof):
        raise ValueError("the earlier checkpoint is no prefix of the later one")
    return {
        "valid": True,
        "tree_size": new.size,
        "old_tree_size": old.size,
        "tiles": audit.tiles,
        "bundles": audit.bundles,
        "inclusions": len(indices),
        "proof_hashes": len(proof),
    }


def main():
    try:
        report = verify(*sys.argv[1:])
    except (ValueError, OSError) as error:
        report = {"valid": False, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(report))
    return 0 if report["valid"] else 1


if __name__ == "__main__":
    sys.exit(main())
