//! Names, tickets, times and windows as values.

use ptkt::{ASSUMPTIONS, Applid, ErrorKind, GroupId, Ticket, Timestamp, UserId, Verdict, Window};

#[test]
fn names_fold_ascii_and_nothing_else() {
    let user: UserId = "ibmUser".parse().unwrap();
    assert_eq!(user, "IBMUSER".parse().unwrap());
    assert_eq!(user.to_string(), "IBMUSER");
    assert_eq!(format!("{user:?}"), "UserId(IBMUSER)");
    assert_eq!((user.len(), user.ebcdic()), (7, b"\xC9\xC2\xD4\xE4\xE2\xC5\xD9\x40"));
    // A dotless i upper-cases to I, a sharp s to two letters, a Kelvin sign lower-cases to k.
    for text in ["\u{131}BM", "stra\u{DF}e", "\u{212A}EY"] {
        assert_eq!(text.parse::<UserId>().unwrap_err().kind(), ErrorKind::Identifier, "{text}");
    }
}

#[test]
fn names_show_every_legal_character() {
    let legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@#$";
    for chunk in legal.as_bytes().chunks(8) {
        let text = str::from_utf8(chunk).unwrap();
        assert_eq!(text.parse::<Applid>().unwrap().to_string(), text);
    }
}

#[test]
fn refused_names_say_what_and_where() {
    let message = |text: &str| text.parse::<GroupId>().unwrap_err().to_string();
    assert_eq!(message(""), "group name is empty, 1 to 8 characters are needed");
    assert_eq!(message("ABCDEFGHI"), r#"group name "ABCDEFGHI" has 9 characters, at most 8 are allowed"#);
    assert_eq!(message("AB-C"), r#"group name "AB-C" has '-' as character 3, allowed are A-Z, 0-9, @, # and $"#);
    assert_eq!(message("A\n"), r#"group name "A\n" has '\n' as character 2, allowed are A-Z, 0-9, @, # and $"#);
    let long = message(&"X".repeat(1000));
    assert!(long.starts_with(r#"group name "XXXX"#) && long.len() < 120, "{long}");
    assert!(long.contains(r#"X"... has 1000 characters"#), "{long}");
}

#[test]
fn names_from_ebcdic_take_other_code_points() {
    let user = UserId::from_ebcdic(&[0xC1, 0x4A, 0xF1]).unwrap();
    assert_eq!(user.to_string(), r"A\x4A1");
    assert_eq!(user.len(), 3);
    assert_eq!(UserId::from_ebcdic(&[0xC1; 8]).unwrap(), "AAAAAAAA".parse().unwrap());
    for (bytes, message) in [
        (&[][..], "user id has 0 EBCDIC bytes, 1 to 8 are needed"),
        (&[0xC1; 9][..], "user id has 9 EBCDIC bytes, 1 to 8 are needed"),
        (&[0xC1, 0x40][..], "user id has a blank (X'40') as EBCDIC byte 2, blanks are padding only"),
    ] {
        let error = UserId::from_ebcdic(bytes).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Identifier, message.to_owned()));
    }
}

#[test]
fn names_sort_as_on_the_host() {
    let mut names: Vec<Applid> = ["A1", "AA", "A", "#A", "1A"].map(|t| t.parse().unwrap()).into();
    names.sort();
    assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["#A", "A", "AA", "A1", "1A"]);
}

#[test]
fn candidates_are_eight_printable_characters() {
    for text in ["ZVQLMCAN", "pqzissRU", "PASSWD 1", "~!@#$%^&"] {
        assert_eq!(text.parse::<Ticket>().unwrap().expose(), text);
    }
    for (text, message) in [
        ("SEVENCH", "a ticket has 8 characters, this text has 7 bytes"),
        ("NINECHARS", "a ticket has 8 characters, this text has 9 bytes"),
        ("SECRET\u{E9}", "byte 7 of the text is not printable ASCII, a ticket is"),
        ("SECRET\n1", "byte 7 of the text is not printable ASCII, a ticket is"),
    ] {
        let error = text.parse::<Ticket>().unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Ticket, message.to_owned()));
    }
    let raw: &[u8] = b"\xFFVQLMCAN";
    assert_eq!(Ticket::try_from(raw).unwrap_err().kind(), ErrorKind::Ticket);
}

#[test]
fn tickets_compare_with_case() {
    let ticket = |text: &str| text.parse::<Ticket>().unwrap();
    assert_eq!(ticket("ZVQLMCAN"), ticket("ZVQLMCAN"));
    assert_ne!(ticket("ZVQLMCAN"), ticket("ZVQLMCAn"));
}

#[test]
fn window_edges_are_inclusive() {
    let window = Window::enhanced(60).unwrap();
    assert_eq!(window.judge(60), Verdict::Accepted { delta: 60 });
    assert_eq!(window.judge(-60), Verdict::Accepted { delta: -60 });
    assert_eq!(window.judge(61), Verdict::Expired { delta: 61 });
    assert_eq!(window.judge(-61), Verdict::Future { delta: -61 });
    assert_eq!(window.judge(i64::MAX), Verdict::Expired { delta: i64::MAX });
    assert_eq!(window.judge(i64::MIN), Verdict::Future { delta: i64::MIN });
    assert_eq!(window.past_only().judge(0), Verdict::Accepted { delta: 0 });
    assert_eq!(window.past_only().judge(-1), Verdict::Future { delta: -1 });
    assert_eq!(Window::enhanced(600).unwrap(), Window::legacy());
}

#[test]
fn timeout_is_1_to_600() {
    assert!(Window::enhanced(1).is_ok());
    assert!(Window::enhanced(Window::DEFAULT_TIMEOUT).is_ok());
    for seconds in [0, 601, u32::MAX] {
        let error = Window::enhanced(seconds).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(error.to_string(), format!("timeout {seconds} is outside of 1 to 600 seconds"));
    }
}

#[test]
fn verdicts_know_the_second_of_the_ticket() {
    let now = Timestamp::from_secs(1000);
    assert_eq!(Verdict::Accepted { delta: 15 }.ticket_time(now), Some(985.into()));
    assert_eq!(Verdict::Future { delta: -900 }.ticket_time(now), Some(1900.into()));
    assert_eq!(Verdict::Accepted { delta: 1015 }.ticket_time(now), Some((u64::MAX - 14).into()));
    assert_eq!(Verdict::NotATicket.ticket_time(now), None);
}

#[test]
fn assumptions_are_complete_sentences_of_their_own() {
    for assumption in ASSUMPTIONS {
        for text in [assumption.topic, assumption.what, assumption.why] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
        }
    }
    let topics: Vec<_> = ASSUMPTIONS.iter().map(|a| a.topic).collect();
    for topic in ["window boundary", "symmetric TIMEOUT", "replay identity", "legacy wrap at 2^32"] {
        assert_eq!(topics.iter().filter(|t| **t == topic).count(), 1, "{topic}");
    }
}

#[test]
fn keys_sessions_and_registers_go_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<ptkt::software::DesKey>();
    check::<ptkt::legacy::Session>();
    check::<Ticket>();
    check::<ptkt::Error>();
    check::<Box<dyn ptkt::ReplayRegister>>();
    #[cfg(feature = "enhanced")]
    check::<(ptkt::software::HmacKey, ptkt::enhanced::Session)>();
}
