//! The ways out: each failure has one that mends it, with what it costs, and commands that can be typed.

use icsf_drill::gallery::GALLERY;
use icsf_drill::{Report, run};
use serde_json::Value;

use crate::reports::{OUTAGE, story};
use crate::support::{drill, with_steps};

const REFRESH: &str = "SETROPTS RACLIST(PTKTDATA) REFRESH";

fn remedies(text: &str) -> Vec<Value> {
    let run = run(&drill(text)).unwrap_or_else(|error| panic!("{error}"));
    Report::of(&run).value()["remedies"].as_array().unwrap().clone()
}

fn exhibit(name: &str) -> Vec<Value> {
    remedies(GALLERY.iter().find(|exhibit| exhibit.name == name).unwrap().text)
}

fn commands(remedies: &[Value]) -> Vec<&str> {
    let all = remedies.iter().flat_map(|remedy| remedy["commands"].as_array().unwrap());
    all.map(|command| command.as_str().unwrap()).collect()
}

fn ways(remedies: &[Value]) -> Vec<(&str, &str)> {
    remedies.iter().map(|remedy| (remedy["against"].as_str().unwrap(), remedy["way"].as_str().unwrap())).collect()
}

#[test]
fn a_profile_that_waits_for_a_refresh_is_mended_by_one() {
    let found = exhibit("stale-raclist");
    assert_eq!(commands(&found), [REFRESH]);
    assert_eq!(found[0]["against"], "a changed profile that is not in storage");
}

#[cfg(feature = "enhanced")]
#[test]
fn a_fixed_length_ckds_is_converted() {
    let found = exhibit("fixed-length-ckds");
    let (against, way) = ways(&found)[0];
    assert_eq!(against, "a fixed-length CKDS takes no HMAC key");
    assert!(way.starts_with("convert the CKDS to the common record format (KDSR)"), "{way}");
    assert!(commands(&found).contains(&"softicsf init NEW --ckds-format kdsr"));
}

#[cfg(feature = "enhanced")]
#[test]
fn clocks_that_are_90_seconds_apart_are_set_or_outlived() {
    let found = exhibit("clock-skew-90s");
    assert!(ways(&found).iter().all(|(against, _)| *against == "clocks that are apart"), "{found:#?}");
    assert_eq!(commands(&found), ["D T", "RALTER PTKTDATA CICSP1 SSIGNON(TIMEOUT(120))", REFRESH]);
    assert_eq!(found[1]["weakens"], "whoever steals a ticket has as much longer to use it");
    // Further apart than any ticket lives, only the clock helps.
    let text = GALLERY.iter().find(|exhibit| exhibit.name == "clock-skew-90s").unwrap().text;
    assert!(text.contains("\"+90s\""), "{text}");
    let far = remedies(&text.replace("\"+90s\"", "\"+20m\""));
    assert!(commands(&far).contains(&"D T") && !commands(&far).iter().any(|c| c.contains("TIMEOUT")), "{far:#?}");
}

/// The masked key that is there is used again, and is not typed in anew.
#[cfg(feature = "enhanced")]
#[test]
fn a_masked_key_beside_an_enhanced_one_is_kept() {
    let found = exhibit("masked-plus-enhanced");
    let all = commands(&found);
    assert!(all.contains(&"RALTER PTKTDATA CICSP1 SSIGNON(NOEPTKEYLABEL)"), "{all:#?}");
    assert!(!all.iter().any(|command| command.contains("NOSSIGNON") || command.contains("KEYMASKED")), "{all:#?}");
}

/// TPX runs at site B, and the application at site A, where its profile gets another key.
#[test]
fn keys_that_differ_are_made_the_same() {
    let steps = "[[step]]\nid = \"rekey\"\nat = \"+1m\"\nsite = \"A\"\ndo = \"profile.rekey\"\n\
                 with = { profile = \"IMSP1\" }\n\n[[step]]\nid = \"dead\"\nat = \"+2m\"\nsite = \"A\"\n\
                 do = \"logon\"\nwith = { users = [\"U1\"], sessions = [\"IMS\"] }\nexpect = { outcome = \"fail\" }\n";
    let text = with_steps(steps)
        .replace("kind = \"none\"", "kind = \"software\", master_key = \"same-as:A\"")
        .replace("runs_as = \"TPXSTC\"", "runs_as = \"TPXSTC\"\nruns_at = \"B\"");
    let found = remedies(&text);
    let way = ("ticket not valid", "give the profile the same key on both systems");
    assert_eq!(ways(&found).first(), Some(&way), "{found:#?}");
    assert_eq!(commands(&found), ["RALTER PTKTDATA IMSP1 SSIGNON(KEYMASKED(kkkkkkkkkkkkkkkk))", REFRESH]);
}

/// Of all there are: each has its cost, none leaves something to be guessed, and what RACF is to be typed RACF takes.
#[test]
fn every_way_out_has_its_cost_and_can_be_typed() {
    let gallery = GALLERY.iter().map(|exhibit| exhibit.text.to_owned());
    let mut typed = 0;
    for text in gallery.chain([story(OUTAGE)]) {
        for remedy in remedies(&text) {
            assert!(remedy["cost"].is_string(), "{remedy:#}");
            assert_ne!(remedy["against"], "another failure", "{remedy:#}");
            assert!(!remedy["way"].as_str().unwrap().contains("..."), "{remedy:#}");
            for command in commands(std::slice::from_ref(&remedy)) {
                assert!(!command.contains("...") && !command.contains(['{', '}']), "{command}");
                typed += usize::from(is_taken(command));
            }
        }
    }
    assert!(typed > if cfg!(feature = "enhanced") { 30 } else { 10 }, "{typed}");
}

/// Types a command of RACF; whether it was one. What it is about is made before.
fn is_taken(command: &str) -> bool {
    let words: Vec<&str> = command.split(' ').collect();
    let between = |name: &str| Some(command.split_once(name)?.1.split_once(')')?.0);
    let mut before = vec!["SETROPTS CLASSACT(PTKTDATA CSFSERV CSFKEYS) GENERIC(PTKTDATA CSFSERV CSFKEYS)".to_owned()];
    match words.as_slice() {
        _ if cfg!(not(feature = "enhanced")) && command.contains("EPTKEYLABEL") => return false,
        [_, "PROGRAM", ..] | ["SETROPTS", "WHEN(PROGRAM)", ..] => return false,
        // There has to be a key that can be moved.
        ["RALTER", class, name, "SSIGNON(ENCRYPTKEY)"] => {
            before.push(format!("RDEFINE {class} {name} SSIGNON(KEYMASKED(E001193519561977))"));
        }
        ["RALTER", class, name, ..] => before.push(format!("RDEFINE {class} {name}")),
        ["RLIST", class, name, ..] => before.push(format!("RDEFINE {class} {name}")),
        ["PERMIT", name, ..] => {
            before.push(format!("RDEFINE {} {name}", between("CLASS(").unwrap()));
            before.push(format!("ADDUSER {}", between("ID(").unwrap()));
        }
        ["ALTUSER", id, ..] => before.push(format!("ADDUSER {id}")),
        ["RDEFINE" | "SETROPTS", ..] => {}
        _ => return false,
    }
    before.push("SETROPTS RACLIST(PTKTDATA CSFSERV CSFKEYS)".to_owned());
    before.push(command.replace("kkkkkkkkkkkkkkkk", "E001193519561977"));
    let system = softicsf::System::in_memory().build().unwrap();
    for kind in softicsf::MasterKeyKind::ALL {
        system.icsf().generate_master_key(kind).unwrap();
        system.icsf().set_master_key(kind).unwrap();
    }
    let issuer = softicsf::Caller::user("IBMUSER".parse().unwrap());
    for command in before {
        system.racf(&issuer, &command, &softicsf::NoSecrets).unwrap_or_else(|e| panic!("{command}: {}", e.report()));
    }
    true
}
