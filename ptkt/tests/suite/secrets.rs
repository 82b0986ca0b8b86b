//! No `Debug` text shows a ticket, a key, or what is derived from one.

use std::fmt::Debug;

use ptkt::software::DesKey;
use ptkt::{GenerateError, Ticket, Timestamp, legacy};

/// Whether three bytes in a row can be read from the text: as characters, in hexadecimal, or as
/// a list of numbers.
fn reveals(shown: &dyn Debug, secret: &[u8]) -> bool {
    [format!("{shown:?}"), format!("{shown:#?}")].iter().any(|text| {
        let flat: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        secret.windows(3).any(|bytes| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let decimal = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
            flat.to_lowercase().contains(&hex)
                || flat.contains(&decimal)
                || str::from_utf8(bytes).is_ok_and(|characters| flat.contains(characters))
        })
    })
}

#[test]
fn the_check_finds_secrets() {
    assert!(reveals(&"a ticket ZVQLMCAN in a text", b"ZVQLMCAN"));
    assert!(reveals(b"ZVQLMCAN", b"ZVQLMCAN"));
    assert!(reveals(&format_args!("{:x}", 0x01E0_0119), b"\xE0\x01\x19\x35"));
    assert!(!reveals(&"nothing", b"ZVQLMCAN"));
}

#[test]
fn legacy_values_hide_their_content() {
    let secret = *b"\xE0\x01\x19\x35\x19\x56\x19\x77";
    let key = DesKey::new(&secret).unwrap();
    assert!(!reveals(&key, &secret));
    let Ok(session) = legacy::Session::prepare(&key, &"IBMUSER".parse().unwrap(), &"TSOR001".parse().unwrap());
    assert!(!reveals(&session, &0x114C_E911_u32.to_be_bytes()));
    let ticket = session.generate(&key, Timestamp::from_secs(1_700_000_000)).unwrap();
    assert_eq!(format!("{ticket:?}"), "Ticket(..)");
    let error: GenerateError<_> = session.generate(&key, Timestamp::from_secs(1 << 32)).unwrap_err();
    assert!(!reveals(&error, &secret));
}

#[test]
fn refused_candidates_are_not_repeated() {
    for text in ["SECRETPASSWORD", "SECRET\n1"] {
        let error = text.parse::<Ticket>().unwrap_err();
        assert!(!reveals(&error, b"SECRET"));
        assert!(!error.to_string().contains("SECRET"));
    }
}

#[cfg(feature = "enhanced")]
#[test]
fn enhanced_values_hide_their_content() {
    use ptkt::enhanced::{Session, TicketType};
    use ptkt::software::HmacKey;

    let secret: [u8; 64] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let key = HmacKey::new(&secret).unwrap();
    assert!(!reveals(&key, &secret));
    let Ok(session) =
        Session::prepare(&key, &"IBMUSER".parse().unwrap(), &"TSOR001".parse().unwrap(), TicketType::Mixed);
    assert!(!reveals(&session, b"\xE2\x8C\x09\xA5\xEA\xC6"));
    let ticket = session.generate(&key, Timestamp::from_secs(1_700_000_000)).unwrap();
    assert_eq!(format!("{ticket:?}"), "Ticket(..)");
    assert!(!reveals(&HmacKey::new(&secret[..31]).unwrap_err(), &secret));
}
