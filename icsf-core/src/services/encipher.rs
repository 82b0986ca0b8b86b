//! CSNBENC and CSNBDEC: encipher and decipher with a DES key.

use std::sync::Arc;

use super::used::Used;
use super::{Done, OpenKey, rules};
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::label::KeyLabel;
use crate::token::{DesToken, KeyIdentifier, KeyToken};

const ENCIPHER: &str = "CSNBENC";
const DECIPHER: &str = "CSNBDEC";
const METHODS: &[&str] = &["CBC", "X9.23", "4700-PAD", "CUSP", "IPS"];
const SEQUENCE: &[&str] = &["INITIAL", "CONTINUE"];
/// The longest text: 2 GiB less one byte, as the length is a signed fullword.
const MOST: usize = 0x7fff_ffff;

/// The 18 bytes CSNBENC and CSNBDEC hand from one call to the next.
pub type ChainingVector = [u8; 18];

/// A DES key, opened and checked as CSNBENC does first, for a caller with several dependent blocks to encipher in one
/// request: a PassTicket takes six. Each use is a CSNBENC CBC of single blocks with a zero initialization vector.
///
/// Good for the request it was opened in; it does not look at the state of the engine again.
#[derive(Debug)]
pub struct Encipherer {
    key: Arc<OpenKey>,
    view: Arc<View>,
}

impl Encipherer {
    /// Enciphers each block by itself, all in one call to the engine.
    ///
    /// # Errors
    /// [`Code::EngineUnavailable`] when the engine fails meanwhile.
    pub fn encipher(&self, blocks: &mut [[u8; 8]]) -> Result<()> {
        let used = Used { service: ENCIPHER, key: self.key.origin };
        used.note();
        self.key.des()?.encipher_blocks(blocks).map_err(|e| used.failed(&self.view, e.into()))
    }

    /// The number of this open key. What was computed with it and kept (the digest of a PassTicket session) holds for
    /// another [`Encipherer`] of the same number, and for no other.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.key.id
    }
}

impl Icsf {
    /// The first half of CSNBENC for the key of a label: see [`Encipherer`].
    ///
    /// # Errors
    /// As [`csnbenc`](Self::csnbenc).
    pub fn csnbenc_key(&self, label: &KeyLabel) -> Result<Encipherer> {
        let view = self.view().map_err(|e| e.in_service(ENCIPHER, self.reason_codes))?;
        let open = || {
            view.require_started()?;
            let key = self.open_label(&view, label)?;
            key.des()?;
            Ok(key)
        };
        let key = open().map_err(|e: Error| e.for_label(label).in_service(ENCIPHER, self.reason_codes))?;
        Ok(Encipherer { key, view })
    }

    /// The same for a key token that the caller keeps. One under the old master key is used as it is: to replace it is
    /// the caller's affair, as [`csnbenc`](Self::csnbenc) does.
    ///
    /// # Errors
    /// As [`csnbenc`](Self::csnbenc).
    pub fn csnbenc_token(&self, token: &DesToken) -> Result<Encipherer> {
        let open = || {
            let view = self.view()?;
            view.require_started()?;
            let key = self.open_token(&view, &KeyToken::Des(token.clone()))?;
            Ok(Encipherer { key: Arc::new(key), view })
        };
        open().map_err(|e: Error| e.in_service(ENCIPHER, self.reason_codes))
    }

    /// CSNBENC: enciphers `text` with a DES key of type DATA.
    ///
    /// Rules: one of `CBC` (text of whole blocks), `X9.23` and `4700-PAD` (padded here; the last byte counts the bytes
    /// added); then `INITIAL` (default) or `CONTINUE`, which goes on from `chaining`. `pad` is for 4700-PAD. A token under
    /// the old master key is replaced in `key`.
    ///
    /// Source: ICSF Application Programmer's Guide, Encipher.
    ///
    /// # Errors
    /// [`Code::LengthNotValid`] for no text or, with CBC, broken blocks; rule-array codes; [`Code::WrongKeyType`];
    /// [`Code::LabelNotFound`], [`Code::MasterKeyMismatch`], [`Code::RecordDamaged`]; [`Code::IcsfStopped`],
    /// [`Code::EngineUnavailable`], [`Code::MasterKeyNotSet`]; [`Code::NotOnThisEngine`] for `CUSP` and `IPS`.
    pub fn csnbenc(
        &self,
        key: &mut KeyIdentifier,
        rules: &[&str],
        text: &[u8],
        initial: &[u8; 8],
        pad: u8,
        chaining: &mut ChainingVector,
    ) -> Result<Done<Vec<u8>>> {
        self.service(ENCIPHER, |view| {
            let rules = Rules::read(rules)?;
            let mut bytes = text.to_vec();
            match rules.method {
                Method::Cbc => whole_blocks(text)?,
                Method::X923 | Method::Pad4700 => {
                    whole_length(text)?;
                    self.add_padding(&mut bytes, rules.method, pad)?;
                }
            }
            self.with_key(view, key, |open| {
                let handle = open.des()?;
                let mut last = rules.start(initial, chaining);
                for block in bytes.chunks_exact_mut(8) {
                    let mut one = [xor(&last, block)];
                    handle.encipher_blocks(&mut one).map_err(|e| view.engine.named(e.into()))?;
                    [last] = one;
                    block.copy_from_slice(&last);
                }
                *chaining = carry(&last);
                Ok(Done::with_news(bytes, open.code))
            })
        })
    }

    /// CSNBDEC: deciphers `text`; the inverse of [`csnbenc`](Self::csnbenc), padding taken off.
    ///
    /// Source: ICSF Application Programmer's Guide, Decipher.
    ///
    /// # Errors
    /// As [`csnbenc`](Self::csnbenc); [`Code::LengthNotValid`] also when what was deciphered does not end in padding.
    pub fn csnbdec(
        &self,
        key: &mut KeyIdentifier,
        rules: &[&str],
        text: &[u8],
        initial: &[u8; 8],
        chaining: &mut ChainingVector,
    ) -> Result<Done<Vec<u8>>> {
        self.service(DECIPHER, |view| {
            let rules = Rules::read(rules)?;
            whole_blocks(text)?;
            self.with_key(view, key, |open| {
                let mut blocks: Vec<[u8; 8]> = text.chunks_exact(8).map(|block| xor(&[0; 8], block)).collect();
                let last = blocks.last().copied().unwrap_or_default();
                open.des()?.decipher_blocks(&mut blocks).map_err(|e| view.engine.named(e.into()))?;
                let start = rules.start(initial, chaining);
                let before = std::iter::once(start.as_slice()).chain(text.chunks_exact(8));
                let mut bytes: Vec<u8> =
                    blocks.iter().zip(before).flat_map(|(block, before)| xor(block, before)).collect();
                if !matches!(rules.method, Method::Cbc) {
                    let added = usize::from(bytes.last().copied().unwrap_or_default());
                    if !(1..=8).contains(&added) {
                        return Err(Error::new(Code::LengthNotValid, "the deciphered text does not end in padding"));
                    }
                    bytes.truncate(bytes.len() - added);
                }
                *chaining = carry(&last);
                Ok(Done::with_news(bytes, open.code))
            })
        })
    }

    /// Adds 1 to 8 bytes, the last of which counts them: random ones before it (X9.23), or `pad` (IBM 4700).
    fn add_padding(&self, bytes: &mut Vec<u8>, method: Method, pad: u8) -> Result<()> {
        let count = 8 - bytes.len() % 8;
        let mut padding = [pad; 8];
        if matches!(method, Method::X923) {
            self.random
                .fill(&mut padding)
                .map_err(|e| Error::new(Code::InternalFailure, e.to_string()).with_source(e))?;
        }
        bytes.extend(padding.iter().take(count - 1));
        bytes.push(u8::try_from(count).unwrap_or(8));
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Method {
    Cbc,
    X923,
    Pad4700,
}

struct Rules {
    method: Method,
    go_on: bool,
}

impl Rules {
    fn read(rules: &[&str]) -> Result<Self> {
        let [method, sequence] = rules::read(rules, 1..=2, [METHODS, SEQUENCE])?;
        let method = match rules::required(method, METHODS)? {
            "CBC" => Method::Cbc,
            "X9.23" => Method::X923,
            "4700-PAD" => Method::Pad4700,
            other => {
                return Err(Error::new(Code::NotOnThisEngine, format!("processing rule {other} is not implemented")));
            }
        };
        Ok(Self { method, go_on: sequence == Some("CONTINUE") })
    }

    fn start(&self, initial: &[u8; 8], chaining: &ChainingVector) -> [u8; 8] {
        if self.go_on { chaining.first_chunk().copied().unwrap_or_default() } else { *initial }
    }
}

/// The output chaining vector: the last block of ciphertext; the manual leaves the rest open, here it is zero.
fn carry(last: &[u8; 8]) -> ChainingVector {
    let mut vector = [0; 18];
    vector.iter_mut().zip(last).for_each(|(to, from)| *to = *from);
    vector
}

fn xor(one: &[u8; 8], other: &[u8]) -> [u8; 8] {
    let mut sum = *one;
    sum.iter_mut().zip(other).for_each(|(to, from)| *to ^= from);
    sum
}

fn whole_length(text: &[u8]) -> Result<()> {
    if (1..=MOST - 8).contains(&text.len()) {
        return Ok(());
    }
    Err(Error::new(Code::LengthNotValid, format!("a text of {} bytes", text.len())))
}

fn whole_blocks(text: &[u8]) -> Result<()> {
    whole_length(text)?;
    if text.len().is_multiple_of(8) {
        return Ok(());
    }
    Err(Error::new(Code::LengthNotValid, format!("a text of {} bytes is not a multiple of 8", text.len())))
}
