//! RACF's own messages: only those seen, with where they were seen; and those of this program, where RACF says nothing.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented, Observed, Reported};
use ptkt::UserId;

use crate::judgement::Remark;
use crate::model::Class;

const NOTES: icsf_core::fidelity::Provenance = Observed("output of SEARCH in public practice notes on z/OS 1.11");
const PYRACF: icsf_core::fidelity::Provenance = Observed("command output recorded on a real system by pyracf's tests");

/// The messages of commands, and where each comes from.
pub const MESSAGES: &[Fact] = &[
    Fact { topic: "ICH10006I", what: "a profile was added to a RACLISTed class", provenance: PYRACF },
    Fact { topic: "ICH11009I", what: "a profile of a RACLISTed class was altered", provenance: PYRACF },
    Fact { topic: "ICH12002I", what: "a profile of a RACLISTed class was deleted", provenance: PYRACF },
    Fact { topic: "ICH06011I", what: "an access list in a RACLISTed class was changed", provenance: PYRACF },
    Fact { topic: "ICH13003I", what: "the profile to be listed was not found", provenance: PYRACF },
    Fact {
        topic: "ICH13004I",
        what: "RLIST of all profiles of a class that has none",
        provenance: Reported("the messages that tests of a public scanner of RACF listings know"),
    },
    Fact { topic: "ICH14063I", what: "SETROPTS is done", provenance: PYRACF },
    Fact { topic: "ICH30001I", what: "the user to be listed was not found", provenance: PYRACF },
    Fact { topic: "ICH51003I", what: "the group to be listed was not found", provenance: PYRACF },
    Fact { topic: "ICH31005I", what: "no name fits what was searched for", provenance: NOTES },
    Fact {
        topic: "ICH14070I",
        what: "RACLIST REFRESH of a class that is not RACLISTed; it stays so",
        provenance: Reported("a workshop on IBM MQ, and the messages that a public RACF client knows"),
    },
    Fact {
        topic: "ICH14070I",
        what: "also of a class that is not active; beside it ICH14063I, as ever",
        provenance: Assumed("SIC2200", "it was seen of classes that are not RACLISTed, and not with what"),
    },
    Fact {
        topic: "SIC2201I",
        what: "a key in a profile of a name that no application has",
        provenance: Assumed("SIC2201", "RACF takes it, and what it says was not seen"),
    },
    Fact {
        topic: "SIC2202I",
        what: "a key in a generic profile",
        provenance: Assumed("SIC2202", "RACF takes it, and what it says was not seen"),
    },
    Fact {
        topic: "SIC2203I",
        what: "an SSIGNON segment without a key",
        provenance: Assumed("SIC2203", "RACF takes it, and what it says was not seen"),
    },
    Fact {
        topic: "SIC2204I",
        what: "a label of which the CKDS has no record, or one of another sort of key",
        provenance: Assumed("SIC2204", "RACF takes it, as the record may come later; what it says was not seen"),
    },
    Fact {
        topic: "SIC2205I",
        what: "tickets of TYPE(MIXED) where passwords are folded: RDEFINE, RALTER, SETROPTS PASSWORD(NOMIXEDCASE)",
        provenance: Assumed(
            "SIC2205",
            "the education deck asks for PASSWORD(MIXEDCASE); that RACF says so was not seen",
        ),
    },
    Fact {
        topic: "IRR52254I",
        what: "ENCRYPTKEY of a key that is in the CKDS already",
        provenance: Documented("z/OS 2.4 education deck on PassTickets"),
    },
];

/// What there is to say of a profile that was written; that it waits for a REFRESH, RACF says itself.
pub(super) fn remark(profile: &str, remark: &Remark) -> Option<String> {
    let id = match remark {
        Remark::NoApplication => "SIC2201I",
        Remark::Generic => "SIC2202I",
        Remark::NoKey => "SIC2203I",
        Remark::Record(_) => "SIC2204I",
        Remark::NotBySignOn => "SIC2205I",
        Remark::Stale(_) => return None,
    };
    Some(format!("{id} profile {profile}: {remark}"))
}

pub(super) fn no_effect(class: Class) -> String {
    format!("ICH14070I SETROPTS RACLIST REFRESH had no effect on class {class}")
}

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

pub(super) fn nothing_to_list() -> String {
    "ICH13004I NOTHING TO LIST".to_owned()
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
