//! The encryption types, against the vectors of the RFCs, against themselves, and against MIT's library.

mod engine;
mod mit;
mod properties;
mod vectors;

use data_encoding::HEXLOWER_PERMISSIVE;
use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_kdc::crypto::SessionKey;

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER_PERMISSIVE.decode(hex.replace(char::is_whitespace, "").as_bytes()).unwrap()
}

fn session_key(etype: Etype, key: &[u8]) -> SessionKey {
    SessionKey::new(etype, &ClearKey::from_slice(key)).unwrap()
}
