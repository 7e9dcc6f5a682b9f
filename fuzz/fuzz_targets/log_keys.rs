//! See `grantbook_fuzz_parsers::log_keys`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::log_keys(data));
