//! What another implementation makes of the same key and payload.

use grantbook_record::{Kind, jws};

use crate::story::{customer, sample};

/// Made by the Python library joserfc 1.6.5 (`jws.serialize_compact`, algorithm `Ed25519`) from the seed 32 × 0x01, a
/// header with the members in our order and the payload of the sample `grant.withdrawn`. Ed25519 is deterministic, so
/// the same input has one signature.
const MADE_BY_JOSERFC: &str = "eyJhbGciOiJFZDI1NTE5IiwidHlwIjoiZ3JhbnRib29rLWdyYW50LndpdGhkcmF3bitqd3QiLCJraWQiOiJVRERSZU9abDFp\
    cFhBZnA5d1lzbTEzc0RCTUs1b2ctLVFXZEJqenVmNm80In0.eyJ2IjoxLCJhdWQiOiIwNzA3MDcwNy0wNzA3LTQ3MDctODcw\
    Ny0wNzA3MDcwNzA3MDciLCJqdGkiOiIwMWExZWU1Ni01ZTBjLTdjMGMtOGMwYy0wYzBjMGMwYzBjMGMiLCJpYXQiOjE3OTUw\
    MDAwMDAsImV2ZW50Ijp7InN1YiI6ImNzLTAwMDA0IiwiZ3JhbnQiOiIwMWExZWU1Ni01ZTA4LTc4MDgtODgwOC0wODA4MDgw\
    ODA4MDgifX0.XS5xk2ksrsdg9nL-5brcoupz9evBLSMqRWtsMjbSVxfpQsc4voaPpTJxj2o3oYb8YxTs7kPVmN_h_Nx2F3r5\
    Dg";

#[test]
fn another_implementation_makes_the_same_signature() {
    let sample = sample(Kind::GrantWithdrawn);
    let ours = jws::sign("grantbook-grant.withdrawn+jwt", &sample.payload, &customer());
    assert_eq!(ours, MADE_BY_JOSERFC);
}
