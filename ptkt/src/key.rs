//! What the algorithms ask of a key: two small traits.
//!
//! The idea is "use the key", never "give me the key": whoever implements them may hold the
//! bytes in memory or in a token that never lets them out. Both take many independent inputs
//! per call, because for a token the call costs far more than the cipher.

/// A DES key that can encipher.
///
/// # Contract
///
/// - Each block is replaced by its encipherment under the one key: single DES, ECB, every block
///   by itself. The key's parity bits do not matter, and weak keys are keys like any other.
/// - One call is one call to the engine, however many blocks there are.
/// - An error says nothing about the next call; whether it lasts is told by its type. After an
///   error the contents of `blocks` are unspecified, and this crate never uses them.
/// - The crate makes one call after another within one operation. Operations overlap only if
///   the caller runs them on several threads, which takes a `Sync` implementation.
///
/// ```
/// use ptkt::{DesEncipher, legacy::Session};
///
/// /// A key whose engine has been taken away.
/// struct Absent;
///
/// impl DesEncipher for Absent {
///     type Error = &'static str;
///
///     fn encipher(&self, _blocks: &mut [[u8; 8]]) -> Result<(), Self::Error> {
///         Err("no engine")
///     }
/// }
///
/// let session = Session::prepare(&Absent, &"IBMUSER".parse()?, &"TSOR001".parse()?);
/// assert_eq!(session.unwrap_err(), "no engine");
/// # Ok::<(), ptkt::Error>(())
/// ```
pub trait DesEncipher {
    /// Why the engine could not encipher.
    type Error;

    /// Enciphers all `blocks` in place.
    ///
    /// # Errors
    ///
    /// Whatever keeps the engine from using the key.
    fn encipher(&self, blocks: &mut [[u8; 8]]) -> Result<(), Self::Error>;
}

/// An HMAC key that can authenticate with SHA-512.
///
/// # Contract
///
/// - `macs[n]` becomes HMAC-SHA-512 of `messages[n]` under the one key. The two slices have the
///   same length; this crate never passes others.
/// - One call is one call to the engine where the engine can do that.
/// - An error says nothing about the next call; whether it lasts is told by its type. After an
///   error the contents of `macs` are unspecified, and this crate never uses them.
/// - Overlapping calls: as for [`DesEncipher`].
#[cfg(feature = "enhanced")]
pub trait HmacSha512 {
    /// Why the engine could not authenticate.
    type Error;

    /// Computes one MAC per message.
    ///
    /// # Errors
    ///
    /// Whatever keeps the engine from using the key.
    fn hmac(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), Self::Error>;
}

/// Why a ticket was not generated.
///
/// ```
/// use ptkt::software::DesKey;
/// use ptkt::{GenerateError, Timestamp, legacy::Session};
///
/// let key = DesKey::new(&[0xE0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77])?;
/// let session = Session::prepare(&key, &"IBMUSER".parse()?, &"TSOR001".parse()?)?;
/// let error = session.generate(&key, Timestamp::from_secs(1 << 32)).unwrap_err();
/// assert!(matches!(error, GenerateError::Time(_)));
/// assert_eq!(error.to_string(), "time 4294967296 does not fit the 32 bits of a legacy ticket");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError<E> {
    /// The time does not fit the ticket ([`ErrorKind::Time`](crate::ErrorKind::Time)). No call
    /// was made to the key.
    #[error(transparent)]
    Time(#[from] crate::Error),
    /// The key could not be used; the error is the key's own.
    #[error(transparent)]
    Key(E),
}
