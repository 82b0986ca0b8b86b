//! Key tokens: see `softicsf_tests::token`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::token(data));
