//! Exports of the CKDS: see `softicsf_tests::export`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::export(data));
