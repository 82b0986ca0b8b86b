//! RACF's own messages: only those seen, with where they were seen.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::Observed;

use crate::model::Class;

const PYRACF: icsf_core::fidelity::Provenance = Observed("command output recorded on a real system by pyracf's tests");

/// The messages of RACF that are given here.
pub const MESSAGES: &[Fact] = &[
    Fact { topic: "ICH10006I", what: "a profile was added to a RACLISTed class", provenance: PYRACF },
    Fact { topic: "ICH11009I", what: "a profile of a RACLISTed class was altered", provenance: PYRACF },
    Fact { topic: "ICH12002I", what: "a profile of a RACLISTed class was deleted", provenance: PYRACF },
    Fact { topic: "ICH06011I", what: "an access list in a RACLISTed class was changed", provenance: PYRACF },
    Fact { topic: "ICH13003I", what: "the profile to be listed was not found", provenance: PYRACF },
    Fact { topic: "ICH14063I", what: "SETROPTS is done", provenance: PYRACF },
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
