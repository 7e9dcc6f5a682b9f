//! See `grantbook_fuzz_parsers::witness_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::witness_answer(data));
