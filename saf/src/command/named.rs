//! What names a secret in a command: `@secret:NAME` and `@file:PATH`, and nothing else. `@` alone begins no name: it is a
//! national character, and passwords may begin with it.

use super::cover::is_like_a_key;

/// A secret that a command names instead of showing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// `@secret:NAME`.
    Secret(&'a str),
    /// `@file:PATH`.
    File(&'a str),
}

impl<'a> Named<'a> {
    /// What a value names; nothing where it is the secret itself, also where a key follows `@secret:` or `@file:`.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        Self::written(text).filter(|named| !is_like_a_key(named.text()))
    }

    /// Whether a key stands where the name should.
    pub(super) fn is_a_key(text: &'a str) -> bool {
        Self::written(text).is_some_and(|named| is_like_a_key(named.text()))
    }

    fn written(text: &'a str) -> Option<Self> {
        let secret = text.strip_prefix("@secret:").map(Self::Secret);
        secret.or_else(|| text.strip_prefix("@file:").map(Self::File))
    }

    const fn text(self) -> &'a str {
        match self {
            Self::Secret(text) | Self::File(text) => text,
        }
    }
}
