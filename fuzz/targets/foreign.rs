//! Command lists of ACF2 and Top Secret: see `softicsf_tests::foreign`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::foreign(data));
