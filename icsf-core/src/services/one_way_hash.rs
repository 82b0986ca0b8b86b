//! CSNBOWH: hashes. No key and no engine take part.

use digest::{Digest, DynDigest};

use super::multi_part::{ChainingArea, Purpose, SEQUENCE, Work};
use super::{Done, rules};
use crate::error::Result;
use crate::icsf::Icsf;

const HASHES: &[&str] = &["MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "RPMD-160"];

/// A hash that goes on in a later call.
pub(crate) type Hasher = Box<dyn DynDigest + Send>;

impl Icsf {
    /// CSNBOWH: the hash of `text`.
    ///
    /// Rules: one of `MD5`, `SHA-1`, `SHA-224`, `SHA-256`, `SHA-384`, `SHA-512`, `RPMD-160`; `ONLY` (default), or `FIRST`,
    /// `MIDDLE`, `LAST`, with `chaining` unchanged between them. With `FIRST` and `MIDDLE` the output is empty.
    ///
    /// Source: ICSF Application Programmer's Guide, One-Way Hash Generate.
    ///
    /// # Errors
    /// Rule-array codes; [`Code::IcsfStopped`](crate::codes::Code::IcsfStopped).
    pub fn csnbowh(&self, rules: &[&str], text: &[u8], chaining: &mut ChainingArea) -> Result<Done<Vec<u8>>> {
        self.service("CSNBOWH", |_| {
            let [hash, sequence] = rules::read(rules, 1..=2, [HASHES, SEQUENCE])?;
            let hash = rules::required(hash, HASHES)?;
            let sequence = sequence.unwrap_or("ONLY");
            let new = Work { purpose: Purpose::of("CSNBOWH", hash, None), so_far: hasher(hash) };
            self.hashes.part(&*self.random, sequence, chaining, new, |work| {
                work.so_far.update(text);
                let last = !matches!(sequence, "FIRST" | "MIDDLE");
                Ok(Done::success(if last { work.so_far.finalize_reset().into_vec() } else { Vec::new() }))
            })
        })
    }
}

fn hasher(name: &str) -> Hasher {
    match name {
        "MD5" => Box::new(md5::Md5::new()),
        "SHA-1" => Box::new(sha1::Sha1::new()),
        "SHA-224" => Box::new(sha2::Sha224::new()),
        "SHA-256" => Box::new(sha2::Sha256::new()),
        "SHA-384" => Box::new(sha2::Sha384::new()),
        "RPMD-160" => Box::new(ripemd::Ripemd160::new()),
        _ => Box::new(sha2::Sha512::new()),
    }
}
