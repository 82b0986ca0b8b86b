//! AS-REQ: see `softicsf_tests::as_req`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::as_req(data));
