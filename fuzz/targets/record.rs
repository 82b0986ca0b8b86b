//! Records and headers of the CKDS: see `softicsf_tests::record`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::record(data));
