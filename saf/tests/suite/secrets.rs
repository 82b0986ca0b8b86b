//! Keys and passwords: taken from where they are said to be, and covered wherever a command is shown.

use std::collections::BTreeMap;

use icsf_saf::command::NoSecrets;
use icsf_saf::model::{Class, Credential, LegacyKey};
use secrecy::SecretString;

use crate::support::{DES_KEY, Secrets, Site, admin, fails, request, run};

/// Everything that is ever printed of an error.
fn texts(error: &icsf_saf::command::CommandError) -> String {
    let causes = error.cause().map(|cause| format!("{cause} {cause:?}")).unwrap_or_default();
    format!("{error} {error:?} {error:#?} {} {} {causes} {:?}", error.what(), error.report(), error.remedies())
}

#[test]
fn no_error_shows_a_key_or_a_password_however_it_was_typed() {
    let site = Site::new();
    site.run(&["RDEFINE PTKTDATA TAKEN", "ADDUSER TAKEN"]);
    let mut shown = 0;
    for command in [
        // Wrong elsewhere.
        "RDEFINE PTKTDATA TAKEN SSIGNON(KEYMASKED(#))",
        "RDEFINE PTKTDATA TAKEN SSIGNON(KEYENCRYPTED(#))",
        "RDEFINE PTKTDATA A UACC(WHAT) SSIGNON(KEYMASKED(#))",
        "RDEFINE APPL A SSIGNON(KEYMASKED(#))",
        "RALTER PTKTDATA NONE SSIGNON(KEYMASKED(#) TYPE(UPPER))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED(#) KEYLABEL(L))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED(#) KEYMASKED(#))",
        // Wrong in itself: too long, too short, not hexadecimal, two of them, none.
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED(#00))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED(# #))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED(X#))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED(X'#'))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED('#00'))",
        // Abbreviated and mistyped keywords.
        "RDEFINE PTKTDATA TAKEN SSIGNON(KEYM(#))",
        "RDEFINE PTKTDATA TAKEN SSIGNON(KEYE(#))",
        "RDEFINE PTKTDATA A SSIGNON(KEY(#))",
        "RDEFINE PTKTDATA A SSIGNON(K(#))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKD(#))",
        "RDEFINE PTKTDATA A SSIGNON(MASKEDKEY(#))",
        "RDEFINE PTKTDATA A KEYMASKED(#)",
        "RDEFINE PTKTDATA A SSIGNON KEYMASKED(#)",
        // Without parentheses, with a blank before them, with an equals sign, under a keyword for something else.
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED #)",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED '#')",
        "RDEFINE PTKTDATA TAKEN SSIGNON (KEYMASKED (#))",
        "RDEFINE PTKTDATA TAKEN SSIGNON /* x */ (KEYMASKED , (#",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED=#)",
        "RDEFINE PTKTDATA A SSIGNON(#)",
        "RDEFINE PTKTDATA A SSIGNON((#))",
        "RDEFINE PTKTDATA A SSIGNON(TYPE(#))",
        "RDEFINE PTKTDATA A SSIGNON(TIMEOUT(#))",
        "RDEFINE PTKTDATA A OWNER(#)",
        "RDEFINE PTKTDATA A #",
        "RDEFINE # A",
        "#",
        "KEYMASKED(#)",
        // What cannot be read at all.
        "RDEFINE PTKTDATA TAKEN SSIGNON(KEYMASKED(#)",
        "RDEFINE PTKTDATA TAKEN SSIGNON(KEYMASKED(#",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKED('#)",
        "RDEFINE PTKTDATA A SSIGNON) KEYMASKED #",
        "RDEFINE PTKTDATA A # /*",
        "RDEFINE PTKTDATA A KEYMASKD # (",
        // In a comment.
        "/* RALT PTKTDATA FEK SSIGNON(KEYMASKED(#)) */ RL PTKTDATA NONE NORACF SSIGNON",
        "RALT PTKTDATA NONE /* KEYMASKED # */ DATA(x)",
        "RDEFINE PTKTDATA TAKEN SSIGNON(KEYMASKED /* # */ (@file:x))",
        "XYZZY /* # */ (",
        "RL PTKTDATA NONE /* #",
        // In the place of a name that can be one.
        "RALT PTKTDATA #",
        "RL PTKTDATA #",
        "RDELETE PTKTDATA (TAKEN #)",
        "RDELETE PTKTDATA (# #)",
        "PERMIT # CLASS(PTKTDATA) ID(A)",
        "PERMIT TAKEN CLASS(#) ID(A)",
        "PERMIT TAKEN CLASS(PTKTDATA) ID(#)",
        "ADDUSER #",
        "LISTUSER #",
        "SETROPTS CLASSACT(#)",
    ] {
        let error = fails(&site.saf, &command.replace('#', DES_KEY));
        let text = texts(&error);
        assert!(!text.contains(DES_KEY), "{command}: {text}");
        shown += 1;
    }
    for command in [
        "ADDUSER TAKEN PASSWORD(#)",
        "ADDUSER TAKEN PASS(#)",
        "ADDUSER TAKEN P(#)",
        "ADDUSER U1 P(#XYZ)",
        "ADDUSER U1 PASSWORD(#XYZ)",
        "ADDUSER U1 PASSWORD(# #)",
        "ADDUSER U1 PASWORD(#)",
        "ADDUSER U1 PASSWD(#)",
        "ADDUSER U1 PW(#)",
        "ADDUSER U1 PASSWORD #",
        "ADDUSER U1 PASSWORD '#'",
        "ADDUSER TAKEN PASSWORD (#)",
        "ADDUSER U1 PASSWORD=#",
        "ADDUSER PASSWORD(#)",
        "ADDUSER TAKEN PASSWORD(#",
        "ADDUSER TAKEN /* PASSWORD(#) */ NOPASSWORD",
        "ADDUSER TAKEN /* # */",
        "ADDUSER U1 PASSWORD('#",
        "ADDUSER U1 PASSWORD # (",
        "PASSWORD(#) U1",
        "PASSWORD #",
        "ALTUSER NONE PASSWORD(#) REVOKE",
        "ALTUSER TAKEN PASSWORD(#) NOPASSWORD",
        "SETROPTS PASSWORD(#)",
        "RDEFINE REALM R KERB(PASSWORD(#) NOPE)",
        "RDEFINE REALM KERBDFLT KERB(PASSWORD(#))",
        "RDEFINE REALM R KERB(P(#) NOPE)",
        "RDEFINE REALM R KERB(PASWORD(#))",
        "RDEFINE REALM R KERB(PASSWORD #)",
        "RDEFINE REALM R KERB(#)",
        "RDEFINE REALM R PASSWORD(#)",
        "RDEFINE PTKTDATA R KERB(PASSWORD(#))",
        "ALTUSER TAKEN KERB(PASSWORD(#))",
        "ALTUSER TAKEN REVOKE(#)",
        "CONNECT TAKEN PASSWORD(#)",
        "SEARCH CLASS(USER) PASSWORD #",
        "LISTUSER TAKEN (#)",
        "DELGROUP NONE PASSWORD(#)",
    ] {
        let error = fails(&site.saf, &command.replace('#', "s3cr3tPW"));
        let text = texts(&error);
        assert!(!text.contains("s3cr3tPW") && !text.contains("S3CR3TPW"), "{command}: {text}");
        shown += 1;
    }
    // A digit too few, one that is none, and no keyword where one belongs.
    for command in
        ["RALTER PTKTDATA NONE SSIGNON(#)", "RALTER PTKTDATA TAKEN SSIGNON(TYPE(#))", "RALTER PTKTDATA TAKEN #"]
    {
        for key in ["E00119351956197", "E0O1193519561977", "E001-1935-1956-1977"] {
            let error = fails(&site.saf, &command.replace('#', key));
            let text = texts(&error);
            assert!(!text.contains(key), "{command}: {text}");
            shown += 1;
        }
    }
    for command in
        ["ADDUSER BOB (#)", "ADDUSER BOB #", "ALTUSER TAKEN (#)", "DELUSER TAKEN #", "PERMIT TAKEN #", "SETROPTS #"]
    {
        let error = fails(&site.saf, &command.replace('#', "SECRET12"));
        assert!(!texts(&error).contains("SECRET12"), "{command}: {}", texts(&error));
        shown += 1;
    }
    assert_eq!(shown, 108);
}

#[test]
fn what_is_no_secret_is_shown_so_that_the_place_can_be_found() {
    let site = Site::new();
    let error = fails(&site.saf, "RDEFINE PTKTDATA A UACC(WHAT) SSIGNON(KEYMASKED(E001193519561977) TYPE(UPPER)) NOPE");
    let shown = "RDEFINE PTKTDATA A UACC(WHAT) SSIGNON(KEYMASKED(****************) TYPE(UPPER)) NOPE";
    let report = error.report();
    let line = report.lines().find_map(|line| line.split_once("1 | ..."));
    assert!(line.is_some_and(|(_, line)| line.len() > 30 && shown.ends_with(line)), "{report}");
    assert!(error.position() == Some(shown.find("NOPE").unwrap() + 1));
    for secret in [
        "RALTER REALM R KERB(PASSWORD(12345678))",
        "ADDUSER U1 PASS(X)",
        "ADDUSER U1 PASWORD(X)",
        "XYZZY PASSWORD(X)",
        "RDEFINE PTKTDATA A SSIGNON(KEYE(E0))",
        "ADDUSER U1 PASSWORD(X",
        "ADDUSER U1 PASSWORD (X)",
        "ADDUSER U1 PASSWORD X",
        "/* RALT PTKTDATA FEK SSIGNON(KEYMASKED(FEDCBA9876543210)) */ RL PTKTDATA FEK",
        "RL PTKTDATA FEK /* FEDCBA9876543210",
    ] {
        assert!(icsf_saf::command::shows_secret(secret), "{secret}");
    }
    for open in [
        "SETROPTS PASSWORD(REVOKE(3))",
        "RALTER REALM R KERB(PASSWORD(@secret:R))",
        "ADDUSER U1 NOPASSWORD",
        "RLIST REALM * KERB",
        "RLIST REALM * KERB /* the password is set elsewhere */",
        "P CSF",
        "KEYMASKED(@secret:TSO_KEY)",
        "users sign on by password again",
        "F RSED,APPL=IVP PASSTICKET,IBMUSER",
    ] {
        assert!(!icsf_saf::command::shows_secret(open), "{open}");
    }
    let error = fails(&site.saf, "ALTUSER NONE NOPASSWORD REVOKE NAME('A NAME')");
    assert!(error.report().contains("ALTUSER NONE NOPASSWORD REVOKE NAME('A NAME')"), "{}", error.report());
    let error = fails(&site.saf, "PERMIT NONE CLASS(PTKTDATA) ID(TPXSTC) ACCESS(READ)");
    assert!(error.report().contains("PERMIT NONE CLASS(PTKTDATA) ID(TPXSTC) ACCESS(READ)"), "{}", error.report());
    let error = fails(&site.saf, "RDEFINE PTKTDATA A SSIGNON(KEYMASKED(@secret:NONE))");
    assert!(error.report().contains("KEYMASKED(@secret:NONE)"), "{}", error.report());
}

#[test]
fn a_secret_may_be_named_instead_of_shown() {
    let site = Site::new();
    let secrets =
        Secrets(BTreeMap::from([("KEY", DES_KEY), ("/run/key", DES_KEY), ("SHORT", "E001"), ("PW", "hunter2")]));
    let run = |command: &str| site.saf.command(&admin(), command, &secrets);
    run("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(@secret:KEY))").unwrap();
    run("RDEFINE PTKTDATA B SSIGNON(KEYMASKED(@file:/run/key))").unwrap();
    run("RDEFINE PTKTDATA C SSIGNON(KEYENCRYPTED('@secret:KEY'))").unwrap();
    let view = site.saf.database().view().unwrap();
    for name in ["A", "B"] {
        let ssignon = view.profile(Class::Ptktdata, &name.parse().unwrap()).unwrap().ssignon.as_ref().unwrap();
        let Some(LegacyKey::Masked(key)) = &ssignon.legacy else { panic!("{ssignon:?}") };
        assert_eq!(key.expose(), [0xe0, 1, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77]);
    }
    for (command, what) in [
        ("RDEFINE PTKTDATA D SSIGNON(KEYMASKED(@secret:NONE))", "there is no secret \"NONE\""),
        ("RDEFINE PTKTDATA D SSIGNON(KEYMASKED(@file:/none))", "the file \"/none\" cannot be read"),
        ("RDEFINE PTKTDATA D SSIGNON(KEYMASKED(@secret:SHORT))", "the key has 4 hexadecimal digits, 16 are needed"),
    ] {
        let error = run(command).unwrap_err();
        assert!(error.what().contains(what), "{}", error.report());
        assert_eq!(&command[error.span().unwrap().clone()][..1], "@");
        assert!(!texts(&error).contains("E001"));
    }
    run("ADDUSER U1 PASSWORD(@secret:PW)").unwrap();
    let typed = Credential::new(SecretString::from("hunter2")).unwrap();
    site.saf.sign_on(&request("U1", "TSOPRD1"), &typed).unwrap();
    // Where there are none, that is said.
    let error =
        site.saf.command(&admin(), "RDEFINE PTKTDATA D SSIGNON(KEYMASKED(@secret:KEY))", &NoSecrets).unwrap_err();
    assert!(error.what().contains("there is no secret \"KEY\" here"));
    let error = site.saf.command(&admin(), "RDEFINE PTKTDATA D SSIGNON(KEYMASKED(@file:/k))", &NoSecrets).unwrap_err();
    assert!(error.what().contains("is not read here"));
}

#[test]
fn lines_are_joined_as_tso_joins_them() {
    let commented = "/* one */\n RLIST PTKTDATA A /* two */\n/* three */ /* four */\n";
    assert_eq!(icsf_saf::command::join(commented), [" RLIST PTKTDATA A /* two */"]);
    let text = "RDEFINE PTKTDATA A -\n   SSIGNON( +\n   KEYMASKED(@secret:K))\n\n\nRLIST PTKTDATA A -\n\nSETROPTS +";
    assert_eq!(
        icsf_saf::command::join(text),
        ["RDEFINE PTKTDATA A    SSIGNON( KEYMASKED(@secret:K))", "RLIST PTKTDATA A ", "SETROPTS "]
    );
    // What stands behind the mark does not keep the next line from being part of the command.
    let text = "RLIST +  /* c */\n PTKTDATA - \t\n A -/* c *//* d */  \n NORACF /* - */\nRLIST APPL 'A + /* '";
    assert_eq!(icsf_saf::command::join(text), ["RLIST PTKTDATA  A  NORACF /* - */", "RLIST APPL 'A + /* '"]);
    assert!(icsf_saf::command::goes_on("RLIST - /* c */ ") && !icsf_saf::command::goes_on("RLIST /* c - */"));
    assert!(icsf_saf::command::join(" \n\n").is_empty());
    let site = Site::new();
    for command in icsf_saf::command::join("RDEFINE PTKTDATA A -\n UACC(READ)\nRLIST -\nPTKTDATA A") {
        run(&site.saf, &command);
    }
}

#[test]
fn a_secret_that_begins_with_an_at_sign_is_covered() {
    use icsf_saf::command::{covered, shows_secret};
    let site = Site::new();
    for (command, shown) in [
        ("AU W1 PASSWORD(@ABCDEF1)", "AU W1 PASSWORD(********)"),
        ("AU W1 PASSWORD @ABCDEF1", "AU W1 PASSWORD ********"),
        ("RALT REALM R KERB(PASSWORD(@kerbpw7))", "RALT REALM R KERB(PASSWORD(********))"),
        ("AU W1 PASSWORD(@SECRET:X)", "AU W1 PASSWORD(*********)"),
        ("RDEF PTKTDATA A SSIGNON(KEYM(@0011223344556677))", "RDEF PTKTDATA A SSIGNON(KEYM(*****************))"),
        (
            "RDEF PTKTDATA A SSIGNON(KEYM(@secret:0011223344556677))",
            "RDEF PTKTDATA A SSIGNON(KEYM(************************))",
        ),
        (
            "RDEF PTKTDATA A SSIGNON(KEYM(@file:0011223344556677))",
            "RDEF PTKTDATA A SSIGNON(KEYM(**********************))",
        ),
    ] {
        assert_eq!(covered(command), shown);
        assert!(shows_secret(command) || !command.contains('('), "{command}");
        if let Err(error) = site.saf.command(&admin(), command, &Secrets::default()) {
            assert!(!["@AB", "@kerb", "0011"].iter().any(|secret| texts(&error).contains(secret)), "{}", texts(&error));
        }
    }
    run(&site.saf, "ALU W1 PASSWORD(@ABCDEF1)");
    let typed = Credential::new(SecretString::from("@ABCDEF1")).unwrap();
    site.saf.sign_on(&request("W1", "TSOPRD1"), &typed).unwrap();
    for named in ["RDEF PTKTDATA A SSIGNON(KEYM(@secret:KEY))", "AU W1 PASSWORD(@file:/run/pw)"] {
        assert_eq!((covered(named).as_str(), shows_secret(named)), (named, false));
    }
}

#[test]
fn a_long_command_is_covered_in_one_pass() {
    let values = "A(b) ".repeat(60_000);
    let begun = std::time::Instant::now();
    let covered = icsf_saf::command::covered(&format!("PERMIT X ID({values})"));
    assert_eq!(covered.matches("A(*)").count(), 60_000);
    let word = "x".repeat(400_000);
    assert_eq!(icsf_saf::command::covered(&format!("{word} ('")).len(), 400_003);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

/// What is known to be no secret is shown beside what may be one, so that the mark under it says something.
#[test]
fn no_more_is_covered_than_is_not_understood() {
    use icsf_saf::command::covered;
    for (command, shown) in [
        ("RDEFINE PTKTDATA KE SSIGNON(KEYMASKED(@file:k2))", "RDEFINE PTKTDATA KE SSIGNON(KEYMASKED(@file:k2))"),
        ("PERMIT P CLASS (PTKTDATA) ID (A B)", "PERMIT P CLASS (PTKTDATA) ID (A B)"),
        ("RALT PTKTDATA A SSIGNON (KEYMASKED (k) TYPE (UPPER", "RALT PTKTDATA A SSIGNON (KEYMASKED (*) TYPE (UPPER"),
        ("RLIST PTKTDATA A please list it and all", "RLIST PTKTDATA A ****** **** ** *** ***"),
        ("HELLO do a list of my data", "HELLO ** * **** ** ** ****"),
        ("LISTUSER U1 /* a b(c) */ NORACF", "LISTUSER U1 /* * *(*) */ NORACF"),
        ("LISTUSER NORACF /* it's", "LISTUSER NORACF /* ****"),
    ] {
        assert_eq!(covered(command), shown);
    }
}
