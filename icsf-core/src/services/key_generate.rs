//! CSNBKGN and CSNBKGN2: new keys, made inside the engine.

use super::{Done, rules};
use crate::backend::KeySpec;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::Icsf;
use crate::token::{Completeness, DesToken, KeyToken, Material};

const FORMS: [&str; 9] = ["OP", "IM", "EX", "OPIM", "OPEX", "OPOP", "IMIM", "IMEX", "EXEX"];
const LENGTHS: [&str; 8] = ["", "DOUBLE", "KEYLN16", "KEYLN24", "KEYLN32", "SINGLE-R", "DOUBLE-O", "TRIPLE-O"];

/// Key types of CSNBKGN; DATA is the one implemented here.
const TYPES: [&str; 26] = [
    "AESDATA", "AESTOKEN", "CIPHER", "CIPHERXI", "CIPHERXL", "CIPHERXO", "CVARDEC", "DATAC", "DATAM", "DATAMV",
    "DATAXLAT", "DECIPHER", "DKYGENKY", "ENCIPHER", "EXPORTER", "IKEYXLAT", "IMPORTER", "IPINENC", "KEYGENKY", "MAC",
    "MACVER", "OKEYXLAT", "OPINENC", "PINGEN", "PINVER", "TOKEN",
];

impl Icsf {
    /// CSNBKGN: makes a random DES key of type DATA. `key_form` is `OP`, `key_length` `SINGLE` or `KEYLN8`, `key_type`
    /// `DATA`.
    ///
    /// Source: ICSF Application Programmer's Guide, Key Generate.
    ///
    /// # Errors
    /// [`Code::KeyFormNotValid`], [`Code::KeyLengthWordNotValid`], [`Code::KeyTypeNotValid`]; [`Code::NotOnThisEngine`] for
    /// forms, lengths and types that exist and are not implemented; [`Code::IcsfStopped`], [`Code::EngineUnavailable`],
    /// [`Code::MasterKeyNotSet`].
    pub fn csnbkgn(&self, key_form: &str, key_length: &str, key_type: &str) -> Result<Done<KeyToken>> {
        self.service("CSNBKGN", |view| {
            let not_here = |what: &str| Error::new(Code::NotOnThisEngine, format!("{what} is not implemented"));
            match key_form.trim_end_matches(' ') {
                "OP" => {}
                other if FORMS.contains(&other) => return Err(not_here(&format!("key form {other}"))),
                other => return Err(Error::new(Code::KeyFormNotValid, format!("{other:?} is no key form"))),
            }
            match key_length.trim_end_matches(' ') {
                "SINGLE" | "KEYLN8" => {}
                other if LENGTHS.contains(&other) => return Err(not_here(&format!("key length {other:?}"))),
                other => return Err(Error::new(Code::KeyLengthWordNotValid, format!("{other:?} is no key length"))),
            }
            match key_type.trim_end_matches(' ') {
                "DATA" => {}
                other if TYPES.contains(&other) => return Err(not_here(&format!("key type {other}"))),
                other => {
                    return Err(Error::new(
                        Code::KeyTypeNotValid,
                        format!("{other:?} is no key type of this service: DATA"),
                    ));
                }
            }
            des_token(self.new_wrapped(view, KeySpec::DES, None)?).map(Done::success)
        })
    }

    /// CSNBKGN2: makes a random HMAC key of `bits` bits, 256 to 2048 in whole bytes. Rules: `HMAC` and `OP`. `skeleton`,
    /// from CSNBKTB2, says what the key is for (key type `TOKEN`).
    ///
    /// Source: ICSF Application Programmer's Guide, Key Generate2.
    ///
    /// # Errors
    /// [`Code::LengthNotValid`], [`Code::GeneratedKeyNotValid`] when `skeleton` is none; rule-array codes;
    /// [`Code::NotOnThisEngine`] for `AES` and other key forms; [`Code::IcsfStopped`], [`Code::EngineUnavailable`],
    /// [`Code::MasterKeyNotSet`].
    pub fn csnbkgn2(&self, rules: &[&str], bits: usize, skeleton: KeyToken) -> Result<Done<KeyToken>> {
        const ALGORITHMS: &[&str] = &["HMAC", "AES"];
        const PAIRS: &[&str] = &["OP", "IM", "EX", "OPIM", "OPEX", "OPOP", "IMIM", "IMEX", "EXEX"];
        self.service("CSNBKGN2", |view| {
            let [algorithm, form] = rules::read(rules, 2..=2, [ALGORITHMS, PAIRS])?;
            let chosen = (rules::required(algorithm, ALGORITHMS)?, rules::required(form, PAIRS)?);
            if chosen != ("HMAC", "OP") {
                return Err(Error::new(Code::NotOnThisEngine, format!("{} {} is not implemented", chosen.0, chosen.1)));
            }
            let spec = hmac_spec(bits)?;
            let KeyToken::Variable(skeleton) = skeleton else { return Err(no_skeleton()) };
            if !matches!(skeleton.material(), Material::None) || skeleton.etype().is_some() {
                return Err(no_skeleton());
            }
            let wrapped = self.new_wrapped(view, spec, None)?;
            let token = skeleton.with_material(Material::Wrapped(wrapped)).with_completeness(Completeness::Complete);
            Ok(Done::success(KeyToken::Variable(token)))
        })
    }
}

pub(super) fn des_token(wrapped: crate::backend::WrappedKey) -> Result<KeyToken> {
    let unfit = || Error::new(Code::InternalFailure, "the engine wrapped a DES key to another length than 32 bytes");
    DesToken::new(wrapped).map(KeyToken::Des).ok_or_else(unfit)
}

/// An HMAC key of this many bits.
pub(super) fn hmac_spec(bits: usize) -> Result<KeySpec> {
    let wrong = || {
        let why = format!("an HMAC key of {bits} bits: 256 to 2048 in whole bytes are allowed");
        Error::new(Code::LengthNotValid, why)
    };
    if !bits.is_multiple_of(8) {
        return Err(wrong());
    }
    KeySpec::hmac(bits / 8).ok_or_else(wrong)
}

fn no_skeleton() -> Error {
    Error::new(Code::GeneratedKeyNotValid, "the token is no skeleton of an HMAC key: make one with CSNBKTB2")
}
