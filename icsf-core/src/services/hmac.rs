//! CSNBHMG and CSNBHMV: make and verify an HMAC.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::multi_part::{Purpose, SEQUENCE, Work};
use super::used::Used;
use super::{ChainingArea, Done, OpenKey, rules};
use crate::backend::HashAlgorithm;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::label::KeyLabel;
use crate::token::KeyIdentifier;

const GENERATE: &str = "CSNBHMG";
const VERIFY: &str = "CSNBHMV";
const METHOD: &[&str] = &["HMAC"];
pub(super) const HASHES: &[&str] = &["SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"];

/// The longest text that may come in parts.
const LONGEST: usize = 1 << 20;

/// An HMAC key, opened and checked as CSNBHMG does first, for a caller with several dependent messages in one request.
/// Each use is a CSNBHMG ONLY.
///
/// Good for the request it was opened in; it does not look at the state of the engine again.
#[derive(Debug)]
pub struct Authenticator {
    key: Arc<OpenKey>,
    view: Arc<View>,
    hash: HashAlgorithm,
}

impl Authenticator {
    /// Makes the HMAC of each message, all in one call to the engine; `macs` has as many places.
    ///
    /// # Errors
    /// [`Code::EngineUnavailable`] when the engine fails meanwhile.
    pub fn hmac(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<()> {
        let used = Used { service: GENERATE, key: self.key.origin };
        used.note();
        let made = self.key.hmac(self.hash, true).and_then(|key| key.hmac(self.hash, messages, macs));
        made.map_err(|e| used.failed(&self.view, e))
    }

    /// The number of this open key, as [`Encipherer::id`](super::Encipherer::id).
    #[must_use]
    pub fn id(&self) -> u64 {
        self.key.id
    }
}

impl Icsf {
    /// The first half of CSNBHMG for the key of a label: see [`Authenticator`].
    ///
    /// # Errors
    /// As [`csnbhmg`](Self::csnbhmg).
    pub fn csnbhmg_key(&self, label: &KeyLabel, hash: HashAlgorithm) -> Result<Authenticator> {
        let view = self.view().map_err(|e| e.in_service(GENERATE, self.reason_codes))?;
        let open = || {
            view.require_started()?;
            let key = self.open_label(&view, label)?;
            key.hmac(hash, true)?;
            Ok(key)
        };
        let key = open().map_err(|e: Error| e.for_label(label).in_service(GENERATE, self.reason_codes))?;
        Ok(Authenticator { key, view, hash })
    }

    /// CSNBHMG: makes the HMAC of `text`, cut to `mac_length` bytes.
    ///
    /// Rules: `HMAC`; one of `SHA-1`, `SHA-224`, `SHA-256`, `SHA-384`, `SHA-512`; `ONLY` (default), or `FIRST`, `MIDDLE`,
    /// `LAST`, with `chaining` unchanged between them. With `FIRST` and `MIDDLE` the output is empty. A clear key needs
    /// no engine. A token under the old master key is replaced in `key`.
    ///
    /// Source: ICSF Application Programmer's Guide, HMAC Generate.
    ///
    /// # Errors
    /// [`Code::LengthNotValid`] for a MAC length outside 4 to that of the hash; rule-array codes;
    /// [`Code::KeyUsageViolation`]; [`Code::KeyNotComplete`]; [`Code::LabelNotFound`], [`Code::MasterKeyMismatch`],
    /// [`Code::RecordDamaged`]; [`Code::IcsfStopped`], [`Code::EngineUnavailable`], [`Code::MasterKeyNotSet`].
    pub fn csnbhmg(
        &self,
        key: &mut KeyIdentifier,
        rules: &[&str],
        text: &[u8],
        chaining: &mut ChainingArea,
        mac_length: usize,
    ) -> Result<Done<Vec<u8>>> {
        self.service(GENERATE, |view| {
            let (mac, code) = self.hmac(view, key, rules, text, chaining, mac_length, true)?;
            let mac = mac.map_or_else(Vec::new, |mac| mac.into_iter().take(mac_length).collect());
            Ok(Done::with_news(mac, code))
        })
    }

    /// CSNBHMV: verifies `mac` over `text`; rules as for [`csnbhmg`](Self::csnbhmg).
    ///
    /// Source: ICSF Application Programmer's Guide, HMAC Verify.
    ///
    /// # Errors
    /// As [`csnbhmg`](Self::csnbhmg). A MAC that does not fit is no error: return code 4, [`Code::MacNotVerified`].
    pub fn csnbhmv(
        &self,
        key: &mut KeyIdentifier,
        rules: &[&str],
        text: &[u8],
        chaining: &mut ChainingArea,
        mac: &[u8],
    ) -> Result<Done<()>> {
        self.service(VERIFY, |view| {
            let (right, code) = self.hmac(view, key, rules, text, chaining, mac.len(), false)?;
            let fits = right.is_none_or(|right| right.split_at(mac.len()).0.ct_eq(mac).into());
            Ok(Done::with_news((), if fits { code } else { Code::MacNotVerified }))
        })
    }

    #[expect(clippy::too_many_arguments, reason = "the parameters of the two services")]
    fn hmac(
        &self,
        view: &View,
        key: &mut KeyIdentifier,
        rules: &[&str],
        text: &[u8],
        chaining: &mut ChainingArea,
        mac_length: usize,
        generate: bool,
    ) -> Result<(Option<[u8; 64]>, Code)> {
        let [method, hash, sequence] = rules::read(rules, 2..=3, [METHOD, HASHES, SEQUENCE])?;
        rules::required(method, METHOD)?;
        let rule = rules::required(hash, HASHES)?;
        let hash = hash_of(rule);
        let sequence = sequence.unwrap_or("ONLY");
        let last = matches!(sequence, "LAST" | "ONLY");
        if last && !(4..=hash.size()).contains(&mac_length) {
            let why = format!("a MAC of {mac_length} bytes, 4 to {} are allowed", hash.size());
            return Err(Error::new(Code::LengthNotValid, why));
        }
        let purpose = |key: &KeyIdentifier| Purpose::of(if generate { GENERATE } else { VERIFY }, rule, Some(key));
        // An engine keeps no unfinished HMAC for us, so ICSF keeps the text.
        let new = Work { purpose: purpose(key), so_far: Zeroizing::default() };
        self.texts.part(&*self.random, sequence, chaining, new, |work| {
            let whole: &mut Zeroizing<Vec<u8>> = &mut work.so_far;
            let done = self.with_key(view, key, |open| {
                let hmac = open.hmac(hash, generate)?;
                if whole.len() + text.len() > LONGEST && sequence != "ONLY" {
                    let why = format!("a text in parts has at most {LONGEST} bytes");
                    return Err(Error::new(Code::LengthNotValid, why));
                }
                let before = whole.len();
                whole.extend_from_slice(text);
                if !last {
                    return Ok((None, open.code));
                }
                let mut macs = [[0; 64]];
                hmac.hmac(hash, &[whole], &mut macs).map_err(|e| {
                    whole.truncate(before);
                    view.engine.named(e)
                })?;
                let [mac] = macs;
                Ok((Some(mac), open.code))
            })?;
            work.purpose = purpose(key);
            Ok(done)
        })
    }
}

/// The hash a keyword of [`HASHES`] names.
pub(super) fn hash_of(keyword: &str) -> HashAlgorithm {
    let at = HASHES.iter().position(|known| *known == keyword);
    HashAlgorithm::ALL.into_iter().nth(at.unwrap_or(4)).unwrap_or(HashAlgorithm::Sha512)
}
