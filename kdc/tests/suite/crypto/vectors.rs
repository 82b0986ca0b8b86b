//! The test vectors of RFC 3962 (appendix B) and RFC 8009 (appendix A); those of RFC 3961 for n-fold, and of RFC 3962 for
//! ciphertext stealing, are beside these functions.

use std::num::NonZeroU32;

use icsf_core::backend::Etype;
use icsf_kdc::crypto::{CryptoError, checksum, checksum_type, decrypt, encrypt, string_to_key, verify_checksum};

use super::{bytes, session_key};

/// RFC 3962 appendix B: iterations, password, salt, key of etype 17, key of etype 18.
const STRING_TO_KEY: [(u32, &str, &[u8], &str, &str); 7] = [
    (
        1,
        "password",
        b"ATHENA.MIT.EDUraeburn",
        "42263c6e89f4fc28b8df68ee09799f15",
        "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161",
    ),
    (
        2,
        "password",
        b"ATHENA.MIT.EDUraeburn",
        "c651bf29e2300ac27fa469d693bdda13",
        "a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff",
    ),
    (
        1200,
        "password",
        b"ATHENA.MIT.EDUraeburn",
        "4c01cd46d632d01e6dbe230a01ed642a",
        "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a",
    ),
    (
        5,
        "password",
        b"\x12\x34\x56\x78\x78\x56\x34\x12",
        "e9b23d52273747dd5c35cb55be619d8e",
        "97a4e786be20d81a382d5ebc96d5909cabcdadc87ca48f574504159f16c36e31",
    ),
    (
        1200,
        "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        b"pass phrase equals block size",
        "59d1bb789a828b1aa54ef9c2883f69ed",
        "89adee3608db8bc71f1bfbfe459486b05618b70cbae22092534e56c553ba4b34",
    ),
    (
        1200,
        "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        b"pass phrase exceeds block size",
        "cb8005dc5f90179a7f02104c0018751d",
        "d78c5c9cb872a8c9dad4697f0bb5b2d21496c82beb2caeda2112fceea057401b",
    ),
    (
        50,
        "\u{1d11e}",
        b"EXAMPLE.COMpianist",
        "f149c1f2e154a73452d43e7fe62a56e5",
        "4b6d9839f84406df1f09cc166db4b83c571848b784a3d6bdc346589a3e393f9e",
    ),
];

#[test]
fn passwords_become_keys_as_in_rfc_3962() {
    for (iterations, password, salt, short, long) in STRING_TO_KEY {
        let key = |etype| string_to_key(etype, password.as_bytes(), salt, NonZeroU32::new(iterations));
        assert_eq!(key(Etype::Aes128Sha1).expose(), bytes(short), "{iterations} iterations of {password}");
        assert_eq!(key(Etype::Aes256Sha1).expose(), bytes(long), "{iterations} iterations of {password}");
    }
}

#[test]
fn passwords_become_keys_as_in_rfc_8009() {
    let salt = [bytes("10DF9DD783E5BC8ACEA1730E74355F61"), b"ATHENA.MIT.EDUraeburn".to_vec()].concat();
    for (etype, key) in [
        (Etype::Aes128Sha2, "089BCA48B105EA6EA77CA5D2F39DC5E7"),
        (Etype::Aes256Sha2, "45BD806DBF6A833A9CFFC1C94589A222367A79BC21C413718906E9F578A78467"),
    ] {
        assert_eq!(string_to_key(etype, b"password", &salt, NonZeroU32::new(32_768)).expose(), bytes(key));
        assert_eq!(string_to_key(etype, b"password", &salt, None).expose(), bytes(key), "32768 is the default");
    }
}

const BASE_19: &str = "3705D96080C17728A0E800EAB6E0D23C";
const BASE_20: &str = "6D404D37FAF79F9DF0D33568D320669800EB4836472EA8A026D16B7182460C52";

/// RFC 8009 appendix A, sample encryptions with key usage 2: base key, length of the plaintext 00 01 02 .., confounder,
/// ciphertext.
const ENCRYPTED: [(Etype, &str, u8, &str, &str); 8] = [
    (
        Etype::Aes128Sha2,
        BASE_19,
        0,
        "7E5895EAF2672435BAD817F545A37148",
        "EF85FB890BB8472F4DAB20394DCA781D AD877EDA39D50C870C0D5A0A8E48C718",
    ),
    (
        Etype::Aes128Sha2,
        BASE_19,
        6,
        "7BCA285E2FD4130FB55B1A5C83BC5B24",
        "84D7F30754ED987BAB0BF3506BEB09CFB55402CEF7E6 877CE99E247E52D16ED4421DFDF8976C",
    ),
    (
        Etype::Aes128Sha2,
        BASE_19,
        16,
        "56AB21713FF62C0A1457200F6FA9948F",
        "3517D640F50DDC8AD3628722B3569D2AE07493FA8263254080EA65C1008E8FC2 95FB4852E7D83E1E7C48C37EEBE6B0D3",
    ),
    (
        Etype::Aes128Sha2,
        BASE_19,
        21,
        "A7A4E29A4728CE10664FB64E49AD3FAC",
        "720F73B18D9859CD6CCB4346115CD336C70F58EDC0C4437C5573544C31C813BCE1E6D072C1
         86B39A413C2F92CA9B8334A287FFCBFC",
    ),
    (
        Etype::Aes256Sha2,
        BASE_20,
        0,
        "F764E9FA15C276478B2C7D0C4E5F58E4",
        "41F53FA5BFE7026D91FAF9BE959195A0 58707273A96A40F0A01960621AC612748B9BBFBE7EB4CE3C",
    ),
    (
        Etype::Aes256Sha2,
        BASE_20,
        6,
        "B80D3251C1F6471494256FFE712D0B9A",
        "4ED7B37C2BCAC8F74F23C1CF07E62BC7B75FB3F637B9 F559C7F664F69EAB7B6092237526EA0D1F61CB20D69D10F2",
    ),
    (
        Etype::Aes256Sha2,
        BASE_20,
        16,
        "53BF8A0D105265D4E276428624CE5E63",
        "BC47FFEC7998EB91E8115CF8D19DAC4BBBE2E163E87DD37F49BECA92027764F6
         8CF51F14D798C2273F35DF574D1F932E40C4FF255B36A266",
    ),
    (
        Etype::Aes256Sha2,
        BASE_20,
        21,
        "763E65367E864F02F55153C7E3B58AF1",
        "40013E2DF58E8751957D2878BCD2D6FE101CCFD556CB1EAE79DB3C3EE86429F2B2A602AC86
         FEF6ECB647D6295FAE077A1FEB517508D2C16B4192E01F62",
    ),
];

#[test]
fn texts_are_encrypted_as_in_rfc_8009() {
    for (etype, base, length, confounder, cipher) in ENCRYPTED {
        let key = session_key(etype, &bytes(base));
        let plain: Vec<u8> = (0..length).collect();
        let confounder = bytes(confounder).try_into().unwrap();
        assert_eq!(encrypt(&key, 2, &confounder, &plain).unwrap(), bytes(cipher), "{etype}, {length} bytes");
        assert_eq!(*decrypt(&key, 2, &bytes(cipher)).unwrap(), plain, "{etype}, {length} bytes");
    }
}

#[test]
fn checksums_are_as_in_rfc_8009() {
    let data: Vec<u8> = (0..21).collect();
    for (etype, base, sum) in [
        (Etype::Aes128Sha2, BASE_19, "D78367186643D67B411CBA9139FC1DEE"),
        (Etype::Aes256Sha2, BASE_20, "45EE791567EEFCA37F4AC1E0222DE80D43C3BFA06699672A"),
    ] {
        let key = session_key(etype, &bytes(base));
        assert_eq!(checksum(&key, 2, &data).unwrap(), bytes(sum), "{etype}");
        verify_checksum(&key, 2, &data, &bytes(sum)).unwrap();
        let cut = &bytes(sum)[1..];
        assert!(matches!(verify_checksum(&key, 2, &data, cut), Err(CryptoError::Integrity)));
        assert!(matches!(verify_checksum(&key, 2, &data, &[]), Err(CryptoError::Integrity)));
    }
    assert_eq!(Etype::ALL.map(checksum_type), [15, 16, 19, 20]);
}
