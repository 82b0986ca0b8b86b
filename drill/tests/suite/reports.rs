//! Reports: their forms say the same, are what their schemas say, give the same bytes each time, and show no secret.

use std::fs;

use icsf_drill::{NotComparable, Report, Run, run};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{SMALL, drill, with_nix, with_steps};

/// The card goes, a sign-on dies, and the card comes back.
pub(crate) const OUTAGE: &str = r#"
[[step]]
id   = "pull"
at   = "+10m"
site = "A"
do   = "engine.detach"

[[step]]
id     = "dead"
at     = "+12m"
site   = "A"
do     = "logon"
with   = { users = ["U1"], sessions = ["TSO"] }
expect = { outcome = "fail", saf = "8/16/28", icsf = "0C/0000", service = "CSNBENC", message = "TPXL0921" }

[[step]]
id   = "back"
at   = "+20m"
site = "A"
do   = "engine.attach"

[[step]]
id     = "alive"
at     = "+25m"
site   = "A"
do     = "logon"
with   = { users = ["U1"], sessions = "all" }
expect = { outcome = "ok" }
"#;

/// A card that comes and goes, and is put back for good.
const FLAP: &str = r#"
[[step]]
id     = "loose"
at     = "+10m"
site   = "A"
do     = "engine.flap"
with   = { count = 3, every = "10s", users = ["U1"], sessions = ["TSO"] }
expect = { failed_out = 3, failed_back = 0, saf = "8/16/28" }

[[step]]
id     = "alive"
at     = "+25m"
site   = "A"
do     = "logon"
with   = { users = ["U1"], sessions = "all" }
expect = { outcome = "ok" }
"#;

pub(crate) fn story(steps: &str) -> String {
    with_steps(steps).replacen("title = \"a small drill\"", "title = \"a small drill\"\nrto   = \"15m\"", 1)
}

fn ran(text: &str) -> Run {
    run(&drill(text)).unwrap_or_else(|error| panic!("{error}"))
}

fn report(text: &str) -> Report {
    Report::of(&ran(text))
}

/// The row of a table of the report about an application.
fn row<'a>(report: &'a Value, table: &str, application: &str) -> &'a Value {
    let rows = report[table].as_array().unwrap();
    rows.iter().find(|row| row["application"] == application).unwrap_or_else(|| panic!("{table} has no {application}"))
}

fn validator() -> jsonschema::Validator {
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/drill-report.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_report_is_as_the_schema_says() {
    let validator = validator();
    let outage = report(&story(OUTAGE));
    let broken = SMALL.replace("\"UPDATE\"", "\"READ\"");
    let unnamed = with_nix();
    let mut reports = vec![
        outage.clone().since(&report(SMALL)),
        outage,
        report(&story(FLAP)),
        report(&story(OUTAGE).replace("8/16/28", "8/16/32")),
        report(&broken),
        report(&unnamed),
    ];
    reports.extend(icsf_drill::gallery::GALLERY.iter().map(|exhibit| report(exhibit.text)));
    for report in &reports {
        let value: Value = serde_json::from_str(&report.json()).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{}", report.json());
        assert_eq!(value, report.value());
        // What is written can be read again.
        let read = Report::earlier(&report.json(), value["header"]["id"].as_str().unwrap()).unwrap();
        assert_eq!(read.value(), value);
    }
    // The schema is one that can be broken, in each of its parts.
    let good = reports.first().unwrap().value();
    for part in good.as_object().unwrap().keys() {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(part);
        assert!(!validator.is_valid(&bad), "without {part}");
        bad[part] = json!({ "unheard": "of" });
        assert!(!validator.is_valid(&bad), "with another {part}");
    }
}

#[test]
fn recovery_counts_from_the_disruption() {
    let value = report(&story(OUTAGE)).value();
    let tso = row(&value, "recovery", "TSO");
    assert_eq!(tso["first_failure"], 600, "the key was tried as soon as the card was gone");
    assert_eq!(tso["restored"], json!({ "at": 1500, "by": "sign-on" }));
    assert_eq!((&tso["restored_after"], &tso["usable_after"]), (&json!(900), &json!(900)));
    assert_eq!((&tso["workaround"], &tso["met"]), (&Value::Null, &json!("yes")));
    assert_eq!(row(&value, "recovery", "IMS")["met"], "never-failed");
    assert_eq!(
        value["verdict"]["sentence"],
        "1 of 2 applications lost their PassTickets; it had them back after 15 min, within the 15 min allowed."
    );
    // A minute more is too much, unless users get in another way meanwhile.
    let late = story(OUTAGE).replace("+25m", "+26m");
    assert_eq!(row(&report(&late).value(), "recovery", "TSO")["met"], "no");
    let way = "[[step]]\nid = \"off\"\nat = \"+14m\"\ndo = \"consumer.set\"\n\
               with = { consumer = \"TPX\", generate_passticket = false }\n\n[[step]]\nid = \"way\"\nat = \"+15m\"\n\
               site = \"A\"\ndo = \"logon\"\nwith = { users = [\"U1\"], sessions = [\"TSO\"] }\n\
               expect = { outcome = \"ok\" }\n\n[[step]]\nid = \"on\"\nat = \"+16m\"\ndo = \"consumer.set\"\n\
               with = { consumer = \"TPX\", generate_passticket = true }\n\n[[step]]\nid   = \"back\"";
    let around = report(&late.replace("[[step]]\nid   = \"back\"", way)).value();
    let tso = row(&around, "recovery", "TSO");
    assert_eq!(tso["workaround"], json!({ "at": 900, "by": "password" }));
    assert_eq!((&tso["usable_after"], &tso["met"]), (&json!(300), &json!("by-workaround")));
    // Nobody signs on after the card is back: the key works, and that is all that is known.
    let untried = story(OUTAGE.split("[[step]]\nid     = \"alive\"").next().unwrap());
    assert_eq!(row(&report(&untried).value(), "recovery", "TSO")["restored"], json!({ "at": 1200, "by": "key" }));
    // Of two outages the longer one is told, and its clock starts with its own fault.
    let second = OUTAGE.replace("+1", "+4").replace("+2", "+5").replace("id   = \"", "id   = \"again-");
    let second = second.replace("id     = \"", "id     = \"again-").replace("+55m", "+59m");
    let twice = report(&story(&format!("{OUTAGE}{second}"))).value();
    let tso = row(&twice, "recovery", "TSO");
    assert_eq!(
        (&tso["outages"], &tso["first_failure"], &tso["restored_after"]),
        (&json!(2), &json!(2400), &json!(1140))
    );
    let never = story(OUTAGE.split("[[step]]\nid   = \"back\"").next().unwrap());
    let value = report(&never).value();
    assert_eq!(row(&value, "recovery", "TSO")["restored"], Value::Null);
    assert_eq!(row(&value, "recovery", "TSO")["met"], "no");
    assert!(
        value["verdict"]["sentence"].as_str().unwrap().ends_with("and TSO still has none at the end."),
        "{value:#}"
    );
}

/// A change by an administrator that breaks what still worked begins an outage of its own.
#[test]
fn recovery_counts_from_the_change_that_broke_what_worked() {
    let racf = |id: &str, at: &str, command: &str| {
        format!(
            "\n[[step]]\nid = \"{id}\"\nat = \"{at}\"\nsite = \"A\"\ndo = \"racf\"\nwith = {{ commands = [\"{command}\"] }}\n"
        )
    };
    let logon = |id: &str, at: &str, outcome: &str| {
        format!(
            "\n[[step]]\nid = \"{id}\"\nat = \"{at}\"\nsite = \"A\"\ndo = \"logon\"\nwith = {{ users = [\"U1\"], sessions = \
             [\"IMS\"] }}\nexpect = {{ outcome = \"{outcome}\" }}\n"
        )
    };
    let off = racf("off", "+40m", "SETROPTS NOCLASSACT(PTKTDATA)");
    let on = racf("on", "+43m", "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA)");
    let steps = [OUTAGE, &off, &logon("ims-dead", "+41m", "fail"), &on, &logon("ims-back", "+44m", "ok")].concat();
    let value = report(&story(&steps)).value();
    let ims = row(&value, "recovery", "IMS");
    assert_eq!((&ims["first_failure"], &ims["restored_after"]), (&json!(2400), &json!(240)), "{ims:#}");
}

/// Expectations may hold, and the RTO be missed: both are said, and as loud.
#[test]
fn an_rto_that_is_missed_is_as_visible_as_the_verdict() {
    let (good, late) = (report(&story(OUTAGE)), report(&story(OUTAGE).replace("+25m", "+26m")));
    assert_eq!((&good.value()["verdict"]["rto"], &late.value()["verdict"]["rto"]), (&json!("met"), &json!("missed")));
    assert_eq!(
        (&late.value()["verdict"]["verdict"], &late.value()["verdict"]["exit_status"]),
        (&json!("as-expected"), &json!(0))
    );
    assert!(late.text().contains("expectations held.\nRTO MISSED by TSO.\n"), "{}", late.text());
    assert!(!good.text().contains("MISSED"));
    let html = late.html();
    for said in [
        "As expected, RTO missed. Drill report",
        "class=\"sheet verdict fails\"",
        "</span> RTO missed</span>",
        "class=\"sheet late\"",
    ] {
        assert!(html.contains(said), "{said}");
        assert!(!good.html().contains(said), "{said}");
    }
    let failures = |report: &Report| quick_junit::Report::deserialize_from_str(&report.junit()).unwrap().failures;
    assert_eq!((failures(&good), failures(&late)), (0, 1));
    assert!(
        late.junit()
            .contains("RTO missed: users got in after 16 min, with PassTickets after 16 min; 15 min is allowed")
    );
    assert_eq!(report(&with_steps(OUTAGE)).value()["verdict"]["rto"], "none");
}

/// That an application went on is told of its key only where ICSF was away, and somebody signed on with a ticket.
#[test]
fn a_masked_key_is_praised_only_for_what_it_did() {
    let said = |text: &str| report(text).value()["verdict"]["details"].to_string();
    let praise = "IMS never failed: masked in the security database, a key needs no ICSF.";
    let tried = |by: &str| {
        let ims = format!(
            "id = \"ims\"\nat = \"+13m\"\nsite = \"A\"\ndo = \"logon\"\n\
             with = {{ users = [\"U1\"], sessions = [\"IMS\"], credential = \"{by}\" }}\nexpect = {{ outcome = \"ok\" }}\n"
        );
        story(&OUTAGE.replace("[[step]]\nid   = \"back\"", &format!("[[step]]\n{ims}\n[[step]]\nid   = \"back\"")))
    };
    assert!(said(&tried("ticket")).contains(praise), "{}", said(&tried("ticket")));
    assert!(!said(&tried("password")).contains("never failed"), "{}", said(&tried("password")));
    assert!(!said(&story(OUTAGE)).contains("never failed"), "it was not tried while the card was away");
    assert!(
        said(&story(OUTAGE))
            .contains("TSO needs a crypto engine with the same master keys: the key of its tickets is wrapped")
    );
    // Something else than ICSF failed.
    let text = tried("ticket")
        .replace("do   = \"engine.detach\"", "do   = \"profile.rekey\"\nwith = { profile = \"TSOPRD1\" }")
        .replace("do   = \"engine.attach\"", "do   = \"icsf.start\"");
    assert!(!said(&text).contains("never failed"), "{}", said(&text));
}

/// Sessions of one name are told apart by their consumers, and a sign-on that fails says whose it was.
#[test]
fn a_step_says_which_session_it_was_and_who_was_refused() {
    let zowe = "[[consumer]]\nname = \"ZOWE\"\nkind = \"zowe\"\nruns_as = \"TPXSTC\"\n\
                session = [{ name = \"IMS\", applid = \"IMSP1\" }]\n\n[[step]]";
    let again = "[[step]]\nid = \"again\"\nat = \"+0m\"\nsite = \"A\"\ndo = \"logon\"\n\
                 with = { users = [\"U1\"], sessions = [\"ZOWE/IMS\"] }\nexpect = { outcome = \"fail\", saf = \"8/8/20\" }\n";
    let value = report(&with_steps(again).replacen("[[step]]", zowe, 1)).value();
    let steps = value["timeline"].as_array().unwrap();
    assert_eq!(steps[0]["what"], "logon U1 to TSO, TPX/IMS, ZOWE/IMS");
    let shown = steps.iter().map(|step| step["lines"].to_string()).collect::<String>();
    assert!(shown.contains("U1 signed on to TPX/IMS with a legacy PassTicket"), "{shown}");
    assert!(shown.contains("U1 did not sign on to ZOWE/IMS: SAF 8/"), "{shown}");
}

/// An auditor knows from the report which unload it was.
#[test]
fn the_files_of_the_inputs_are_in_the_report_and_in_what_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let unload = folder.path().join("racf.txt");
    let report = || {
        let text = SMALL.replace("[secrets]", "[inputs]\nracf_unload = \"racf.txt\"\n\n[secrets]");
        let path = folder.path().join("mine.toml");
        Report::of(&run(&icsf_drill::Drill::read(path.to_str().unwrap(), &text).unwrap()).unwrap())
    };
    let record = |name: &str| format!("0500 {name:<246} {:<8} NO   {:<15}{:<8}\n", "PTKTDATA", "", "SYS1");
    fs::write(&unload, record("OTHER1")).unwrap();
    let earlier = report();
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(fs::read(&unload).unwrap()));
    assert_eq!(earlier.value()["header"]["inputs"], json!([{ "name": "racf.txt", "sha256": hash }]));
    assert!(earlier.text().contains("racf.txt, SHA-256") && earlier.html().contains(&hash));
    assert!(report().since(&earlier).html().contains("the same drill file."));
    fs::write(&unload, record("OTHER2")).unwrap();
    let now = report().since(&earlier);
    assert_eq!(
        (&now.value()["progress"]["same_file"], &now.value()["progress"]["same_inputs"]),
        (&json!(true), &json!(false))
    );
    assert!(now.text().contains("drill file with other inputs"), "{}", now.text());
    assert!(now.html().contains("the same drill file with other inputs"));
}

#[test]
fn the_fault_matrix_has_a_row_for_each_state_and_says_how_it_is_known() {
    let value = report(&story(OUTAGE)).value();
    let rows = value["faults"]["rows"].as_array().unwrap();
    let seen: Vec<Value> = rows
        .iter()
        .map(|row| {
            let cells = row["cells"].as_array().unwrap();
            let cells: Vec<Value> = cells.iter().map(|cell| json!([cell["state"], cell["by"], cell["saf"]])).collect();
            json!([row["step"], row["deed"], row["engine"], cells])
        })
        .collect();
    let (sign_on, key) = (json!(["works", "sign-on", null]), json!(["works", "key", null]));
    assert_eq!(
        json!(seen),
        json!([
            [null, "start", "online", [sign_on, sign_on]],
            ["pull", "fault", "not installed", [["fails", "sign-on", "8/16/28"], key]],
            ["back", "remedy", "online", [sign_on, sign_on]],
        ])
    );
    let flap = report(&story(FLAP)).value();
    let cell = &flap["faults"]["rows"][1]["cells"][0];
    assert_eq!(
        (&cell["state"], &cell["saf"], &cell["service"]),
        (&json!("mixed"), &json!("8/16/28"), &json!("CSNBENC"))
    );
    assert_eq!(flap["timeline"][1]["got"][0], "TSO: fail, SAF 8/16/28, ICSF 0C/0000 of CSNBENC, 3 times");
    for strip in [&flap["strips"]["engines"][0], &flap["strips"]["applications"][0]] {
        let states: Vec<&Value> =
            strip["segments"].as_array().unwrap().iter().map(|segment| &segment["state"]).collect();
        assert_eq!(states, ["works", "flaps", "works"], "{strip:#}");
    }
}

#[test]
fn dependencies_are_those_of_the_profiles() {
    let value = report(SMALL).value();
    let tso = row(&value, "dependencies", "TSO");
    assert_eq!(
        (&tso["needs_icsf"], &tso["needs_engine"], &tso["same_master_key"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!((&tso["protection"], &tso["same_smfid"]), (&json!("legacy"), &json!("PRD1")));
    assert!(tso["label"].as_str().unwrap().starts_with("IRR.SSIGNON.PRD1."), "{tso}");
    let ims = row(&value, "dependencies", "IMS");
    assert_eq!(
        (&ims["needs_icsf"], &ims["needs_engine"], &ims["reuse"]),
        (&json!(false), &json!(false), &json!(false))
    );
    assert_eq!((&ims["protection"], &ims["clock_tolerance"]), (&json!("masked"), &json!(600)));
    let text = with_nix()
        .replace("KEYMASKED(@secret:ims)\"]", "KEYMASKED(@secret:ims)\"]\nappldata = \"NO REPLAY PROTECTION\"");
    let value = report(&text).value();
    assert_eq!(row(&value, "dependencies", "IMS")["reuse"], true);
    let nix = row(&value, "dependencies", "NIX");
    assert_eq!((&nix["profile"], &nix["protection"]), (&Value::Null, &json!("no-key")));
}

/// What is the application name of the profile where a drill says `&SMFID`.
#[test]
fn an_application_named_after_the_smf_id_has_its_profile_and_needs_that_id() {
    let value = report(&SMALL.replace("ptkt_profile = \"TSOPRD1\"", "ptkt_profile = \"TSO&SMFID\"")).value();
    let tso = row(&value, "dependencies", "TSO");
    assert_eq!((&tso["profile"], &tso["applid"]), (&json!("TSOPRD1"), &json!("TSOPRD1")));
    assert_eq!((&tso["protection"], &tso["needs_engine"]), (&json!("legacy"), &json!(true)));
    assert_eq!(tso["same_smfid"], "PRD1");
    assert_eq!(row(&value, "dependencies", "IMS")["same_smfid"], Value::Null);
}

#[cfg(feature = "enhanced")]
#[test]
fn a_clear_hmac_key_needs_icsf_and_no_engine() {
    let key =
        "[[key]]\nlabel = \"PTKT.IMS.HMAC\"\ntype = \"HMAC-MAC\"\nvalue = \"@secret:mac\"\nclear = true\n\n[[profile]]";
    let text = story(OUTAGE)
        .replacen("[[profile]]", key, 1)
        .replace("[secrets]", "[secrets]\nmac = { generate = \"hmac\" }")
        .replace("\"KEYMASKED(@secret:ims)\"", "\"EPTKEYLABEL(PTKT.IMS.HMAC)\", \"TYPE(UPPER)\", \"TIMEOUT(90)\"");
    let value = report(&text).value();
    let ims = row(&value, "dependencies", "IMS");
    assert_eq!((&ims["protection"], &ims["clock_tolerance"]), (&json!("enhanced-clear"), &json!(90)));
    assert_eq!((&ims["needs_icsf"], &ims["needs_engine"]), (&json!(true), &json!(false)));
    assert_eq!(row(&value, "recovery", "IMS")["met"], "never-failed");
}

#[test]
fn sites_that_differ_are_told_and_become_actions() {
    let other = SMALL.replacen("smfid  = \"PRD1\"\nckds", "smfid  = \"DR01\"\nckds", 1);
    let moved = "\n[[step]]\nid = \"move\"\nat = \"+1m\"\ndo = \"failover\"\nwith = { from = \"A\", to = \"B\" }\n";
    let value = report(&format!("{other}{moved}")).value();
    let rows = value["sites"]["rows"].as_array().unwrap();
    let smfid = rows.iter().find(|row| row["property"] == "SMF ID").unwrap();
    assert_eq!((&smfid["values"], &smfid["same"]), (&json!(["PRD1", "DR01"]), &json!(false)));
    let action = &value["actions"][0];
    assert_eq!(
        (&action["severity"], &action["finding"]),
        (&json!("high"), &json!("the sites have different SMF IDs: A PRD1, B DR01"))
    );
    let back =
        "\n[[step]]\nid = \"ipl\"\nat = \"+2m\"\nsite = \"B\"\ndo = \"smfid.set\"\nwith = { smfid = \"PRD1\" }\n";
    let value = report(&format!("{other}{moved}{back}")).value();
    assert_eq!(value["actions"][0]["finding"], "the sites have different SMF IDs: A PRD1, B DR01 and at the end PRD1");
    let same = report(&format!("{SMALL}{moved}")).value();
    assert!(!same["actions"].to_string().contains("SMF"), "{same:#}");
}

#[test]
fn junit_has_a_case_for_each_probe_and_expected_failures_pass() {
    let read = |report: &Report| quick_junit::Report::deserialize_from_str(&report.junit()).unwrap();
    let cases = |xml: &quick_junit::Report| -> Vec<(String, String)> {
        let suites = xml.test_suites.iter();
        let of = |suite: &quick_junit::TestSuite| {
            let name = suite.name.as_str().to_owned();
            suite.test_cases.iter().map(move |case| (name.clone(), case.name.as_str().to_owned())).collect::<Vec<_>>()
        };
        suites.flat_map(of).collect()
    };
    let good = report(&story(OUTAGE));
    let xml = read(&good);
    let site = |step: &str| ("site A".to_owned(), step.to_owned());
    let back = ["TSO", "IMS"].map(|application| ("RTO".to_owned(), application.to_owned()));
    assert_eq!(cases(&xml), [&["baseline", "dead", "alive"].map(site)[..], &back].concat());
    assert_eq!((xml.tests, xml.failures, xml.errors), (5, 0, 0));
    assert!(good.junit().contains("TSO: fail, SAF 8/16/28, ICSF 0C/0000 of CSNBENC"), "{}", good.junit());
    assert!(!good.junit().contains("timestamp"), "{}", good.junit());
    let bad = report(&story(OUTAGE).replace("8/16/28", "8/16/32"));
    let xml = read(&bad);
    assert_eq!((xml.tests, xml.failures, xml.errors), (5, 1, 0));
    assert!(bad.junit().contains("U1 to TSO: SAF 8/16/32 was expected, 8/16/28 came"), "{}", bad.junit());
    let broken = report(&SMALL.replace("\"UPDATE\"", "\"READ\""));
    let xml = read(&broken);
    assert_eq!((xml.tests, xml.failures, xml.errors), (1, 0, 1), "a baseline that fails is no finding of the drill");
    let both = "\n[[step]]\nid = \"show\"\nat = \"+1m\"\ndo = \"display\"\nwith = { command = \"D SMF,O\", \
                sites = [\"A\", \"B\"] }\nexpect = { same = \"SID\" }\n";
    let names = cases(&read(&report(&with_steps(both))));
    assert_eq!(names.last(), Some(&("sites A and B".to_owned(), "show".to_owned())));
}

#[test]
fn html_asks_for_nothing_and_takes_no_text_for_markup() {
    let odd = "<script>alert('x')</script> & <img src=x onerror=alert(1)>";
    let html = report(&story(OUTAGE).replace("a small drill", odd)).html();
    assert!(html.contains("&#60;script&#62;alert"), "it is shown as it was written");
    assert_eq!((html.matches("<script").count(), html.matches("<img").count()), (1, 0));
    let html = html.replace("&#60;img src=x", "");
    for word in ["http:", "https:", "src=", "@import", "<link", "<iframe", "unsafe-inline"] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("content=\"default-src &#39;none&#39;; style-src &#39;sha256-"), "{html}");
}

#[test]
fn every_form_says_the_same() {
    let report = report(&story(OUTAGE));
    let value = report.value();
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (text, html) = (plain(&report.text()), plain(&report.html()));
    let mut said = vec![&value["verdict"]["sentence"], &value["header"]["file_sha256"], &value["timeline"][2]["step"]];
    said.extend(value["verdict"]["details"].as_array().unwrap());
    said.extend(value["actions"].as_array().unwrap().iter().map(|action| &action["finding"]));
    said.extend(value["remedies"].as_array().unwrap().iter().map(|remedy| &remedy["way"]));
    said.extend(value["limits"]["sentences"].as_array().unwrap());
    said.extend(value["limits"]["assumed"].as_array().unwrap().iter().map(|assumed| &assumed["id"]));
    for one in said {
        let one = plain(one.as_str().unwrap());
        assert!(text.contains(&one), "{one}\n{}", report.text());
        assert!(html.contains(&one.replace('\'', "&#39;")), "{one}\n{}", report.html());
    }
    for line in report.text().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn twenty_runs_have_one_hash() {
    for text in icsf_drill::gallery::GALLERY.iter().map(|exhibit| exhibit.text).chain([story(FLAP).as_str()]) {
        // The long one is as long as all the others together.
        let runs = if text.contains("\"EVERYTHING\"") { 3 } else { 20 };
        let hash = || {
            let files = report(text).files();
            let all = files.iter().fold(Sha256::new(), |hash, (name, text)| hash.chain_update(name).chain_update(text));
            all.finalize()
        };
        let first = hash();
        assert!((1..runs).all(|_| hash() == first));
    }
}

#[test]
fn two_runs_are_compared() {
    let earlier = report(&story(OUTAGE));
    let none = json!([]);
    let same = report(&story(OUTAGE)).since(&earlier).value();
    let progress = &same["progress"];
    assert_eq!((&progress["better"], &progress["worse"], &progress["changed"]), (&none, &none, &none));
    assert_eq!(progress["same_file"], true);
    // The card comes back later, and the step that expects codes is wrong now.
    let later = story(OUTAGE).replace("+25m", "+40m").replace("saf = \"8/16/28\"", "saf = \"8/16/32\"");
    let worse = report(&later).since(&earlier);
    let progress = &worse.value()["progress"];
    assert_eq!(
        progress["worse"],
        json!([
            "TSO is usable after 30 min, before after 15 min",
            "TSO is restored after 30 min, before after 15 min",
            "TSO: target met: NO, before yes",
            "step dead deviates, and went as expected before",
        ])
    );
    assert_eq!((&progress["better"], &progress["same_file"]), (&none, &json!(false)));
    assert!(worse.text().contains("  WORSE    step dead deviates"), "{}", worse.text());
    assert!(worse.html().contains("step dead deviates"));
    let better = earlier.clone().since(&report(&later)).value();
    assert_eq!(better["progress"]["better"].as_array().unwrap().len(), 4, "{better:#}");
    // A masked key brings the sign-on through: other cells, and a step that now comes otherwise.
    let masked = report(&story(OUTAGE).replace("KEYENCRYPTED(@secret:tso)", "KEYMASKED(@secret:tso)"));
    let progress = &masked.since(&earlier).value()["progress"];
    assert!(progress["better"].to_string().contains("TSO never fails any more"), "{progress:#}");
    assert!(progress["better"].to_string().contains("TSO at site A +10m: works, before it fails"), "{progress:#}");
    let fewer = report(SMALL).since(&earlier).value();
    assert!(fewer["progress"]["changed"].to_string().contains("step dead is gone"), "{fewer:#}");
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let mut old = report(SMALL).value();
    let read = |value: &Value| Report::earlier(&value.to_string(), "SMALL");
    assert!(read(&old).is_ok());
    assert_eq!(
        Report::earlier(&old.to_string(), "LARGE").unwrap_err().to_string(),
        "a report of drill SMALL, and this is drill LARGE"
    );
    old["schema"] = json!(0);
    assert_eq!(
        read(&old).unwrap_err().to_string(),
        "a report of schema 0, written by an older release, and this one compares schema 2; run the drill again with one \
         release for both"
    );
    old["schema"] = json!(3);
    assert!(read(&old).unwrap_err().to_string().contains("a newer release"));
    old["schema"] = json!(2);
    old["verdict"] = Value::Null;
    for (text, why) in [
        (old.to_string(), "no report of a drill: "),
        ("{}".to_owned(), "it has no field schema"),
        ("<xml/>".to_owned(), "expected value at line 1"),
        (String::new(), "wanted is a report.json of drill run --report"),
    ] {
        let error = Report::earlier(&text, "SMALL").unwrap_err();
        assert!(matches!(error, NotComparable::NoReport(_)), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// Site A still works when work has left it: that somebody signs on there mends nothing at B.
#[test]
fn a_sign_on_at_the_site_that_was_left_is_no_recovery() {
    let step = |id: &str, minute: u32, rest: &str| format!("\n[[step]]\nid = \"{id}\"\nat = \"+{minute}m\"\n{rest}\n");
    let logon =
        |site: &str| format!("site = \"{site}\"\ndo = \"logon\"\nwith = {{ users = [\"U1\"], sessions = [\"TSO\"] }}");
    let moved = [
        step("move", 5, "do = \"failover\"\nwith = { from = \"A\", to = \"B\" }"),
        step("dead", 6, &format!("{}\nexpect = {{ outcome = \"fail\" }}", logon("B"))),
        step("left", 7, &format!("{}\nexpect = {{ outcome = \"ok\" }}", logon("A"))),
    ];
    let tso = |text: &str| {
        let report = report(text).json();
        let report: Value = serde_json::from_str(&report).unwrap();
        row(&report, "recovery", "TSO").clone()
    };
    let text = with_steps(&moved.concat());
    assert!(tso(&text)["restored"].is_null(), "{:#}", tso(&text));
    // Work goes back there: then it does.
    let back = [
        step("back", 8, "do = \"failback\""),
        step("again", 9, &format!("{}\nexpect = {{ outcome = \"ok\" }}", logon("A"))),
    ];
    let text = with_steps(&[moved.concat(), back.concat()].concat());
    assert_eq!(tso(&text)["restored"]["by"], "sign-on", "{:#}", tso(&text));
}

/// The reason in the verdict is the one that was met: not an engine that was there all the time.
#[test]
fn the_verdict_names_what_broke_an_application() {
    let told = |name: &str| {
        let value = Report::of(&run(&icsf_drill::gallery::find(name).unwrap()).unwrap()).value();
        let details: Vec<String> = serde_json::from_value(value["verdict"]["details"].clone()).unwrap();
        details.join("\n")
    };
    let smfid = told("smfid-changed");
    assert!(!smfid.contains("crypto engine") && smfid.contains("What broke TSO"), "{smfid}");
    assert!(told("no-crypto-card").contains("need a crypto engine with the same master keys"));
}
