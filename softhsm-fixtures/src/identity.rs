//! Names and PINs nobody else has.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use crate::error::{Context as _, Error};

/// A PIN of twelve random digits. It is wiped when dropped and shows itself only where [`expose`](Self::expose) is
/// written.
///
/// Digits, because some applications take nothing else.
pub struct Pin(Zeroizing<String>);

impl Pin {
    const LENGTH: usize = 12;

    pub(crate) fn random() -> Result<Self, Error> {
        let mut digits = Zeroizing::new(String::with_capacity(Self::LENGTH));
        while digits.len() < Self::LENGTH {
            let mut byte = [0];
            getrandom::fill(&mut byte).scratch("no random bytes for a PIN")?;
            let [value] = byte;
            // 250 is the last multiple of ten in a byte: beyond it some digits would be likelier than others.
            if value < 250 {
                digits.push(char::from(b'0' + value % 10));
            }
        }
        Ok(Self(digits))
    }

    /// The digits.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn take(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }

    pub(crate) fn for_cryptoki(&self) -> cryptoki::types::AuthPin {
        self.expose().to_owned().into()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// What tells one token from all others, and opens it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) label: String,
    pub(crate) serial: String,
    pub(crate) so_pin: Pin,
    pub(crate) user_pin: Pin,
}

/// A label no other token has: not in this process, not in another one at the same time, not in an earlier one that
/// had the same number.
pub(crate) fn unique_label() -> Result<String, Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut salt = [0; 4];
    getrandom::fill(&mut salt).scratch("no random bytes for a label")?;
    Ok(format!("fx-{}-{count}-{:08x}", std::process::id(), u32::from_ne_bytes(salt)))
}
