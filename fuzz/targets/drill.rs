//! Drill files: see `softicsf_tests::drill`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::drill(data));
