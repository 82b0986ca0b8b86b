//! Files of the replay register: see `softicsf_tests::replay`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::replay(data));
