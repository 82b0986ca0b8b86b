//! Users, groups, connections, realms, searches and options: what the commands do and what they refuse.

use icsf_saf::command::NoSecrets;
use icsf_saf::model::{Access, Attribute, Audit, Authority, Class, EncryptionType, Profile, User};

use crate::support::{Secrets, Site, admin, caller, fails, listed, run};

fn user(site: &Site, id: &str) -> User {
    let view = site.saf.database().view().unwrap();
    User::clone(view.user(&id.parse().unwrap()).unwrap())
}

fn profile(site: &Site, class: Class, name: &str) -> Profile {
    site.saf.database().view().unwrap().profile(class, &name.parse().unwrap()).unwrap().duplicate()
}

#[test]
fn attributes_are_given_and_taken() {
    let site = Site::bare();
    run(&site.saf, "ADDUSER U1 SPECIAL OPERATIONS AUDITOR ROAUDIT DATA('one')");
    assert_eq!(user(&site, "U1").attributes, Attribute::ALL.into());
    run(&site.saf, "ALTUSER U1 NOSPECIAL NOAUDITOR NODATA REVOKE");
    let changed = user(&site, "U1");
    assert_eq!(changed.attributes, [Attribute::Operations, Attribute::Roaudit].into());
    assert!(changed.data.is_empty() && changed.revoked && changed.protected);
    run(&site.saf, "ALTUSER U1 PASSWORD(NEW) NOEXPIRED RESUME");
    let changed = user(&site, "U1");
    assert!(changed.has_password() && !changed.revoked && !changed.protected);
}

#[test]
fn groups_stand_below_one_another_and_hold_users() {
    let site = Site::bare();
    run(&site.saf, "ADDGROUP TPX OWNER(SYS1) DATA('session managers')");
    run(&site.saf, "ADDGROUP (TPXA TPXB) SUPGROUP(TPX)");
    run(&site.saf, "ADDUSER (U1 U2) DFLTGRP(TPXA) AUTHORITY(CREATE)");
    run(&site.saf, "CONNECT (U1 U2) GROUP(TPX) AUTHORITY(JOIN) OWNER(TPX)");
    run(&site.saf, "CONNECT U2 GROUP(TPX) REVOKE");
    let connects = user(&site, "U2").connects;
    let tpx = &connects[&"TPX".parse().unwrap()];
    assert_eq!((tpx.authority, tpx.owner.to_string().as_str(), tpx.revoked), (Authority::Join, "TPX", true));
    assert_eq!(connects[&"TPXA".parse().unwrap()].authority, Authority::Create);
    for (command, what) in [
        ("ADDGROUP TPX", "group TPX is defined already"),
        ("ADDGROUP SYS1", "group SYS1 is defined already"),
        ("ADDGROUP NEW SUPGROUP(NONE)", "group NONE is not defined"),
        ("ADDGROUP NINELONGG", "group name \"NINELONGG\" has 9 characters"),
        ("DELGROUP TPX", "group TPXA is below group TPX"),
        ("DELGROUP TPXA", "user U1 is connected to group TPXA"),
        ("DELGROUP NONE", "group NONE is not defined"),
        ("ADDGROUP SYS1", "group SYS1 is defined already"),
        ("DELGROUP SYS1", "group SYS1 is the topmost one, which stays"),
        ("CONNECT U1 GROUP(NONE)", "group NONE is not defined"),
        ("CONNECT U3 GROUP(TPX)", "user U3 is not defined"),
        ("CONNECT U1 GROUP(TPX) AUTHORITY(ALL)", "a group authority is USE, CREATE, CONNECT, JOIN"),
        ("CONNECT U1 GROUP(TPX) REVOKE RESUME", "REVOKE and RESUME exclude each other"),
        ("REMOVE U1 GROUP(TPXA)", "TPXA is the default group of user U1"),
        ("REMOVE U1 GROUP(TPXB)", "user U1 is not connected to group TPXB"),
        ("REMOVE (U1 U3) GROUP(TPX)", "user U3 is not defined"),
    ] {
        let error = fails(&site.saf, command);
        assert!(error.what().contains(what), "{command}: {}", error.what());
    }
    run(&site.saf, "REMOVE (U1 U2) GROUP(TPX)");
    run(&site.saf, "DELUSER (U1 U2)");
    run(&site.saf, "DELGROUP (TPXA TPXB)");
    run(&site.saf, "DELGROUP TPX");
    assert_eq!(site.saf.database().view().unwrap().groups().count(), 0);
    // Who names no group means his own.
    run(&site.saf, "ADDGROUP OPS");
    run(&site.saf, "ADDUSER (ADMIN1 U1)");
    run(&site.saf, "ALTUSER ADMIN1 DFLTGRP(OPS)");
    site.saf.command(&caller("ADMIN1"), "CONNECT U1", &NoSecrets).unwrap();
    assert!(user(&site, "U1").connects.contains_key(&"OPS".parse().unwrap()));
}

#[test]
fn listuser_shows_a_user_as_racf_does() {
    let site = Site::bare();
    run(&site.saf, "ADDGROUP TPX");
    run(&site.saf, "ADDUSER SQUIDWRD NAME('SQUIDWARD') OWNER(LEONARD)");
    run(&site.saf, "CONNECT SQUIDWRD GROUP(TPX) AUTHORITY(CONNECT) OWNER(TPX) REVOKE");
    // 2025-11-14 is the 318th day of its year.
    let expected = [
        "USER=SQUIDWRD  NAME=SQUIDWARD             OWNER=LEONARD   CREATED=25.318",
        " DEFAULT-GROUP=SYS1     PASSDATE=N/A    PASS-INTERVAL=N/A PHRASEDATE=N/A",
        " ATTRIBUTES=PROTECTED",
        " REVOKE DATE=NONE   RESUME DATE=NONE",
        " LAST-ACCESS=UNKNOWN",
        " CLASS AUTHORIZATIONS=NONE",
        " NO-INSTALLATION-DATA",
        " NO-MODEL-NAME",
        " LOGON ALLOWED   (DAYS)          (TIME)",
        " ---------------------------------------------",
        " ANYDAY                          ANYTIME",
        "  GROUP=SYS1      AUTH=USE      CONNECT-OWNER=LEONARD   CONNECT-DATE=25.318",
        "    CONNECTS=    00  UACC=NONE     LAST-CONNECT=UNKNOWN",
        "    CONNECT ATTRIBUTES=NONE",
        "    REVOKE DATE=NONE   RESUME DATE=NONE",
        "  GROUP=TPX       AUTH=CONNECT  CONNECT-OWNER=TPX       CONNECT-DATE=25.318",
        "    CONNECTS=    00  UACC=NONE     LAST-CONNECT=UNKNOWN",
        "    CONNECT ATTRIBUTES=REVOKED",
        "    REVOKE DATE=NONE   RESUME DATE=NONE",
        "SECURITY-LEVEL=NONE SPECIFIED",
        "CATEGORY-AUTHORIZATION",
        " NONE SPECIFIED",
        "SECURITY-LABEL=NONE SPECIFIED",
    ];
    assert_eq!(listed(&site.saf, "LISTUSER SQUIDWRD"), expected);
    run(&site.saf, "ADDUSER PLAIN PASSWORD(PW) SPECIAL DATA('x') NAME('A NAME OF TWENTY CHR')");
    run(&site.saf, "ALTUSER PLAIN REVOKE");
    let lines = listed(&site.saf, "LU PLAIN");
    assert_eq!(lines[0], "USER=PLAIN     NAME=A NAME OF TWENTY CHR  OWNER=IBMUSER   CREATED=25.318");
    assert_eq!((lines[2].as_str(), lines[6].as_str()), (" ATTRIBUTES=SPECIAL REVOKED", " INSTALLATION-DATA=x"));
    assert_eq!(listed(&site.saf, "LU *").iter().filter(|line| line.starts_with("USER=")).count(), 2);
    assert_eq!(listed(&site.saf, "LU (PLAIN SQUIDWRD)").iter().filter(|line| line.starts_with("USER=")).count(), 2);
    assert_eq!(fails(&site.saf, "LU NOBODY").what(), "ICH30001I UNABLE TO LOCATE USER    ENTRY NOBODY");
    // Without a name it is who asks.
    assert_eq!(fails(&site.saf, "LU").what(), "ICH30001I UNABLE TO LOCATE USER    ENTRY IBMUSER");
    let own = site.saf.command(&caller("PLAIN"), "LISTUSER NORACF", &NoSecrets).unwrap();
    assert_eq!(own.lines, ["USER=PLAIN"]);
}

#[test]
fn listgrp_shows_a_group_as_racf_does() {
    let site = Site::bare();
    run(&site.saf, "ADDGROUP TESTGRP0 OWNER(ESWIFT)");
    let expected = [
        "INFORMATION FOR GROUP TESTGRP0",
        "    SUPERIOR GROUP=SYS1         OWNER=ESWIFT      CREATED=25.318",
        "    NO INSTALLATION DATA",
        "    NO MODEL DATA SET",
        "    TERMUACC",
        "    NO SUBGROUPS",
        "    NO USERS",
    ];
    assert_eq!(listed(&site.saf, "LISTGRP TESTGRP0"), expected);
    run(&site.saf, "ADDGROUP (G1 G2 G3 G4 G5 G6 G7) SUPGROUP(TESTGRP0)");
    run(&site.saf, "ADDUSER U1 DFLTGRP(TESTGRP0) AUTHORITY(JOIN)");
    assert_eq!(
        listed(&site.saf, "LG TESTGRP0")[5..],
        [
            "    SUBGROUP(S)= G1       G2       G3       G4       G5       G6",
            "                 G7",
            "    USER(S)=      ACCESS=      ACCESS COUNT=      UNIVERSAL ACCESS=",
            "      U1            JOIN          000000               NONE",
            "         CONNECT ATTRIBUTES=NONE",
            "         REVOKE DATE=NONE                 RESUME DATE=NONE",
        ]
    );
    assert_eq!(listed(&site.saf, "LG")[1], "    SUPERIOR GROUP=NONE         OWNER=IBMUSER     CREATED=00.000");
    assert_eq!(fails(&site.saf, "LISTGRP NONE").what(), "ICH51003I NAME NOT FOUND IN RACF DATA SET");
    let headings = listed(&site.saf, "LG *").iter().filter(|line| line.starts_with("INFORMATION")).count();
    assert_eq!(headings, 8);
}

#[test]
fn a_principal_is_kept_and_listed() {
    let site = Site::bare();
    run(&site.saf, "ADDUSER JOE KERB(KERBNAME(JOE))");
    // As on the slide.
    let expected = [
        "USER=JOE",
        "",
        "KERB INFORMATION",
        "----------------",
        "KERBNAME= JOE",
        "KEY ENCRYPTION TYPE= DES DES3 DESD AES128 AES256 AES128SHA2 AES256SHA2",
    ];
    assert_eq!(listed(&site.saf, "LISTUSER JOE NORACF KERB"), expected);
    run(&site.saf, "ALTUSER JOE KERB(ENCRYPT(NOAES128SHA2 NODES) MAXTKTLF(36000))");
    assert_eq!(
        listed(&site.saf, "LU JOE NORACF KERB")[4..],
        ["KERBNAME= JOE", "MAXTKTLF= 0000036000", "KEY ENCRYPTION TYPE= DES3 DESD AES128 AES256 AES256SHA2"]
    );
    run(&site.saf, "ALTUSER JOE KERB(ENCRYPT(DES) NOMAXTKTLF NOKERBNAME)");
    let kerb = user(&site, "JOE").kerb.unwrap();
    assert!(kerb.encryption.contains(&EncryptionType::Des) && kerb.name.is_empty() && kerb.max_ticket_life.is_none());
    run(&site.saf, "ALTUSER JOE NOKERB");
    assert_eq!(listed(&site.saf, "LU JOE NORACF KERB")[2], "NO KERB INFORMATION");
    for (command, what) in [
        ("ALTUSER JOE KERB(ENCRYPT(RC4))", "\"RC4\" is no type of Kerberos key"),
        ("ALTUSER JOE KERB(ENCRYPT())", "ENCRYPT needs a value"),
        ("ALTUSER JOE KERB(MAXTKTLF(0))", "\"0\" is no MAXTKTLF"),
        ("ALTUSER JOE KERB(MAXTKTLF(2147483648))", "is no MAXTKTLF"),
        ("ALTUSER JOE KERB(KERBNAME(''))", "KERBNAME has 1 to 240 printable ASCII characters"),
        ("ALTUSER JOE KERB(KERBNAME(X) NOKERBNAME)", "KERBNAME and NOKERBNAME exclude each other"),
        ("ADDUSER NEW KERB(NOKERBNAME)", "is no operand of this command"),
        ("ALTUSER JOE KERB(KERBNAME(X)) NOKERB", "KERB and NOKERB exclude each other"),
    ] {
        let error = fails(&site.saf, command);
        assert!(error.what().contains(what), "{command}: {}", error.what());
    }
}

#[test]
fn a_realm_is_kept_and_listed_and_its_password_is_shown_nowhere() {
    let site = Site::bare();
    let name = "/.../KERB10.ENDICOTT.IBM.COM/KRBTGT/KER2000.ENDICOTT.IBM.COM";
    run(&site.saf, &format!("RDEFINE REALM {name}"));
    assert_eq!(listed(&site.saf, &format!("RLIST REALM {name} NORACF KERB")), ["NO KERB INFORMATION"]);
    let secrets = Secrets([("TRUST", "87654321")].into());
    site.saf.command(&admin(), &format!("RALTER REALM {name} KERB(PASSWORD(@secret:TRUST))"), &secrets).unwrap();
    run(&site.saf, &format!("RALTER REALM {name} KERB(PASSWORD(12345678))"));
    let expected = [
        "KERB INFORMATION",
        "----------------",
        "KEY VERSION= 002",
        "KEY ENCRYPTION TYPE= DES DES3 DESD AES128 AES256 AES128SHA2 AES256SHA2",
        "CHECK ADDRESSES= NO",
    ];
    assert_eq!(listed(&site.saf, &format!("RL REALM {name} NORACF KERB")), expected);
    run(&site.saf, &format!("RALTER REALM {name} KERB(MINTKTLF(15) DEFTKTLF(36000) MAXTKTLF(86400) CHECKADDRS(YES))"));
    let lines = listed(&site.saf, &format!("RL REALM {name} NORACF KERB"));
    assert_eq!(lines[2..5], ["MINTKTLF= 0000000015", "MAXTKTLF= 0000086400", "DEFTKTLF= 0000036000"]);
    assert_eq!(lines[7], "CHECK ADDRESSES= YES");
    for (operands, what) in [
        ("MINTKTLF(40000)", "MINTKTLF is more than DEFTKTLF"),
        ("DEFTKTLF(90000)", "DEFTKTLF is more than MAXTKTLF"),
        (&format!("PASSWORD({})", "123456789".repeat(15)), "a password of a realm has 1 to 128 printable characters"),
        ("CHECKADDRS(MAYBE)", "\"MAYBE\" is neither YES nor NO"),
    ] {
        let error = fails(&site.saf, &format!("RALTER REALM {name} KERB({operands})"));
        assert!(error.what().contains(what), "{operands}: {}", error.what());
        assert!(!error.report().contains("123456789"), "{}", error.report());
    }
    run(&site.saf, &format!("RALTER REALM {name} KERB(NOPASSWORD NOMINTKTLF NODEFTKTLF NOMAXTKTLF NOCHECKADDRS)"));
    assert_eq!(listed(&site.saf, &format!("RL REALM {name} NORACF KERB"))[2..].len(), 2);
    assert!(profile(&site, Class::Realm, name).kerb.unwrap().password.is_none());
    assert!(fails(&site.saf, "RDEFINE PTKTDATA A KERB(KERBNAME(X))").what().contains("has no KERB segment"));
}

#[test]
fn level_warning_and_audit_are_kept_and_listed() {
    let site = Site::bare();
    run(&site.saf, "RDEFINE FACILITY IRR.RTICKETSERV LEVEL(7) WARNING AUDIT(SUCCESS(UPDATE) FAILURES)");
    let lines = listed(&site.saf, "RLIST FACILITY IRR.RTICKETSERV");
    assert_eq!(lines[6], " 07    IBMUSER         NONE              NONE     YES");
    assert_eq!(lines[18], "SUCCESS(UPDATE),FAILURES(READ)");
    for (operand, line) in [
        ("ALL", "ALL(READ)"),
        ("ALL(CONTROL)", "ALL(CONTROL)"),
        ("NONE", "NONE"),
        ("SUCCESS", "SUCCESS(READ)"),
        ("FAILURES(ALTER)", "FAILURES(ALTER)"),
    ] {
        run(&site.saf, &format!("RALTER FACILITY IRR.RTICKETSERV NOWARNING LEVEL(0) AUDIT({operand})"));
        assert_eq!(listed(&site.saf, "RLIST FACILITY IRR.RTICKETSERV")[18], line);
    }
    assert_eq!(
        profile(&site, Class::Facility, "IRR.RTICKETSERV").audit,
        Audit { success: None, failures: Some(Access::Alter) }
    );
    for (operands, what) in [
        ("LEVEL(100)", "\"100\" is no LEVEL"),
        ("AUDIT(NEVER)", "\"NEVER\" is nothing to be audited"),
        ("AUDIT(NONE SUCCESS)", "\"NONE\" is nothing to be audited"),
        ("AUDIT(SUCCESS(REED))", "an access level is"),
        ("AUDIT", "AUDIT needs a value"),
    ] {
        let error = fails(&site.saf, &format!("RALTER FACILITY IRR.RTICKETSERV {operands}"));
        assert!(error.what().contains(what), "{operands}: {}", error.what());
    }
}

#[test]
fn search_lists_names() {
    let site = Site::new();
    run(&site.saf, "RDEFINE PTKTDATA (TSOPRD1 TSOPRD2 CICSP1 CICSP1.TPX)");
    run(&site.saf, "ADDUSER (TPXSTC TPXUSR U1)");
    run(&site.saf, "ADDGROUP TPXGRP");
    for (command, names) in [
        ("SEARCH CLASS(PTKTDATA)", &["CICSP1", "CICSP1.TPX", "IRRPTAUTH.** (G)", "TSOPRD1", "TSOPRD2"][..]),
        ("SR CLASS(PTKTDATA) FILTER(TSO*)", &["TSOPRD1", "TSOPRD2"]),
        ("SR CLASS(PTKTDATA) FILTER(TSOPRD%)", &["TSOPRD1", "TSOPRD2"]),
        ("SR CLASS(PTKTDATA) FILTER(**.TPX)", &["CICSP1.TPX"]),
        ("SR CLASS(PTKTDATA) MASK(CICS)", &["CICSP1", "CICSP1.TPX"]),
        ("SR CLASS(PTKTDATA) MASK(CICS TPX)", &["CICSP1.TPX"]),
        ("SR CLASS(PTKTDATA) MASK(*,2)", &["TSOPRD2"]),
        ("SR CLASS(PTKTDATA) NOMASK GENERIC", &["IRRPTAUTH.** (G)"]),
        ("SR CLASS(PTKTDATA) NOGENERIC MASK(I)", &[]),
        ("SR CLASS(USER) MASK(TPX)", &["TPXSTC", "TPXUSR"]),
        ("SR CLASS(GROUP)", &["TPXGRP"]),
    ] {
        let output = run(&site.saf, command);
        assert_eq!(output.lines, names, "{command}");
        let nothing: &[&str] = if names.is_empty() { &["ICH31005I NO ENTRIES MEET SEARCH CRITERIA"] } else { &[] };
        assert_eq!(output.messages, nothing, "{command}");
    }
    for (command, what) in [
        ("SEARCH", "CLASS is missing"),
        ("SEARCH CLASS(DATASET)", "is no class of this database"),
        ("SEARCH CLASS(USER) FILTER(A) MASK(B)", "FILTER and MASK exclude each other"),
        ("SEARCH CLASS(USER) MASK(A) NOMASK", "MASK and NOMASK exclude each other"),
        ("SEARCH CLASS(USER) MASK(A B C)", "MASK takes one value or two"),
        ("SEARCH CLASS(USER) FILTER(A=B)", "'=' cannot stand in a profile name"),
    ] {
        let error = fails(&site.saf, command);
        assert!(error.what().contains(what), "{command}: {}", error.what());
    }
}

#[test]
fn permit_resets_an_access_list() {
    let site = Site::new();
    run(&site.saf, "RDEFINE PTKTDATA A");
    run(&site.saf, "PERMIT A CLASS(PTKTDATA) ID(U1 U2 U3) ACCESS(ALTER)");
    let list = || -> Vec<String> {
        let access = profile(&site, Class::Ptktdata, "A").access;
        access.iter().map(|(id, access)| format!("{id} {access}")).collect()
    };
    assert_eq!(list(), ["U1 ALTER", "U2 ALTER", "U3 ALTER"]);
    run(&site.saf, "PERMIT A CLASS(PTKTDATA) ID(U1 U9) DELETE");
    assert_eq!(list(), ["U2 ALTER", "U3 ALTER"]);
    run(&site.saf, "PERMIT A CLASS(PTKTDATA) RESET(ALL) ID(U4)");
    assert_eq!(list(), ["U4 READ"]);
    run(&site.saf, "PERMIT A CLASS(PTKTDATA) RESET");
    assert!(list().is_empty());
    for (operands, what) in [
        ("RESET(WHEN)", "there is only the standard access list here"),
        ("RESET DELETE ID(A)", "RESET and DELETE exclude each other"),
        ("RESET ACCESS(READ)", "ID is missing"),
        ("ACCESS(REED) ID(A)", "an access level is"),
    ] {
        let error = fails(&site.saf, &format!("PERMIT A CLASS(PTKTDATA) {operands}"));
        assert!(error.what().contains(what), "{operands}: {}", error.what());
    }
}

#[test]
fn setropts_lists_what_it_set() {
    let site = Site::bare();
    let start = [
        "ACTIVE CLASSES = USER GROUP",
        "GENERIC PROFILE CLASSES =  NONE",
        "SETR RACLIST CLASSES =  NONE",
        "LIST OF GROUPS ACCESS CHECKING IS ACTIVE.",
        "PASSWORD PROCESSING OPTIONS:",
        "  MIXED CASE PASSWORD SUPPORT IS NOT IN EFFECT",
        "  USERIDS NOT BEING AUTOMATICALLY REVOKED.",
    ];
    let output = run(&site.saf, "SETROPTS LIST");
    assert_eq!((output.lines.as_slice(), output.messages.len()), (&start.map(str::to_owned)[..], 0));
    let output = run(
        &site.saf,
        "SETROPTS CLASSACT(PTKTDATA APPL) GENERIC(PTKTDATA) RACLIST(PTKTDATA) PASSWORD(MIXEDCASE REVOKE(5)) LIST",
    );
    let expected = [
        "ACTIVE CLASSES = USER GROUP PTKTDATA APPL",
        "GENERIC PROFILE CLASSES =  PTKTDATA",
        "SETR RACLIST CLASSES =  PTKTDATA",
        "LIST OF GROUPS ACCESS CHECKING IS ACTIVE.",
        "PASSWORD PROCESSING OPTIONS:",
        "  MIXED CASE PASSWORD SUPPORT IS IN EFFECT",
        "  AFTER   5 CONSECUTIVE UNSUCCESSFUL PASSWORD ATTEMPTS,",
        "      A USERID WILL BE REVOKED.",
    ];
    assert_eq!(output.lines, expected);
    assert_eq!(output.messages, ["ICH14063I SETROPTS command complete."]);
    run(&site.saf, "SETROPTS NOCLASSACT(*) NORACLIST(*) NOGENERIC(*) PASSWORD(NOREVOKE NOMIXED)");
    assert_eq!(listed(&site.saf, "SETR LIST"), start);
    for (operands, what) in [
        ("PASSWORD()", "PASSWORD needs a value"),
        ("PASSWORD", "PASSWORD needs a value"),
        ("PASSWORD(REVOKE(255))", "\"255\" is no REVOKE"),
        ("PASSWORD(REVOKE)", "REVOKE needs a value"),
        ("PASSWORD(MIXEDCASE NOMIXEDCASE)", "MIXEDCASE and NOMIXEDCASE exclude each other"),
        ("GENERIC REFRESH", "GENERIC needs a value"),
        ("LIST(ALL)", "LIST takes no value"),
    ] {
        let error = fails(&site.saf, &format!("SETROPTS {operands}"));
        assert!(error.what().contains(what), "{operands}: {}", error.what());
    }
    run(&site.saf, "SETROPTS GENERIC(PTKTDATA) REFRESH");
}

fn page_of_commands() -> (std::path::PathBuf, String, String) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once("\n## ").unwrap_or((&page, ""));
    let made = head.to_owned() + &icsf_saf::command::reference();
    (path, page, made)
}

#[test]
fn the_page_of_commands_is_made_from_their_table() {
    let (_, page, made) = page_of_commands();
    assert!(page == made, "cargo test -p icsf-saf --test suite -- --ignored make_the_page_of_commands");
}

#[test]
#[ignore = "writes docs/commands.md"]
fn make_the_page_of_commands() {
    let (path, _, made) = page_of_commands();
    std::fs::write(path, made).unwrap();
}
