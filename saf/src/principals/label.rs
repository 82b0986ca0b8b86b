//! The labels of principals' keys.

use data_encoding::BASE32_NOPAD;
use icsf_core::KeyLabel;
use icsf_core::backend::Etype;
use icsf_core::codes::Code;
use sha2::{Digest, Sha256};

use crate::model::PrincipalName;

/// What they begin with.
pub(crate) const PREFIX: &str = "SICKRB.";

/// How many of the bytes of the hash are kept: 32 characters.
const KEPT: usize = 20;

/// What the labels of all keys of a principal begin with. A name has more characters, and other ones, than a label may
/// have, so that its hash stands there.
pub(super) fn stem(name: &PrincipalName, realm: &str) -> String {
    let hash = Sha256::digest(format!("{name}@{realm}"));
    let kept: Vec<u8> = hash.into_iter().take(KEPT).collect();
    format!("{PREFIX}{}", BASE32_NOPAD.encode(&kept))
}

/// The label of a key. The number is 1, and left out, unless a record of that label is there already: one of somebody who
/// changes the same principal at the same time, or did not finish.
pub(super) fn label(stem: &str, etype: Etype, version: u32, number: u32) -> icsf_core::Result<KeyLabel> {
    let again = if number > 1 { format!(".{number}") } else { String::new() };
    let text = format!("{stem}.E{}.V{version}{again}", etype.number());
    text.parse().map_err(|e: icsf_core::label::LabelError| {
        icsf_core::Error::new(Code::LabelNotValid, format!("{text}: {e}")).with_source(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_label_is_one() {
        let stem = stem(&"x/y".parse().unwrap(), "EXAMPLE.COM");
        let longest = label(&stem, Etype::Aes256Sha2, u32::MAX, 9999).unwrap().to_string();
        assert!(longest.ends_with(".E20.V4294967295.9999") && longest.len() <= 64, "{longest}");
    }

    #[test]
    fn names_and_realms_do_not_run_together() {
        let of = |name: &str, realm: &str| stem(&name.parse().unwrap(), realm);
        assert_ne!(of("a/b", "R"), of(r"a\/b", "R"));
        assert_ne!(of(r"a\@R", "S"), of("a", r"R@S"));
        assert_ne!(of("a", "R"), of("a", "r"));
    }
}
