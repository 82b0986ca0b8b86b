//! Drill files: every mistake at once, what they refer to, inputs, clocks, and how they end.

use std::fs;
use std::time::Instant;

use icsf_drill::{Cards, Drill, Error, Format, Reader, report, run, run_on};

use crate::support::{SMALL, drill, ran, with_steps};

fn mistakes(text: &str) -> Vec<(String, Option<(usize, usize)>)> {
    let Err(Error::File(all)) = Drill::read("test.toml", text) else { panic!("read") };
    all.iter().map(|mistake| (mistake.to_string(), mistake.position())).collect()
}

/// The text without its folding.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn step(n: u32, rest: &str) -> String {
    format!("[[step]]\nid = \"s{n}\"\nat = \"+{n}m\"\n{rest}\n\n")
}

/// Misspelt keys, wrong values and names that are not there, in tables far apart: none hides another.
#[test]
fn all_mistakes_are_told_at_once_each_with_what_was_meant() {
    let text = SMALL
        .replace("title = \"a small drill\"", "titel = \"a small drill\"")
        .replace("role   = \"recovery\"", "rol    = \"recovery\"")
        .replace("engine = { kind = \"none\" }", "engine = { kind = \"nonne\" }")
        .replace("access  = \"UPDATE\"", "acess   = \"UPDATE\"")
        .replace("expect = { outcome = \"ok\" }", "expect = { outcom = \"ok\", saf = \"9/9/9\" }")
        .replace("users = [\"U1\"]", "users = [\"U2\"]")
        .replace("copy_of = \"A\"", "copy_of = \"AA\"");
    let found = mistakes(&text);
    for (what, hint, line) in [
        ("unknown field `titel`", "title?", 6),
        ("unknown field `rol`", "role?", 21),
        ("unknown variant `nonne`", "none?", 24),
        ("unknown field `acess`", "access?", 44),
        ("there is no user \"U2\"", "U1", 61),
        ("unknown field `outcom`", "outcome?", 62),
        ("\"9/9/9\" is never answered by SAF", "", 62),
        ("there is no site \"AA\"", "A?", 23),
    ] {
        let is_it = |(text, at): &&(String, Option<(usize, usize)>)| {
            text.contains(what) && text.contains(hint) && at.is_some_and(|(found, _)| found == line)
        };
        assert_eq!(found.iter().filter(is_it).count(), 1, "{what} at {line}: {found:#?}");
    }
    assert_eq!(found.len(), 8, "{found:#?}");
}

/// What could be read is looked at all the same.
#[test]
fn names_that_are_not_there_are_told_beside_keys_that_are_not_known() {
    let text =
        SMALL.replace("role   = \"recovery\"", "role = \"recovery\"\ncolour = 1").replace("[\"U1\"]", "[\"U7\"]");
    let found = mistakes(&text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].0.contains("unknown field `colour`") && found[1].0.contains("there is no user \"U7\""),
        "{found:?}"
    );
}

#[test]
fn what_a_step_refers_to_must_be_there() {
    for (rest, what) in [
        ("do = \"icsf.stop\"", "says no site"),
        ("site = \"A\"\ndo = \"ckds.drop_label\"\nwith = { labels = [\"NO.SUCH\"] }", "there is no key \"NO.SUCH\""),
        ("site = \"A\"\ndo = \"ckds.restore\"\nwith = { as_of = \"baselin\" }", "baseline?"),
        ("site = \"A\"\ndo = \"ckds.restore\"\nwith = { from = \"Z\" }", "there is no site \"Z\""),
        ("site = \"A\"\ndo = \"profile.rekey\"\nwith = { profile = \"TSOPRD2\" }", "TSOPRD1?"),
        (
            "site = \"A\"\ndo = \"profile.stale\"\nwith = { profile = \"IMSP1\", ssignon = [\"KEYMASKED(@secret:x)\"] }",
            "there is no secret",
        ),
        ("site = \"A\"\ndo = \"ptkt.evaluate\"\nwith = { ticket = \"t1\" }", "no step above makes a ticket \"t1\""),
        ("site = \"A\"\ndo = \"class.deactivate\"\nwith = { class = \"PTKTDAT\" }", "PTKTDAT"),
        ("site = \"A\"\ndo = \"smfid.set\"\nwith = { smfid = \"TOOLONG\" }", "SMF ID"),
        ("site = \"A\"\ndo = \"clock.skew\"\nwith = { by = \"much\" }", "is no skew of a clock"),
        ("do = \"env.dirty\"\nwith = { consumer = \"TPY\" }", "TPX?"),
        (
            "site = \"A\"\ndo = \"storm\"\nwith = { users = [\"U1\"], sessions = \"all\", tries = 0 }",
            "cannot be done so often",
        ),
        (
            "site = \"A\"\ndo = \"racf\"\nwith = { commands = [\"ALTUSER U1 PASSWORD(hunter2)\"] }",
            "is not written in a drill file",
        ),
        ("do = \"failback\"", "is at site \"A\" already"),
        ("site = \"A\"\ndo = \"icsf.stop\"\nexpect = { outcome = \"ok\" }", "cannot be expected of icsf.stop"),
        ("site = \"A\"\ndo = \"icsf.stop\"\nexpect = { no_secret_in_output = false }", "no secret comes out"),
    ] {
        let found = mistakes(&with_steps(&step(1, rest)));
        assert!(found.len() == 1 && found[0].0.contains(what) && found[0].1.is_some(), "{rest}: {found:#?}");
        assert!(!found[0].0.contains("hunter2"));
    }
    let profile = SMALL.replace("KEYMASKED(@secret:ims)", "KEYLABEL(NO.SUCH)");
    assert!(mistakes(&profile)[0].0.contains("there is no key \"NO.SUCH\""));
}

#[test]
fn a_key_in_the_file_is_allowed_only_on_request_and_never_shown() {
    let text = SMALL
        .replace("KEYMASKED(@secret:ims)", "KEYMASKED(E001193519561977)")
        .replace("\"@secret:pw\"", "\"HUNTER2X\"");
    assert_eq!(mistakes(&text).len(), 2);
    let steps = step(
        1,
        "site = \"A\"\ndo = \"logon\"\nwith = { users = [\"U1\"], sessions = [\"IMS\"], credential = \"password\" }\nexpect = { outcome = \"ok\" }",
    );
    let read = Reader::default().allow_inline_keys().read("test.toml", &format!("{text}\n{steps}"));
    let run = run(&read.unwrap_or_else(|error| panic!("{error}"))).unwrap();
    let report = report::text(&run);
    assert_eq!(run.exit_status(), 0, "{report}");
    assert!(!report.contains("HUNTER2X") && !report.contains("E001193519561977"));
    // A lucky text that repeats the key is withheld.
    let loose = text.replace("a small drill", "see HUNTER2X");
    let read = Reader::default().allow_inline_keys().read("test.toml", &loose).unwrap();
    assert!(matches!(icsf_drill::run(&read), Err(Error::Leak)));
}

/// An unload tells that a key is masked and not which; the drill gives it one.
#[test]
fn an_unload_becomes_profiles_and_users() {
    let dir = tempfile::tempdir().unwrap();
    let records = format!(
        "0500 {0:<246} {1:<8} NO   {2:<66}SYS1    \n0530 {0:<246} {1:<8} *MASKED*\n0200 UNLOADED \n",
        "IMSP1", "PTKTDATA", ""
    );
    fs::write(dir.path().join("prod.txt"), records).unwrap();
    let path = dir.path().join("drill.toml");
    let inputs = "[inputs]\nracf_unload = \"prod.txt\"\n\n[secrets]";
    let with_inputs = SMALL.replace("[secrets]", inputs);
    let read = |text: &str| Drill::read(path.to_str().unwrap(), text).unwrap_or_else(|error| panic!("{error}"));
    let (run_with_key, _) = (run(&read(&with_inputs)).unwrap(), ());
    assert_eq!(run_with_key.exit_status(), 0, "{}", report::text(&run_with_key));
    // Without the key: the profile of the unload alone makes no ticket.
    let own = "[[profile]]\nclass   = \"PTKTDATA\"\nname    = \"IMSP1\"\nssignon = [\"KEYMASKED(@secret:ims)\"]\n";
    assert!(SMALL.contains(own));
    let keyless = with_inputs
        .replace(own, "")
        .replace("expect = { outcome = \"ok\" }", "expect = { outcome = \"fail\", count = 1, saf = \"8/16/28\" }");
    let run_without = run(&read(&keyless)).unwrap();
    let text = report::text(&run_without);
    assert_eq!(run_without.exit_status(), 0, "{text}");
    assert!(text.contains("unload"), "{text}");
    let missing = with_inputs.replace("prod.txt", "nowhere.txt");
    let Err(Error::File(all)) = Drill::read(path.to_str().unwrap(), &missing) else { panic!("read") };
    assert!(all[0].to_string().contains("nowhere.txt") && all[0].position().is_some(), "{}", all[0]);
}

#[test]
fn a_pasted_listing_becomes_profiles() {
    let dir = tempfile::tempdir().unwrap();
    let listing = "\
CLASS      NAME
-----      ----
PTKTDATA   CICSP1

LEVEL  OWNER      UNIVERSAL ACCESS  YOUR ACCESS  WARNING
-----  --------   ----------------  -----------  -------
 00    SYS1            NONE               NONE    NO

APPLICATION DATA
----------------
NO REPLAY PROTECTION

SSIGNON INFORMATION
-------------------
Legacy   PassTicket: KEYENCRYPTED LABEL: PTKT.CICSP1.DES
Enhanced PassTicket: Timeout = 00000060
Enhanced PassTicket: Replay allowed = NO
";
    fs::write(dir.path().join("rlist.txt"), listing).unwrap();
    let path = dir.path().join("drill.toml");
    let key = "[[key]]\nlabel = \"PTKT.CICSP1.DES\"\ntype = \"DES-DATA\"\n\n[[permit]]";
    let text =
        SMALL.replace("[secrets]", "[inputs]\nrlist = \"rlist.txt\"\n\n[secrets]").replacen("[[permit]]", key, 1);
    let text = text.replace("applid = \"IMSP1\"", "applid = \"CICSP1\"");
    // The key of the CKDS is used, and the ticket may be used twice in one second, as the listing says.
    let again = SMALL.split_once("[[step]]").unwrap().1.replace("baseline", "again");
    let shown = step(
        1,
        "do = \"display\"\nwith = { command = \"RLIST PTKTDATA CICSP1\", sites = [\"A\"] }\nexpect = { matches = \"NO REPLAY PROTECTION\" }",
    );
    let drill = Drill::read(
        path.to_str().unwrap(),
        &format!("{text}\n[[step]]{}\n{shown}", again.replace("sessions = \"all\"", "sessions = [\"IMS\"]")),
    );
    let run = run(&drill.unwrap_or_else(|error| panic!("{error}"))).unwrap();
    assert_eq!(run.exit_status(), 0, "{}", report::text(&run));
    fs::write(dir.path().join("rlist.txt"), "nothing of the sort").unwrap();
    assert!(Drill::read(path.to_str().unwrap(), &text).is_err());
}

#[test]
fn the_end_of_a_drill_is_part_of_it() {
    let end = "[rollback]\ndo = [\"engine.detach\", \"failback\"]\n\n[report]\nformats = [\"json\", \"html\"]\nredact = [\"@secret\", \"tickets\"]\n";
    let moved = step(1, "do = \"failover\"\nwith = { from = \"A\", to = \"B\" }");
    let text = with_steps(&format!("{moved}{end}"));
    assert_eq!(drill(&text).formats(), [Format::Json, Format::Html]);
    let (run, shown) = ran(&text);
    assert_eq!(run.exit_status(), 0, "{shown}");
    for line in ["rollback-1", "rollback-2", "fail over from site B to site A"] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let wrong = text.replace("\"engine.detach\", \"failback\"", "\"engine.detatch\"");
    assert!(mistakes(&wrong)[0].0.contains("engine.detach?"));
}

/// A whole day, a sign-on each minute, in far less than a day, and the same each time.
#[test]
fn a_day_of_drill_is_short_and_repeats_itself() {
    let day = (1..24 * 60).map(|minute| {
        format!(
            "[[step]]\nid = \"m{minute}\"\nat = \"+{minute}m\"\nsite = \"A\"\ndo = \"logon\"\nwith = {{ users = [\"U1\"], sessions = [\"IMS\"] }}\nexpect = {{ outcome = \"ok\" }}\n\n"
        )
    });
    let text = with_steps(&day.collect::<String>());
    let began = Instant::now();
    let (run, first) = ran(&text);
    assert_eq!(run.exit_status(), 0);
    assert!(first.contains("+1439m"), "{first}");
    // A few seconds where nobody else is at work, for this is no release build; the machine of a test may be a busy one.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    assert_eq!(ran(&text).1, first);
}

/// On request the steps take the time they say.
#[test]
fn the_clock_of_the_machine_is_waited_for_on_request() {
    let text = with_steps(
        &step(1, "do = \"display\"\nwith = { command = \"D SMF,O\", sites = [\"A\"] }\nexpect = { matches = \"SID\" }")
            .replace("+1m", "+2s"),
    );
    let began = Instant::now();
    let run = run_on(&drill(&text), &Cards::default().wall_clock()).unwrap();
    assert_eq!(run.exit_status(), 0);
    // A second is cut off where the drill begins.
    assert!(began.elapsed().as_secs() >= 1, "{:?}", began.elapsed());
}

#[test]
fn what_comes_too_late_or_too_often_deviates() {
    let pull = step(1, "site = \"A\"\ndo = \"engine.detach\"");
    let back = step(20, "site = \"A\"\ndo = \"engine.attach\"");
    let probe = |with: &str| {
        step(
            21,
            &format!(
                "site = \"A\"\ndo = \"logon\"\nwith = {{ users = [\"U1\"], sessions = \"all\" }}\nexpect = {{ outcome = \"ok\", {with} }}"
            ),
        )
    };
    let status = |with: &str| {
        let (run, text) = ran(&with_steps(&format!("{pull}{back}{}", probe(with))));
        (run.exit_status(), text)
    };
    assert_eq!(status("within = \"20m\"").0, 0);
    let (late, text) = status("within = \"19m\"");
    assert!(late == 1 && text.contains("+20m after the first action"), "{text}");
    assert_eq!(status("count = 2").0, 0);
    let (few, text) = status("count = 1");
    assert!(few == 1 && text.contains("1 of 2 were expected to come so, 2 did"), "{text}");
}

/// A command that RACF refuses is no step that was done.
#[test]
fn a_command_that_is_refused_deviates_and_its_secret_does_not_come_out() {
    let steps = step(
        1,
        "site = \"A\"\ndo = \"racf\"\nwith = { commands = [\"RALTER PTKTDATA NOWHERE SSIGNON(KEYMASKED(@secret:ims))\"] }",
    );
    let (run, text) = ran(&with_steps(&steps));
    assert_eq!(run.exit_status(), 1, "{text}");
    assert!(text.contains("it was refused"), "{text}");
}

/// Tickets by themselves: made for one, checked by another, used twice.
#[test]
fn tickets_are_made_and_checked_by_steps_of_their_own() {
    let generate = |n: u32, user: &str, runs_as: &str, ticket: &str, expect: &str| {
        step(
            n,
            &format!(
                "site = \"A\"\ndo = \"ptkt.generate\"\nwith = {{ user = \"{user}\", application = \"IMSP1\", runs_as = \"{runs_as}\", ticket = \"{ticket}\" }}\nexpect = {{ {expect} }}"
            ),
        )
    };
    let evaluate = |n: u32, with: &str, expect: &str| {
        step(n, &format!("site = \"A\"\ndo = \"ptkt.evaluate\"\nwith = {{ {with} }}\nexpect = {{ {expect} }}"))
    };
    let steps = generate(1, "U1", "TPXSTC", "t1", "outcome = \"ok\"")
        + &evaluate(2, "ticket = \"t1\", runs_as = \"TPXSTC\", times = 3", "outcome = \"ok\", count = 1")
        + &generate(3, "U1", "NOBODY", "t2", "outcome = \"fail\", saf = \"8/8/16\"")
        + &generate(4, "U1", "TPXSTC", "t3", "outcome = \"ok\"")
        + &evaluate(5, "ticket = \"t3\"", "outcome = \"ok\"")
        + &evaluate(16, "ticket = \"t3\"", "outcome = \"fail\", saf = \"8/8/20\"");
    let (run, text) = ran(&with_steps(&steps));
    assert_eq!(run.exit_status(), 0, "{text}");
    assert!(text.contains("the ticket was used before") && text.contains("ticket t1 is accepted"), "{text}");
}

/// A ticket is remembered by the system that accepted it, or by all of a sysplex; a site may come up with a wrong clock.
#[test]
fn sites_have_clocks_and_remember_tickets_together_or_alone() {
    let steps = step(
        1,
        "site = \"A\"\ndo = \"ptkt.generate\"\nwith = { user = \"U1\", application = \"IMSP1\", runs_as = \"TPXSTC\", ticket = \"t\" }",
    ) + &step(
        2,
        "site = \"A\"\ndo = \"ptkt.evaluate\"\nwith = { ticket = \"t\" }\nexpect = { outcome = \"ok\" }",
    ) + &step(
        3,
        "site = \"B\"\ndo = \"ptkt.evaluate\"\nwith = { ticket = \"t\" }\nexpect = { outcome = \"ok\" }",
    );
    let alone = with_steps(&steps);
    assert_eq!(ran(&alone).0.exit_status(), 0);
    let together = alone.replace("engine = {", "replay_scope = \"sysplex\"\nengine = {");
    let (run, text) = ran(&together);
    assert!(run.exit_status() == 1 && text.contains("the ticket was used before"), "{text}");
    let late = alone.replace("role   = \"recovery\"", "role   = \"recovery\"\nclock  = \"-13m\"");
    let (run, text) = ran(&late);
    assert!(run.exit_status() == 1 && words(&text).contains("ahead of this system's clock"), "{text}");
}

/// A CKDS comes back as it was when a step began, also that of another site; what was never copied cannot come back.
#[test]
fn a_ckds_comes_back_as_it_was() {
    let logon = |n: u32, expect: &str| {
        step(
            n,
            &format!(
                "site = \"A\"\ndo = \"logon\"\nwith = {{ users = [\"U1\"], sessions = [\"TSO\"] }}\nexpect = {{ {expect} }}"
            ),
        )
    };
    let steps = step(1, "site = \"A\"\ndo = \"ckds.detach\"")
        + &logon(2, "outcome = \"fail\", icsf = \"08/271C\"")
        + &step(3, "site = \"A\"\ndo = \"ckds.restore\"")
        + &logon(4, "outcome = \"ok\"")
        + &step(5, "site = \"A\"\ndo = \"ckds.restore\"");
    let (run, text) = ran(&with_steps(&steps));
    assert_eq!(run.exit_status(), 1, "{text}");
    assert!(words(&text).contains("there is no copy of the CKDS of site A"), "{text}");
    assert!(text.contains("DEVIATED: 1 of"), "{text}");
}

/// The same tree in JSON: what TOML has as an instant is a string there.
fn as_json(text: &str) -> String {
    fn value(from: &toml::Value) -> serde_json::Value {
        match from {
            toml::Value::Datetime(instant) => instant.to_string().into(),
            toml::Value::Array(values) => values.iter().map(value).collect(),
            toml::Value::Table(table) => table.iter().map(|(name, inner)| (name.clone(), value(inner))).collect(),
            plain => serde_json::to_value(plain).unwrap(),
        }
    }
    serde_json::to_string_pretty(&value(&toml::Value::Table(text.parse().unwrap()))).unwrap()
}

/// Machines write JSON: the same tree, the same run, and mistakes where they stand.
#[test]
fn drills_are_read_from_json_as_well() {
    let json = as_json(SMALL);
    let read = Drill::read("test.json", &json).unwrap();
    let (from_json, (_, from_toml)) = (run(&read).unwrap(), ran(SMALL));
    let but_its_hash =
        |text: &str| text.lines().filter(|line| !line.contains("SHA-256")).collect::<Vec<_>>().join("\n");
    assert_eq!(but_its_hash(&report::text(&from_json)), but_its_hash(&from_toml));

    let wrong = json.replace("\"title\"", "\"titel\"").replace("\"copy_of\": \"A\"", "\"copy_of\": \"X\"");
    let all = mistakes(&wrong);
    for (what, text) in [("unknown field `titel`", "\"titel\""), ("there is no site \"X\"", "\"X\"")] {
        let line = wrong.lines().position(|line| line.contains(text)).unwrap() + 1;
        let found = all.iter().any(|(said, at)| said.contains(what) && at.is_some_and(|at| at.0 == line));
        assert!(found, "{what}: {all:#?}");
    }
    for (text, what) in [
        ("{\"format\": 1,}", "this is no JSON"),
        ("{\"format\": 1 // one\n}", "this is no JSON"),
        ("{\"format\": 1, \"format\": 1}", "format is here twice"),
        ("{\"format\": 1, \"drill\": null}", "leave the name out"),
        ("{\"format\": 1", "this is no JSON"),
        ("{\"user\": [{\"password\": \"hunTer2X\"}]", "this is no JSON"),
    ] {
        let all = mistakes(text);
        assert!(all[0].0.contains(what) && !all[0].0.contains("hunTer2X"), "{text}: {all:#?}");
    }
    // Deeper than anybody writes: an error, and the stack holds.
    assert!(mistakes(&"{\"a\":".repeat(100_000))[0].0.contains("this is no JSON"));
}
