//! `--json`: what every verb answers is what `docs/json.md` says, field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{KEY, Place, Ran};

type Fields = BTreeSet<String>;

/// The fields of the page, by the verbs of their heading.
fn documented() -> BTreeMap<String, Fields> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/json.md");
    let page = fs::read_to_string(page).unwrap();
    let mut sections: BTreeMap<String, Fields> = BTreeMap::new();
    let mut verbs: Vec<String> = Vec::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            verbs = heading.split(", ").map(str::to_owned).collect();
        } else if let Some(rest) = line.strip_prefix("| `") {
            let field = rest.split_once('`').unwrap().0;
            for verb in &verbs {
                sections.entry(verb.clone()).or_default().insert(field.to_owned());
            }
        }
    }
    sections
}

/// The fields of an answer: dots between names, `[]` for the elements of a list. What is described under another
/// heading is one field.
fn fields(value: &Value, path: &str, elsewhere: &[&str], found: &mut Fields) {
    if !path.is_empty() {
        found.insert(path.to_owned());
    }
    if elsewhere.contains(&path) {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                fields(value, &below, elsewhere, found);
            }
        }
        Value::Array(list) => {
            for value in list {
                fields(value, &format!("{path}[]"), elsewhere, found);
            }
        }
        _ => {}
    }
}

/// Answers of verbs, gathered.
#[derive(Default)]
struct Gathered(BTreeMap<String, Fields>);

impl Gathered {
    /// An answer of `verb`.
    fn add(&mut self, verb: &str, ran: &Ran, elsewhere: &[&str]) -> Value {
        let answer = ran.json();
        let verb = if answer.get("error").is_some() && verb != "ptkt explain" { "Errors" } else { verb };
        fields(&answer, "", elsewhere, self.0.entry(verb.to_owned()).or_default());
        answer
    }
}

/// Whether a field only leads to others: it need not be in the page.
fn leads(field: &str, all: &Fields) -> bool {
    all.iter().any(|other| other.starts_with(&format!("{field}.")) || other.starts_with(&format!("{field}[]")))
}

#[test]
fn every_field_is_documented_and_every_documented_field_is_there() {
    let mut seen = Gathered::default();
    gather(&mut seen);
    let mut documented = documented();
    for verb in ["mk show", "mk generate", "mk load", "mk set", "mk change", "mk clear", "mk zeroize"] {
        let fields = documented.get_mut(verb).unwrap();
        let aes: Vec<String> = fields.iter().map(|field| field.replacen("des.", "aes.", 1)).collect();
        fields.extend(aes);
        if verb != "mk change" {
            fields.retain(|field| !field.ends_with("reenciphered"));
        }
        if verb != "mk zeroize" {
            fields.retain(|field| !field.ends_with("lost"));
        }
    }
    // Keys are those of a service, master keys those of K/M.
    for verb in ["principal add", "principal alter", "principal passwd"] {
        documented.get_mut(verb).unwrap().retain(|field| !field.starts_with("master_keys[]."));
        documented.get_mut(verb).unwrap().insert("master_keys".to_owned());
    }
    let of_master_key = documented.get_mut("principal show").unwrap();
    of_master_key.retain(|field| !field.starts_with("keys[]."));
    of_master_key.insert("keys".to_owned());
    documented.get_mut("principal alter").unwrap().insert("flags[]".to_owned());
    documented.get_mut("ckds add").unwrap().retain(|field| !["in_storage", "check_value"].contains(&field.as_str()));
    let names = |map: &BTreeMap<String, Fields>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&seen.0), names(&documented), "the verbs");
    for (verb, page) in &documented {
        let answered = &seen.0[verb];
        let missing: Vec<_> = answered.difference(page).filter(|field| !leads(field, page)).collect();
        assert!(missing.is_empty(), "{verb}: not in docs/json.md: {missing:?}");
        // What only a damaged file or engine would show is not shown here.
        let rare = |field: &&String| {
            [
                "damaged[]",
                "damaged_rows[]",
                "bad[]",
                "quirks[]",
                "unreadable[]",
                "unusable_keys[]",
                "unusable[]",
                "cases.failures[]",
                "left_out[]",
                "differing[]",
                "refreshed[]",
            ]
            .iter()
            .any(|rare| field.contains(rare))
        };
        let unseen: Vec<_> = page.difference(answered).filter(|field| !rare(field)).collect();
        assert!(unseen.is_empty(), "{verb}: in docs/json.md, and never answered: {unseen:?}");
    }
}

fn gather(seen: &mut Gathered) {
    let place = Place::with_system();
    let json = |arguments: &[&str]| place.prd1(&[arguments, &["--json"]].concat());
    let init = place.run(&["init", "other", "--json", "--generate-master-keys"]).ok();
    seen.add("init", &init, &[]);

    seen.add("status", &json(&["status"]).ok(), &["engine", "applications[].error"]);
    for action in ["offline", "online", "status"] {
        seen.add(&format!("engine {action}"), &json(&["engine", action]).ok(), &["master_keys"]);
    }
    seen.add("engine configure", &json(&["engine", "configure", "--backend", "software"]).ok(), &["master_keys"]);

    let part = place.secret("part", &"11".repeat(32));
    seen.add("mk load", &json(&["mk", "load", "--kind", "both", "--part", "first", "--from", &part]).ok(), &[]);
    seen.add("mk clear", &json(&["mk", "clear", "--kind", "both"]).ok(), &[]);
    seen.add("mk generate", &json(&["mk", "generate", "--kind", "both"]).ok(), &[]);
    seen.add("mk show", &json(&["mk", "show"]).ok(), &[]);
    let changed = seen.add("mk change", &json(&["mk", "change", "--kind", "both"]).ok(), &[]);
    assert_eq!((&changed["des"]["reenciphered"], &changed["aes"]["reenciphered"]), (&1.into(), &1.into()));
    json(&["mk", "generate", "--kind", "des"]).ok();
    let half = seen.add("mk change", &json(&["mk", "change", "--kind", "both"]), &[]);
    assert_eq!(
        (&half["error"]["facts"]["changed"], &half["error"]["facts"]["not_changed"]),
        (&"DES-MK".into(), &"AES-MK".into())
    );
    assert_eq!(
        half["error"]["next"].as_array().unwrap().iter().rev().take(2).collect::<Vec<_>>(),
        [
            "then go on: softicsf mk change --kind aes",
            "the DES-MK is changed (records re-enciphered: 1); the AES-MK is not changed"
        ]
    );
    place.run(&["init", "third"]).ok();
    place.run(&["-C", "third", "mk", "generate", "--kind", "both"]).ok();
    let zeroized = ["-C", "third", "mk", "zeroize", "--kind", "both", "--yes", "--json"];
    seen.add("mk set", &place.run(&["-C", "third", "mk", "set", "--kind", "both", "--json"]).ok(), &[]);
    seen.add("mk zeroize", &place.run(&zeroized).ok(), &[]);

    let add = ["ckds", "add", "K", "--type", "DES-DATA", "--generate"];
    let added = seen.add("ckds add", &json(&add).ok(), &[]);
    assert_eq!((&added["bytes"], &added["master_key"], &added["updated"]), (&8.into(), &"des".into(), &Value::Null));
    seen.add("ckds show", &json(&["ckds", "show", "K"]).ok(), &[]);
    let listed = seen.add("ckds list", &json(&["ckds", "list"]).ok(), &["records[]"]);
    assert_eq!(listed["records"].as_array().unwrap().len(), 3);
    seen.add("ckds delete", &json(&["ckds", "delete", "K"]).ok(), &[]);
    seen.add("ckds refresh", &json(&["ckds", "refresh"]).ok(), &[]);
    seen.add("ckds verify", &json(&["ckds", "verify"]).ok(), &[]);
    seen.add("ckds reencipher", &json(&["ckds", "reencipher"]).ok(), &[]);
    seen.add("ckds export", &json(&["ckds", "export", "x.ckds"]).ok(), &[]);
    place.run(&["init", "fourth", "--backend", "none"]).ok();
    seen.add("ckds import", &place.run(&["-C", "fourth", "ckds", "import", "x.ckds", "--json"]).ok(), &[]);

    let password = place.secret("pw", "a password");
    let created = seen.add("realm create", &json(&["realm", "create", "EXAMPLE.COM"]).ok(), &[]);
    assert_eq!((&created["realm"], &created["key_version"]), (&"EXAMPLE.COM".into(), &1.into()));
    seen.add("realm show", &json(&["realm", "show"]).ok(), &[]);
    seen.add("realm alter", &json(&["realm", "alter", "--max-life", "10h"]).ok(), &[]);
    let service = ["principal", "add", "host/a", "--random-key", "--flag", "no-server"];
    seen.add("principal add", &json(&service).ok(), &[]);
    seen.add("principal show", &json(&["principal", "show", "K/M"]).ok(), &[]);
    seen.add("principal alter", &json(&["principal", "alter", "host/a", "--max-life", "1h"]).ok(), &[]);
    seen.add("principal passwd", &json(&["principal", "passwd", "host/a", "--password-file", &password]).ok(), &[]);
    seen.add("principal list", &json(&["principal", "list"]).ok(), &[]);
    seen.add("keytab export", &json(&["keytab", "export", "k", "host/a", "--password-file", &password]).ok(), &[]);
    seen.add("principal delete", &json(&["principal", "delete", "host/a"]).ok(), &[]);
    let policy = ["principal", "policy", "set", "strict", "--min-length", "8"];
    seen.add("principal policy set", &json(&policy).ok(), &[]);
    seen.add("principal policy list", &json(&["principal", "policy", "list"]).ok(), &["policies[]"]);
    seen.add("principal policy delete", &json(&["principal", "policy", "delete", "strict"]).ok(), &[]);

    let racf = json(&["racf", "RLIST PTKTDATA CICSP1", "SETROPTS CLASSACT(APPL)", "NOTHING"]);
    assert_eq!(racf.status, 8);
    seen.add("racf", &racf, &["commands[].error"]);
    let journal = seen.add("journal", &json(&["journal"]).ok(), &["entries[]"]);
    assert_eq!(journal["entries"][0]["event"], "master-key", "{journal}");
    let unload = format!(
        "0500 {:<246} {:<8} MAYB {:<15}{:<55}NONE\n0530 {:<246} {:<8} *MASKED*\n0500 {:<246} STARTED\n0999 x\n",
        "CICSP1", "PTKTDATA", "", "SYS1", "CICSP1", "PTKTDATA", "A",
    );
    fs::write(place.join("unload"), unload).unwrap();
    let imported = json(&["import", "unload", "unload"]);
    assert_eq!(imported.status, 4);
    let answer = seen.add("import unload", &imported, &[]);
    assert_eq!((&answer["profiles"]["kept"], &answer["keys"]["masked"]), (&1.into(), &1.into()));
    assert_eq!(answer["first_findings"][0]["column"], 262);
    fs::write(place.join("x.tss"), "TSS REFRESH\nTSS LIST(JOE)\n").unwrap();
    for verb in ["acf2", "top-secret"] {
        let listed = json(&["import", verb, "x.tss"]);
        assert_eq!(listed.status, 4);
        seen.add("import acf2", &listed, &["commands[].error"]);
        seen.add("import top-secret", &listed, &["commands[].error"]);
    }
    seen.add("export unload", &json(&["export", "unload", "x.unload"]).ok(), &[]);
    seen.add("console", &json(&["console", "D", "SMF,O"]).ok(), &[]);
    let several = place.prd1_reading(&["console", "--json"], "D SMF,O\nD T");
    seen.add("console", &several, &["commands[].error"]);

    let who = ["--user", "IBMUSER", "--appl", "CICSP1"];
    let made = seen.add("ptkt generate", &json(&[["ptkt", "generate"].as_slice(), &who].concat()).ok(), &[]);
    let ticket = place.secret("ticket", made["ticket"].as_str().unwrap());
    let evaluate = [["ptkt", "evaluate", "--ticket", &ticket].as_slice(), &who].concat();
    let valid = seen.add("ptkt evaluate", &json(&evaluate).ok(), &[]);
    assert_eq!((&valid["valid"], &valid["kind"]), (&true.into(), &"enhanced".into()));
    let replayed = json(&evaluate);
    assert_eq!(replayed.status, 1);
    assert_eq!(seen.add("ptkt evaluate", &replayed, &[])["error"]["saf"]["reason"], 32);
    let explain = json(&[["ptkt", "explain"].as_slice(), &who].concat()).ok();
    assert_eq!(seen.add("ptkt explain", &explain, &["error"])["generated"], true);

    // A record that was made for a profile, and that none names.
    let leave = "RDEFINE PTKTDATA LEFT SSIGNON(KEYENCRYPTED(0123456789ABCDEF))\nRDELETE PTKTDATA LEFT\n";
    place.prd1_reading(&["racf"], leave).ok();
    let left = json(&["status"]).ok().json()["unreferenced"][0].as_str().unwrap().to_owned();
    assert!(left.starts_with("IRR.SSIGNON.PRD1."), "{left}");
    assert!(place.prd1(&["status"]).ok().stdout.contains(&format!("no profile names {left}")));

    json(&["engine", "offline"]).ok();
    let failed = json(&[["ptkt", "generate"].as_slice(), &who].concat());
    assert_eq!(failed.status, 8);
    let error = seen.add("ptkt generate", &failed, &[]);
    assert_eq!(error["error"]["icsf"]["name"], "EngineUnavailable");
    let status = seen.add("status", &json(&["status"]).ok(), &["engine", "applications[].error"]);
    assert_eq!(status["applications"][0]["error"]["status"], 8, "an error has the same form everywhere");

    let bad = r#"{"algorithm": "legacy", "cases": [{"id": "X", "op": "translate", "result5": "0", "ticket": "A"}]}"#;
    fs::write(place.join("bad.json"), bad).unwrap();
    let kat = place.run(&["kat", "bad.json", "--json"]);
    assert_eq!(kat.status, 1);
    seen.add("kat", &kat, &[]);
    let drill = |arguments: &[&str]| place.run(&[&["drill", "--json"], arguments].concat()).ok();
    seen.add("drill list", &drill(&["list"]), &[]);
    seen.add("drill show", &drill(&["show", "no-crypto-card"]), &[]);
    seen.add("drill check", &drill(&["check", "no-crypto-card"]), &[]);
    let run = drill(&["run", "no-crypto-card", "--report", "reports"]);
    let answer = seen.add("drill run", &run, &["data"]);
    assert_eq!(answer["as_expected"], true);
    // The schema says what is in it.
    let report: Value = serde_json::from_str(&fs::read_to_string(place.join("reports/report.json")).unwrap()).unwrap();
    assert_eq!(answer["data"], report);
    let unload = format!(
        "0500 {:<246} PTKTDATA NO   {:<15}SYS1\n0530 {:<246} PTKTDATA PTKT.TSOPRD1.DES\nsomething else\n",
        "TSOPRD1", "", "TSOPRD1",
    );
    fs::write(place.join("scanned"), unload).unwrap();
    fs::write(place.join("displays"), "SID(DR01)\n").unwrap();
    let scanned = place.run(&["scan", "--unload", "scanned", "--target", "displays", "--json"]);
    assert_eq!(scanned.status, 1);
    let answer = seen.add("scan", &scanned, &[]);
    assert_eq!((&answer["findings"][0]["rule"], &answer["high"]), (&"other-smfid".into(), &1.into()));
    for what in ["fidelity", "codes", "backends", "licences"] {
        seen.add(&format!("about {what}"), &place.run(&["about", what, "--json"]).ok(), &[]);
    }
}

/// Talk does not get between the data, and a machine reads one document.
#[test]
fn an_error_is_told_to_the_machine_and_to_people() {
    let place = Place::with_system();
    let ran = place.prd1(&["ckds", "show", "NO.SUCH", "--json"]);
    assert_eq!(ran.status, 8);
    assert_eq!(ran.json()["error"]["icsf"]["reason_code"], 10012);
    assert!(ran.stderr.starts_with("softicsf: ckds show: there is no record with this label (ICSF 8/10012)\n"));
    let ran = place.prd1_reading(&["racf", "--json"], &format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({KEY}1))"));
    assert_eq!(ran.json()["commands"][0]["error"]["status"], 8);
    assert!(!ran.all().contains(KEY), "{ran:?}");
}

#[test]
fn the_error_of_a_command_says_on_which_line_and_where_in_it() {
    let place = Place::with_system();
    let input = "RLIST PTKTDATA CICSP1\n\nSETROPTS -\n CLASSACT(APPL)\nRDEFIN PTKTDATA -\n X BAD(1)\n";
    let ran = place.prd1_reading(&["racf", "--json"], input);
    let failed = &ran.json()["commands"][2];
    assert_eq!((&failed["line"], &failed["error"]["status"]), (&5.into(), &8.into()), "{ran:?}");
    assert_eq!((&failed["position"], &failed["hint"]), (&1.into(), &"RDEFINE?".into()), "{ran:?}");
    assert!(ran.stderr.contains("\n5 | RDEFIN PTKTDATA  X"), "{ran:?}");
    let ran = place.prd1(&["racf", "RLIST PTKTDATA CICSP1", "SETROPTS \u{e4} NOTHING"]);
    assert!(ran.stderr.contains("\n2 | SETROPTS"), "{ran:?}");
}

#[test]
fn a_line_that_is_no_utf_8_is_told_and_passed_over() {
    let place = Place::with_system();
    let input = b"SETROPTS -\n CLASSACT(\xff) -\n RACLIST(PTKTDATA)\nRLIST PTKTDATA CICSP1\n";
    let ran = place.prd1_reading(&["racf"], input);
    assert_eq!((ran.status, ran.stdout.as_str()), (8, ""), "{ran:?}");
    assert!(ran.stderr.contains("line 2 of standard input is no UTF-8"), "{ran:?}");
    let ran = place.prd1_reading(&["racf", "--keep-going"], input);
    assert_eq!((ran.status, ran.stdout.contains("CICSP1")), (8, true), "{ran:?}");
    assert!(ran.stderr.contains("line 2 of standard input"), "{ran:?}");
}
