//! CSFKDSL: counts and lists the records of the CKDS. No engine takes part.

use std::ops::ControlFlow;

use super::{Done, rules};
use crate::backend::{KeyAlgorithm, MasterKeyKind, Mkvp};
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::Icsf;
use crate::kds::{Record, RecordError};
use crate::label::{LabelPattern, RecordKey};
use crate::token::{KeyToken, Material};

const SET: &[&str] = &["CKDS", "PKDS", "TKDS"];
const OPERATION: &[&str] = &["COUNT", "LABELS", "DETAILED"];
const STATE: &[&str] = &["ALL", "ACTIVE", "ARCHIVED", "INACTIVE"];

/// A record as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListEntry {
    /// Label and type.
    pub key: RecordKey,
    /// What is in it, or why it cannot be read.
    pub content: std::result::Result<Content, RecordError>,
}

/// What a readable record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Content {
    /// How the key is held.
    pub protection: Protection,
    /// Algorithm and length in bytes, of a record with a key.
    pub key: Option<(KeyAlgorithm, usize)>,
    /// Seconds since 1970 UTC.
    pub created: u64,
    /// Seconds since 1970 UTC; 0 when never.
    pub updated: u64,
}

/// How the key of a record is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protection {
    /// There is none yet.
    None,
    /// Wrapped under this master key.
    Wrapped(MasterKeyKind, Mkvp),
    /// Clear: whoever reads the CKDS has it.
    Clear,
}

impl Content {
    fn of(record: &Record) -> Self {
        let (protection, key) = match &record.token {
            KeyToken::Null => (Protection::None, None),
            KeyToken::Variable(token) if matches!(token.material(), Material::None) => (Protection::None, None),
            KeyToken::Variable(token) if let Material::Clear(key) = token.material() => {
                (Protection::Clear, Some((KeyAlgorithm::Hmac, key.len())))
            }
            token => token.wrapped().map_or((Protection::None, None), |wrapped| {
                let spec = wrapped.spec();
                (Protection::Wrapped(wrapped.master_key(), wrapped.mkvp()), Some((spec.algorithm(), spec.length())))
            }),
        };
        Self { protection, key, created: record.created, updated: record.updated }
    }
}

impl Icsf {
    /// CSFKDSL: the records of the disk copy whose labels fit `filter`, in the order of their labels, at most `most` of
    /// them after `after`; with `COUNT`, their number only. More than `most` is news ([`Code::MoreEntries`]): call again
    /// after the last one. Records that cannot be read are listed as such.
    ///
    /// Rules: `CKDS`; `COUNT`, `LABELS` or `DETAILED` (the same here); `ALL`.
    ///
    /// Source: ICSF Application Programmer's Guide, Key Data Set List.
    ///
    /// # Errors
    /// Rule-array codes; [`Code::NotOnThisEngine`] for `PKDS`, `TKDS` and states other than `ALL`; [`Code::IcsfStopped`];
    /// [`Code::KdsIoError`].
    pub fn csfkdsl(
        &self,
        rules: &[&str],
        filter: &LabelPattern,
        most: usize,
        after: Option<&RecordKey>,
    ) -> Result<Done<(usize, Vec<ListEntry>)>> {
        self.service("CSFKDSL", |_| {
            let [set, operation, state] = rules::read(rules, 3..=3, [SET, OPERATION, STATE])?;
            let (set, state) = (rules::required(set, SET)?, rules::required(state, STATE)?);
            if (set, state) != ("CKDS", "ALL") {
                return Err(Error::new(Code::NotOnThisEngine, format!("{set} {state} is not implemented")));
            }
            let listing = rules::required(operation, OPERATION)? != "COUNT";
            let (mut count, mut entries) = (0, Vec::new());
            self.kds.scan(after, &mut |key, record| {
                if !filter.matches(&key.label()) {
                    return ControlFlow::Continue(());
                }
                count += 1;
                if listing && entries.len() < most {
                    entries.push(ListEntry { key, content: record.as_ref().map(Content::of).map_err(Clone::clone) });
                }
                if listing && count > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            let news = if listing && count > most { Code::MoreEntries } else { Code::Success };
            Ok(Done::with_news((if listing { entries.len() } else { count }, entries), news))
        })
    }
}
