//! See `grantbook_fuzz_parsers::compact_plan`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::compact_plan(data));
