//! A keytab: see `softicsf_tests::keytab`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::keytab(data));
