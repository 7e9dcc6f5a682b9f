//! See `grantbook_fuzz_parsers::state_proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::state_proof(data));
