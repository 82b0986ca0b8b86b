//! The messages and layouts of this crate, and where each comes from.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented, Observed};

/// The rules and layouts of this crate that are not codes or messages.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "RLIST",
        what: "the base segment: headings, columns, INSTALLATION DATA, APPLICATION DATA, access list",
        provenance: Observed("command output recorded on real systems by pyracf's tests and public practice notes"),
    },
    Fact {
        topic: "RLIST SSIGNON",
        what: "heading, Legacy PassTicket lines, Timeout and Replay allowed lines",
        provenance: Observed("Broadcom article 415349, with the texts of the z/OS 2.4 education deck"),
    },
    Fact {
        topic: "RLIST SSIGNON",
        what: "Timeout as eight digits, Replay allowed as YES or NO, shown also without an enhanced key",
        provenance: Assumed("SIC2011", "the article shows the width of the fields and their presence, not the values"),
    },
    Fact {
        topic: "RLIST SSIGNON",
        what: "the lines Key label and Type of an enhanced key",
        provenance: Assumed("SIC2012", "no listing of a profile with an enhanced key was seen"),
    },
    Fact {
        topic: "RLIST SSIGNON",
        what: "a key of KEYLABEL is shown as KEYENCRYPTED LABEL",
        provenance: Assumed("SIC2013", "the database holds only the label, and the other listings show it bare"),
    },
    Fact {
        topic: "RLIST",
        what: "the words for a profile without SSIGNON segment",
        provenance: Assumed("SIC2014", "not seen"),
    },
    Fact {
        topic: "KEYENCRYPTED",
        what: "label IRR.SSIGNON.sysname.mmddyyyy.hhmmss.nnnnnn",
        provenance: Documented("RACF Security Administrator's Guide, storing PassTicket keys encrypted in ICSF"),
    },
    Fact {
        topic: "KEYENCRYPTED",
        what: "nnnnnn counts from 000001 within the second",
        provenance: Assumed("SIC2015", "a real one looks like microseconds; a count makes drills repeat"),
    },
    Fact {
        topic: "RALTER, RDELETE",
        what: "a CKDS record whose label a profile gives up stays in the CKDS",
        provenance: Assumed("SIC2016", "nothing was found of RACF removing it"),
    },
    Fact {
        topic: "PERMIT",
        what: "an ID need not be defined as a user or group",
        provenance: Assumed("SIC2017", "RACF wants it defined; here servers may be named without being users"),
    },
    Fact {
        topic: "commands",
        what: "any user may issue them",
        provenance: Assumed("SIC2018", "attributes such as SPECIAL are not kept yet"),
    },
    Fact {
        topic: "generic profiles",
        what: "of two that cover a resource the more specific one counts, compared character by character",
        provenance: Documented("RACF Security Administrator's Guide; the exact sorting order is not spelt out there"),
    },
];
