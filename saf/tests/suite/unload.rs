//! Unloads: what is read of them, what becomes of it in a database, and that what is written is read again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use icsf_core::epoch::Epoch;
use icsf_core::store::{Area, Expect, Generation, MemoryStore, Op, Row, RowKey, RowStore, StoreError, Visit};
use icsf_saf::model::{Access, Attribute, Audit, Authority, Class, ImportedKey, LegacyKey, Profile, TicketType};
use icsf_saf::unload::{Characters, Contents, Finding, Form, Lines, UnloadError, export, read};
use icsf_saf::{Caller, Counts, Database, Existing, Imported, Request, Snapshot};

use crate::support::{NOW, Site, run};
use crate::synthetic::{Kind, Names, Size, write};

const SMALL: Size = Size { profiles: 3_000, users: 300, groups: 20, seed: 7 };

fn synthetic(size: Size) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(size, &mut bytes).unwrap();
    bytes
}

/// Text at columns of a record, blanks between them.
fn record(kind: &str, fields: &[(usize, &str)]) -> String {
    let mut line = kind.to_owned();
    for (column, text) in fields {
        line.extend(std::iter::repeat_n(' ', column - 1 - line.chars().count()));
        line.push_str(text);
    }
    line + "\n"
}

fn profile_record(name: &str, class: &str, more: &[(usize, &str)]) -> String {
    let mut fields = vec![(6, name), (253, class), (262, "NO"), (282, "SYS1"), (337, "NONE")];
    fields.extend_from_slice(more);
    record("0500", &fields)
}

fn ssignon_record(name: &str, more: &[(usize, &str)]) -> String {
    let mut fields = vec![(6, name), (253, "PTKTDATA")];
    fields.extend_from_slice(more);
    record("0530", &fields)
}

fn contents(text: &str) -> (Contents, Vec<Finding>) {
    let mut told = Vec::new();
    let contents = read(text.as_bytes(), &mut |finding| told.push(finding.clone())).unwrap();
    assert_eq!(contents.summary.findings, u64::try_from(told.len()).unwrap());
    (contents, told)
}

fn clean(text: &str) -> Contents {
    let (contents, told) = contents(text);
    assert_eq!(told, []);
    contents
}

fn profile<'a>(contents: &'a Contents, name: &str) -> &'a Profile {
    contents.profiles().find(|profile| profile.name.as_str() == name).unwrap()
}

fn import(site: &Site, text: &[u8], existing: Existing) -> Imported {
    let contents = read(text, &mut |_| {}).unwrap();
    let would = site.saf.database().import_would(&contents, existing).unwrap();
    let imported = site.saf.database().import(&contents, existing).unwrap();
    assert_eq!(would, imported);
    imported
}

fn written(site: &Site, form: Form) -> Vec<u8> {
    let mut bytes = Vec::new();
    export(&site.saf.database().view().unwrap(), form, &mut bytes).unwrap();
    bytes
}

const FORMS: [Form; 4] = [
    Form::TEXT,
    Form::EBCDIC,
    Form { characters: Characters::Ascii, lengths: true },
    Form { characters: Characters::Ebcdic, lengths: false },
];

#[test]
fn a_synthetic_unload_is_read_whole() {
    let contents = clean(std::str::from_utf8(&synthetic(SMALL)).unwrap());
    let summary = &contents.summary;
    assert_eq!(summary.form, Form::TEXT);
    assert_eq!((contents.groups().len(), contents.users().len()), (20, 300));
    // One in ten thousand meets another of its name.
    assert!(contents.profiles().len() > 2_990, "{}", contents.profiles().len());
    assert_eq!(summary.read["0500"], 3_001, "with one of a class that is not kept");
    assert_eq!(summary.classes, BTreeMap::from([("STARTED".to_owned(), 1)]));
    let others: Vec<_> = summary.others.iter().map(|(kind, others)| (kind.as_str(), others.count)).collect();
    assert_eq!(others, [("0101", 19), ("0220", 300), ("0400", 1)]);
    assert_eq!(summary.others["0400"].lines.len(), 1);
    assert_eq!(summary.others["0220"].lines.len(), 5, "the first ones only");
    assert_eq!(summary.records, summary.read.values().sum::<u64>() + 320);

    let keys = contents.profiles().filter(|profile| profile.ssignon.is_some()).count();
    assert_eq!(keys, (0..3_000).filter(|number| Kind::of(*number) == Kind::Key).count());
    let of = |kind| {
        let is = |profile: &&Profile| {
            let ssignon = profile.ssignon.as_ref();
            matches!(ssignon.and_then(|s| s.legacy.as_ref()), Some(LegacyKey::Imported(how)) if *how == kind)
        };
        contents.profiles().filter(is).count()
    };
    assert!(of(ImportedKey::Masked) > 200 && of(ImportedKey::Token) > 20 && of(ImportedKey::Unknown) == 0);
}

#[test]
fn what_is_imported_is_exported_and_comes_back_byte_for_byte() {
    let (first, second) = (Site::bare(), Site::bare());
    let imported = import(&first, &synthetic(SMALL), Existing::Keep);
    assert_eq!((imported.groups.added, imported.users.added, imported.kept()), (20, 300, 0));
    for form in FORMS {
        let bytes = written(&first, form);
        assert_eq!(bytes, written(&first, form), "the same database gives the same bytes");
        let (contents, told) = {
            let mut told = Vec::new();
            let contents = read(bytes.as_slice(), &mut |finding| told.push(finding.clone())).unwrap();
            (contents, told)
        };
        assert_eq!((contents.summary.form, told), (form, vec![]));
        second.saf.database().import(&contents, Existing::Replace).unwrap();
        assert_eq!(written(&second, form), bytes, "{form}");
    }
    // Nothing is lost, either: what is written again is what was read.
    let again = import(&second, &synthetic(SMALL), Existing::Keep);
    let all = |counts: Counts| counts.added + counts.replaced + counts.kept;
    assert_eq!((all(again.groups), all(again.users), all(again.profiles)), (0, 0, 0), "{again:?}");
}

#[test]
fn every_field_is_found_at_its_column() {
    let contents = clean(
        &[
            record(
                "0100",
                &[(6, "PAY"), (15, "SYS1"), (24, "2001-02-03"), (35, "JANE"), (44, "NONE"), (58, "pay roll")],
            ),
            record("0102", &[(6, "PAY"), (15, "JOE"), (24, "JOIN")]),
            record(
                "0200",
                &[
                    (6, "JOE"),
                    (15, "2004-02-29"),
                    (26, "JANE"),
                    (35, "NO"),
                    (40, "YES"),
                    (45, "NO"),
                    (50, "YES"),
                    (55, "NO"),
                    (60, "090"),
                    (75, "JOE'S NAME"),
                    (96, "SYS1"),
                    (125, "data of Joe"),
                    (386, "YES"),
                    (391, "PRO"),
                    (405, "003"),
                    (634, "YES"),
                ],
            ),
            record("0203", &[(6, "JOE"), (15, "SYS1")]),
            record("0203", &[(6, "JOE"), (15, "PAY")]),
            record("0205", &[(6, "JOE"), (15, "PAY"), (24, "2005-05-05"), (35, "BOSS"), (94, "YES")]),
            record("02D0", &[(6, "JOE"), (15, "joe"), (256, "0000003600"), (271, "NO"), (286, "YES"), (301, "YES")]),
            profile_record(
                "TSOPRD1",
                "PTKTDATA",
                &[
                    (346, "ALL"),
                    (355, "042"),
                    (368, "made in 1999"),
                    (624, "ALTER"),
                    (633, "READ"),
                    (660, "YES"),
                    (754, "NO REPLAY PROTECTION - DO NOT CHANGE"),
                ],
            ),
            record("0505", &[(6, "TSOPRD1"), (253, "PTKTDATA"), (262, "JOE"), (271, "UPDATE"), (280, "00007")]),
            record("0505", &[(6, "TSOPRD1"), (253, "PTKTDATA"), (262, "*"), (271, "READ")]),
            ssignon_record(
                "TSOPRD1",
                &[
                    (262, "IRR.SSIGNON.SY1.07192018.185056.915782"),
                    (327, "PTKT.HMAC"),
                    (392, "UPPER"),
                    (405, "0000000600"),
                    (416, "YES"),
                ],
            ),
            profile_record("KERBDFLT", "REALM", &[]),
            record(
                "0580",
                &[
                    (6, "KERBDFLT"),
                    (253, "REALM"),
                    (262, "EXAMPLE.COM"),
                    (503, "0000000015"),
                    (514, "0000086400"),
                    (525, "0000036000"),
                    (536, "002"),
                    (560, "YES"),
                    (620, "YES"),
                ],
            ),
        ]
        .concat(),
    );
    let group = &contents.groups()[0];
    assert_eq!((group.id, group.superior), ("PAY".parse().unwrap(), "SYS1".parse().ok()));
    assert_eq!((group.owner.to_string().as_str(), group.data.as_str()), ("JANE", "pay roll"));
    assert_eq!(group.created, Some(981_158_400));
    let joe = &contents.users()[0];
    assert_eq!((joe.name.as_str(), joe.data.as_str(), joe.failed_attempts), ("JOE'S NAME", "data of Joe", 3));
    assert_eq!((joe.revoked, joe.protected, joe.has_password()), (true, true, false));
    assert_eq!(
        joe.attributes.iter().copied().collect::<Vec<_>>(),
        [Attribute::Special, Attribute::Auditor, Attribute::Roaudit]
    );
    assert_eq!(
        (joe.owner.to_string(), joe.group.to_string(), joe.created),
        ("JANE".into(), "SYS1".into(), Some(1_078_012_800))
    );
    let pay = &joe.connects[&"PAY".parse().unwrap()];
    assert_eq!((pay.authority, pay.owner.to_string(), pay.revoked), (Authority::Join, "BOSS".into(), true));
    assert_eq!(joe.connects.len(), 2);
    let kerb = joe.kerb.as_ref().unwrap();
    assert_eq!((kerb.name.as_str(), kerb.max_ticket_life, kerb.encryption.len()), ("joe", Some(3_600), 2));

    let tso = profile(&contents, "TSOPRD1");
    assert_eq!((tso.generic, tso.uacc, tso.level, tso.warning), (false, Access::None, 42, true));
    assert_eq!((tso.data.as_str(), tso.replay_bypassed()), ("made in 1999", true));
    assert_eq!(tso.audit, Audit { success: Some(Access::Alter), failures: Some(Access::Read) });
    assert_eq!(tso.access.values().copied().collect::<Vec<_>>(), [Access::Read, Access::Update]);
    let keys = tso.ssignon.as_ref().unwrap();
    assert!(matches!(&keys.legacy, Some(LegacyKey::Label(l)) if l.to_string().ends_with("915782")));
    assert_eq!(keys.enhanced.unwrap().to_string(), "PTKT.HMAC");
    assert_eq!((keys.ticket_type, keys.timeout, keys.replay), (Some(TicketType::Upper), Some(600), Some(true)));
    let realm = profile(&contents, "KERBDFLT").kerb.as_ref().unwrap();
    assert_eq!((realm.name.as_str(), realm.key_version, realm.check_addresses), ("EXAMPLE.COM", 2, true));
    assert_eq!(
        (realm.min_ticket_life, realm.default_ticket_life, realm.max_ticket_life),
        (Some(15), Some(36_000), Some(86_400))
    );
    assert!(realm.password.is_none() && realm.encryption.len() == 1);
}

#[test]
fn each_way_a_key_is_kept_is_told_apart() {
    let keys = |more: &[(usize, &str)]| {
        let text = [profile_record("APPL1", "PTKTDATA", &[]), ssignon_record("APPL1", more)].concat();
        let (contents, told) = contents(&text);
        let keys = profile(&contents, "APPL1").ssignon.as_ref().unwrap();
        let legacy = keys.legacy.as_ref().map(|legacy| match legacy {
            LegacyKey::Imported(how) => how.to_string(),
            LegacyKey::Label(label) => label.to_string(),
            LegacyKey::Masked(_) | LegacyKey::Token(_) => unreachable!("no key is in an unload"),
        });
        (legacy, keys.enhanced.map(|label| label.to_string()), told.len())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(keys(&[(262, "*MASKED*")]), (some("*MASKED*"), None, 0));
    assert_eq!(keys(&[(262, "*KEYTOKEN*")]), (some("*KEYTOKEN*"), None, 0));
    assert_eq!(keys(&[(262, "*UNKNOWN*")]), (some("*UNKNOWN*"), None, 0));
    assert_eq!(keys(&[(262, "MY.LABEL")]), (some("MY.LABEL"), None, 0));
    assert_eq!(keys(&[(327, "HMAC.LABEL")]), (None, some("HMAC.LABEL"), 0));
    assert_eq!(keys(&[(262, "*MASKED*"), (327, "HMAC.LABEL")]), (some("*MASKED*"), some("HMAC.LABEL"), 0));
    assert_eq!(keys(&[]), (None, None, 0));
    // In the wrong column it says nothing of the legacy key, and is no label.
    assert_eq!(keys(&[(327, "*MASKED*")]), (None, None, 1));
    assert_eq!(keys(&[(262, "?? no label")]), (some("*UNKNOWN*"), None, 1));
}

#[test]
fn a_key_that_is_not_known_makes_no_ticket_and_the_cause_says_so() {
    let site = Site::new();
    let text = [profile_record("APPL1", "PTKTDATA", &[]), ssignon_record("APPL1", &[(262, "*MASKED*")])].concat();
    let imported = import(&site, text.as_bytes(), Existing::Keep);
    assert_eq!(imported.refreshed, [Class::Ptktdata].into(), "in use at once, as after a start of the system");
    let caller = Caller::user("TPXSTC".parse().unwrap());
    let request = Request::new("IBMUSER".parse().unwrap(), "APPL1".parse().unwrap());
    let error = site.saf.generate(&caller, &request.at(NOW)).unwrap_err();
    assert_eq!(error.triple().to_string(), "8/16/28");
    assert!(error.cause().to_string().contains("*MASKED*"), "{}", error.cause());
    assert!(!error.cause().remedies().is_empty());

    // The key typed once is the key, and a later unload does not take it away.
    run(&site.saf, "RALTER PTKTDATA APPL1 SSIGNON(KEYMASKED(E001193519561977))");
    site.run(&[]);
    let ticket = site.saf.generate(&caller, &request.at(NOW)).unwrap();
    let again = import(&site, text.as_bytes(), Existing::Replace);
    assert_eq!(again.profiles, Counts { same: 1, ..Counts::default() });
    assert_eq!(site.saf.generate(&caller, &request.at(NOW)).unwrap(), ticket);
    assert_eq!(written(&site, Form::TEXT).windows(16).filter(|w| w == b"E001193519561977").count(), 0);
}

#[test]
fn records_of_older_releases_end_earlier() {
    let text = [
        profile_record("OLD", "PTKTDATA", &[]),
        ssignon_record("OLD", &[(262, "*MASKED*")]),
        "0100 SYS1\n".to_owned(),
        "0200 JOE      2004-02-29 IBMUSER\n".to_owned(),
    ];
    let (contents, told) = contents(&text.concat());
    let keys = profile(&contents, "OLD").ssignon.as_ref().unwrap();
    assert_eq!((keys.timeout, keys.replay, keys.ticket_type), (None, None, None));
    assert_eq!((keys.timeout(), keys.replay()), (60, false), "the defaults");
    let whats: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(
        whats,
        ["line 3, column 35: GPBD_OWNER_ID: it is blank", "line 4, column 96: USBD_DEFGRP_ID: it is blank"]
    );
    assert_eq!(contents.users()[0].group.to_string(), "SYS1", "a user has a group");
}

#[test]
fn records_may_come_in_any_order() {
    let whole = synthetic(SMALL);
    let text = std::str::from_utf8(&whole).unwrap();
    let mut sorted: Vec<&str> = text.split_inclusive('\n').collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let (one, other) = (Site::bare(), Site::bare());
    import(&one, &whole, Existing::Keep);
    import(&other, sorted.concat().as_bytes(), Existing::Keep);
    assert_eq!(written(&one, Form::TEXT), written(&other, Form::TEXT));
}

#[test]
fn where_a_profile_stands_is_told() {
    let text = ssignon_record("B", &[(262, "*MASKED*")])
        + &profile_record("A", "PTKTDATA", &[])
        + "\n"
        + &profile_record("B", "PTKTDATA", &[]);
    let contents = clean(&text);
    let lines: Vec<_> = contents.profiles_and_lines().map(|(profile, lines)| (profile.name.as_str(), lines)).collect();
    assert_eq!(lines, [("A", Lines { base: 2, ssignon: None }), ("B", Lines { base: 4, ssignon: Some(1) })]);
}

#[test]
fn what_is_damaged_is_told_with_line_and_column_and_nothing_ends_the_reading() {
    let name = |length: usize| "N".repeat(length);
    let text = [
        profile_record("GOOD1", "PTKTDATA", &[]),
        profile_record("G\u{e4}UDI", "PTKTDATA", &[]),
        profile_record("GOOD2", "PTKTDATA", &[(660, "MAYB")]),
        record("0500", &[(6, &name(247)), (253, "PTKTDATA"), (262, "NO"), (282, "SYS1")]),
        record("0505", &[(6, "NOBODY"), (253, "PTKTDATA"), (262, "JOE"), (271, "READ")]),
        record("0505", &[(6, "GOOD1"), (253, "PTKTDATA"), (262, "J O E"), (271, "READ")]),
        record("0505", &[(6, "GOOD1"), (253, "PTKTDATA"), (262, "JOE"), (271, "EVERYTHING")]),
        ssignon_record("GOOD1", &[(262, "*MASKED*"), (405, "00000000x0"), (416, "NEIN")]),
        "not a record at all\n".to_owned(),
        "05\n".to_owned(),
        "\n   \n".to_owned(),
        "9999 something\n".to_owned(),
        profile_record("GOOD1", "PTKTDATA", &[]),
        record("0203", &[(6, "GHOST"), (15, "SYS1")]),
        profile_record("GOOD3", "PTKTDATA", &[(355, "100")]),
        record("0530", &[(6, "GOOD3"), (253, "APPL"), (262, "*MASKED*")]),
    ]
    .concat();
    let (contents, told) = contents(&text);
    let names: Vec<&str> = contents.profiles().map(|profile| profile.name.as_str()).collect();
    assert!(names.starts_with(&["GOOD1", "GOOD2", "GOOD3"]), "{names:?}");
    assert!(profile(&contents, "GOOD1").access.is_empty(), "neither permit could be read");
    let at: Vec<(u64, Option<usize>)> = told.iter().map(|finding| (finding.line, finding.column)).collect();
    for expected in [
        (2, Some(7)), // not ASCII
        (2, Some(6)), // no name
        (3, Some(660)),
        (4, Some(6)), // runs into the next field
        (5, None),    // no record 0500
        (6, Some(262)),
        (7, Some(271)),
        (8, Some(405)),
        (8, Some(416)),
        (9, Some(1)),
        (10, Some(1)),
        (14, None), // there twice
        (15, None), // a user without record 0200
        (16, Some(355)),
        (17, Some(253)),
    ] {
        assert!(at.contains(&expected), "{expected:?} in {told:#?}");
    }
    assert_eq!(contents.summary.others["9999"].lines, [13]);
    assert!(contents.summary.first_findings.len() <= 20);
}

#[test]
fn a_flood_of_findings_takes_no_memory() {
    let text = "0500 \u{7}\n".repeat(50_000) + &(0..5_000).map(|n| format!("1{n:03} x\n")).collect::<String>();
    let (contents, told) = contents(&text);
    assert!(told.len() > 100_000);
    assert_eq!(contents.summary.first_findings.len(), 20);
    assert!(contents.summary.others.len() <= 1_001);
}

#[test]
fn what_is_no_unload_changes_nothing() {
    for bytes in [&b""[..], b"RDEFINE PTKTDATA TSOPRD1\n", b"\0\0\0\0\0\0\0\0\0\0"] {
        assert!(matches!(read(bytes, &mut |_| {}), Err(UnloadError::NotAnUnload)));
    }
}

/// The records of an unload with length words, each without its word.
fn without_words(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut records) = (bytes, Vec::new());
    while let [high, low, 0, 0, ..] = *rest {
        let (record, after) = rest.split_at(u16::from_be_bytes([high, low]).into());
        records.push(record[4..].to_vec());
        rest = after;
    }
    assert!(rest.is_empty());
    records
}

fn small_site() -> Site {
    let site = Site::new();
    site.run(&["ADDGROUP (GRP1 GRP2)", "ADDUSER (U1 U2)", "RDEFINE PTKTDATA A SSIGNON(KEYLABEL(A.KEY))"]);
    site
}

/// FTP in binary without `quote site rdw`: nothing tells where a record ends.
#[test]
fn an_unload_whose_records_run_into_one_another_is_refused_and_not_read_as_one_record() {
    let site = small_site();
    for form in [Form::EBCDIC, Form { characters: Characters::Ascii, lengths: true }] {
        let records = without_words(&written(&site, form));
        assert!(records.len() >= 9, "{}", records.len());
        for few in [2, records.len()] {
            let error = read(&records[..few].concat()[..], &mut |_| {}).unwrap_err();
            assert!(matches!(error, UnloadError::RunsOn), "{error}");
            assert!(error.to_string().contains("quote site rdw"), "{error}");
        }
    }
    // Whatever the types are.
    let long = format!("0100 SYS1{}", " ".repeat(4100));
    assert!(matches!(read(long.as_bytes(), &mut |_| {}), Err(UnloadError::RunsOn)));
    // A record of a later release, which is longer, is one; two in a line further on are told.
    let group = written(&site, Form::TEXT);
    let group = std::str::from_utf8(&group).unwrap().lines().next().unwrap().to_owned();
    clean(&format!("{group} NEWFIELD 0001 X"));
    let (contents, told) = contents(&format!("{group}\n{}{group}\n", group.replacen("GRP1", "GRP3", 1)));
    assert_eq!((contents.summary.records, told.len()), (2, 1), "{told:?}");
    assert!(told.iter().any(|finding| finding.what.contains("another record begins in this line")), "{told:?}");
}

/// Length words that a transfer as text has left before the lines.
#[test]
fn words_before_lines_are_told_from_words_before_records() {
    let site = small_site();
    // With lengths of which a byte ends a line: 266, 277, 293.
    for length in [236, 247, 263, 500] {
        run(&site.saf, &format!("ALTUSER U1 DATA('{}')", "x".repeat(length.min(255))));
    }
    let read = |bytes: &[u8]| {
        let contents = read(bytes, &mut |finding| panic!("{finding}")).unwrap();
        assert_eq!(contents.summary.cut_short, None);
        (contents.summary.records, contents.summary.form.lengths, contents.profiles().count())
    };
    let records = without_words(&written(&site, Form::EBCDIC));
    let texts = without_words(&written(&site, Form { characters: Characters::Ascii, lengths: true }));
    let count = u64::try_from(records.len()).unwrap();
    let profiles = read(&written(&site, Form::EBCDIC)).2;
    let word = |record: &[u8]| [&u16::try_from(record.len() + 4).unwrap().to_be_bytes()[..], &[0, 0]].concat();
    let lines = |records: &[Vec<u8>], word: &dyn Fn(&[u8]) -> Vec<u8>, end: &[u8]| -> Vec<u8> {
        records.iter().flat_map(|record| [&word(record)[..], record, end].concat()).collect()
    };
    for bytes in [
        lines(&texts, &word, b"\n"),
        lines(&texts, &word, b"\r\n"),
        lines(&records, &word, &[0x15]),
        lines(&records, &word, &[0x25]),
        // The word was translated like the text.
        lines(&texts, &|_| vec![0x01, 0xa6, 0, 0], b"\n"),
        lines(&texts, &|_| b"\x01\n\0\0".to_vec(), b"\n"),
    ] {
        assert_eq!(read(&bytes), (count, false, profiles));
    }
    for bytes in [lines(&texts, &word, b""), lines(&records, &word, b""), lines(&texts[..1], &word, b"")] {
        assert!(read(&bytes).1);
    }
}

#[test]
fn an_import_keeps_or_replaces_what_is_there_and_removes_nothing() {
    let site = Site::new();
    site.run(&[
        "ADDUSER JOE NAME('OLD NAME') PASSWORD(SECRET1)",
        "RDEFINE PTKTDATA APPL1 APPLDATA('MINE')",
        "RDEFINE PTKTDATA UNTOUCHED UACC(READ)",
    ]);
    let text = [
        record("0200", &[(6, "JOE"), (26, "IBMUSER"), (75, "NEW NAME"), (96, "SYS1")]),
        profile_record("APPL1", "PTKTDATA", &[(754, "THEIRS")]),
        profile_record("APPL2", "PTKTDATA", &[]),
    ]
    .concat();
    let view = || site.saf.database().view().unwrap();
    let appldata = |view: &Snapshot| {
        let name = "APPL1".parse().unwrap();
        view.profile(Class::Ptktdata, &name).unwrap().appldata.clone()
    };
    let joe = "JOE".parse().unwrap();

    let kept = import(&site, text.as_bytes(), Existing::Keep);
    assert_eq!((kept.users.kept, kept.profiles.kept, kept.profiles.added), (1, 1, 1));
    assert_eq!(kept.differing, ["user JOE", "profile APPL1 of class PTKTDATA"]);
    assert_eq!((appldata(&view()).as_str(), view().user(&joe).unwrap().name.as_str()), ("MINE", "OLD NAME"));

    let replaced = import(&site, text.as_bytes(), Existing::Replace);
    assert_eq!((replaced.users.replaced, replaced.profiles.replaced, replaced.profiles.same), (1, 1, 1));
    assert_eq!((appldata(&view()).as_str(), view().user(&joe).unwrap().name.as_str()), ("THEIRS", "NEW NAME"));
    assert!(view().user(&joe).unwrap().has_password(), "an unload has none, and takes none away");
    let untouched = "UNTOUCHED".parse().unwrap();
    assert_eq!(view().profile(Class::Ptktdata, &untouched).unwrap().uacc, Access::Read);
    assert_eq!(view().stale(Class::Ptktdata), 0);
}

/// A store to which somebody else writes first, or that has no room.
#[derive(Debug)]
struct Overtaken {
    store: MemoryStore,
    by: Mutex<Option<Vec<Op>>>,
}

impl RowStore for Overtaken {
    fn generation(&self) -> Result<Generation, StoreError> {
        self.store.generation()
    }

    fn get(&self, area: Area, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.store.get(area, key)
    }

    fn scan(&self, area: Area, after: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(area, after, visit)
    }

    fn changed_since(&self, generation: Generation) -> Result<Option<Vec<RowKey>>, StoreError> {
        self.store.changed_since(generation)
    }

    fn apply(&self, ops: &[Op]) -> Result<Generation, StoreError> {
        match self.by.lock().unwrap().take() {
            Some(first) if first.is_empty() => {
                let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
                return Err(StoreError::Full { place: "here".to_owned(), source: Box::new(full) });
            }
            Some(first) => drop(self.store.apply(&first)?),
            None => {}
        }
        self.store.apply(ops)
    }
}

#[test]
fn an_import_that_is_overtaken_sees_what_overtook_it() {
    let first = Site::bare();
    run(&first.saf, "RDEFINE PTKTDATA TSO00000 APPLDATA('FIRST')");
    let mut ops = Vec::new();
    first
        .racf
        .scan(Area::Disk, None, &mut |key, _, bytes| {
            ops.push(Op::Put(Area::Disk, key.into(), bytes.to_vec().into(), Expect::Absent));
            ControlFlow::Continue(())
        })
        .unwrap();
    let epoch = Arc::new(Epoch::in_memory());
    let store = Arc::new(Overtaken { store: MemoryStore::default(), by: Mutex::new(Some(ops)) });
    let database = Database::new(store, epoch);
    let contents = read(synthetic(SMALL).as_slice(), &mut |_| {}).unwrap();
    let imported = database.import(&contents, Existing::Keep).unwrap();
    assert_eq!(imported.profiles.kept, 1);
    assert_eq!(imported.differing, ["profile TSO00000 of class PTKTDATA"]);
    let name = "TSO00000".parse().unwrap();
    assert_eq!(database.view().unwrap().profile(Class::Ptktdata, &name).unwrap().appldata, "FIRST");
}

#[test]
fn an_import_that_cannot_be_written_leaves_nothing_behind() {
    let store = Arc::new(Overtaken { store: MemoryStore::default(), by: Mutex::new(Some(Vec::new())) });
    let database = Database::new(Arc::clone(&store) as Arc<dyn RowStore>, Arc::new(Epoch::in_memory()));
    let contents = read(synthetic(SMALL).as_slice(), &mut |_| {}).unwrap();
    assert!(matches!(database.import(&contents, Existing::Keep), Err(StoreError::Full { .. })));
    assert_eq!((store.generation().unwrap(), database.view().unwrap().users().count()), (0, 0));
}

#[test]
fn names_of_other_code_pages_come_back() {
    // A pound sign at X'5B', where others have a dollar sign.
    let site = Site::bare();
    let text = [
        profile_record("APPL1", "PTKTDATA", &[]),
        record("0505", &[(6, "APPL1"), (253, "PTKTDATA"), (262, "A\u{a3}B"), (271, "READ")]),
    ]
    .concat();
    import(&site, text.as_bytes(), Existing::Keep);
    for form in FORMS {
        let contents = read(written(&site, form).as_slice(), &mut |_| {}).unwrap();
        let ids: Vec<_> = profile(&contents, "APPL1").access.keys().map(|id| *id.ebcdic()).collect();
        assert_eq!(ids, [[0xc1, 0xb1, 0xc2, 0x40, 0x40, 0x40, 0x40, 0x40]], "{form}");
    }
}

#[test]
fn texts_of_all_kinds_are_written_once_and_for_all() {
    let site = Site::bare();
    let long = "x".repeat(250) + "0123456789";
    run(&site.saf, &format!("RDEFINE PTKTDATA A1 DATA('  blanks around  ') APPLDATA('{}')", &long[..250]));
    run(&site.saf, "RDEFINE PTKTDATA A2 DATA('\u{fc}ber \u{a3} \u{ff}')");
    for form in FORMS {
        let first = written(&site, form);
        let other = Site::bare();
        import(&other, &first, Existing::Keep);
        let second = written(&other, form);
        assert_eq!(first, second, "{form}");
    }
    assert!(site.racf.get(Area::Disk, b"S").unwrap().is_none(), "the options are no part of an unload");
}

#[test]
fn a_hundred_users_of_many_groups_are_found_by_name() {
    let site = Site::bare();
    import(&site, &synthetic(SMALL), Existing::Keep);
    let view = site.saf.database().view().unwrap();
    for number in 0..100 {
        let id = Names::user(number).parse().unwrap();
        assert_eq!(view.user(&id).unwrap().name, format!("USER {number:06}"));
    }
    assert!(view.users().map(|user| user.id).is_sorted());
    assert!(view.profiles(Class::Ptktdata).map(|profile| &profile.name).is_sorted());
    assert_eq!(view.groups().count(), 20);
}

#[test]
fn records_of_no_known_class_are_told_or_counted() {
    let text = [
        profile_record("APPL1", "PTKTDATA", &[]),
        record("0505", &[(6, "APPL1"), (262, "JOE"), (271, "READ")]),
        record("0505", &[(6, "APPL1")]),
        record("0505", &[(6, "APPL1"), (253, "PTKT?ATA"), (262, "JOE"), (271, "READ")]),
        record("0505", &[(6, "APPL1"), (253, "PTKTDATE"), (262, "JOE"), (271, "READ")]),
        record("0530", &[(6, "APPL1"), (253, "PTKTDAT"), (262, "*MASKED*")]),
        record("0530", &[(6, "APPL1"), (262, "*MASKED*")]),
        profile_record("ANY.*", "STARTED", &[]),
        record("0505", &[(6, "ANY.*"), (253, "STARTED"), (262, "JOE"), (271, "READ")]),
    ];
    let (contents, told) = contents(&text.concat());
    let mut at: Vec<(u64, Option<usize>)> = told.iter().map(|finding| (finding.line, finding.column)).collect();
    at.sort_unstable();
    at.dedup();
    assert_eq!(at, [2, 3, 4, 5, 6, 7].map(|line| (line, Some(253))), "{told:#?}");
    let summary = &contents.summary;
    assert_eq!(summary.classes, BTreeMap::from([("STARTED".to_owned(), 1)]));
    let counted = |class: &str, kind: &str| summary.class_records[class][kind];
    assert_eq!((counted("STARTED", "0500"), counted("STARTED", "0505")), (1, 1));
    assert_eq!((counted("PTKTDATE", "0505"), counted("PTKTDAT", "0530")), (1, 1));
}

#[test]
fn a_record_cut_within_a_field_is_told_where_blanks_at_the_end_are_kept() {
    let whole = |line: String, width: usize| format!("{:<width$}\n", line.trim_end());
    let label = "IRR.SSIGNON.SY1.07192018.185056.915782";
    let old = |name: &str| format!("{:<325}\n", ssignon_record(name, &[(262, "MY.LABEL")]).trim_end());
    let key = ssignon_record("APPL1", &[(262, label)]);
    let user = record("0200", &[(6, "JOE"), (26, "IBMUSER"), (40, "NO"), (45, "NO"), (50, "YES"), (96, "SYS1")]);
    let text = [
        format!("{}\n", &key[..280]),
        whole(profile_record("APPL1", "PTKTDATA", &[]), 1017),
        whole(profile_record("APPL2", "PTKTDATA", &[]), 1017),
        old("APPL2"),
        format!("{}\n", &user[..51]),
    ];
    let (_, told) = contents(&text.concat());
    let cut = |finding: &&Finding| finding.what.ends_with("the record ends within it");
    let at: Vec<_> = told.iter().filter(cut).map(|finding| (finding.line, finding.column)).collect();
    assert_eq!(at, [(1, Some(262)), (5, Some(50))], "{told:#?}");
    // Without the end of its line, the last one was cut off: there may have been more.
    let (broken, _) = contents(text.concat().trim_end_matches('\n'));
    assert_eq!(broken.summary.cut_short.as_deref(), Some("the file ends within record 5, whose line has no end"));
    // Where a transfer took the blanks away, any record may end so.
    clean(&[profile_record("APPL1", "PTKTDATA", &[]), key].concat());
}

#[test]
fn a_timeout_that_no_command_takes_is_told() {
    for (seconds, taken) in
        [("0000000000", None), ("0000000001", Some(1)), ("0000000600", Some(600)), ("0000000900", None)]
    {
        let text = [profile_record("A", "PTKTDATA", &[]), ssignon_record("A", &[(405, seconds)])].concat();
        let (contents, told) = contents(&text);
        assert_eq!(profile(&contents, "A").ssignon.as_ref().unwrap().timeout, taken);
        assert_eq!(
            told.iter().map(|finding| finding.column).collect::<Vec<_>>(),
            Vec::from_iter(taken.is_none().then_some(Some(405)))
        );
    }
}
