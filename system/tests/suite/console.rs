//! What operators type, what they see, and what is told of a command that is wrong.

use std::sync::Arc;

use icsf_core::ClearKey;
use icsf_core::backend::RegisterChange;
use icsf_core::codes::Code;
use softicsf::{ConsoleError, KdsFormat, ManualClock, MasterKeyKind, NoSecrets, System};

use crate::support::{Home, admin, listed, lost, racf};

/// A system in memory at 09:00:00, with its master keys.
fn prd1() -> System {
    let clock = Arc::new(ManualClock::at(1_763_110_800));
    let system = System::in_memory().names("PRD1", "P001").clock(clock).build().unwrap();
    for kind in MasterKeyKind::ALL {
        system.icsf().generate_master_key(kind).unwrap();
        system.icsf().set_master_key(kind).unwrap();
    }
    system
}

/// The reply of a command that was refused, and the exit status it has.
fn refused(system: &System, command: &str) -> (String, u8) {
    let error = system.console(command).unwrap_err();
    (error.to_string(), error.return_code())
}

fn shown(system: &System, command: &str) -> String {
    system.console(command).unwrap_or_else(|error| panic!("{command}: {error}")).join("\n")
}

fn wrong(system: &System, command: &str) -> String {
    let error = system.console(command).unwrap_err();
    assert_eq!((error.return_code(), error.cause()), (8, None), "{command}");
    error.to_string()
}

#[test]
fn the_displays_of_a_system_with_its_master_keys() {
    let system = prd1();
    let des = system.engine().unwrap().master_keys.des.current.unwrap().to_string();
    let aes = system.engine().unwrap().master_keys.aes.current.unwrap().to_string();
    for (command, layout) in [
        (
            "D ICSF,KDS",
            "CSFM668I 09.00.00 ICSF KDS 001\n CKDS  IN MEMORY\n   FORMAT=KDSR COMM LVL=0 SYSPLEX=N MKVPs=DES AES\n   \
             DES MKVP date=Unknown\n   AES MKVP date=Unknown\n SIC3007I NO PKDS AND NO TKDS IS KEPT"
                .to_owned(),
        ),
        (
            "D ICSF,MKVPS,SYSPLEX=YES",
            format!(
                "CSFM668I 09.00.00 ICSF MKVPS 001\n CKDS IN MEMORY\n   AES MKVP Date=Unknown\n   \
                 DES MKVP Date=Unknown\n ID            AES    DES\n KDSMKVPS      {aes} {des}\n \
                 PRD1     00   {aes} {des}\n No TKDS defined or no EP11 adapters online",
                aes = &aes[..6],
                des = &des[..6]
            ),
        ),
        (
            "DISPLAY ICSF",
            "CSFM668I 09.00.00 ICSF LIST 001\n  Systems supporting SETICSF and DISPLAY ICSF commands:\n    \
             SYSNAME   RELEASE  DOM  CHG_DATE\n    PRD1      0.1.0    000  N/A"
                .to_owned(),
        ),
        (
            "D ICSF,MKS",
            format!(
                "SIC3008I 09.00.00 ICSF MKS\n  00 SOFTWARE ENGINE\n    STATUS=Active\n    \
                 REGISTER  DES-MK            AES-MK\n    NEW       EMPTY             EMPTY\n    \
                 CURRENT   {des}  {aes}\n    OLD       NONE              NONE"
            ),
        ),
        (
            "D ICSF,OPT",
            "SIC3009I 09.00.00 ICSF OPTIONS\n  CKDSN(IN MEMORY)\n  CHECKAUTH(NO)\n  REASONCODES(ICSF)\n  \
             SIC3012I DYNAMIC CKDS UPDATES ARE ENABLED"
                .to_owned(),
        ),
    ] {
        assert_eq!(shown(&system, command), layout, "{command}");
    }
}

#[test]
fn the_displays_of_a_system_without_master_keys() {
    let system = System::in_memory().format(KdsFormat::Fixed).build().unwrap();
    assert!(shown(&system, "D ICSF,KDS").contains("\n   FORMAT=FIXED COMM LVL=0 SYSPLEX=N MKVPs=NONE\n SIC3007I"));
    let patterns = shown(&system, "D ICSF,MKVPS");
    assert!(patterns.contains("\n CKDS IN MEMORY\n ID "), "no dates: {patterns}");
    assert!(patterns.contains("\n KDSMKVPS      NONE   NONE\n SY1      00   NONE   NONE\n"), "{patterns}");
    system.icsf().generate_master_key(MasterKeyKind::Des).unwrap();
    let registers = shown(&system, "D ICSF,MKS");
    assert!(registers.contains("\n    CURRENT   NONE              NONE\n"), "{registers}");
    let new = registers.lines().find(|line| line.starts_with("    NEW ")).unwrap();
    assert!(new.ends_with("  EMPTY") && !new.contains("EMPTY     EMPTY"), "{new}");
}

/// Which register differs from which key data set: what the display of patterns is for.
#[test]
fn the_display_of_patterns_shows_the_engine_that_differs() {
    let home = Home::ready();
    let path = home.file("ckds.db").display().to_string();
    for (command, line) in [
        ("D ICSF,KDS", format!(" CKDS  {path}")),
        ("D ICSF,MKVPS", format!(" CKDS {path}")),
        ("D ICSF,OPTIONS", format!("  CKDSN({path})")),
    ] {
        assert!(shown(&home.system, command).lines().any(|shown| shown == line), "{command}");
    }
    assert!(listed(&home.path).contains(&home.file("ckds.db")));
    let rows = |system: &System| {
        let shown = shown(system, "D ICSF,MKVPS");
        let row = |id: &str| {
            let line = shown.lines().find(|line| line.trim_start().starts_with(id)).unwrap();
            line.split_whitespace().rev().take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        (row("KDSMKVPS"), row("SY1"))
    };
    let (kds, engine) = rows(&home.system);
    assert_eq!(kds[0], engine[0], "DES");
    let icsf = home.system.icsf();
    for kind in MasterKeyKind::ALL {
        icsf.backend().change_register(kind, RegisterChange::Zeroize).unwrap();
    }
    let (kds, engine) = rows(&home.system);
    assert_ne!(kds[0], engine[0]);
    assert_eq!(engine, ["NONE", "NONE"]);
}

#[test]
fn without_an_engine_the_displays_say_so() {
    let slot = softicsf::CardSlot::empty();
    let system = System::in_memory().slot(&slot).build().unwrap();
    for command in ["D ICSF,CARDS", "D ICSF,MKS", "D ICSF,MKVPS"] {
        let shown = shown(&system, command);
        assert!(shown.contains("SIC3002I NO CRYPTO ENGINE IS INSTALLED"), "{command}: {shown}");
    }
    for command in ["SETICSF ACT", "SETICSF DEACT"] {
        assert_eq!(refused(&system, command), ("SIC3002I NO CRYPTO ENGINE IS INSTALLED".to_owned(), 8), "{command}");
    }
    assert!(shown(&system, "D ICSF,LIST").contains("SY1       0.1.0    N/A  N/A"));
    assert!(system.icsf().view().unwrap().control.engine_online, "nothing was switched");
}

#[test]
fn the_engine_is_deactivated_and_activated_for_every_process() {
    let home = Home::ready();
    let other = home.another();
    assert_eq!(shown(&home.system, "seticsf deact"), "SIC3011I DEVICE 00 DEACTIVATED: STATUS=Offline");
    assert!(lost(&other).contains("the operator took it offline"));
    assert_eq!(shown(&other, "SETICSF ACTIV,INDEX=0"), "SIC3011I DEVICE 00 ACTIVATED: STATUS=Active");
    crate::support::ticket(&home.system, "TSOPRD1").unwrap();
    for (command, why) in [
        (
            "SETICSF DEACT,SN=99EA6059",
            "no device with serial number 99EA6059; the one there is has index 00, no serial",
        ),
        ("SETICSF DEACTIVATE,INDEX=1", "no device with index 1; the one there is has index 00"),
    ] {
        assert!(wrong(&home.system, command).contains(why), "{command}");
    }
    assert_eq!(other.engine().unwrap().state.word(), "online");
}

#[test]
fn updates_are_disabled_for_every_process_until_icsf_is_stopped() {
    let home = Home::ready();
    let other = home.another();
    let define = |name: &str| {
        let command = format!("RDEFINE PTKTDATA {name} SSIGNON(KEYENCRYPTED(0123456789ABCDEF))");
        other.racf(&admin(), &command, &NoSecrets)
    };
    let answer = || other.icsf().csnbkrc(&"NEW".parse().unwrap()).map(drop).map_err(|error| error.code());
    assert_eq!(shown(&home.system, "SETICSF DIS,CKDS"), "SIC3012I DYNAMIC CKDS UPDATES ARE DISABLED");
    assert!(shown(&other, "D ICSF,OPT").ends_with("SIC3012I DYNAMIC CKDS UPDATES ARE DISABLED"));
    assert!(!other.status().unwrap().icsf.unwrap().ckds_updates);
    assert_eq!(answer(), Err(Code::UpdatesDisallowed));
    let records = other.status().unwrap().icsf.unwrap().ckds.records;
    let error = define("A").unwrap_err();
    assert!(error.to_string().contains("CSNBKRC 12/4: the operator disabled dynamic updates"), "{error}");
    assert!(error.remedies().iter().any(|remedy| remedy.contains("SETICSF ENABLE,CKDS")), "{error:?}");
    assert_eq!(other.status().unwrap().icsf.unwrap().ckds.records, records);
    assert!(home.another().racf(&admin(), "RLIST PTKTDATA A", &NoSecrets).is_err(), "nothing was defined");
    // A ticket takes no update, and a utility writes the disk copy.
    crate::support::ticket(&other, "TSOPRD1").unwrap();
    let token = other.icsf().csnbcki(&ClearKey::from_hex("0123456789ABCDEF").unwrap()).unwrap().value;
    other.icsf().kgup_add(&"BATCH".parse().unwrap(), token).unwrap();
    other.icsf().refresh_ckds().unwrap();

    assert_eq!(shown(&other, "SETICSF ENABLE,CKDS"), "SIC3012I DYNAMIC CKDS UPDATES ARE ENABLED");
    define("A").unwrap();
    shown(&home.system, "SETICSF DISABLE,CKDS");
    assert_eq!(refused(&home.system, "START CSF,SUB=MSTR"), ("SIC3018I ICSF IS STARTED ALREADY".to_owned(), 4));
    assert_eq!(answer(), Err(Code::UpdatesDisallowed), "it was not stopped");
    shown(&home.system, "STOP CSF");
    shown(&home.system, "S CSF,SUB=MSTR,REUSASID=YES");
    assert_eq!(answer(), Ok(()));
}

/// A directory of a release that knew no such switch.
#[test]
fn a_file_of_switches_without_the_one_for_updates_allows_them() {
    let home = Home::ready();
    std::fs::write(home.file("control.toml"), "icsf_started = true\nengine_online = false\n").unwrap();
    let control = home.another().icsf().view().unwrap().control;
    assert!(control.ckds_updates && !control.engine_online);
}

#[test]
fn with_icsf_stopped_its_commands_say_so() {
    let system = prd1();
    shown(&system, "P CSF");
    for command in ["D ICSF", "D ICSF,KDS", "D ICSF,OPT"] {
        assert_eq!(shown(&system, command), "IEE341I CSF NOT ACTIVE", "{command}");
    }
    // What was to be changed was not, and a script must not go on as if it were.
    for (command, status) in [("SETICSF DEACT", 8), ("SETICSF DISABLE,CKDS", 8), ("STOP CSF", 4)] {
        assert_eq!(refused(&system, command), ("IEE341I CSF NOT ACTIVE".to_owned(), status), "{command}");
    }
    let control = system.icsf().view().unwrap().control;
    assert!(control.engine_online && control.ckds_updates, "nothing was switched");
    assert_eq!(shown(&system, "D SMF,O"), "SID(P001)");
}

#[test]
fn the_pass_tickets_of_rse_are_verified() {
    let verify = |system: &System| system.console("f rsed,appl=ivp passticket,ibmuser");
    let why = |error: &ConsoleError| error.cause().unwrap().to_string();
    let system = prd1();
    racf(&system, "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)");
    let error = verify(&system).unwrap_err();
    assert!(
        error.to_string().starts_with("SIC3014E RSED IVP PASSTICKET: GENERATE AS STCRSE FAILED: IBMUSER at FEKAPPL")
    );
    assert_eq!(error.return_code(), 8);
    for command in [
        "RDEFINE PTKTDATA FEKAPPL APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYENCRYPTED(0123456789ABCDEF))",
        "RDEFINE PTKTDATA IRRPTAUTH.FEKAPPL.* UACC(NONE)",
        "SETROPTS RACLIST(PTKTDATA) REFRESH",
    ] {
        racf(&system, command);
    }
    let error = verify(&system).unwrap_err();
    assert!(why(&error).contains("STCRSE") && why(&error).contains("IRRPTAUTH.FEKAPPL.*"), "{}", why(&error));
    racf(&system, "PERMIT IRRPTAUTH.FEKAPPL.* CLASS(PTKTDATA) ID(STCRSE) ACCESS(UPDATE)");
    racf(&system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let good = "SIC3013I RSED IVP PASSTICKET: IBMUSER AT FEKAPPL GENERATED AND EVALUATED";
    assert_eq!(verify(&system).unwrap(), [good]);
    assert_eq!(verify(&system).unwrap(), [good], "the profile lets a ticket be used again in the same second");
    shown(&system, "SETICSF DEACT");
    let error = verify(&system).unwrap_err();
    assert!(error.to_string().ends_with("(SAF 8/16/28)"), "{error}");
    assert!(why(&error).starts_with("CSNBENC 12/0: engine is offline"), "{}", why(&error));
    // Where tickets are good once, two in one second are one too many.
    racf(&system, "RALTER PTKTDATA FEKAPPL NOAPPLDATA");
    racf(&system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    shown(&system, "SETICSF ACT");
    verify(&system).unwrap();
    let error = verify(&system).unwrap_err();
    assert!(error.to_string().contains("EVALUATE AS STCRSE FAILED"), "{error}");
}

#[test]
fn a_wrong_command_is_told_by_its_operand_and_what_was_expected() {
    let system = prd1();
    let before = system.icsf().view().unwrap().control;
    for (command, why) in [
        ("", "a command was expected: D ICSF,CARDS; D ICSF,KDS;"),
        (" ", "a command was expected"),
        ("VARY", "\"VARY\" is no command of this console; there are D ICSF,CARDS;"),
        ("D", "D: ICSF or SMF was expected, and nothing stands there"),
        ("D T", "D: ICSF or SMF was expected, not \"T\""),
        ("D ,ICSF", "D: ICSF or SMF was expected, and nothing stands there"),
        ("D ICSF,STATUS", "D ICSF: CARDS, KDS, LIST, MKS, MKVPS or OPTIONS was expected, not \"STATUS\""),
        ("D ICSF,", "D ICSF: CARDS, KDS, LIST, MKS, MKVPS or OPTIONS was expected, and nothing stands there"),
        ("D ICSF,OP", "was expected, not \"OP\""),
        ("D ICSF,OPTIONSX", "was expected, not \"OPTIONSX\""),
        ("D ICSF,CARDS,SYSPLEX=MAYBE", "D ICSF: SYSPLEX=YES or SYSPLEX=NO was expected, not \"SYSPLEX=MAYBE\""),
        ("D ICSF,CARDS,SYSPLEX=Y,X", "D ICSF: no operand after SYSPLEX was expected, not \"X\""),
        ("D ICSF, CARDS", "D: a blank ends the operands, and \"CARDS\" follows it; commas separate operands"),
        ("D SMF", "D SMF: O was expected, and nothing stands there"),
        ("D SMF,S", "D SMF: O was expected, not \"S\""),
        ("D SMF,O,X", "D SMF,O: no operand was expected, not \"X\""),
        ("START", "START: CSF or SKRBKDC was expected, and nothing stands there"),
        ("S CSF,SUB=JES2", "START CSF: SUB=MSTR or REUSASID=YES was expected, not \"SUB=JES2\""),
        ("S SKRBKDC,X", "START SKRBKDC: no operand was expected, not \"X\""),
        ("STOP RSED", "STOP: CSF or SKRBKDC was expected, not \"RSED\""),
        ("P CSF,X", "STOP CSF: no operand was expected, not \"X\""),
        ("SETICSF", "SETICSF: ACTIVATE, DEACTIVATE, ENABLE or DISABLE was expected, and nothing stands there"),
        ("SETICSF AC", "SETICSF: ACTIVATE, DEACTIVATE, ENABLE or DISABLE was expected, not \"AC\""),
        ("SETICSF PAUSE", "was expected, not \"PAUSE\""),
        ("SETICSF DISABLE", "SETICSF DISABLE: CKDS was expected, and nothing stands there"),
        ("SETICSF DIS,PKDS", "SETICSF DIS: CKDS was expected, not \"PKDS\""),
        ("SETICSF DIS,CKDS,X", "SETICSF DIS,CKDS: no operand was expected, not \"X\""),
        ("SETICSF ACT,ALL", "SETICSF ACT: SN=serial number or INDEX=index was expected, not \"ALL\""),
        ("SETICSF ACT,SN=", "SETICSF ACT: SN=serial number or INDEX=index was expected, not \"SN=\""),
        ("SETICSF ACT,SN=1,SN=2", "SETICSF ACT: one device was expected, not \"SN=2\""),
        ("F JES2,X", "F: RSED was expected, not \"JES2\""),
        ("F RSED", "F RSED: APPL=IVP was expected, and nothing stands there"),
        ("F RSED,APPL=IVP", "F RSED,APPL=IVP: PASSTICKET,userid was expected, and nothing stands there"),
        ("F RSED,APPL=IVP DAEMON", "F RSED,APPL=IVP: PASSTICKET,userid was expected, not \"DAEMON\""),
        ("F RSED,APPL=IVP PASSTICKET,", "F RSED,APPL=IVP PASSTICKET: a user ID was expected: "),
        ("F RSED,APPL=IVP PASSTICKET,TOOLONGUSER", "F RSED,APPL=IVP PASSTICKET: a user ID was expected: "),
        ("D ICSF,\u{1b}[2J", "was expected, not \"\\u{1b}[2J\""),
        ("D ICSF,\u{e9}", "was expected, not \"\u{e9}\""),
    ] {
        let told = wrong(&system, command);
        assert!(told.contains(why), "{command}: {told}");
    }
    assert_eq!(system.icsf().view().unwrap().control, before);
}

#[test]
fn what_was_typed_is_completed_and_every_completion_is_a_command() {
    let system = prd1();
    racf(&system, "ADDUSER (TSOUSR1 TSOUSR2)");
    let goes_on = |typed: &str| system.console_completions(typed);
    for (typed, commands) in [
        ("D ICSF,MK", ["D ICSF,MKS", "D ICSF,MKVPS"].as_slice()),
        ("display smf", &["DISPLAY SMF,O"]),
        ("seticsf e", &["SETICSF ENABLE,CKDS"]),
        ("p", &["P CSF", "P SKRBKDC"]),
        ("ST", &["START CSF", "START SKRBKDC", "STOP CSF", "STOP SKRBKDC"]),
        ("f rsed", &["F RSED,APPL=IVP PASSTICKET,"]),
        ("F RSED,APPL=IVP PASSTICKET,", &["F RSED,APPL=IVP PASSTICKET,TSOUSR1", "F RSED,APPL=IVP PASSTICKET,TSOUSR2"]),
        ("modify rsed,appl=ivp passticket,tsousr2", &["MODIFY RSED,APPL=IVP PASSTICKET,TSOUSR2"]),
        ("VARY", &[]),
        ("D ICSF,CARDS,", &[]),
    ] {
        assert_eq!(goes_on(typed), commands, "{typed}");
    }
    let all = goes_on("");
    assert_eq!(all.len(), 16);
    for command in all {
        let command = if command.ends_with(',') { format!("{command}TSOUSR1") } else { command };
        if let Err(error) = system.console(&command) {
            let known = ["SIC3014E", "SIC3018I"].iter().any(|id| error.to_string().starts_with(id));
            assert!(known, "{command}: {error}");
        }
        if command == "STOP CSF" {
            shown(&system, "START CSF");
        }
    }
}

#[test]
fn racf_commands_are_completed_by_what_is_there() {
    let home = Home::ready();
    racf(&home.system, "ADDUSER TSOUSR1");
    let offered = |typed: &str| home.system.racf_completions(typed).1;
    for (typed, names) in [
        ("rali", [].as_slice()),
        ("ralt", &["RALTER"]),
        ("RALTER p", &["PTKTDATA"]),
        ("rlist ptktdata tso", &["TSOPRD1"]),
        ("RLIST PTKTDATA (MASKED T", &["TSOPRD1"]),
        ("RLIST PTKTDATA MASKED T", &[]),
        ("RLIST APPL T", &[]),
        ("RDEFINE PTKTDATA T", &[]),
        ("PE IRR", &["IRRPTAUTH.**"]),
        ("PERMIT IRRPTAUTH.** CLASS(p", &["PTKTDATA"]),
        ("PERMIT IRRPTAUTH.** CLASS(PTKTDATA) ID(TSO", &["TSOUSR1"]),
        ("SETR RACLIST(PTKTDATA AP", &["APPL"]),
        ("ALTUSER t", &["TSOUSR1"]),
        ("ALTUSER TSOUSR1 PASSWORD(", &[]),
        ("RALTER PTKTDATA MASKED SSIGNON(KEYMASKED(", &[]),
        ("RALTER PTKTDATA MASKED APPLDATA('NO T", &[]),
    ] {
        let mut found = offered(typed);
        found.sort();
        assert_eq!(found, names, "{typed}");
    }
    assert_eq!(home.system.racf_completions("RLIST PTKTDATA TSO").0, 15);
}
