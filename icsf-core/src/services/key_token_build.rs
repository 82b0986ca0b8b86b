//! CSNBKTB2: skeletons, and tokens with clear keys. No engine takes part.

use super::{Done, key_generate, rules};
use crate::backend::HashAlgorithm;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::Icsf;
use crate::label::KeyLabel;
use crate::secret::ClearKey;
use crate::token::{HashSet, KeyToken, Material, VariableToken};

const TOKEN: &[&str] = &["INTERNAL"];
const ALGORITHM: &[&str] = &["HMAC"];
const KEY: &[&str] = &["NO-KEY", "KEY-CLR"];
const TYPE: &[&str] = &["MAC"];
const USAGE: &[&str] = &["GENERATE", "VERIFY"];

/// Keywords that clear or set a bit of the first key-management field: what they take away, and what they add.
const EXPORT: [(&str, u16, u16); 7] = [
    ("NOEX-SYM", 0x8000, 0),
    ("NOEXUASY", 0x4000, 0),
    ("NOEXAASY", 0x2000, 0),
    ("NOEX-RAW", 0x1000, 0),
    ("NOEX-DES", 0, 0x0080),
    ("NOEX-AES", 0, 0x0040),
    ("NOEX-RSA", 0, 0x0008),
];

impl Icsf {
    /// CSNBKTB2: builds the variable-length token of an HMAC key.
    ///
    /// Rules: `INTERNAL`, `HMAC`, `MAC`; `NO-KEY` (default: a skeleton) or `KEY-CLR` (with `clear`); `GENERATE` or
    /// `VERIFY`; any of the hashes (default: all); any of `NOEX-SYM` `NOEXUASY` `NOEXAASY` `NOEX-RAW` `NOEX-DES` `NOEX-AES`
    /// `NOEX-RSA`.
    ///
    /// Source: ICSF Application Programmer's Guide, Key Token Build2.
    ///
    /// # Errors
    /// [`Code::LengthNotValid`] for a clear key outside 32 to 256 bytes; rule-array codes; [`Code::IcsfStopped`].
    pub fn csnbktb2(
        &self,
        rules: &[&str],
        clear: Option<&ClearKey>,
        name: Option<&KeyLabel>,
    ) -> Result<Done<KeyToken>> {
        self.service("CSNBKTB2", |_| {
            let [token, algorithm, key, key_type, usage, e1, e2, e3, e4, e5, e6, e7, h1, h2, h3, h4, h5] = rules::read(
                rules,
                4..=17,
                [
                    TOKEN,
                    ALGORITHM,
                    KEY,
                    TYPE,
                    USAGE,
                    &["NOEX-SYM"],
                    &["NOEXUASY"],
                    &["NOEXAASY"],
                    &["NOEX-RAW"],
                    &["NOEX-DES"],
                    &["NOEX-AES"],
                    &["NOEX-RSA"],
                    &["SHA-1"],
                    &["SHA-224"],
                    &["SHA-256"],
                    &["SHA-384"],
                    &["SHA-512"],
                ],
            )?;
            rules::required(token, TOKEN)?;
            rules::required(algorithm, ALGORITHM)?;
            rules::required(key_type, TYPE)?;
            let generate = rules::required(usage, USAGE)? == "GENERATE";
            let hashes =
                [h1, h2, h3, h4, h5].into_iter().zip(HashAlgorithm::ALL).filter(|(chosen, _)| chosen.is_some());
            let hashes = hashes.fold(HashSet::NONE, |set, (_, hash)| set.with(hash));
            let hashes = if hashes == HashSet::NONE { HashSet::ALL } else { hashes };
            let export = [e1, e2, e3, e4, e5, e6, e7].iter().flatten().fold(0xf000, |bits, chosen| {
                let known = EXPORT.iter().find(|(word, ..)| word == chosen);
                known.map_or(bits, |(_, off, on)| bits & !off | on)
            });
            let mut built = VariableToken::skeleton(generate, !generate, hashes).with_export_control(export);
            if let Some(name) = name {
                built = built.with_name(*name);
            }
            match (key.unwrap_or("NO-KEY"), clear) {
                ("NO-KEY", None) => {}
                ("KEY-CLR", Some(clear)) => {
                    key_generate::hmac_spec(clear.len() * 8)?;
                    built = built.with_material(Material::Clear(ClearKey::from_slice(clear.expose())));
                }
                ("NO-KEY", Some(_)) => return Err(rules::combination("NO-KEY, and yet a clear key is given")),
                _ => return Err(Error::new(Code::LengthNotValid, "KEY-CLR, and no clear key is given")),
            }
            Ok(Done::success(KeyToken::Variable(built)))
        })
    }
}
