//! See `grantbook_fuzz_parsers::fact_statement`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::fact_statement(data));
