//! See `grantbook_fuzz_parsers::signed_head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::signed_head(data));
