"""Reads a mail as Python's own library understands it: JSON of its headers, its plain text and its HTML."""

import email
import email.policy
import json
import sys

with open(sys.argv[1], "rb") as file:
    message = email.message_from_binary_file(file, policy=email.policy.default)
assert not message.defects, message.defects
parts = {part: message.get_body((part,)) for part in ("plain", "html")}
print(json.dumps({
    "headers": {name.lower(): str(value) for name, value in message.items()},
    "plain": parts["plain"].get_content(),
    "html": parts["html"].get_content(),
}))
