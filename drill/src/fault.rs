//! The faults that a drill can try: each a page, and a step that does it to the real parts.

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Its name, as in `fault:no-card`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// The action of a step that does it.
    pub action: &'static str,
    /// A page: what happens, how it is written, what becomes of tickets, how it shows, and what mends it.
    pub page: &'static str,
}

macro_rules! faults {
    ($($name:literal $action:literal $title:literal;)*) => {
        /// All of them.
        pub const FAULTS: &[Fault] = &[$(Fault {
            name: $name,
            title: $title,
            action: $action,
            page: include_str!(concat!("../faults/", $name, ".md")),
        },)*];
    };
}

faults! {
    "no-card" "engine.detach" "no crypto card";
    "icsf-stopped" "icsf.stop" "ICSF is not started";
    "wrong-master-key" "engine.wrong_mk" "a card with other master keys";
    "zeroised" "engine.zeroise" "a card that zeroised itself";
    "smfid" "smfid.set" "another SMF ID";
    "class-inactive" "class.deactivate" "class PTKTDATA is not active";
    "stale-raclist" "profile.stale" "a profile changed, and no REFRESH";
    "ckds-empty" "ckds.detach" "the CKDS is empty";
    "ckds-older" "ckds.restore" "the CKDS is older than the security database";
    "ckds-fixed" "ckds.set_format" "a fixed-length CKDS";
    "clock-large" "clock.skew" "a clock that is off by more than ten minutes";
    "clock-small" "clock.skew" "a clock that is off by 90 seconds";
    "replay" "ptkt.evaluate" "a ticket that is used twice";
    "different-keys" "profile.rekey" "different keys on both systems";
    "csf-refused" "racf" "CSFSERV or CSFKEYS refuses the caller";
    "retry-storm" "storm" "users who try again until they are revoked";
    "dirty-environment" "env.dirty" "an address space that ICSF made dirty";
    "kerberos-down" "krb.stop" "the Kerberos task is down";
    "key-token" "profile.keytoken" "a key token left in a profile";
    "label-missing" "ckds.drop_label" "a label in one CKDS of several";
}

impl Fault {
    /// The fault of this name, with `fault:` before it or without.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.strip_prefix("fault:").unwrap_or(name);
        FAULTS.iter().find(|fault| fault.name == name)
    }
}
