//! RACF commands: see `softicsf_tests::command`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::command(data));
