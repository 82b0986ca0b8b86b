//! A request for the password service: see `softicsf_tests::kpasswd`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::kpasswd(data));
