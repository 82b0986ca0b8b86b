//! Tickets: see `softicsf_tests::ticket`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| softicsf_tests::ticket(data));
