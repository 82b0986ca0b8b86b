//! Whether the PIN was the trouble: for who remembers that beyond this process.

use super::Pkcs11;
use super::engine::{Pin, lock};
use super::error::TokenErrorKind;

impl Pkcs11 {
    /// Whether the token has refused the PIN, so that it is not tried any more until it is given anew. A locked PIN, and one
    /// that was never set, say nothing of the one that was given.
    #[must_use]
    pub fn pin_is_refused(&self) -> bool {
        matches!(&*lock(&self.0.pin), Pin::Refused(TokenErrorKind::PinRefused(_)))
    }
}
