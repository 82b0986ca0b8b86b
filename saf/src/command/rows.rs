//! The commands, and what each takes.
//!
//! Source: RACF Command Language Reference, syntax of each command; z/OS 2.4 and 2.5 education decks for SSIGNON. What the
//! real commands take beyond this is refused, with what is taken.

use super::table::Takes::{Keywords, Maybe, Nothing, One, Secret, Several};
use super::table::{Keyword, Verb};
use super::{connect, groups, listgrp, listuser, permit, profiles, rlist, search, setropts, users};

const ID: &str = "user or group";
const TEXT: &str = "text, at most 255 characters";
const ACCESS: &str = "NONE, EXECUTE, READ, UPDATE, CONTROL or ALTER";
const CLASSES: &str = "class, or *";
const LABEL: &str = "CKDS label";
const KEY: &str = "16 hexadecimal digits";
const SECONDS: &str = "seconds";
const YES: &str = "YES or NO";
const TYPES: &str = "DES, DES3, DESD, AES128, AES256, AES128SHA2, AES256SHA2, each also with NO before it";

/// What RDEFINE and RALTER have in common.
const PROFILE: &[Keyword] = &[
    Keyword::new("OWNER", One(ID), "who owns the profile"),
    Keyword::new("UACC", One(ACCESS), "what everybody may do"),
    Keyword::new("APPLDATA", One(TEXT), "application data: NO REPLAY PROTECTION lets legacy tickets be used again"),
    Keyword::new("DATA", One(TEXT), "installation data"),
    Keyword::new("LEVEL", One("0 to 99"), "a number for the installation"),
    Keyword::new(
        "AUDIT",
        Several("NONE, or ALL, SUCCESS, FAILURES, each with (access level)"),
        "which attempts are recorded",
    ),
    Keyword::new("WARNING", Nothing, "what would be refused is allowed, with a warning"),
];

const PROFILE_OFF: &[Keyword] = &[
    Keyword::new("NOAPPLDATA", Nothing, "no application data"),
    Keyword::new("NODATA", Nothing, "no installation data"),
    Keyword::new("NOWARNING", Nothing, "what would be refused is refused"),
    Keyword::new("NOSSIGNON", Nothing, "deletes the SSIGNON segment, and with it the keys"),
    Keyword::new("NOKERB", Nothing, "deletes the KERB segment"),
];

const SSIGNON: &[Keyword] = &[
    Keyword::new("KEYMASKED", Secret(KEY), "the legacy key, masked in the security database: needs no ICSF"),
    Keyword::new(
        "KEYENCRYPTED",
        Secret(KEY),
        "the legacy key, put into the CKDS under a label made for it; the record of the label before stays there",
    ),
    Keyword::new("KEYLABEL", One(LABEL), "the legacy key: a DES key of the CKDS"),
    Keyword::new("NOLEGACYKEY", Nothing, "no legacy key: the last step of a migration"),
    Keyword::new("EPTKEYLABEL", One(LABEL), "the enhanced key: an HMAC key of the CKDS"),
    Keyword::new("TYPE", One("UPPER or MIXED"), "the alphabet of enhanced tickets; MIXED unless set"),
    Keyword::new("TIMEOUT", One("1 to 600 seconds"), "how long enhanced tickets are good; 60 unless set"),
    Keyword::new("REPLAY", One(YES), "whether enhanced tickets may be used again; NO unless set"),
];

const SSIGNON_ALTER: &[Keyword] = &[
    Keyword::new(
        "ENCRYPTKEY",
        Nothing,
        "moves a legacy key, masked or in a key token, into the CKDS, under a label made for it",
    ),
    Keyword::new("NOEPTKEYLABEL", Nothing, "no enhanced key"),
    Keyword::new("NOTYPE", Nothing, "TYPE as if never set"),
    Keyword::new("NOTIMEOUT", Nothing, "TIMEOUT as if never set"),
    Keyword::new("NOREPLAY", Nothing, "REPLAY as if never set"),
];

const REALM: &[Keyword] = &[
    Keyword::new("KERBNAME", One("realm"), "the name of the local realm"),
    Keyword::new("PASSWORD", Secret("1 to 128 characters"), "what the keys of the realm are made from"),
    Keyword::new("MINTKTLF", One(SECONDS), "shortest life of a ticket"),
    Keyword::new("DEFTKTLF", One(SECONDS), "life of a ticket where none is asked for"),
    Keyword::new("MAXTKTLF", One(SECONDS), "longest life of a ticket"),
    Keyword::new("ENCRYPT", Several(TYPES), "which types keys may have; those not named stay as they are"),
    Keyword::new("CHECKADDRS", One(YES), "whether addresses in tickets are compared"),
];

const REALM_OFF: &[Keyword] = &[
    Keyword::new("NOKERBNAME", Nothing, "no name"),
    Keyword::new("NOPASSWORD", Nothing, "no password"),
    Keyword::new("NOMINTKTLF", Nothing, "MINTKTLF as if never set"),
    Keyword::new("NODEFTKTLF", Nothing, "DEFTKTLF as if never set"),
    Keyword::new("NOMAXTKTLF", Nothing, "MAXTKTLF as if never set"),
    Keyword::new("NOENCRYPT", Nothing, "keys of all types"),
    Keyword::new("NOCHECKADDRS", Nothing, "addresses are not compared"),
];

const USER: &[Keyword] = &[
    Keyword::new("NAME", One("at most 20 characters"), "the name of a person"),
    Keyword::new("DFLTGRP", One("group"), "the group signed on with"),
    Keyword::new("OWNER", One(ID), "who owns the user"),
    Keyword::new("DATA", One(TEXT), "installation data"),
    Keyword::new("PASSWORD", Secret("1 to 8 characters"), "the password, which does not expire"),
    Keyword::new("NOPASSWORD", Nothing, "no password: the user is PROTECTED"),
    Keyword::new("SPECIAL", Nothing, "may change every profile"),
    Keyword::new("NOSPECIAL", Nothing, "takes SPECIAL away"),
    Keyword::new("OPERATIONS", Nothing, "may use data sets and volumes"),
    Keyword::new("NOOPERATIONS", Nothing, "takes OPERATIONS away"),
    Keyword::new("AUDITOR", Nothing, "sets what is audited"),
    Keyword::new("NOAUDITOR", Nothing, "takes AUDITOR away"),
    Keyword::new("ROAUDIT", Nothing, "may list every profile"),
    Keyword::new("NOROAUDIT", Nothing, "takes ROAUDIT away"),
];

const USER_OFF: &[Keyword] = &[
    Keyword::new("NODATA", Nothing, "no installation data"),
    Keyword::new("REVOKE", Nothing, "may not sign on"),
    Keyword::new("RESUME", Nothing, "may sign on again; failed sign-ons are forgotten"),
    Keyword::new("NOEXPIRED", Nothing, "the password need not be changed, as none need here"),
    Keyword::new("NOKERB", Nothing, "deletes the KERB segment"),
];

const KERB: &[Keyword] = &[
    Keyword::new("KERBNAME", One("principal"), "the Kerberos principal, without realm"),
    Keyword::new("ENCRYPT", Several(TYPES), "which types keys may have; those not named stay as they are"),
    Keyword::new("MAXTKTLF", One(SECONDS), "longest life of a ticket"),
];

const KERB_OFF: &[Keyword] = &[
    Keyword::new("NOKERBNAME", Nothing, "no principal"),
    Keyword::new("NOENCRYPT", Nothing, "keys of all types"),
    Keyword::new("NOMAXTKTLF", Nothing, "MAXTKTLF as if never set"),
];

const PASSWORD: &[Keyword] = &[
    Keyword::new("MIXEDCASE", Nothing, "passwords keep their case; tickets of TYPE(MIXED) need it"),
    Keyword::new("NOMIXEDCASE", Nothing, "passwords are folded to upper case"),
    Keyword::new("REVOKE", One("1 to 254"), "at how many failed sign-ons in a row a user is revoked"),
    Keyword::new("NOREVOKE", Nothing, "failed sign-ons revoke nobody"),
];

const PERMIT: &[Keyword] = &[
    Keyword::new("CLASS", One("class"), "the class of the profile"),
    Keyword::new("ID", Several("user or group, or *"), "who"),
    Keyword::new("ACCESS", One(ACCESS), "what they may do; READ unless given"),
    Keyword::new("DELETE", Nothing, "takes them off the access list"),
    Keyword::new("RESET", Maybe("ALL or STANDARD"), "takes everybody off the access list first"),
];

const SETROPTS: &[Keyword] = &[
    Keyword::new("CLASSACT", Several(CLASSES), "makes classes active"),
    Keyword::new("NOCLASSACT", Several(CLASSES), "makes classes inactive"),
    Keyword::new("GENERIC", Several(CLASSES), "lets profiles of classes be generic"),
    Keyword::new("NOGENERIC", Several(CLASSES), "ignores generic profiles of classes"),
    Keyword::new("RACLIST", Several(CLASSES), "keeps a copy of the profiles of classes in storage, and uses that"),
    Keyword::new("NORACLIST", Several(CLASSES), "uses the profiles as they are in the database"),
    Keyword::new("REFRESH", Nothing, "renews what is in storage"),
    Keyword::new("LIST", Nothing, "lists the options"),
    Keyword::new("PASSWORD", Keywords(&[PASSWORD]), "rules for passwords"),
];

/// The commands, with the short names RACF has for them.
pub(super) const COMMANDS: &[Verb] = &[
    Verb {
        name: "RDEFINE",
        short: "RDEF",
        changes: true,
        names: &["a class", "a profile name"],
        optional: false,
        keywords: &[
            PROFILE,
            &[
                Keyword::new("SSIGNON", Keywords(&[SSIGNON]), "keys of PassTickets: class PTKTDATA"),
                Keyword::new("KERB", Keywords(&[REALM]), "a Kerberos realm, or trust between two: class REALM"),
            ],
        ],
        what: "defines profiles",
        carry_out: profiles::rdefine,
    },
    Verb {
        name: "RALTER",
        short: "RALT",
        changes: true,
        names: &["a class", "a profile name"],
        optional: false,
        keywords: &[
            PROFILE,
            PROFILE_OFF,
            &[
                Keyword::new("SSIGNON", Keywords(&[SSIGNON, SSIGNON_ALTER]), "keys of PassTickets: class PTKTDATA"),
                Keyword::new(
                    "KERB",
                    Keywords(&[REALM, REALM_OFF]),
                    "a Kerberos realm, or trust between two: class REALM",
                ),
            ],
        ],
        what: "changes profiles",
        carry_out: profiles::ralter,
    },
    Verb {
        name: "RDELETE",
        short: "RDEL",
        changes: true,
        names: &["a class", "a profile name"],
        optional: false,
        keywords: &[],
        what: "deletes profiles; records of the CKDS that their keys named stay there",
        carry_out: profiles::rdelete,
    },
    Verb {
        name: "RLIST",
        short: "RL",
        changes: false,
        names: &["a class", "a profile name"],
        optional: false,
        keywords: &[&[
            Keyword::new("ALL", Nothing, "with access list"),
            Keyword::new("AUTHUSER", Nothing, "with access list"),
            Keyword::new("NORACF", Nothing, "segments only"),
            Keyword::new("SSIGNON", Nothing, "with SSIGNON segment"),
            Keyword::new("KERB", Nothing, "with KERB segment"),
        ]],
        what: "lists profiles; the name * stands for all of a class",
        carry_out: rlist::rlist,
    },
    Verb {
        name: "PERMIT",
        short: "PE",
        changes: true,
        names: &["a profile name"],
        optional: false,
        keywords: &[PERMIT],
        what: "changes the access list of a profile",
        carry_out: permit::permit,
    },
    Verb {
        name: "SEARCH",
        short: "SR",
        changes: false,
        names: &[],
        optional: false,
        keywords: &[&[
            Keyword::new("CLASS", One("class, USER or GROUP"), "where to search"),
            Keyword::new("FILTER", One("name with % * **"), "names that it matches"),
            Keyword::new("MASK", Several("how the name begins, or *, then what else is in it"), "names like that"),
            Keyword::new("NOMASK", Nothing, "all names"),
            Keyword::new("ALL", Nothing, "discrete and generic profiles"),
            Keyword::new("GENERIC", Nothing, "generic profiles only"),
            Keyword::new("NOGENERIC", Nothing, "discrete profiles only"),
        ]],
        what: "lists the names of profiles",
        carry_out: search::search,
    },
    Verb {
        name: "SETROPTS",
        short: "SETR",
        changes: true,
        names: &[],
        optional: false,
        keywords: &[SETROPTS],
        what: "sets the options of the system",
        carry_out: setropts::setropts,
    },
    Verb {
        name: "ADDUSER",
        short: "AU",
        changes: true,
        names: &["a user ID"],
        optional: false,
        keywords: &[
            USER,
            &[
                Keyword::new("AUTHORITY", One("USE, CREATE, CONNECT or JOIN"), "what the user may do in the group"),
                Keyword::new("KERB", Keywords(&[KERB]), "the Kerberos principal of the user"),
            ],
        ],
        what: "defines users",
        carry_out: users::adduser,
    },
    Verb {
        name: "ALTUSER",
        short: "ALU",
        changes: true,
        names: &["a user ID"],
        optional: false,
        keywords: &[
            USER,
            USER_OFF,
            &[Keyword::new("KERB", Keywords(&[KERB, KERB_OFF]), "the Kerberos principal of the user")],
        ],
        what: "changes users",
        carry_out: users::altuser,
    },
    Verb {
        name: "LISTUSER",
        short: "LU",
        changes: false,
        names: &["a user ID"],
        optional: true,
        keywords: &[&[
            Keyword::new("NORACF", Nothing, "segments only"),
            Keyword::new("KERB", Nothing, "with KERB segment"),
        ]],
        what: "lists users; * stands for all, no name for who asks",
        carry_out: listuser::listuser,
    },
    Verb {
        name: "DELUSER",
        short: "DU",
        changes: true,
        names: &["a user ID"],
        optional: false,
        keywords: &[],
        what: "deletes users",
        carry_out: users::deluser,
    },
    Verb {
        name: "ADDGROUP",
        short: "AG",
        changes: true,
        names: &["a group name"],
        optional: false,
        keywords: &[&[
            Keyword::new("SUPGROUP", One("group"), "the group above; SYS1 unless given"),
            Keyword::new("OWNER", One(ID), "who owns the group"),
            Keyword::new("DATA", One(TEXT), "installation data"),
        ]],
        what: "defines groups",
        carry_out: groups::addgroup,
    },
    Verb {
        name: "LISTGRP",
        short: "LG",
        changes: false,
        names: &["a group name"],
        optional: true,
        keywords: &[],
        what: "lists groups; * stands for all, no name for the group of who asks",
        carry_out: listgrp::listgrp,
    },
    Verb {
        name: "DELGROUP",
        short: "DG",
        changes: true,
        names: &["a group name"],
        optional: false,
        keywords: &[],
        what: "deletes groups that nothing is in",
        carry_out: groups::delgroup,
    },
    Verb {
        name: "CONNECT",
        short: "CO",
        changes: true,
        names: &["a user ID"],
        optional: false,
        keywords: &[&[
            Keyword::new("GROUP", One("group"), "to which; that of who asks unless given"),
            Keyword::new("AUTHORITY", One("USE, CREATE, CONNECT or JOIN"), "what the user may do in the group"),
            Keyword::new("OWNER", One(ID), "who owns the connection"),
            Keyword::new("REVOKE", Nothing, "what the group may do is not for this user"),
            Keyword::new("RESUME", Nothing, "and now it is"),
        ]],
        what: "connects users to a group, or changes how they are connected",
        carry_out: connect::connect,
    },
    Verb {
        name: "REMOVE",
        short: "RE",
        changes: true,
        names: &["a user ID"],
        optional: false,
        keywords: &[&[Keyword::new("GROUP", One("group"), "from which; that of who asks unless given")]],
        what: "removes users from a group that is not their default one",
        carry_out: connect::remove,
    },
];
