"""Reads a consent record (ISO/IEC TS 27560 in DPV, JSON-LD) and a Kantara consent receipt: consent_records.py RECORD RECEIPT.

The record must expand with pyld without a dropped member, and give the same graph to rdflib; every term of DPV in it must be one
that DPV 2 defines. The receipt must be of the fields and types that the Kantara Consent Receipt Specification 1.1.0 (2018-02-20)
tabulates in its section 4, all that it says MUST be there included. Prints the terms that were used. Status 1 with any fault.
"""
import json
import sys

import jsonschema
import rdflib
from pyld import jsonld

DPV = "https://w3id.org/dpv#"
GDPR = "https://w3id.org/dpv/legal/eu/gdpr#"
# From w3c/dpv at its release 2.0: dpv/modules/{consent,consent_status,process}.csv, the guide guides/consent-27560.html, and
# the list of all terms in the DPV specification (https://w3id.org/dpv); legal/eu/gdpr/modules/legal_basis.csv.
DEFINED = {
    DPV + term
    for term in (
        "ConsentGiven ConsentNotice ConsentRecord ConsentRevoked ConsentWithdrawn DataController DataSubject "
        "ExplicitlyExpressedConsent PersonalData Process Purpose Recipient StorageDuration hasApplicableLaw "
        "hasConsentStatus hasDataController hasDataSubject hasDuration hasLegalBasis hasNotice hasPersonalData "
        "hasProcess hasPurpose hasRecipient hasStorageCondition isIndicatedAtTime isIndicatedBy"
    ).split()
} | {GDPR + "A6-1-a"}

TEXT = {"type": "string", "minLength": 1}
PURPOSE = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "purpose", "purposeCategory", "consentType", "piiCategory", "primaryPurpose", "termination", "thirdPartyDisclosure",
    ],
    "properties": {
        "purpose": TEXT, "purposeCategory": {"type": "array", "minItems": 1, "items": TEXT},
        "consentType": {"enum": ["EXPLICIT", "IMPLICIT"]}, "piiCategory": {"type": "array", "minItems": 1, "items": TEXT},
        "primaryPurpose": {"type": "boolean"}, "termination": TEXT, "thirdPartyDisclosure": {"type": "boolean"},
        "thirdPartyName": TEXT,
    },
    "if": {"properties": {"thirdPartyDisclosure": {"const": True}}}, "then": {"required": ["thirdPartyName"]},
}
CONTROLLER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["piiController", "contact", "address", "email", "phone"],
    "properties": {
        "piiController": TEXT, "onBehalf": {"type": "boolean"}, "contact": TEXT, "email": TEXT, "phone": TEXT,
        "address": {"type": ["object", "string"]}, "piiControllerUrl": TEXT,
    },
}
RECEIPT = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "version", "jurisdiction", "consentTimestamp", "collectionMethod", "consentReceiptID", "piiPrincipalId",
        "piiControllers", "policyUrl", "services", "sensitive", "spiCat",
    ],
    "properties": {
        "version": {"const": "KI-CR-v1.1.0"}, "jurisdiction": TEXT, "consentTimestamp": {"type": "integer", "minimum": 0},
        "collectionMethod": TEXT, "consentReceiptID": TEXT, "publicKey": TEXT, "language": TEXT, "piiPrincipalId": TEXT,
        "piiControllers": {"type": "array", "minItems": 1, "items": CONTROLLER}, "policyUrl": TEXT,
        "services": {
            "type": "array", "minItems": 1,
            "items": {
                "type": "object", "additionalProperties": False, "required": ["service", "purposes"],
                "properties": {"service": TEXT, "purposes": {"type": "array", "minItems": 1, "items": PURPOSE}},
            },
        },
        "sensitive": {"type": "boolean"}, "spiCat": {"type": "array", "items": TEXT},
    },
}


def members(node):
    """Names of all members that mean something, as often as they stand in the JSON."""
    if isinstance(node, list):
        return [name for item in node for name in members(item)]
    if not isinstance(node, dict):
        return []
    own = [name for name in node if not name.startswith("@")]
    return own + [name for key, value in node.items() if key != "@context" for name in members(value)]


def iris(node):
    """Every IRI of the expanded record: names of members, types and references."""
    if isinstance(node, list):
        return {iri for item in node for iri in iris(item)}
    if not isinstance(node, dict):
        return set()
    named = {name for name in node if not name.startswith("@")}
    named |= set(node.get("@type", []) if isinstance(node.get("@type"), list) else [node.get("@type", "")])
    named |= {node.get("@id", "")}
    return named.union(*(iris(value) for value in node.values()))


def main(record_file, receipt_file):
    record = json.load(open(record_file, encoding="utf-8"))
    faults = []
    expanded = jsonld.expand(record)
    if len(members(record)) != len(members(expanded)):
        faults.append(f"{len(members(record))} members, of which {len(members(expanded))} are left when expanded")
    used = {iri for iri in iris(expanded) if iri.startswith("https://w3id.org/dpv")}
    faults += [f"not a term of DPV: {iri}" for iri in sorted(used - DEFINED)]
    graph = rdflib.Graph().parse(data=json.dumps(record), format="json-ld")
    consent = list(graph.subjects(rdflib.RDF.type, rdflib.URIRef(DPV + "ConsentRecord")))
    if len(consent) != 1:
        faults.append(f"{len(consent)} consent records, expected 1")
    for term in "hasDataSubject hasDataController hasLegalBasis hasProcess hasConsentStatus hasNotice".split():
        if not consent or not list(graph.objects(consent[0], rdflib.URIRef(DPV + term))):
            faults.append(f"no dpv:{term}")
    receipt = json.load(open(receipt_file, encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(RECEIPT).iter_errors(receipt)
    faults += [f"receipt, {error.json_path}: {error.message}" for error in errors]
    print(*sorted(iri.replace(DPV, "dpv:").replace(GDPR, "eu-gdpr:") for iri in used), sep="\n")
    for fault in faults:
        print(f"fault: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
