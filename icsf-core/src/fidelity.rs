//! Where each code, text and layout comes from: nothing is invented in IBM's name.

use std::fmt;

/// The source of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// A manual says so; which one.
    Documented(&'static str),
    /// A real system's output shows it; whose.
    Observed(&'static str),
    /// Somebody who is not the vendor says so; who.
    Reported(&'static str),
    /// No source decides, so we did: an id of ours (`SICnnnn`), and why.
    Assumed(&'static str, &'static str),
}

impl Provenance {
    /// One word: documented, observed, reported, assumed.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Documented(_) => "documented",
            Self::Observed(_) => "observed",
            Self::Reported(_) => "reported",
            Self::Assumed(..) => "assumed",
        }
    }

    /// The source, or our reason.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        match self {
            Self::Documented(source) | Self::Observed(source) | Self::Reported(source) | Self::Assumed(_, source) => {
                source
            }
        }
    }

    /// Our id, of an assumption.
    #[must_use]
    pub const fn id(&self) -> Option<&'static str> {
        match self {
            Self::Assumed(id, _) => Some(id),
            _ => None,
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id() {
            Some(id) => write!(f, "{} {id}: {}", self.word(), self.source()),
            None => write!(f, "{}: {}", self.word(), self.source()),
        }
    }
}

/// A rule, text or layout, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// What it is about: a service, a message, a display.
    pub topic: &'static str,
    /// What we do.
    pub what: &'static str,
    /// Where that comes from.
    pub provenance: Provenance,
}

/// The rules of this crate that are not codes; the codes are in [`crate::codes`].
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "MKVP",
        what: "leftmost 8 bytes of an RFC 3394 wrap of a public constant under the master key",
        provenance: Provenance::Assumed(
            "SIC0101",
            "IBM hashes the key, which a token cannot; patterns are not comparable with those of a real card",
        ),
    },
    Fact {
        topic: "key tokens",
        what: "CCA positions and lengths, with RFC 3394 as a wrapping method of our own (X'F1')",
        provenance: Provenance::Assumed(
            "SIC0102",
            "one stored form for software engines and tokens; no real card reads it",
        ),
    },
    Fact {
        topic: "CKDS records",
        what: "own layout with a CRC-32 checked on load and a MAC checked at first use",
        provenance: Provenance::Assumed("SIC0103", "the record authentication of ICSF is not public"),
    },
    Fact {
        topic: "an engine without one of the master keys",
        what: "is used for what needs the other one; what needs the missing one answers 12/0 (TSS 12/764)",
        provenance: Provenance::Assumed(
            "SIC0108",
            "the codes are those of the Application Programmer's Guide; the System Programmer's Guide can be read as \
             leaving such a coprocessor inactive, which would hide which of the two is missing",
        ),
    },
    Fact {
        topic: "CSNBKRC2, CSNBKRW, CSNBKRW2",
        what: "writing a record with a wrapped key takes an engine with its master key; ICSF needs no hardware for it",
        provenance: Provenance::Assumed(
            "SIC0109",
            "the record is authenticated when it is written; one that could wait for its MAC could be anybody's",
        ),
    },
    Fact {
        topic: "keys of Kerberos principals",
        what: "kept in the CKDS as internal variable-length tokens of AES keys of type DKYGENKY (X'0009'), the encryption \
               type in the first usage field under X'F1', with no export allowed",
        provenance: Provenance::Assumed(
            "SIC0110",
            "RACF keeps these keys in its own database; as records they are under the master key, and a key of which \
             others are derived is what CCA calls DKYGENKY, whose number is reported by readers of the manual",
        ),
    },
    Fact {
        topic: "services of Kerberos",
        what: "failures name CSNBKGN2 (new key), CSNBKPI2 (key from a password), CSNBDKG2 (open, derive), CSNBSYE, CSNBSYD \
               and CSNBHMG (use)",
        provenance: Provenance::Assumed(
            "SIC0111",
            "IBM says that ICSF makes the keys and not by which services; named are those that do the same",
        ),
    },
    Fact {
        topic: "master-key change",
        what: "a key data set whose header names the old register's pattern counts as belonging to the engine",
        provenance: Provenance::Assumed(
            "SIC0104",
            "lets a change that was killed half-way be finished; ICSF compares the current one only",
        ),
    },
    Fact {
        topic: "CSNBHMG, CSNBHMV, CSNBOWH",
        what: "FIRST and MIDDLE keep the work inside ICSF; the chaining vector holds a random number, good for one more \
               call of the same process, service, hash and key; of more than 256 unfinished ones the oldest is given up",
        provenance: Provenance::Assumed(
            "SIC0105",
            "the content of the chaining vector is not public, and is not to be changed by callers",
        ),
    },
    Fact {
        topic: "CSNBRNGL",
        what: "answers without an engine, from the host's generator",
        provenance: Provenance::Documented("ICSF System Programmer's Guide, services usable without a coprocessor"),
    },
    Fact {
        topic: "CSFIQF",
        what: "the elements of ICSFSTAT",
        provenance: Provenance::Assumed(
            "SIC0106",
            "the manual's table was out of reach; only the width of 8 characters is known",
        ),
    },
    Fact {
        topic: "CSNBKYT2",
        what: "SHA-256 for HMAC keys: leftmost 8 bytes of SHA-256 over X'01' and the key",
        provenance: Provenance::Assumed(
            "SIC0107",
            "documented for the verification pattern of key-encrypting keys; taken to hold here",
        ),
    },
    Fact {
        topic: "clear HMAC keys",
        what: "a clear HMAC key in the CKDS needs ICSF and no engine",
        provenance: Provenance::Documented("z/OS 2.5 What's New, HMAC services with clear keys"),
    },
];
