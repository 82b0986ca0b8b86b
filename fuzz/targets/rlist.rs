//! Pasted listings of RLIST: see `softicsf_tests::rlist`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::rlist(data));
