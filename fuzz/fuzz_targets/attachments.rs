//! See `grantbook_fuzz_parsers::attachments`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::attachments(data));
