//! See `grantbook_fuzz_parsers::proof_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::proof_file(data));
