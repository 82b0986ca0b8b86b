//! What a scan looks for: one row for each sort of finding.

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Sign-ons die at the recovery site, or may be expected to.
    High,
    /// Sign-ons die when something else is so, too.
    Medium,
    /// To be known.
    Low,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        })
    }
}

/// A sort of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What was found, in a few words.
    pub title: &'static str,
    /// What would break, and why.
    pub breaks: &'static str,
    /// What can be done, and what it costs; the commands are with each finding.
    pub mend: &'static str,
    /// Under which faults it breaks, by name; none, and it is so without any.
    pub faults: &'static [&'static str],
}

macro_rules! rules {
    ($($constant:ident $name:literal $title:literal [$($fault:literal)*] $breaks:literal $mend:literal;)*) => {
        $(pub(super) const $constant: &Rule =
            &Rule { name: $name, title: $title, breaks: $breaks, mend: $mend, faults: &[$($fault),*] };)*

        /// All of them.
        pub const RULES: &[&Rule] = &[$($constant),*];
    };
}

rules! {
    NEEDS_CARD "needs-card" "a key that needs ICSF and a card with its master key"
        ["no-card" "icsf-stopped" "wrong-master-key" "zeroised" "ckds-empty" "ckds-older" "ckds-fixed" "csf-refused"]
        "The key is in the CKDS under a master key. Where there is no card that holds it, no ticket is generated or accepted."
        "Bring a card with the same master keys, and start ICSF. Or keep a legacy key masked: it then needs neither, and is \
         as safe as the RACF database. Or make an HMAC key clear: it then needs ICSF and no card, and whoever can read the \
         CKDS has it; that RACF takes such a key is inferred, and no manual that was read says so.";
    NEEDS_ICSF "needs-icsf" "a clear key that needs ICSF"
        ["icsf-stopped" "ckds-empty" "ckds-older" "ckds-fixed" "csf-refused"]
        "The HMAC key is clear: no card is needed, but ICSF is, and a CKDS that has the key."
        "Start ICSF at the recovery site, with a copy of the CKDS.";
    ENHANCED_ADDED "enhanced-added" "an enhanced key beside a masked one"
        ["no-card" "icsf-stopped" "wrong-master-key" "zeroised" "ckds-empty" "ckds-older" "ckds-fixed" "clock-small"
         "csf-refused"]
        "With both keys RACF generates enhanced tickets. The masked key needs nothing, and is no longer used to generate: \
         the application has come to depend on ICSF, and its tickets live TIMEOUT seconds and not ten minutes."
        "Bring a card with the same master keys. Or give the enhanced key up (that NOEPTKEYLABEL is an operand is assumed: \
         it is in no syntax that was read); the site may have to have enhanced tickets.";
    OTHER_SMFID "other-smfid" "an application named after another SMF ID"
        ["smfid"]
        "The recovery site looks for the profile of its own SMF ID and finds none: TSO and batch sign-ons die, all others \
         work."
        "Give the recovery site the SMF ID of the system it stands in for, or define the profile under its name, too, with \
         the same key. Nothing is wrong where the name is a VTAM generic resource name.";
    LABEL_MISSING "label-not-in-ckds" "a label that is in no CKDS listing"
        ["ckds-empty" "ckds-older" "label-missing"]
        "The CKDS has no usable record of this label: ICSF answers 08/271C, callers see 8/16/28 and 8/16/32."
        "Bring the CKDS that has the key, and refresh the in-storage copy; or give the profile a key anew.";
    LABEL_IN_SOME "label-in-some-ckds" "a label that is in one CKDS and not in another"
        ["label-missing" "ckds-older"]
        "On the systems whose CKDS lacks the label no ticket is generated or accepted."
        "Copy the record to every CKDS of the systems that share the RACF database, and refresh each.";
    LABEL_OF_TYPE "label-of-other-type" "a label whose record is of another type"
        []
        "A legacy key is a DES key of type DATA, an enhanced one an HMAC key of type MAC: ICSF refuses any other."
        "Make a record of the right type.";
    KEY_TOKEN "key-token" "a key token left in the profile"
        ["key-token" "no-card" "icsf-stopped" "wrong-master-key" "zeroised" "csf-refused"]
        "A KEYENCRYPTED did not finish. The key lies in the profile, and still needs ICSF, a card and the master key; a \
         change of the master key does not reach it."
        "Move it into the CKDS while the card with its master key is there.";
    KEY_UNKNOWN "key-unknown" "a key RACF cannot tell the sort of"
        ["no-card" "icsf-stopped" "wrong-master-key" "zeroised"]
        "RACF unloads *UNKNOWN* for a key that it cannot read, which should not happen."
        "Give the profile its key anew.";
    MASTER_KEY "master-key-differs" "another master key at the recovery site"
        ["wrong-master-key" "zeroised"]
        "Keys under the master key of the CKDS cannot be unwrapped: the card does not become active, or ICSF answers \
         08/2714."
        "Load the key parts of the site to be recovered and set the master key; patterns must then be the same. Nothing is \
         wrong where the recovery site has a CKDS of its own, with the same keys under its own master key.";
    CKDS_FIXED "ckds-fixed" "a fixed-length CKDS"
        ["ckds-fixed"]
        "A fixed-length CKDS has no room for HMAC keys: enhanced tickets die, legacy ones work."
        "Convert the CKDS to the variable-length or the common (KDSR) record format.";
    CLASS_INACTIVE "class-inactive" "class PTKTDATA is not active, or not RACLISTed"
        ["class-inactive" "stale-raclist"]
        "No ticket works anywhere, passwords do: callers see 8/8/16."
        "Activate and RACLIST the class.";
    GENERIC_OFF "generic-off" "generic profiles of PTKTDATA are off"
        []
        "Generic IRRPTAUTH profiles protect nothing while they are off: callers see 8/8/16."
        "Switch them on.";
    MIXED_CASE "mixed-case" "TYPE(MIXED) where passwords are folded"
        []
        "Tickets of TYPE(MIXED) have small letters, and SETROPTS says that passwords are folded: what is typed in or passed \
         on is another ticket."
        "Let passwords keep their case, or make tickets of TYPE(UPPER).";
    PERMIT_ALONE "permit-without-key" "IRRPTAUTH for an application that has no key"
        []
        "Somebody may generate tickets for it, and there is no key to do it with: 8/16/28."
        "Define the key profile, or take the permission away.";
    KEY_ALONE "key-without-permit" "a key, and no IRRPTAUTH for it"
        []
        "R_ticketserv, R_GenSec and IRRPassTicket refuse every caller: 8/8/16. Session managers that call RCVTPTGN with key \
         0, and sign-ons, need no such permission."
        "Define the permission for the servers that generate or evaluate.";
    GENERIC_KEY "generic-key-profile" "a key in a generic profile"
        []
        "RACF looks for keys in discrete profiles only: the application cannot use tickets."
        "Define a discrete profile for each application.";
    REPLAY "replay-bypass-missing" "tickets of one second used twice, and no bypass"
        ["replay"]
        "The application asks for more than one ticket in a second, all of which are the same: every one but the first is \
         refused as a replay."
        "Allow tickets to be used again; whoever sees one can then use it, too, until it ends.";
    TIMEOUT "timeout-below-offset" "tickets that end before the clocks meet"
        ["clock-small" "clock-large" "retry-storm"]
        "The clocks of the sites differ by more than a ticket lives: it is made, and refused as not valid. Users who try \
         again are revoked."
        "Set the clocks right. A longer TIMEOUT, 600 seconds at most, lets a stolen ticket live longer, too.";
    OTHER_SYSTEM "label-of-other-system" "a label that names another system"
        ["label-missing"]
        "Harmless in itself. It proves that the key was added on one system, to one CKDS: RRSF feeds only the main system \
         of a node."
        "Look whether the CKDS of every system that shares the RACF database has it: give their listings with --ckds.";
    LISTING_DIFFERS "listing-differs" "the unload and RLIST say different things"
        ["stale-raclist"]
        "They were made at different times, and one of them is not true any more. The unload was believed."
        "Make both anew.";
    SHADOWS "qualified-shadows" "a qualified profile before the plain one"
        ["different-keys"]
        "Evaluation takes the qualified profile first for those it names, generation by RCVTPTGN the plain one: with \
         different keys a ticket is tried twice, or refused."
        "Keep both keys the same, or delete the qualified profile where nobody needs it.";
    MFA "mfa-factor" "users with multi-factor authentication"
        []
        "A user with an active factor signs on with a ticket only when factor AZFPTKT1 is active for them, too. Which \
         factors they have is in records that are not read here."
        "Ask, and add the factor where it is missing.";
}
