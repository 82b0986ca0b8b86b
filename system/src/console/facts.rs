//! The replies of this console, and where their form comes from.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented, Observed, Reported};

/// The replies of this console, and where their form comes from.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "CSFM668I",
        what: "D ICSF,CARDS: heading, domain, STATUS, SERIAL#, LEVEL, REQUESTS ACTIVE",
        provenance: Documented("ICSF System Programmer's Guide, sample of DISPLAY ICSF,CARDS"),
    },
    Fact {
        topic: "Master key incorrect",
        what: "D ICSF,CARDS: an engine with another master key than the CKDS, or with none of those it is under",
        provenance: Documented("ICSF System Programmer's Guide: the patterns of the CKDS header must match"),
    },
    Fact {
        topic: "Active",
        what: "an engine that holds one of two master keys of the CKDS serves the keys under that one",
        provenance: Assumed(
            "SIC3005",
            "the manual has all patterns in the header match; which of both fails is told by the service",
        ),
    },
    Fact {
        topic: "SIC3001I",
        what: "D ICSF,CARDS: the name of an engine that is no Crypto Express card, and its master keys",
        provenance: Assumed("SIC3001", "no card is pretended"),
    },
    Fact {
        topic: "SIC3002I",
        what: "D ICSF,CARDS without any engine",
        provenance: Assumed("SIC3002", "the words ICSF has for it were not seen"),
    },
    Fact {
        topic: "SIC3004I",
        what: "D ICSF,CARDS: how an engine does not protect its keys",
        provenance: Assumed("SIC3004", "a Crypto Express card protects them"),
    },
    Fact {
        topic: "D SMF,O",
        what: "SID(xxxx)",
        provenance: Observed("Broadcom article 415349; the other options of SMF are not kept"),
    },
    Fact {
        topic: "IEE341I",
        what: "a command for ICSF while it is not started",
        provenance: Reported("a parser written against a real z/OS 3.1 console"),
    },
    Fact {
        topic: "CSFM401I",
        what: "ICSF has been stopped",
        provenance: Reported("the log of a real z/OS 3.1 console in a blog"),
    },
    Fact {
        topic: "SIC3003I",
        what: "ICSF has been started",
        provenance: Assumed("SIC3003", "the words ICSF has for it were not seen"),
    },
    Fact {
        topic: "SIC3018I",
        what: "START CSF while ICSF is started: nothing is done",
        provenance: Assumed("SIC3018", "the words for a second ICSF that cannot start were not seen"),
    },
    Fact {
        topic: "D ICSF,KDS",
        what: "CKDS and its name; FORMAT, COMM LVL, SYSPLEX, MKVPs; for each master key MKVP date, Unknown when not kept",
        provenance: Documented("z/OS 2.5 ICSF education slides, sample of DISPLAY ICSF,KDS; the columns are not"),
    },
    Fact {
        topic: "CKDS name",
        what: "D ICSF,KDS, MKVPS and OPTIONS: the path of the file, or IN MEMORY",
        provenance: Assumed("SIC3006", "the key data set of a system here is a file"),
    },
    Fact {
        topic: "COMM LVL=0",
        what: "D ICSF,KDS: of a key data set that no sysplex shares; MKVPs=NONE under no master key",
        provenance: Assumed("SIC3010", "the samples have a sysplex and master keys"),
    },
    Fact {
        topic: "SIC3007I",
        what: "D ICSF,KDS: in the place of PKDS and TKDS",
        provenance: Assumed("SIC3007", "there are none here, and the words ICSF has for it were not seen"),
    },
    Fact {
        topic: "D ICSF,MKVPS",
        what: "CKDS and its name, MKVP Date; ID, AES, DES; KDSMKVPS; a row for a system and card, six digits of each \
               pattern; No TKDS defined or no EP11 adapters online",
        provenance: Documented("z/OS 2.5 ICSF education slides, sample of DISPLAY ICSF,MKVPS; the columns are not"),
    },
    Fact {
        topic: "00",
        what: "the index of the engine, in displays and for SETICSF; NONE where a pattern is missing",
        provenance: Assumed("SIC3015", "an engine that is no Crypto Express card has no feature ID"),
    },
    Fact {
        topic: "D ICSF,LIST",
        what: "the heading, SYSNAME, RELEASE, DOM (N/A without a card), CHG_DATE; D ICSF shows the same",
        provenance: Reported("a parser written against a real z/OS 3.1 console"),
    },
    Fact {
        topic: "RELEASE",
        what: "D ICSF,LIST: the release of softicsf, and N/A as CHG_DATE",
        provenance: Assumed("SIC3016", "no release of ICSF is pretended"),
    },
    Fact {
        topic: "SIC3008I",
        what: "D ICSF,MKS: the registers of the engine",
        provenance: Assumed("SIC3008", "the layout ICSF has for it was not seen"),
    },
    Fact {
        topic: "SIC3009I",
        what: "D ICSF,OPTIONS: the options that are kept here, as in the options data set",
        provenance: Assumed("SIC3009", "the layout ICSF has for it was not seen"),
    },
    Fact {
        topic: "SIC3011I",
        what: "SETICSF ACTIVATE, DEACTIVATE: the engine was switched, and its status; it stays so when ICSF is restarted",
        provenance: Assumed(
            "SIC3011",
            "the words ICSF has for it were not seen; the switch is the one of softicsf engine",
        ),
    },
    Fact {
        topic: "SIC3012I",
        what: "SETICSF ENABLE,CKDS, DISABLE,CKDS and D ICSF,OPTIONS: whether services may update the CKDS",
        provenance: Assumed("SIC3012", "the words ICSF has for it were not seen"),
    },
    Fact {
        topic: "SETICSF DISABLE,CKDS",
        what: "lasts until it is enabled or ICSF is stopped",
        provenance: Documented("ICSF System Programmer's Guide, ICSF operator commands"),
    },
    Fact {
        topic: "dynamic updates",
        what: "those disabled are CSNBKRC, CSNBKRC2, CSNBKRW, CSNBKRW2, CSNBKRD and CSNBKPI2 into a record, and what uses \
               them; KGUP, REFRESH, import and the change of a master key go on",
        provenance: Assumed("SIC3017", "12/4 is documented for services; utilities write the disk copy"),
    },
    Fact {
        topic: "F RSED,APPL=IVP PASSTICKET,userid",
        what: "the command; the server runs as STCRSE and makes tickets for FEKAPPL",
        provenance: Documented("z/OS Explorer Host Configuration Guide, installation verification and PassTickets"),
    },
    Fact {
        topic: "SIC3013I",
        what: "F RSED,APPL=IVP PASSTICKET: a ticket was made and evaluated",
        provenance: Assumed("SIC3013", "the words RSE has for it were not seen"),
    },
    Fact {
        topic: "SIC3014E",
        what: "F RSED,APPL=IVP PASSTICKET: which of the two failed, with the SAF codes",
        provenance: Assumed("SIC3014", "the words RSE has for it were not seen"),
    },
    Fact {
        topic: "START SKRBKDC",
        what: "START and STOP SKRBKDC switch the Kerberos task; it is started when a system is made",
        provenance: Reported("z/OS Network Authentication Service Administration, SKRBKDC started task"),
    },
    Fact {
        topic: "SIC3021I",
        what: "START SKRBKDC, STOP SKRBKDC: what it is now",
        provenance: Assumed("SIC3021", "the words the task has for it were not seen"),
    },
];
