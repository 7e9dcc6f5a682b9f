"""A valid envelope for /v1/events, which nothing but a customer's key can make: the file that ENVELOPE names."""

import os
import pathlib

import schemathesis


@schemathesis.hook
def before_add_examples(context, examples):
    if context.operation.label == "POST /v1/events":
        envelope = pathlib.Path(os.environ["ENVELOPE"]).read_bytes()
        examples.append(context.operation.Case(body=envelope, media_type="application/octet-stream"))
