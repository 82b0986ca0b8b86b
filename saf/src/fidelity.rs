//! The messages and layouts of this crate, and where each comes from.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented, Observed};

/// The rules and layouts of this crate that are not codes or messages.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "RLIST",
        what: "the base segment: headings, columns, INSTALLATION DATA, APPLICATION DATA, AUDITING, NOTIFY, access list",
        provenance: Observed("command output recorded on real systems by pyracf's tests and public practice notes"),
    },
    Fact {
        topic: "RLIST",
        what: "AUDITING: NONE, ALL where both are alike, else successes and failures with a comma between",
        provenance: Assumed("SIC2034", "only FAILURES(READ) was seen"),
    },
    Fact {
        topic: "RLIST",
        what: "NORACF with * or several profiles: class and name before the segments of each, as in the base segment",
        provenance: Assumed("SIC2035", "no such listing was seen, and without a name nobody knows whose a segment is"),
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
        what: "the words for a profile without SSIGNON segment; NO KERB INFORMATION was seen",
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
        provenance: Assumed("SIC2018", "RACF wants SPECIAL, or ownership; here attributes are kept and listed only"),
    },
    Fact {
        topic: "generic profiles",
        what: "of two that cover a resource the more specific one counts, compared character by character",
        provenance: Documented("RACF Security Administrator's Guide; the exact sorting order is not spelt out there"),
    },
    Fact {
        topic: "RLIST KERB, LISTUSER KERB",
        what: "headings, KERBNAME, KEY VERSION, KEY ENCRYPTION TYPE, CHECK ADDRESSES, a blank after the equals sign only",
        provenance: Documented("z/OS 2.4 education deck on Network Authentication Service"),
    },
    Fact {
        topic: "RLIST KERB, LISTUSER KERB",
        what: "MINTKTLF, DEFTKTLF and MAXTKTLF as ten digits, before the key version",
        provenance: Assumed("SIC2019", "no listing with lives of tickets was seen; other numbers are listed so"),
    },
    Fact {
        topic: "LISTUSER",
        what: "the base segment and the connections: words, columns, values that are not kept here as if never set",
        provenance: Observed("command output recorded on real systems by pyracf's tests and in public code"),
    },
    Fact {
        topic: "LISTUSER",
        what: "00.000 for a date that is not known; several attributes in one line, PROTECTED and REVOKED last",
        provenance: Assumed("SIC2020", "listings with one attribute, or SPECIAL OPERATIONS, were seen"),
    },
    Fact {
        topic: "LISTGRP",
        what: "the lines of a group without subgroups and users",
        provenance: Observed("command output recorded on a real system by pyracf's tests"),
    },
    Fact {
        topic: "LISTGRP",
        what: "columns of subgroups and users",
        provenance: Assumed(
            "SIC2021",
            "words and order were seen in test data of a connector, the widths differ there",
        ),
    },
    Fact {
        topic: "SETROPTS LIST",
        what: "the texts of the lines that are listed; lines about what is not kept here are left out",
        provenance: Observed("command output recorded on a real system by pyracf's tests"),
    },
    Fact {
        topic: "SETROPTS LIST",
        what: "two blanks before the lines of the password rules, six before the second of revocation",
        provenance: Assumed("SIC2022", "the recorded output has no blanks at the beginning of lines"),
    },
    Fact {
        topic: "SEARCH",
        what: "one name a line, (G) behind a generic one; FILTER matches as generic profiles do",
        provenance: Assumed("SIC2023", "no output with names was seen"),
    },
    Fact {
        topic: "CSFSERV, CSFKEYS",
        what: "with CHECKAUTH, READ to CSFENC or CSFHMG and to the label by who asks for a ticket; without, nobody's",
        provenance: Assumed("SIC2024", "that authorized callers are checked only then is documented, not whom RACF is"),
    },
    Fact {
        topic: "R_GenSec, RCVTPTGN",
        what: "detailed reasons: the pair of ICSF, or 1 to 6",
        provenance: Assumed("SIC2025", "the values are not published; session managers print 0C0000 without an engine"),
    },
    Fact {
        topic: "R_ticketserv, R_GenSec",
        what: "2 evaluates; 3 and 4 evaluate and generate with a detailed reason",
        provenance: Assumed("SIC2026", "only the number of generation was seen in code"),
    },
    Fact {
        topic: "RCVTPTGN",
        what: "no permission is asked for",
        provenance: Assumed("SIC2027", "its callers run in key 0; that no check is made was not seen"),
    },
    Fact {
        topic: "sign-on",
        what: "every sign-on that is not valid counts, of whatever cause; the one that revokes is answered as the others",
        provenance: Assumed(
            "SIC2028",
            "that failed PassTickets can revoke is documented, the answer to the last was not seen",
        ),
    },
    Fact {
        topic: "ADDUSER, ALTUSER",
        what: "DFLTGRP need not be a defined group, and connects the user to it",
        provenance: Assumed("SIC2029", "RACF wants it defined, and ALTUSER the user connected"),
    },
    Fact {
        topic: "ADDUSER, ALTUSER",
        what: "passwords do not expire, so NOEXPIRED changes nothing",
        provenance: Assumed("SIC2030", "RACF has the user change a password that an administrator set, without it"),
    },
    Fact {
        topic: "access lists",
        what: "all groups of a user count, as with SETROPTS GRPLIST",
        provenance: Assumed(
            "SIC2031",
            "RACF looks at the group signed on with only, unless GRPLIST is set, as it usually is",
        ),
    },
    Fact {
        topic: "REALM",
        what: "the local realm is profile KERBDFLT; its keys are made with ICSF, which must be there; its password has 1 to 128 \
               characters and keeps its case; CSFOWH may have to be permitted",
        provenance: Documented("z/OS Network Authentication Service, defining your local realm"),
    },
    Fact {
        topic: "REALM",
        what: "KERBNAME and PASSWORD of KERBDFLT make krbtgt, kadmin/admin, kadmin/changepw and K/M, which go with the profile",
        provenance: Assumed("SIC2040", "the SEAM guide names them; what z/OS has of them is not visible"),
    },
    Fact {
        topic: "REALM",
        what: "the password of the local realm is in the keys made from it and is not kept",
        provenance: Assumed(
            "SIC2041",
            "what RACF keeps of it was not seen; kept, it would outlive the loss of the engine",
        ),
    },
    Fact {
        topic: "ALTUSER KERB",
        what: "a principal has no keys until the next password change",
        provenance: Documented("CA Top Secret, Kerberos segment: the same on RACF"),
    },
    Fact {
        topic: "ALTUSER KERB",
        what: "keys are made of the types of ENCRYPT, and of none with DES; a change of ENCRYPT counts at the next password",
        provenance: Assumed(
            "SIC2042",
            "RACF makes keys of all types and decides at use; DES is retired by RFC 6649 and 8429",
        ),
    },
    Fact {
        topic: "ALTUSER PASSWORD",
        what: "a user's Kerberos keys are made from the password as RACF keeps it: in capital letters without MIXEDCASE",
        provenance: Assumed("SIC2043", "that RACF folds before anything else sees the password was not seen for this"),
    },
    Fact {
        topic: "RLIST KERB, LISTUSER KERB",
        what: "KEY VERSION of a user, and of KERBDFLT that of krbtgt",
        provenance: Assumed("SIC2044", "the line was seen for the trust between realms"),
    },
    Fact {
        topic: "Kerberos keys",
        what: "labels SICKRB.hash.Etype.Vversion in the CKDS, AES keys under the AES-MK",
        provenance: Assumed(
            "SIC2045",
            "z/OS keeps such keys in the security database; that they are records is the idea here",
        ),
    },
    Fact {
        topic: "R_ticketserv, R_GenSec",
        what: "a principal is answered as /.../REALM/principal, as R_usermap takes it",
        provenance: Assumed("SIC2046", "no answer was seen"),
    },
    Fact {
        topic: "R_ticketserv, R_GenSec",
        what: "tokens for a service of the local realm and for the caller's own principal are accepted, and no others",
        provenance: Assumed("SIC2047", "that servers do without a keytab so is documented, not whose keys are used"),
    },
    Fact {
        topic: "sign-on",
        what: "by a Kerberos token: for protected users too, never counted as a failure, refused for a revoked user",
        provenance: Assumed(
            "SIC2048",
            "servers map the principal and sign on without password; how it ends was not seen",
        ),
    },
    Fact {
        topic: "R_ticketserv, R_GenSec",
        what: "function 1 takes the token where the ticket is and answers the principal where the user ID is; function 2 \
               accepts a context with subfunction 1, and answers the token for the client too",
        provenance: Assumed("SIC2051", "the functions are documented, the parameters of these were not seen"),
    },
    Fact {
        topic: "RALTER",
        what: "NOEPTKEYLABEL, NOTYPE, NOTIMEOUT, NOREPLAY of SSIGNON",
        provenance: Assumed("SIC2032", "other operands have such opposites; the syntax seen does not show them"),
    },
    Fact {
        topic: "PERMIT",
        what: "RESET takes everybody off the list before ID is put on it",
        provenance: Assumed("SIC2033", "the order was not seen"),
    },
];
