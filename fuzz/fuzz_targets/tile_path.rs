//! See `grantbook_fuzz_parsers::tile_path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grantbook_fuzz_parsers::tile_path(data));
