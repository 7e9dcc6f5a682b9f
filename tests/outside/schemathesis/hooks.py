"""What no schema can say: a valid envelope for /v1/events, which nothing but a customer's key can make (the file that
ENVELOPE names), and requests about things that are there (JSON by operation, the file that REQUESTS names)."""

import json
import os
import pathlib

import schemathesis

# one JWS, as text
schemathesis.serializer.alias("application/jose", "text/plain")


@schemathesis.hook
def before_add_examples(context, examples):
    operation = context.operation
    if operation.label == "POST /v1/events":
        envelope = pathlib.Path(os.environ["ENVELOPE"]).read_bytes()
        examples.append(operation.Case(body=envelope, media_type="application/octet-stream"))
    requests = json.loads(pathlib.Path(os.environ["REQUESTS"]).read_text())
    if operation.label in requests:
        examples.append(operation.Case(body=requests[operation.label], media_type="application/json"))
