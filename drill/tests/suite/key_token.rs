//! A key token left in a profile: a real one, by which tickets are made as long as its master key is there.

use icsf_drill::CardKind;

use crate::support::{ran_on, with_steps};

/// [`SMALL`] and a third site with master keys of its own, and these steps.
fn drill(steps: &str) -> String {
    let third =
        "[[site]]\nname = \"C\"\nrole = \"recovery\"\nsmfid = \"OTHR\"\nengine = { kind = \"software\" }\n\n[racf]";
    with_steps(steps).replace("[racf]", third)
}

fn step(n: u32, action: &str, with: &str) -> String {
    format!("[[step]]\nid = \"s{n}\"\nat = \"+{n}m\"\nsite = \"A\"\ndo = \"{action}\"\nwith = {{ {with} }}\n")
}

fn logon(n: u32, expect: &str) -> String {
    step(n, "logon", "users = [\"U1\"], sessions = [\"TSO\"]") + &format!("expect = {{ {expect} }}\n")
}

const GONE: &str = "outcome = \"fail\", saf = \"8/16/28\", icsf = \"0C/0000\", service = \"CSNBENC\"";

fn as_expected(text: &str) -> [String; 2] {
    [CardKind::Software, CardKind::Pkcs11].map(|kind| {
        let (run, report) = ran_on(kind, text);
        assert_eq!(run.exit_status(), 0, "{report}");
        assert!(!report.contains("an unload does not hold it"), "{report}");
        report
    })
}

/// It makes tickets, fails with its card, and is moved into the CKDS.
#[test]
fn it_works_while_its_master_key_is_there_and_encryptkey_mends_it() {
    let steps = step(1, "profile.keytoken", "profile = \"TSOPRD1\"")
        + &logon(2, "outcome = \"ok\"")
        + "[[step]]\nid = \"show\"\nat = \"+3m\"\ndo = \"display\"\n\
           with = { command = \"RLIST PTKTDATA TSOPRD1 SSIGNON\", sites = [\"A\"] }\n\
           expect = { matches = \"KEYTOKEN DATA NOT DISPLAYABLE\" }\n"
        + "[[step]]\nid = \"pull\"\nat = \"+4m\"\nsite = \"A\"\ndo = \"engine.detach\"\n"
        + &logon(5, GONE)
        + "[[step]]\nid = \"back\"\nat = \"+6m\"\nsite = \"A\"\ndo = \"engine.attach\"\n"
        + &step(
            7,
            "racf",
            "commands = [\"RALTER PTKTDATA TSOPRD1 SSIGNON(ENCRYPTKEY)\", \"SETROPTS RACLIST(PTKTDATA) REFRESH\"]",
        )
        + &logon(8, "outcome = \"ok\"")
        + "[[step]]\nid = \"gone\"\nat = \"+9m\"\nsite = \"A\"\ndo = \"ckds.detach\"\n"
        + &logon(10, "outcome = \"fail\", icsf = \"08/271C\"");
    as_expected(&drill(&steps));
}

/// A token of another site is under its master key, and no key of this one opens it: also not when it is to be moved.
#[test]
fn under_another_master_key_it_is_lost() {
    let steps = step(1, "profile.keytoken", "profile = \"IMSP1\", from = \"C\"")
        + &step(2, "logon", "users = [\"U1\"], sessions = [\"IMS\"]")
        + "expect = { outcome = \"fail\", saf = \"8/16/28\", icsf = \"08/2714\", service = \"CSNBENC\" }\n"
        + &logon(3, "outcome = \"ok\"")
        + &step(
            4,
            "racf",
            "commands = [\"RALTER PTKTDATA IMSP1 SSIGNON(KEYENCRYPTED(@secret:ims))\", \"SETROPTS RACLIST(PTKTDATA) REFRESH\"]",
        )
        + &step(5, "logon", "users = [\"U1\"], sessions = [\"IMS\"]")
        + "expect = { outcome = \"ok\" }\n";
    as_expected(&drill(&steps));
    let unknown = drill(&step(1, "profile.keytoken", "profile = \"IMSP1\", from = \"D\""));
    let error = icsf_drill::Drill::read("test.toml", &unknown).unwrap_err().to_string();
    assert!(error.contains("there is no site \"D\""), "{error}");
}
