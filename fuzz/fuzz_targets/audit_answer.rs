//! See `grantbook_fuzz_parsers::audit_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::audit_answer(data));
