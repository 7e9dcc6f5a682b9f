//! See `grantbook_fuzz_parsers::lease_release`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::lease_release(data));
