//! CSNBKYT2 and CSNBKTC2: verification patterns of keys, and tokens brought under another master key.

use subtle::ConstantTimeEq;

use super::{Done, rules};
use crate::backend::Register;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::token::{KeyIdentifier, KeyToken};

const KEY_TEST: &str = "CSNBKYT2";
const ALGORITHM: &[&str] = &["DES", "HMAC", "AES"];
const TASK: &[&str] = &["GENERATE", "VERIFY"];
const PATTERN: &[&str] = &["ENC-ZERO", "SHA-256", "SHAVP1"];
const MASTER_KEY: &[&str] = &["RTCMK", "RTNMK"];

impl Icsf {
    /// CSNBKYT2 GENERATE: the verification pattern of a key, by which two sites tell whether they hold the same.
    ///
    /// Rules: `DES` or `HMAC`; `GENERATE`; for DES `ENC-ZERO` (default; 4 bytes: zeros enciphered), for HMAC `SHA-256`
    /// (default; 8 bytes: SHA-256 over X'01' and the key).
    ///
    /// Source: ICSF Application Programmer's Guide, Key Test2; that SHA-256 is computed so for HMAC keys is assumed.
    ///
    /// # Errors
    /// Rule-array codes; [`Code::NotOnThisEngine`] for `AES`, `SHAVP1`, and by engines that cannot hash a key; key and engine
    /// codes as of CSNBENC.
    pub fn csnbkyt2(&self, key: &mut KeyIdentifier, rules: &[&str]) -> Result<Done<Vec<u8>>> {
        self.service(KEY_TEST, |view| self.pattern(view, key, rules, "GENERATE"))
    }

    /// CSNBKYT2 VERIFY: whether a key has this pattern; if not, return code 4, [`Code::VerificationFailed`].
    ///
    /// # Errors
    /// As [`csnbkyt2`](Self::csnbkyt2).
    pub fn csnbkyt2_verify(&self, key: &mut KeyIdentifier, rules: &[&str], pattern: &[u8]) -> Result<Done<()>> {
        self.service(KEY_TEST, |view| {
            let right = self.pattern(view, key, rules, "VERIFY")?;
            let fits = bool::from(right.value.ct_eq(pattern));
            Ok(Done::with_news((), if fits { right.code } else { Code::VerificationFailed }))
        })
    }

    fn pattern(&self, view: &View, key: &mut KeyIdentifier, rules: &[&str], wanted: &str) -> Result<Done<Vec<u8>>> {
        let [algorithm, task, pattern] = rules::read(rules, 2..=3, [ALGORITHM, TASK, PATTERN])?;
        let algorithm = rules::required(algorithm, ALGORITHM)?;
        if rules::required(task, TASK)? != wanted {
            return Err(rules::combination("GENERATE gives a pattern, VERIFY takes one"));
        }
        let by_zeros = match (algorithm, pattern) {
            ("DES", None | Some("ENC-ZERO")) => true,
            ("HMAC", None | Some("SHA-256")) => false,
            ("AES", _) | (_, Some("SHAVP1")) => {
                return Err(Error::new(Code::NotOnThisEngine, "AES and SHAVP1 are not implemented"));
            }
            _ => return Err(rules::combination("ENC-ZERO goes with DES, SHA-256 with HMAC")),
        };
        self.with_key(view, key, |open| {
            if by_zeros {
                let mut zero = [[0; 8]];
                open.des()?.encipher_blocks(&mut zero).map_err(|e| view.engine.named(e.into()))?;
                return Ok(Done::with_news(zero.concat().into_iter().take(4).collect(), open.code));
            }
            let check = open.key_check().map_err(|e| view.engine.named(e))?;
            Ok(Done::with_news(check.to_vec(), open.code))
        })
    }

    /// CSNBKTC2: brings a token under the current master key (`RTCMK`), or under the one in the new register (`RTNMK`).
    /// The algorithm is given too: `HMAC` or `DES`.
    ///
    /// Source: ICSF Application Programmer's Guide, Key Token Change2; CCA for `RTNMK`.
    ///
    /// # Errors
    /// Rule-array codes; [`Code::WrongTokenClass`] for a token without secure key; [`Code::KeyUsageViolation`] when the
    /// algorithm is another; [`Code::MasterKeyMismatch`]; [`Code::IcsfStopped`], [`Code::EngineUnavailable`],
    /// [`Code::MasterKeyNotSet`].
    pub fn csnbktc2(&self, rules: &[&str], token: KeyToken) -> Result<Done<KeyToken>> {
        self.service("CSNBKTC2", |view| {
            let [target, algorithm] = rules::read(rules, 2..=2, [MASTER_KEY, ALGORITHM])?;
            let to = if rules::required(target, MASTER_KEY)? == "RTCMK" { Register::Current } else { Register::New };
            let algorithm = rules::required(algorithm, ALGORITHM)?;
            let Some(wrapped) = token.wrapped() else {
                return Err(Error::new(Code::WrongTokenClass, "the token holds no wrapped key"));
            };
            if wrapped.spec().algorithm().to_string() != algorithm {
                return Err(Error::new(Code::KeyUsageViolation, format!("the key is not of algorithm {algorithm}")));
            }
            view.engine.require_master_key(wrapped.master_key())?;
            self.check_master_key(view, wrapped)?;
            let rewrapped = self.backend.rewrap(wrapped, to).map_err(|e| view.engine.named(e.into()))?;
            Ok(Done::success(token.rewrapped(rewrapped)))
        })
    }
}
