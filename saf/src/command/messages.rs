//! RACF's own messages: only those seen, with where they were seen.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Documented, Observed};
use ptkt::UserId;

use crate::model::Class;

const NOTES: icsf_core::fidelity::Provenance = Observed("output of SEARCH in public practice notes on z/OS 1.11");
const PYRACF: icsf_core::fidelity::Provenance = Observed("command output recorded on a real system by pyracf's tests");

/// The messages of RACF that are given here.
pub const MESSAGES: &[Fact] = &[
    Fact { topic: "ICH10006I", what: "a profile was added to a RACLISTed class", provenance: PYRACF },
    Fact { topic: "ICH11009I", what: "a profile of a RACLISTed class was altered", provenance: PYRACF },
    Fact { topic: "ICH12002I", what: "a profile of a RACLISTed class was deleted", provenance: PYRACF },
    Fact { topic: "ICH06011I", what: "an access list in a RACLISTed class was changed", provenance: PYRACF },
    Fact { topic: "ICH13003I", what: "the profile to be listed was not found", provenance: PYRACF },
    Fact { topic: "ICH14063I", what: "SETROPTS is done", provenance: PYRACF },
    Fact { topic: "ICH30001I", what: "the user to be listed was not found", provenance: PYRACF },
    Fact { topic: "ICH51003I", what: "the group to be listed was not found", provenance: PYRACF },
    Fact { topic: "ICH31005I", what: "no name fits what was searched for", provenance: NOTES },
    Fact {
        topic: "IRR52254I",
        what: "ENCRYPTKEY of a key that is in the CKDS already",
        provenance: Documented("z/OS 2.4 education deck on PassTickets"),
    },
];

/// What was done to a profile of a RACLISTed class.
#[derive(Clone, Copy)]
pub(super) enum Done {
    Added,
    Altered,
    Deleted,
    Permitted,
}

pub(super) fn needs_refresh(done: Done, class: Class) -> String {
    let (id, what, stop) = match done {
        Done::Added => ("ICH10006I", "ADDITION(S)", "."),
        Done::Altered => ("ICH11009I", "UPDATE(S)", "."),
        Done::Deleted => ("ICH12002I", "DELETION(S)", "."),
        Done::Permitted => ("ICH06011I", "UPDATE(S)", ""),
    };
    format!("{id} RACLISTED PROFILES FOR {class} WILL NOT REFLECT THE {what} UNTIL A SETROPTS REFRESH IS ISSUED{stop}")
}

pub(super) fn not_found(name: &str) -> String {
    format!("ICH13003I {name} NOT FOUND")
}

pub(super) fn setropts_complete() -> String {
    "ICH14063I SETROPTS command complete.".to_owned()
}

pub(super) fn user_not_found(id: &UserId) -> String {
    format!("ICH30001I UNABLE TO LOCATE USER    ENTRY {id}")
}

pub(super) fn group_not_found() -> String {
    "ICH51003I NAME NOT FOUND IN RACF DATA SET".to_owned()
}

pub(super) fn nothing_found() -> String {
    "ICH31005I NO ENTRIES MEET SEARCH CRITERIA".to_owned()
}

pub(super) fn cannot_be_encrypted(name: &str, class: Class) -> String {
    format!(
        "IRR52254I The encrypted key found in the {name} profile in the {class} class cannot be further encrypted using \
         ENCRYPTKEY. Command processing is terminated."
    )
}
