//! The callable services, one file a family, each a method of [`Icsf`](crate::Icsf) named after the real one.
//!
//! Common to all: the parameters are those of the manual less what Rust does not need (counts, lengths, reserved ones);
//! rule arrays are given as keywords; on return code 8 and above nothing is given back but the error; an outcome with
//! return code 0 or 4 that carries news says so in [`Done::code`].
//!
//! | services | file |
//! |---|---|
//! | CSNBENC, CSNBDEC | `encipher.rs` |
//! | CSNBHMG, CSNBHMV | `hmac.rs` |
//! | CSNBKGN, CSNBKGN2 | `key_generate.rs` |
//! | CSNBCKI, CSNBKPI2 | `key_import.rs` |
//! | CSNBKTB2 | `key_token_build.rs` |
//! | CSNBKRC, CSNBKRC2, CSNBKRR, CSNBKRR2, CSNBKRW, CSNBKRW2, CSNBKRD | `key_record.rs` |
//! | CSFKDSL | `key_list.rs` |
//! | CSNBKYT2, CSNBKTC2 | `key_test.rs` |
//! | none: the keys of Kerberos principals | `kerberos.rs` |
//! | CSNBRNGL | `random_number.rs` |
//! | CSNBOWH | `one_way_hash.rs` |
//! | CSFIQF | `query.rs` |

mod encipher;
mod hmac;
mod kerberos;
mod key_generate;
mod key_import;
mod key_list;
mod key_record;
mod key_test;
mod key_token_build;
mod multi_part;
mod one_way_hash;
mod open_key;
mod query;
mod random_number;
mod rules;
mod used;

pub use encipher::{ChainingVector, Encipherer};
pub use hmac::Authenticator;
pub use kerberos::{DerivedKey, KerberosKey};
pub use key_list::{Content, ListEntry, Protection};
pub use multi_part::ChainingArea;
pub use query::Element;

pub(crate) use multi_part::MultiPart;
pub(crate) use one_way_hash::Hasher;
pub(crate) use open_key::{OpenKey, check_mac, record_mac};
pub(crate) use used::Note;

use crate::codes::Code;

/// What a service did: its output, and the news with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<T> {
    /// The output.
    pub value: T,
    /// [`Code::Success`], or news with return code 0 or 4.
    pub code: Code,
}

impl<T> Done<T> {
    /// Without news.
    pub const fn success(value: T) -> Self {
        Self { value, code: Code::Success }
    }

    /// With news.
    pub const fn with_news(value: T, code: Code) -> Self {
        Self { value, code }
    }

    /// The same news with another output.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Done<U> {
        Done { value: change(self.value), code: self.code }
    }
}
