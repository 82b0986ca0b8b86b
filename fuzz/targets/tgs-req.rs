//! TGS-REQ: see `softicsf_tests::tgs_req`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::tgs_req(data));
