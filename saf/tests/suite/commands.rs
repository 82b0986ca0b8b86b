//! RACF commands: what each operand does, how short it may be written, and what is said of what is wrong, and where.

use icsf_saf::command::NoSecrets;
use icsf_saf::model::{Access, Class, ProfileName, TicketType};
use proptest::prelude::*;

use crate::support::{Site, admin, fails, listed, run};

fn name(text: &str) -> ProfileName {
    text.parse().unwrap()
}

#[test]
fn every_fault_is_named_and_its_place_marked() {
    let site = Site::new();
    site.run(&["RDEFINE PTKTDATA TAKEN", "ADDUSER TAKEN"]);
    // The command, with the place that is marked between angle brackets, and what is said there.
    for (marked, what) in [
        ("<>", "a command was expected"),
        ("  <>", "a command was expected"),
        ("<RDEFIN> PTKTDATA A", "RDEFIN is no command of this shell"),
        ("<XYZZY> PTKTDATA A", "this is no command of this shell"),
        ("RDEFINE<(>PTKTDATA) A", "there is nothing to be said of this in parentheses"),
        ("RDEFINE<>", "a class is missing"),
        ("RDEFINE PTKTDATA<>", "a profile name is missing"),
        ("RDEFINE <PTKTDAT> A", "\"PTKTDAT\" is no class of this database: PTKTDATA, APPL"),
        ("RDEFINE <PTKTDATA>(A) B", "there is nothing to be said of this in parentheses"),
        ("RDEFINE PTKTDATA <A=B>", "'=' cannot stand in a profile name"),
        ("RDEFINE PTKTDATA <A>(B)", "there is nothing to be said of this in parentheses"),
        ("RDEFINE PTKTDATA (A, B <A>)", "A stands there twice"),
        ("RDEFINE PTKTDATA <(>)", "the list is empty"),
        ("RDEFINE PTKTDATA <TAKEN>", "profile TAKEN of class PTKTDATA is defined already"),
        ("RDEFINE PTKTDATA A <UAC>", "UACC needs a value"),
        ("RDEFINE PTKTDATA A UACC(READ <NONE>)", "UACC takes one value"),
        ("RDEFINE PTKTDATA A UACC(<REED>)", "an access level is NONE, EXECUTE, READ, UPDATE, CONTROL, ALTER"),
        ("RDEFINE PTKTDATA A OWNER(<TOOLONGNAME>)", "user id \"TOOLONGNAME\" has 11 characters"),
        ("RDEFINE PTKTDATA A UACC(READ) <UACC>(NONE)", "UACC stands there twice"),
        ("RDEFINE PTKTDATA A <UACCC>(NONE)", "UACCC is no operand of this command"),
        ("RDEFINE PTKTDATA A <XYZZY>(NONE)", "this is no operand of this command"),
        ("RDEFINE PTKTDATA A WARNING <(>NONE)", "a keyword that takes a value was expected before the parenthesis"),
        ("RDEFINE PTKTDATA A UACC(NONE) <(>READ)", "a keyword that takes a value was expected before the parenthesis"),
        ("RDEFINE PTKTDATA A <(>UACC(NONE))", "a keyword that takes a value was expected before the parenthesis"),
        ("RDEFINE PTKTDATA A UACC(NONE<>\u{7}", "a closing parenthesis was expected"),
        ("RDEFINE PTKTDATA A UACC(NONE)<>)", "an operand, with its parentheses closed"),
        ("RDEFINE PTKTDATA A APPLDATA('NO<>", "a closing apostrophe was expected"),
        ("RDEFINE PTKTDATA A /*<> and so on", "the end of the comment: */ was expected"),
        ("RALTER PTKTDATA <NONE>", "there is no profile NONE in class PTKTDATA"),
        ("RALTER PTKTDATA TAKEN APPLDATA('X') <NOAPPLDATA>", "APPLDATA and NOAPPLDATA exclude each other"),
        ("RALTER PTKTDATA TAKEN <NOAPPLDATA>(X)", "NOAPPLDATA takes no value"),
        ("RALTER PTKTDATA TAKEN SSIGNON(TYPE(UPPER)) <NOSSIGNON>", "SSIGNON and NOSSIGNON exclude each other"),
        ("RDEFINE APPL A <SSIGNON>(TYPE(UPPER))", "class APPL has no SSIGNON segment"),
        ("RDEFINE PTKTDATA A SSIGNON(<TIPE>(UPPER))", "TIPE is no operand of this command"),
        ("RDEFINE PTKTDATA A SSIGNON(<T>(UPPER))", "\"T\" can mean TYPE or TIMEOUT"),
        ("RDEFINE PTKTDATA A SSIGNON(TYPE(<LOWER>))", "\"LOWER\" is no TYPE"),
        ("RDEFINE PTKTDATA A SSIGNON(TIMEOUT(<0>))", "\"0\" is no TIMEOUT"),
        ("RDEFINE PTKTDATA A SSIGNON(TIMEOUT(<601>))", "\"601\" is no TIMEOUT"),
        ("RDEFINE PTKTDATA A SSIGNON(TIMEOUT(<+60>))", "\"+60\" is no TIMEOUT"),
        ("RDEFINE PTKTDATA A SSIGNON(TIMEOUT(<1m>))", "\"1m\" is no TIMEOUT"),
        ("RDEFINE PTKTDATA A SSIGNON(REPLAY(<MAYBE>))", "\"MAYBE\" is neither YES nor NO"),
        ("RDEFINE PTKTDATA A SSIGNON(KEYLABEL(<1ST>))", "'1' at position 1"),
        ("RDEFINE PTKTDATA A SSIGNON(<KEYLABEL>())", "KEYLABEL needs a value"),
        ("RDEFINE PTKTDATA A SSIGNON(KEYLABEL(A) <KEYMASKED>(E001193519561977))", "exclude each other"),
        ("RDELETE PTKTDATA <NONE>", "there is no profile NONE in class PTKTDATA"),
        ("RDELETE PTKTDATA TAKEN <FORCE>", "this is no operand of this command"),
        ("RLIST PTKTDATA <NONE>", "ICH13003I NONE NOT FOUND"),
        ("RLIST PTKTDATA TAKEN <SSIGNON>(X)", "SSIGNON takes no value"),
        ("PERMIT<>", "a profile name is missing"),
        ("PERMIT TAKEN ID(A) ACCESS(READ)<>", "CLASS is missing"),
        ("PERMIT TAKEN CLASS(PTKTDATA)<>", "ID is missing"),
        ("PERMIT TAKEN CLASS(PTKTDATA) <ID>()", "ID needs a value"),
        ("PERMIT <NONE> CLASS(PTKTDATA) ID(A)", "there is no profile NONE in class PTKTDATA"),
        ("PERMIT TAKEN CLASS(PTKTDATA) ID(A) ACCESS(READ) <DELETE>", "ACCESS and DELETE exclude each other"),
        ("SETROPTS<>", "SETROPTS needs an operand"),
        ("SETROPTS <REFRESH>", "REFRESH needs the classes"),
        ("SETROPTS <CLASSACT>", "CLASSACT needs a value"),
        ("SETROPTS CLASSACT(<DATASET>)", "\"DATASET\" is no class of this database"),
        ("SETROPTS RACLIST(APPL) <NORACLIST>(APPL)", "RACLIST and NORACLIST exclude each other"),
        ("SETROPTS PASSWORD(<STRONG>)", "this is no operand of this command"),
        ("ADDUSER<>", "a user ID is missing"),
        ("ADDUSER <TAKEN>", "user TAKEN is defined already"),
        ("ADDUSER (U1 <u1>)", "u1 stands there twice"),
        ("ADDUSER U1 NAME(<'A NAME OF MORE THAN TWENTY'>)", "NAME has at most 20 characters"),
        ("ADDUSER U1 DFLTGRP(<NINELONGG>)", "group name \"NINELONGG\" has 9 characters"),
        ("ALTUSER <NONE> REVOKE", "user NONE is not defined"),
        ("ALTUSER TAKEN REVOKE <RESUME>", "REVOKE and RESUME exclude each other"),
        ("DELUSER <NONE>", "user NONE is not defined"),
    ] {
        let text = marked.replace(['<', '>'], "");
        let error = fails(&site.saf, &text);
        assert!(error.what().contains(what), "{marked}: {}", error.what());
        let (start, end) = (marked.find('<').unwrap(), marked.find('>').unwrap() - 1);
        assert_eq!(error.span(), Some(&(start..end)), "{marked}: {}", error.report());
        let report = error.report();
        assert!(report.contains(error.what()), "{report}");
        assert!(error.to_string().ends_with(&format!("at position {}", start + 1)), "{error}");
    }
    let long = format!("RDEFINE PTKTDATA A APPLDATA('{}')", "x".repeat(256));
    assert!(fails(&site.saf, &long).what().contains("APPLDATA has at most 255 characters"));
    let view = site.saf.database().view().unwrap();
    let profiles: Vec<&str> = view.profiles(Class::Ptktdata).map(|profile| profile.name.as_str()).collect();
    assert_eq!((profiles, view.users().count()), (vec!["IRRPTAUTH.**", "TAKEN"], 1), "nothing was changed");
}

#[test]
fn keywords_may_be_as_short_as_they_are_unambiguous_and_case_does_not_matter() {
    let site = Site::new();
    run(&site.saf, "rdef ptktdata short uac(read) o(someone) app('appl') d('inst') s(ty(upper) ti(5) r(yes))");
    let view = site.saf.database().view().unwrap();
    let profile = view.profile(Class::Ptktdata, &name("SHORT")).unwrap();
    assert_eq!((profile.uacc, profile.owner.to_string()), (Access::Read, "SOMEONE".to_owned()));
    assert_eq!((profile.appldata.as_str(), profile.data.as_str()), ("appl", "inst"));
}

#[test]
fn an_operand_that_is_not_given_leaves_what_there_was() {
    let site = Site::new();
    run(
        &site.saf,
        "RDEFINE PTKTDATA A APPLDATA('one') DATA('two') UACC(READ) SSIGNON(TYPE(UPPER) TIMEOUT(7) REPLAY(YES))",
    );
    run(&site.saf, "RALTER PTKTDATA A SSIGNON(KEYMASKED(E001193519561977))");
    let profile =
        |saf: &icsf_saf::Saf| saf.database().view().unwrap().profile(Class::Ptktdata, &name("A")).unwrap().duplicate();
    let altered = profile(&site.saf);
    let ssignon = altered.ssignon.unwrap();
    assert_eq!((altered.appldata.as_str(), altered.data.as_str(), altered.uacc), ("one", "two", Access::Read));
    assert_eq!((ssignon.ticket_type, ssignon.timeout, ssignon.replay), (Some(TicketType::Upper), Some(7), Some(true)));
    assert!(ssignon.legacy.is_some());
    run(&site.saf, "RALTER PTKTDATA A NOAPPLDATA NODATA NOSSIGNON");
    let altered = profile(&site.saf);
    assert!(altered.appldata.is_empty() && altered.data.is_empty() && altered.ssignon.is_none());
}

#[test]
fn a_list_is_carried_out_whole_or_not_at_all() {
    let site = Site::new();
    run(&site.saf, "RDEFINE PTKTDATA (A, B C)");
    let names = || {
        let view = site.saf.database().view().unwrap();
        view.profiles(Class::Ptktdata).map(|p| p.name.to_string()).filter(|n| n.len() == 1).collect::<String>()
    };
    assert_eq!(names(), "ABC");
    fails(&site.saf, "RDEFINE PTKTDATA (D A)");
    fails(&site.saf, "RDELETE PTKTDATA (A D)");
    assert_eq!(names(), "ABC");
    run(&site.saf, "RDELETE PTKTDATA (A C)");
    assert_eq!(names(), "B");
    run(&site.saf, "ADDUSER (U1 U2)");
    fails(&site.saf, "DELUSER (U1 U3)");
    run(&site.saf, "DELUSER (U1,U2)");
    assert_eq!(site.saf.database().view().unwrap().users().count(), 0);
}

#[test]
fn a_change_of_a_raclisted_class_says_that_it_waits_for_refresh() {
    let site = Site::new();
    for (command, message) in [
        (
            "RDEFINE PTKTDATA A",
            "ICH10006I RACLISTED PROFILES FOR PTKTDATA WILL NOT REFLECT THE ADDITION(S) UNTIL A SETROPTS REFRESH IS ISSUED.",
        ),
        (
            "RALTER PTKTDATA A UACC(READ)",
            "ICH11009I RACLISTED PROFILES FOR PTKTDATA WILL NOT REFLECT THE UPDATE(S) UNTIL A SETROPTS REFRESH IS ISSUED.",
        ),
        (
            "PERMIT A CLASS(PTKTDATA) ID(X)",
            "ICH06011I RACLISTED PROFILES FOR PTKTDATA WILL NOT REFLECT THE UPDATE(S) UNTIL A SETROPTS REFRESH IS ISSUED",
        ),
        (
            "RDELETE PTKTDATA A",
            "ICH12002I RACLISTED PROFILES FOR PTKTDATA WILL NOT REFLECT THE DELETION(S) UNTIL A SETROPTS REFRESH IS ISSUED.",
        ),
        ("SETROPTS RACLIST(PTKTDATA) REFRESH", "ICH14063I SETROPTS command complete."),
    ] {
        assert_eq!(run(&site.saf, command).messages, [message]);
    }
    run(&site.saf, "SETROPTS NORACLIST(PTKTDATA)");
    assert!(run(&site.saf, "RDEFINE PTKTDATA A").messages.is_empty());
}

#[test]
fn rlist_shows_a_profile_as_racf_does() {
    let site = Site::new();
    site.run(&[
        "RDEFINE PTKTDATA TSOPRD1 UACC(NONE) DATA('recovery') APPLDATA('NO REPLAY PROTECTION') \
         SSIGNON(KEYLABEL(IRR.SSIGNON.SY1.07192018.185056.915782))",
        "PERMIT TSOPRD1 CLASS(PTKTDATA) ID(TPXSTC) ACCESS(UPDATE)",
        "PERMIT TSOPRD1 CLASS(PTKTDATA) ID(*) ACCESS(READ)",
    ]);
    // As in the Broadcom article on TPX at a site without a crypto card: the heading, 19 dashes, three blanks after
    // Legacy, eight digits of seconds, and both Enhanced lines though there is no enhanced key.
    let segment = [
        "SSIGNON INFORMATION",
        "-------------------",
        "Legacy   PassTicket: KEYENCRYPTED LABEL: IRR.SSIGNON.SY1.07192018.185056.915782",
        "Enhanced PassTicket: Timeout = 00000060",
        "Enhanced PassTicket: Replay allowed = NO",
    ];
    assert_eq!(listed(&site.saf, "RLIST PTKTDATA TSOPRD1 NORACF SSIGNON"), segment);
    let base = [
        "CLASS      NAME",
        "-----      ----",
        "PTKTDATA   TSOPRD1",
        "",
        "LEVEL  OWNER      UNIVERSAL ACCESS  YOUR ACCESS  WARNING",
        "-----  --------   ----------------  -----------  -------",
        " 00    IBMUSER         NONE              NONE     NO",
        "",
        "INSTALLATION DATA",
        "-----------------",
        "recovery",
        "",
        "APPLICATION DATA",
        "----------------",
        "NO REPLAY PROTECTION",
        "",
        "AUDITING",
        "--------",
        "FAILURES(READ)",
        "",
        "NOTIFY",
        "------",
        "NO USER TO BE NOTIFIED",
    ];
    assert_eq!(listed(&site.saf, "RL PTKTDATA TSOPRD1"), base);
    let users = ["", "USER      ACCESS", "----      ------", "*         READ", "TPXSTC    UPDATE"];
    let all = [&base[..], &users, &[""], &segment].concat();
    assert_eq!(listed(&site.saf, "RLIST PTKTDATA TSOPRD1 ALL SSIGNON"), all);
}

#[test]
fn rlist_of_each_sort_of_key() {
    let site = Site::new();
    for (operands, lines) in [
        ("KEYMASKED(E001193519561977)", &["Legacy   PassTicket: KEYMASKED DATA NOT DISPLAYABLE"][..]),
        ("TIMEOUT(600) REPLAY(YES)", &[]),
    ] {
        run(&site.saf, &format!("RDEFINE PTKTDATA A SSIGNON({operands})"));
        let shown = listed(&site.saf, "RLIST PTKTDATA A NORACF SSIGNON");
        let (timeout, replay) = if lines.is_empty() { ("00000600", "YES") } else { ("00000060", "NO") };
        let tail = [
            format!("Enhanced PassTicket: Timeout = {timeout}"),
            format!("Enhanced PassTicket: Replay allowed = {replay}"),
        ];
        assert_eq!(shown[2..], [lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>(), tail.to_vec()].concat());
        run(&site.saf, "RDELETE PTKTDATA A");
    }
    run(&site.saf, "RDEFINE PTKTDATA A");
    assert_eq!(listed(&site.saf, "RLIST PTKTDATA A NORACF SSIGNON"), ["NO SSIGNON INFORMATION"]);
    assert_eq!(listed(&site.saf, "RLIST PTKTDATA A NORACF AUTHUSER")[3..], ["NO USERS IN ACCESS LIST"]);
}

#[cfg(feature = "enhanced")]
#[test]
fn rlist_of_an_enhanced_key() {
    let site = Site::new();
    run(
        &site.saf,
        "RDEFINE PTKTDATA A SSIGNON(KEYLABEL(OLD.KEY) EPTKEYLABEL(NEW.KEY) TYPE(UPPER) TIMEOUT(5) REPLAY(YES))",
    );
    assert_eq!(
        listed(&site.saf, "RLIST PTKTDATA A NORACF SSIGNON")[2..],
        [
            "Legacy   PassTicket: KEYENCRYPTED LABEL: OLD.KEY",
            "Enhanced PassTicket: Key label = NEW.KEY",
            "Enhanced PassTicket: Type = UPPER",
            "Enhanced PassTicket: Timeout = 00000005",
            "Enhanced PassTicket: Replay allowed = YES",
        ]
    );
}

#[cfg(not(feature = "enhanced"))]
#[test]
fn without_the_feature_an_enhanced_key_is_refused() {
    let site = Site::new();
    let error = fails(&site.saf, "RDEFINE PTKTDATA A SSIGNON(EPTKEYLABEL(NEW.KEY))");
    assert!(error.what().contains("built without enhanced PassTickets"));
}

#[test]
fn rlist_finds_the_generic_profile_that_covers_a_name_and_lists_all() {
    let site = Site::new();
    site.run(&["RDEFINE PTKTDATA IRRPTAUTH.TSO*.*", "RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.IBMUSER"]);
    let named = |command: &str| {
        listed(&site.saf, command).into_iter().filter(|line| line.starts_with("PTKTDATA")).collect::<Vec<_>>()
    };
    assert_eq!(named("RLIST PTKTDATA IRRPTAUTH.TSOPRD1.IBMUSER"), ["PTKTDATA   IRRPTAUTH.TSOPRD1.IBMUSER"]);
    assert_eq!(named("RLIST PTKTDATA IRRPTAUTH.TSOPRD1.OTHER"), ["PTKTDATA   IRRPTAUTH.TSO*.* (G)"]);
    assert_eq!(named("RLIST PTKTDATA IRRPTAUTH.CICS.OTHER"), ["PTKTDATA   IRRPTAUTH.** (G)"]);
    assert_eq!(named("RLIST PTKTDATA *").len(), 3);
    // With generic profiles off a name with asterisks is a name.
    run(&site.saf, "SETROPTS NOGENERIC(PTKTDATA)");
    run(&site.saf, "RDEFINE PTKTDATA X.*");
    assert_eq!(named("RLIST PTKTDATA X.*"), ["PTKTDATA   X.*"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let site = Site::bare();
        if let Err(error) = site.saf.command(&admin(), &text, &NoSecrets) {
            check(&text, &error);
        }
    }

    #[test]
    fn nor_does_anything_that_looks_like_a_command(
        verb in prop::sample::select(vec!["RDEFINE", "RALTER", "PERMIT", "SETROPTS", "ADDUSER", "RLIST", "DU"]),
        operands in "[(),' */A-Z.0-9\u{e9}\u{1f511}\n\t\u{0}=]{0,50}",
    ) {
        let site = Site::bare();
        let text = format!("{verb} PTKTDATA SSIGNON{operands}");
        if let Err(error) = site.saf.command(&admin(), &text, &NoSecrets) {
            check(&text, &error);
        }
    }
}

/// Its place lies in the text, between characters, and a report can be made of it.
fn check(text: &str, error: &icsf_saf::command::CommandError) {
    if let Some(span) = error.span() {
        assert!(text.get(span.clone()).is_some(), "{span:?} of {text:?}");
    }
    assert!(!error.report().is_empty() && !error.to_string().is_empty() && !format!("{error:?}").is_empty());
}

#[test]
fn a_text_of_parentheses_without_end_is_refused_and_overflows_nothing() {
    let site = Site::bare();
    for opening in ["(", "A(", "((A", "'A'("] {
        let text = format!("RDEFINE {}", opening.repeat(200_000));
        let error = fails(&site.saf, &text);
        assert!(error.what().contains("fewer parentheses"), "{}", error.what());
    }
    // As deep as anybody needs.
    let text = format!("RDEFINE PTKTDATA {}A{}", "(".repeat(12), ")".repeat(12));
    assert!(!fails(&site.saf, &text).what().contains("parentheses in one another"));
}

#[test]
fn a_comment_may_touch_a_word() {
    let site = Site::new();
    run(&site.saf, "RDEFINE/* one */PTKTDATA ABC/* two */UACC(READ/* three */)/* four */");
    let view = site.saf.database().view().unwrap();
    let profile = view.profile(Class::Ptktdata, &"ABC".parse().unwrap()).unwrap();
    assert_eq!(profile.uacc, Access::Read);
    let error = fails(&site.saf, "RDEFINE PTKTDATA ABD/* and so on");
    assert!(error.what().contains("the end of the comment"), "{error}");
}

/// A line that a terminal would break has its mark under another one: only what is around the mark is shown.
#[test]
fn a_long_command_is_shown_as_wide_as_a_terminal_with_the_mark_under_its_place() {
    let site = Site::new();
    let data = "word ".repeat(40);
    for command in [
        format!("RDEFINE PTKTDATA A DATA('{data}') UACC(WRONG) APPLDATA('{data}')"),
        format!("RDEFINE PTKTDATA A UACC(WRONG) APPLDATA('{data}')"),
        format!("RDEFINE PTKTDATA A APPLDATA('{data}') UACC(WRONG)"),
        format!("RDEFINE PTKTDATA A APPLDATA('{}') UACC(WRONG)", "\u{e4}\u{df} ".repeat(60)),
    ] {
        for line in [1, 12_345] {
            let report = fails(&site.saf, &command).on_line(line).report();
            let lines: Vec<&str> = report.lines().collect();
            let mark = lines.iter().position(|line| line.contains("^^^^^")).unwrap();
            let columns = |text: &str| text.chars().count();
            assert!(columns(lines[mark - 1]) <= 80, "{report}");
            let at = |text: &str, what: &str| columns(text.split_once(what).unwrap().0);
            assert_eq!(at(lines[mark - 1], "WRONG"), at(lines[mark], "^^^^^"), "{report}");
        }
    }
}
