//! Samba's own tests of Kerberos: those of its `kdc_tests` and all of `kcrypto`.

use super::served::Served;

/// What they have in `kdc_tests`; the fifth wants RC4.
const KDC: [&str; 4] = ["test_aes256_cts_hmac_sha1_96", "test_aes_rc4", "test_clock_skew", "test_invalid_password"];

#[test]
fn kdc_tests_that_need_no_rc4() {
    let served = Served::new(&[]);
    let samba = "samba $KDC_PORT EXAMPLE.COM alice alice.pw";
    let tests = KDC.map(|test| format!("kdc_tests.KdcTests.{test}")).join(" ");
    let said = served.well(&format!("{samba} {tests}"));
    assert!(said.contains("Ran 4 tests") && said.ends_with("\nOK\n"), "{said}");
    // RFC 8429 retires RC4: such a client is told that it has nothing we have.
    let (said, status) = served.run(&format!("{samba} kdc_tests.KdcTests.test_arc4_hmac_md5"));
    assert_eq!(status, "1", "{said}");
    assert!(said.contains("14 != 25"), "{said}");
}

#[test]
fn kcrypto() {
    let served = Served::new(&[]);
    let said = served.well("samba $KDC_PORT EXAMPLE.COM alice alice.pw kcrypto");
    assert!(said.contains("Ran 42 tests") && said.ends_with("\nOK\n"), "{said}");
}
