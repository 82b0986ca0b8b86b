//! CSNBCKI and CSNBKPI2: clear keys, whole or in parts, into wrapped ones.

use super::{Done, key_generate, rules};
use crate::backend::{KeySpec, WrappedKey, has_odd_parity};
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::secret::ClearKey;
use crate::token::{Completeness, KeyIdentifier, KeyToken, Material, VariableToken};

const ALGORITHM: &[&str] = &["HMAC", "AES"];
const PART: &[&str] = &["FIRST", "ADD-PART", "COMPLETE"];
const LEAST: &[&str] = &["MIN1PART", "MIN2PART", "MIN3PART"];

impl Icsf {
    /// CSNBCKI: wraps a clear DES key of 8 bytes, type DATA. Bytes without odd parity are news
    /// ([`Code::KeyParityNotOdd`]); the key computes the same.
    ///
    /// Source: ICSF Application Programmer's Guide, Clear Key Import.
    ///
    /// # Errors
    /// [`Code::LengthNotValid`]; [`Code::IcsfStopped`], [`Code::EngineUnavailable`], [`Code::MasterKeyNotSet`].
    pub fn csnbcki(&self, clear: &ClearKey) -> Result<Done<KeyToken>> {
        self.service("CSNBCKI", |view| {
            if clear.len() != KeySpec::DES.length() {
                return Err(Error::new(Code::LengthNotValid, format!("a DES key has 8 bytes, not {}", clear.len())));
            }
            let token = key_generate::des_token(self.new_wrapped(view, KeySpec::DES, Some(clear))?)?;
            let news = if has_odd_parity(clear) { Code::Success } else { Code::KeyParityNotOdd };
            Ok(Done::with_news(token, news))
        })
    }

    /// CSNBKPI2: enters an HMAC key in parts, which are combined by exclusive OR.
    ///
    /// Rules: `HMAC`; `FIRST` (into a skeleton; with `MIN1PART`, `MIN2PART` or `MIN3PART`, the default, for how many parts
    /// there must be at least), `ADD-PART`, or `COMPLETE` (without part). `key` is a token, or the label of a record with
    /// one, and holds the result.
    ///
    /// Source: ICSF Application Programmer's Guide, Key Part Import2.
    ///
    /// # Errors
    /// [`Code::LengthNotValid`] for a first part outside 32 to 256 bytes and a further one of another length than the
    /// first; [`Code::KeyNotComplete`] when `COMPLETE` comes too early; [`Code::WrongTokenClass`] for a token that is no
    /// skeleton, or not partial; rule-array codes; [`Code::MasterKeyMismatch`]; [`Code::IcsfStopped`],
    /// [`Code::EngineUnavailable`], [`Code::MasterKeyNotSet`].
    pub fn csnbkpi2(&self, rules: &[&str], part: Option<&ClearKey>, key: &mut KeyIdentifier) -> Result<Done<()>> {
        self.service("CSNBKPI2", |view| {
            let [algorithm, step, least] = rules::read(rules, 2..=3, [ALGORITHM, PART, LEAST])?;
            if rules::required(algorithm, ALGORITHM)? != "HMAC" {
                return Err(Error::new(Code::NotOnThisEngine, "AES is not implemented"));
            }
            let step = rules::required(step, PART)?;
            if least.is_some() && step != "FIRST" {
                return Err(rules::combination("MIN1PART to MIN3PART go with FIRST"));
            }
            match key {
                KeyIdentifier::Token(token) => {
                    // A copy, for the caller's token stays as it is when the part is refused.
                    let given = VariableToken::try_from(KeyToken::parse(&token.encode())?)?;
                    let (whole, news) = self.part(view, step, least, part, given)?;
                    *token = KeyToken::Variable(whole);
                    Ok(Done::with_news((), news))
                }
                KeyIdentifier::Label(label) => {
                    let found = self.kds.disk_record(label)?;
                    let (record, generation) = found.ok_or_else(|| self.kds.not_found(label))?;
                    self.authentic(view, &record).map_err(|e| e.for_label(label))?;
                    let (token, news) = self.part(view, step, least, part, VariableToken::try_from(record.token)?)?;
                    self.write(view, label, KeyToken::Variable(token), Some((generation, record.created)))?;
                    Ok(Done::with_news((), news))
                }
            }
        })
    }

    fn part(
        &self,
        view: &View,
        step: &str,
        least: Option<&str>,
        part: Option<&ClearKey>,
        token: VariableToken,
    ) -> Result<(VariableToken, Code)> {
        let partial = |token: &VariableToken| -> Result<WrappedKey> {
            let wrapped = token.wrapped().filter(|_| token.completeness() != Completeness::Complete);
            wrapped
                .cloned()
                .ok_or_else(|| Error::new(Code::WrongTokenClass, "the token holds no partial key: FIRST comes first"))
        };
        if token.etype().is_some() {
            return Err(Error::new(Code::WrongTokenClass, "the token is that of a Kerberos principal"));
        }
        match (step, part) {
            ("FIRST", Some(part)) => {
                if !matches!(token.material(), Material::None) {
                    return Err(Error::new(Code::WrongTokenClass, "the token is no skeleton: make one with CSNBKTB2"));
                }
                let spec = key_generate::hmac_spec(part.len() * 8)?;
                let missing = match least {
                    Some("MIN1PART") => Completeness::MayBeCompleted,
                    Some("MIN2PART") => Completeness::OneMissing,
                    _ => Completeness::TwoMissing,
                };
                let wrapped = self.new_wrapped(view, spec, Some(part))?;
                Ok((token.with_material(Material::Wrapped(wrapped)).with_completeness(missing), Code::Success))
            }
            ("ADD-PART", Some(part)) => {
                let so_far = partial(&token)?;
                if so_far.spec().length() != part.len() {
                    let why = format!("the part has {} bytes, the first had {}", part.len(), so_far.spec().length());
                    return Err(Error::new(Code::LengthNotValid, why));
                }
                view.engine.require_master_key(so_far.master_key())?;
                self.check_master_key(view, &so_far)?;
                let sum = self.backend.add_part(&so_far, part).map_err(|e| view.engine.named(e.into()))?;
                let missing = token.completeness().one_less();
                Ok((token.with_material(Material::Wrapped(sum)).with_completeness(missing), Code::Success))
            }
            ("COMPLETE", None) => {
                let whole = partial(&token)?;
                view.engine.require_master_key(whole.master_key())?;
                if token.completeness() != Completeness::MayBeCompleted {
                    return Err(Error::new(Code::KeyNotComplete, "more parts are needed before COMPLETE"));
                }
                let token = token.with_completeness(Completeness::Complete);
                Ok(match self.rewrapped_if_old(view, &whole)? {
                    Some(renewed) => (token.with_material(Material::Wrapped(renewed)), Code::TokenUnderOldMasterKey),
                    None => (token, Code::Success),
                })
            }
            ("COMPLETE", Some(_)) => Err(Error::new(Code::LengthNotValid, "COMPLETE takes no part")),
            _ => Err(Error::new(Code::LengthNotValid, "a key part is needed")),
        }
    }
}
