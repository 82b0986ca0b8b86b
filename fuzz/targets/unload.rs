//! Unloads: see `softicsf_tests::unload`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::unload(data));
