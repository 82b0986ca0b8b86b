//! What the engines promise, tested through their public surface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod absent;
mod concurrency;
mod conforms;
mod engine_file;
mod faulty;
mod golden;
mod memory;
mod metered;
#[cfg(feature = "pkcs11")]
mod pkcs11;
#[cfg(feature = "pkcs11")]
mod pkcs11_calls;
#[cfg(feature = "pkcs11")]
mod pkcs11_faults;
#[cfg(feature = "pkcs11")]
mod pkcs11_kerberos;
#[cfg(feature = "pkcs11")]
mod pkcs11_lost;
#[cfg(feature = "pkcs11")]
mod pkcs11_probe;
#[cfg(feature = "pkcs11")]
mod pkcs11_setup;
#[cfg(feature = "pkcs11")]
mod pkcs11_strangers;
#[cfg(feature = "pkcs11")]
mod pkcs11_support;
mod secrets;
mod slot;
mod software;
mod support;
#[cfg(feature = "pkcs11")]
mod tokens;
mod wrong;
