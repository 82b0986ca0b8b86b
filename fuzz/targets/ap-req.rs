//! AP-REQ: see `softicsf_tests::ap_req`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::ap_req(data));
