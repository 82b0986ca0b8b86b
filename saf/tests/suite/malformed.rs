//! Malformed commands, made from good ones by one rule after another: each is refused with its place, changes nothing and
//! panics nowhere, or it is one of those that happen to be good.

use std::collections::{BTreeMap, BTreeSet};

use icsf_core::store::{Area, RowStore};
use icsf_saf::command::NoSecrets;

use crate::support::{Site, admin, run};

/// One of each command, with all sorts of operands; they are good one after the other.
const GOOD: [&str; 17] = [
    "SETROPTS CLASSACT(APPL) RACLIST(PTKTDATA) REFRESH PASSWORD(MIXEDCASE REVOKE(3)) LIST",
    "RDEFINE PTKTDATA (NEW1,NEW2) OWNER(SYS1) UACC(NONE) LEVEL(5) APPLDATA('NO ''REPLAY'' PROTECTION')",
    "RDEFINE PTKTDATA NEW3 SSIGNON(KEYMASKED(E001193519561977) TYPE(UPPER) TIMEOUT(60) REPLAY(NO))",
    "RDEFINE REALM KERBDFLT KERB(KERBNAME(KRB.EXAMPLE.COM) MINTKTLF(15) DEFTKTLF(36000) MAXTKTLF(86400) CHECKADDRS(NO))",
    "RALTER PTKTDATA MASKED SSIGNON(ENCRYPTKEY) AUDIT(SUCCESS(READ) FAILURES)",
    "RALTER PTKTDATA MASKED NOAPPLDATA SSIGNON(KEYLABEL(PTKT.MASKED.DES) NOTYPE NOTIMEOUT)",
    "PERMIT IRRPTAUTH.** CLASS(PTKTDATA) ID(TPXSTC,*) ACCESS(UPDATE) RESET(ALL)",
    "RLIST PTKTDATA MASKED ALL SSIGNON",
    "SEARCH CLASS(PTKTDATA) FILTER(IRR*.**) NOGENERIC",
    "ADDGROUP GRP2 SUPGROUP(GRP) OWNER(IBMUSER) DATA('a group')",
    "ADDUSER NEWUSER NAME('A PERSON') DFLTGRP(GRP) SPECIAL KERB(KERBNAME(new) ENCRYPT(NODES))",
    "ALTUSER TAKEN OWNER(GRP) RESUME NOSPECIAL",
    "CONNECT TAKEN GROUP(GRP) AUTHORITY(JOIN) REVOKE",
    "LISTUSER TAKEN NORACF KERB",
    "LISTGRP GRP",
    "REMOVE TAKEN GROUP(OTHER)",
    "RDELETE PTKTDATA MASKED",
];

/// What each is tried on.
fn site() -> Site {
    let site = Site::new();
    for command in [
        "RDEFINE PTKTDATA MASKED SSIGNON(KEYMASKED(0123456789ABCDEF))",
        "ADDGROUP (GRP OTHER)",
        "ADDUSER TAKEN",
        "CONNECT TAKEN GROUP(OTHER)",
    ] {
        run(&site.saf, command);
    }
    site
}

/// Where words, strings and marks end.
fn ends(text: &str) -> Vec<usize> {
    let mark = |c: char| c.is_whitespace() || "(),'".contains(c);
    let mut ends: Vec<usize> = text.char_indices().filter(|(_, c)| mark(*c)).flat_map(|(at, _)| [at, at + 1]).collect();
    ends.dedup();
    ends
}

/// The words of a text: where they are.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut begin = 0;
    for end in ends(text).into_iter().chain([text.len()]) {
        if end > begin && text[begin..end].chars().all(|c| c.is_ascii_alphanumeric() || ".*".contains(c)) {
            words.push((begin, end));
        }
        begin = end;
    }
    words
}

/// Names and values that may be others as well.
const FREE: [&str; 20] = [
    "NEW1",
    "NEW2",
    "NEW3",
    "SYS1",
    "KERBDFLT",
    "KRB.EXAMPLE.COM",
    "36000",
    "86400",
    "PTKT.MASKED.DES",
    "TPXSTC",
    "IRR*.**",
    "GRP2",
    "IBMUSER",
    "NEWUSER",
    "GRP",
    "new",
    "3",
    "5",
    "15",
    "60",
];

/// A malformed command: by which rule, and whether it is good after all, should it be taken.
struct Malformed {
    rule: &'static str,
    text: String,
    may_be_good: bool,
}

/// Whether a place of a text stands within apostrophes: any text may.
fn in_apostrophes(text: &str, at: usize) -> bool {
    text[..at].matches('\'').count() % 2 == 1
}

/// Whether what is left may be whole operands: the end closes parentheses.
fn may_be_whole(text: &str) -> bool {
    text.matches('\'').count().is_multiple_of(2)
}

/// What is made of a good command.
fn malformed(good: &str) -> Vec<Malformed> {
    let mut out = Vec::new();
    let mut add = |rule, text: String, may_be_good| out.push(Malformed { rule, text, may_be_good });
    for end in ends(good) {
        // What is left may be whole operands.
        let text = good[..end].to_owned();
        let whole = may_be_whole(&text);
        add("cut off", text, whole);
        for mark in ["(", ")", "'", "/*"] {
            let within = in_apostrophes(good, end) && mark != "'";
            // What follows may be a list of one name, which the end closes.
            let list = mark == "(" && !good[end..].contains(['(', ')']);
            add("a mark too many", format!("{}{mark}{}", &good[..end], &good[end..]), within || list);
        }
    }
    for (at, mark) in good.char_indices().filter(|(_, c)| "()'".contains(*c)) {
        let rest = &good[at + mark.len_utf8()..];
        let at_end = mark == ')' && rest.bytes().all(|byte| byte == b')');
        add("a mark too few", format!("{}{rest}", &good[..at]), at_end);
    }
    for (begin, end) in words(good) {
        let (before, word, after) = (&good[..begin], &good[begin..end], &good[end..]);
        let text = in_apostrophes(good, begin);
        let free = text || FREE.contains(&word);
        let mut with = |rule, word: &str, may_be_good| add(rule, format!("{before}{word}{after}"), may_be_good);
        with("misspelt", &format!("{word}X"), free);
        with("misspelt", &format!("Q{word}"), free);
        if word.len() > 3 {
            let swapped: String = [&word[..1], &word[2..3], &word[1..2], &word[3..]].concat();
            with("misspelt", &swapped, free);
        }
        if word.len() == 16 {
            with("a key too short", &word[1..], false);
        }
        with("left out", "", true);
        with("too long", &word.repeat(260 / word.len() + 1), false);
        with("a control character", &format!("{}\u{0}{}", &word[..1], &word[1..]), false);
        with("a control character", &format!("{word}\u{1b}[2J"), false);
        with("a control character", &format!("\u{7f}{word}"), false);
        with("not ASCII", &format!("{}\u{c4}{}", &word[..1], &word[1..]), text);
        with("not ASCII", &format!("{word}\u{1f511}"), false);
        with("not ASCII", "\u{ff21}\u{ff22}", false);
    }
    out
}

/// Everything in the stores.
fn contents(site: &Site) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for store in [&site.racf, &site.ckds] {
        for area in [Area::Disk, Area::Stale] {
            let mut take = |key: &[u8], _, bytes: &[u8]| {
                rows.push([key, bytes].concat());
                std::ops::ControlFlow::Continue(())
            };
            RowStore::scan(&**store, area, None, &mut take).unwrap();
        }
    }
    rows
}

#[test]
fn a_malformed_command_is_refused_and_changes_nothing_or_is_good_after_all() {
    let (mut refused, mut good_after_all) = (BTreeMap::<&str, u32>::new(), 0);
    let mut seen = BTreeSet::new();
    for good in GOOD {
        let mut site = site();
        site.saf.command(&admin(), good, &NoSecrets).unwrap_or_else(|e| panic!("{}", e.report()));
        site = self::site();
        let before = contents(&site);
        for Malformed { rule, text, may_be_good } in malformed(good) {
            if text == good || !seen.insert(text.clone()) {
                continue;
            }
            match site.saf.command(&admin(), &text, &NoSecrets) {
                Ok(_) => {
                    assert!(may_be_good, "{rule}: {text:?} was taken");
                    good_after_all += 1;
                    site = self::site();
                }
                Err(error) => {
                    if let Some(span) = error.span() {
                        assert!(text.get(span.clone()).is_some(), "{span:?} of {text:?}");
                    }
                    assert!(!error.what().is_empty() && error.report().contains(error.what()), "{text:?}");
                    assert!(contents(&site) == before, "{text:?} was refused and changed something");
                    *refused.entry(rule).or_default() += 1;
                }
            }
        }
    }
    println!("{refused:?} refused, {good_after_all} good after all");
    assert_eq!(refused.len(), 9);
    assert!(refused.values().sum::<u32>() >= 300 && good_after_all < 300, "{refused:?} {good_after_all}");
}
