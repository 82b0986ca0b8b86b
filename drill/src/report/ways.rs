//! The table of ways out: what helps against what, what it costs, what it weakens, and what to type.
//!
//! Sources: Broadcom article 415349 for the engine, the SMF ID and switching tickets off; RACF Security Administrator's
//! Guide for SSIGNON, `NO REPLAY PROTECTION` and revoked users; ICSF Administrator's Guide for master keys, CSFSERV and
//! CSFKEYS; zowe/docs-site issue 4441 for program control.

use super::remedies::Against;
use crate::survey::{Kept, Surveyed};

/// A way out. `{profile}`, `{label}`, `{name}`, `{key}` and `{timeout}` in its commands are still to be filled in.
pub(crate) struct Way {
    pub(crate) against: &'static [Against],
    /// Of which keys.
    pub(crate) keys: Keys,
    pub(crate) way: &'static str,
    pub(crate) cost: &'static str,
    pub(crate) weakens: Option<&'static str>,
    pub(crate) commands: &'static [&'static str],
}

/// Keys by how they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// However they are kept, and where there is none.
    All,
    /// The same, but for those of Kerberos servers.
    PassTickets,
    /// Of a Kerberos server, in the CKDS alone.
    Kerberos,
    Legacy,
    /// In a key token in the security database.
    Token,
    Masked,
    /// Enhanced, wrapped.
    Secure,
    /// Enhanced, wrapped or clear, with no masked key beside it.
    EnhancedAlone,
    /// Enhanced, wrapped or clear, with a masked key beside it that is not used.
    BesideMasked,
    AnyEnhanced,
    /// In the security database or the CKDS, for legacy tickets.
    AnyLegacy,
    /// In the CKDS.
    InCkds,
}

impl Keys {
    pub(crate) fn have(self, key: Option<&Surveyed>) -> bool {
        let Some(key) = key else { return matches!(self, Self::All | Self::PassTickets) };
        let kept = key.protection;
        let enhanced = matches!(kept, Kept::Enhanced | Kept::EnhancedClear);
        match self {
            Self::All => true,
            Self::PassTickets => !kept.is_kerberos(),
            Self::Kerberos => kept == Kept::Kerberos,
            Self::Legacy => kept == Kept::Legacy,
            Self::Token => kept == Kept::KeyToken,
            Self::Masked => kept == Kept::Masked,
            Self::Secure => kept == Kept::Enhanced,
            Self::EnhancedAlone => enhanced && !key.masked,
            Self::BesideMasked => enhanced && key.masked,
            Self::AnyEnhanced => enhanced,
            Self::AnyLegacy => matches!(kept, Kept::Legacy | Kept::Masked),
            Self::InCkds => enhanced || kept == Kept::Legacy,
        }
    }
}

pub(crate) const REFRESH: &str = "SETROPTS RACLIST(PTKTDATA) REFRESH";
const NEEDY: &[Against] = &[Against::Engine, Against::Icsf, Against::Label, Against::FixedCkds];
const UNMASKS: &str = "whoever reads the security database can undo the masking and make tickets";

pub(crate) const WAYS: &[Way] = &[
    Way {
        against: &[Against::KerberosTask],
        keys: Keys::All,
        way: "start SKRBKDC",
        cost: "its place in the start-up of the recovery site, after ICSF",
        weakens: None,
        commands: &["START SKRBKDC"],
    },
    Way {
        against: &[Against::Engine, Against::Icsf, Against::KerberosTask],
        keys: Keys::Kerberos,
        way: "give the server a keytab: who holds a ticket gets in until it ends; new tickets still need the KDC",
        cost: "the keys of the server are new then; to be done while the engine is there",
        weakens: Some("whoever reads the keytab can read and make tickets for the server"),
        commands: &["softicsf keytab export server.keytab {profile}"],
    },
    Way {
        against: &[Against::Engine],
        keys: Keys::All,
        way: "a card with the same master keys at the recovery site",
        cost: "a card, and a key ceremony rehearsed beforehand; its patterns are compared first",
        weakens: None,
        commands: &["D ICSF,CARDS", "D ICSF,MKS"],
    },
    Way {
        against: &[Against::Engine],
        keys: Keys::Token,
        way: "move the key out of its token into the CKDS, which a change of the master key re-enciphers",
        cost: "while the token can still be used, at a site whose card has its master key; afterwards the key has to be \
               typed: SSIGNON(KEYENCRYPTED(...))",
        weakens: None,
        commands: &["RALTER PTKTDATA {profile} SSIGNON(ENCRYPTKEY)", REFRESH],
    },
    Way {
        against: &[Against::Icsf],
        keys: Keys::All,
        way: "start ICSF before the applications",
        cost: "its place in the start-up of the recovery site; CSF stands for the name of your procedure",
        weakens: None,
        commands: &["START CSF", "D ICSF,KDS"],
    },
    Way {
        against: &[Against::FixedCkds],
        keys: Keys::All,
        way: "convert the CKDS to the common record format (KDSR), and add the HMAC keys, which the old format left out",
        cost: "every system that shares the CKDS has to know the format. In this program a system is made with the format \
               and takes the keys of the primary site",
        weakens: None,
        commands: &[
            "D ICSF,KDS",
            "softicsf init NEW --ckds-format kdsr",
            "softicsf -C PRIMARY ckds export all.keys",
            "softicsf -C NEW ckds import all.keys",
        ],
    },
    Way {
        against: &[Against::Label],
        keys: Keys::All,
        way: "bring the CKDS of the recovery site up to the security database, and refresh it",
        cost: "both have to be copied at one moment from then on; on z/OS the data set is copied and CSFEUTIL refreshes it",
        weakens: None,
        commands: &[
            "softicsf -C PRIMARY ckds export all.keys",
            "softicsf -C RECOVERY ckds import all.keys",
            "softicsf -C RECOVERY ckds refresh",
        ],
    },
    Way {
        against: NEEDY,
        keys: Keys::BesideMasked,
        way: "give the enhanced key up: the masked key that is there makes legacy tickets again",
        cost: "not where enhanced tickets are compulsory. The enhanced key stays in the CKDS for the way back",
        weakens: Some("whoever reads the security database can make tickets; legacy tickets are made with DES"),
        commands: &["RALTER PTKTDATA {profile} SSIGNON(NOEPTKEYLABEL)", REFRESH],
    },
    Way {
        against: NEEDY,
        keys: Keys::Legacy,
        way: "mask the key in the security database",
        cost: "the key has to be typed at every site; it is written as k here",
        weakens: Some(UNMASKS),
        commands: &["RALTER PTKTDATA {profile} SSIGNON(KEYMASKED(kkkkkkkkkkkkkkkk))", REFRESH],
    },
    Way {
        against: NEEDY,
        keys: Keys::EnhancedAlone,
        way: "go back to legacy tickets with a masked key",
        cost: "the key has to be typed at every site; it is written as k here. Not where enhanced tickets are compulsory",
        weakens: Some("whoever reads the security database can make tickets; legacy tickets are made with DES"),
        commands: &["RALTER PTKTDATA {profile} SSIGNON(NOEPTKEYLABEL KEYMASKED(kkkkkkkkkkkkkkkk))", REFRESH],
    },
    Way {
        against: &[Against::Engine],
        keys: Keys::Secure,
        way: "keep the HMAC key clear in the CKDS: it needs ICSF and no card",
        cost: "not tried on a real system; ask IBM before you rely on it",
        weakens: Some("whoever reads the CKDS can make tickets"),
        commands: &[
            "softicsf ckds delete {label}",
            "softicsf ckds add {label} --type HMAC-MAC --clear --from hmac.key",
        ],
    },
    Way {
        against: &[Against::Class],
        keys: Keys::All,
        way: "activate the class and bring its profiles into storage",
        cost: "none",
        weakens: None,
        commands: &["SETROPTS CLASSACT(PTKTDATA)", "SETROPTS RACLIST(PTKTDATA)"],
    },
    Way {
        against: &[Against::Stale],
        keys: Keys::All,
        way: "bring the changed profile into storage on every system that shares the security database",
        cost: "none; from then on REFRESH belongs to every change, on each system",
        weakens: None,
        commands: &[REFRESH],
    },
    Way {
        against: &[Against::Clocks],
        keys: Keys::All,
        way: "set the clock of the recovery site, in GMT",
        cost: "an IPL, where there is no external time reference",
        weakens: None,
        commands: &["D T"],
    },
    Way {
        against: &[Against::NearClocks],
        keys: Keys::All,
        way: "set the clock of the recovery site, in GMT",
        cost: "an IPL, where there is no external time reference",
        weakens: None,
        commands: &["D T"],
    },
    Way {
        against: &[Against::NearClocks],
        keys: Keys::AnyEnhanced,
        way: "let enhanced tickets live longer than the clocks are apart",
        cost: "none; 600 seconds is the most there is",
        weakens: Some("whoever steals a ticket has as much longer to use it"),
        commands: &["RALTER PTKTDATA {profile} SSIGNON(TIMEOUT({timeout}))", REFRESH],
    },
    Way {
        against: &[Against::Keys],
        keys: Keys::Masked,
        way: "give the profile the same key on both systems",
        cost: "the key has to be typed at both; it is written as k here. Nobody signs on in between",
        weakens: None,
        commands: &["RALTER PTKTDATA {profile} SSIGNON(KEYMASKED(kkkkkkkkkkkkkkkk))", REFRESH],
    },
    Way {
        against: &[Against::Keys],
        keys: Keys::InCkds,
        way: "give the label the same key on both systems: bring the CKDS of the one that makes tickets",
        cost: "both CKDSs have to be under the same master keys; RLIST shows whether the labels are the same",
        weakens: None,
        commands: &[
            "RLIST PTKTDATA {profile} SSIGNON",
            "softicsf -C PRIMARY ckds export all.keys",
            "softicsf -C RECOVERY ckds import all.keys",
            "softicsf -C RECOVERY ckds refresh",
        ],
    },
    Way {
        against: &[Against::Profile],
        keys: Keys::All,
        way: "give the recovery site the SMF ID its profiles are named after",
        cost: "an IPL, and no other system of this SMF ID beside it: TSO and batch are named after the SMF ID",
        weakens: None,
        commands: &["D SMF,O"],
    },
    Way {
        against: &[Against::Profile],
        keys: Keys::All,
        way: "define a profile of the name it has at the recovery site, with the same key",
        cost: "one more profile for each key, to be changed with it; a masked key has to be typed, and is written as k here",
        weakens: None,
        commands: &["RDEFINE PTKTDATA {name} UACC(NONE) SSIGNON({key})", REFRESH],
    },
    Way {
        against: &[Against::KeyItself],
        keys: Keys::All,
        way: "give the profile its key anew",
        cost: "the key has to be typed at every site; it is written as k here",
        weakens: Some(UNMASKS),
        commands: &["RALTER PTKTDATA {profile} SSIGNON(KEYMASKED(kkkkkkkkkkkkkkkk))", REFRESH],
    },
    Way {
        against: &[Against::Replay],
        keys: Keys::AnyEnhanced,
        way: "allow tickets to be used again",
        cost: "none",
        weakens: Some("whoever sees a ticket can use it until it is out of date"),
        commands: &["RALTER PTKTDATA {profile} SSIGNON(REPLAY(YES))", REFRESH],
    },
    Way {
        against: &[Against::Replay],
        keys: Keys::AnyLegacy,
        way: "allow tickets to be used again",
        cost: "none",
        weakens: Some("whoever sees a ticket can use it for ten minutes"),
        commands: &["RALTER PTKTDATA {profile} APPLDATA('NO REPLAY PROTECTION')", REFRESH],
    },
    Way {
        against: &[
            Against::Engine,
            Against::Icsf,
            Against::Label,
            Against::FixedCkds,
            Against::Profile,
            Against::Clocks,
            Against::NearClocks,
            Against::Keys,
            Against::KeyItself,
            Against::Stale,
            Against::Dirty,
        ],
        keys: Keys::PassTickets,
        way: "switch PassTickets off in the session manager: users type their passwords",
        cost: "every user needs a password that is valid and known",
        weakens: Some("passwords go over the network, and into the session manager"),
        commands: &[],
    },
];
