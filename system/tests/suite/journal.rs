//! The journal: what an auditor finds, and what nobody must find.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use icsf_core::journal::{Event, Journal, Outcome, What};
use icsf_core::random::SystemRandom;
use icsf_saf::smf;
use softicsf::{
    Card, CardSlot, Credential, Entry, FileJournal, MemoryJournal, Names, SecretString, System, Unreadable,
};

use crate::support::{Home, admin, racf, request, ticket};

fn read(journal: &FileJournal) -> (Vec<Entry>, Vec<Unreadable>) {
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    let mut each = |entry| {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(line) => unreadable.push(line),
        }
        std::ops::ControlFlow::Continue(())
    };
    journal.read(&mut each).unwrap();
    (entries, unreadable)
}

fn events(system: &System) -> Vec<Event> {
    let (entries, unreadable) = read(system.journal().unwrap());
    assert_eq!(unreadable, []);
    entries.into_iter().map(|entry| entry.event).collect()
}

/// What an event is, what was done, how it ended, and the codes.
fn told(event: &Event) -> String {
    let name = serde_json::to_value(event.event).unwrap().as_str().unwrap().to_owned();
    let parts = [Some(name), event.action.clone(), event.by.clone(), event.saf.clone(), event.icsf.clone()];
    let word = if event.outcome == Outcome::Ok { "" } else { " failed" };
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ") + word
}

fn typed(text: &str) -> Credential {
    Credential::new(SecretString::from(text)).unwrap()
}

#[test]
fn a_day_is_told_in_order_and_without_a_secret() {
    let home = Home::ready();
    racf(&home.system, "ADDUSER IBMUSER PASSWORD(SESAME)");
    racf(&home.system, "RALTER PTKTDATA MASKED NOAPPLDATA");
    racf(&home.system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let before = events(&home.system).len();

    let (tso, masked) = (request("TSOPRD1"), request("MASKED"));
    let of_tso = ticket(&home.system, "TSOPRD1").unwrap();
    home.system.evaluate(&admin(), &tso, &of_tso).unwrap();
    let of_masked = ticket(&home.system, "MASKED").unwrap();
    home.system.sign_on(&masked, &Credential::from(&of_masked)).unwrap();
    home.system.sign_on(&masked, &Credential::from(&of_masked)).unwrap_err();
    home.system.sign_on(&masked, &typed("SESAME")).unwrap();
    home.system.sign_on(&masked, &typed("WRONG")).unwrap_err();
    racf(&home.system, "RALTER PTKTDATA IRRPTAUTH.** UACC(NONE)");
    racf(&home.system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    ticket(&home.system, "TSOPRD1").unwrap_err();
    racf(&home.system, "RALTER PTKTDATA IRRPTAUTH.** UACC(UPDATE)");
    racf(&home.system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    home.system.icsf().engine_offline().unwrap();
    home.another().generate(&admin(), &tso).unwrap_err();
    home.system.icsf().engine_online().unwrap();
    home.system.icsf().stop().unwrap();
    home.system.icsf().start().unwrap();
    home.system.icsf().generate_master_key(softicsf::MasterKeyKind::Des).unwrap();
    home.system.icsf().change_master_key(softicsf::MasterKeyKind::Des, &mut |_| {}).unwrap();
    home.system.icsf().refresh_ckds().unwrap();

    let all = events(&home.system);
    let evaluated = all.iter().skip(before).find(|event| event.event == What::Evaluate).unwrap();
    assert_eq!(evaluated.profile.as_deref(), Some("TSOPRD1"));
    let day: Vec<String> = all.iter().skip(before).filter(|event| event.event != What::Command).map(told).collect();
    assert_eq!(
        day,
        [
            "generate legacy",
            "evaluate legacy",
            "generate legacy",
            "sign-on legacy",
            "sign-on 8/8/20 failed",
            "sign-on password",
            "sign-on 8/8/20 failed",
            "access 8/8/16 failed",
            "generate 8/8/16 failed",
            "engine offline",
            "generate 8/16/28 12/0 failed",
            "engine online",
            "icsf stop",
            "icsf start",
            "master-key generate",
            "master-key change",
            "ckds refresh",
        ]
    );
    let replayed = all.iter().find(|event| event.situation.as_deref() == Some("EvaluationReplayed")).unwrap();
    assert_eq!((replayed.user.as_deref(), replayed.application.as_deref()), (Some("IBMUSER"), Some("MASKED")));
    let lost = all.iter().find(|event| event.service.is_some()).unwrap();
    assert_eq!(lost.service.as_deref(), Some("CSNBENC"));
    assert!(
        lost.cause
            .as_ref()
            .unwrap()
            .starts_with("CSNBENC 12/0: engine is offline: the operator took it offline; key IRR."),
        "{lost:?}"
    );
    assert_eq!(lost.profile.as_deref(), Some("TSOPRD1"));

    let text: String = day_files(&home).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for secret in ["0123456789ABCDEF", "SESAME", "WRONG", of_tso.expose(), of_masked.expose()] {
        assert!(!text.contains(secret));
    }
}

fn day_files(home: &Home) -> Vec<std::path::PathBuf> {
    crate::support::listed(&home.file("journal"))
}

#[test]
fn commands_are_told_with_their_keys_covered_and_listings_are_not() {
    let home = Home::ready();
    racf(&home.system, "RLIST PTKTDATA MASKED");
    for (command, shown) in [
        ("RALT PTKTDATA NONE /* PASSWORD(hunter22) */ DATA(x)", "RALT PTKTDATA NONE /* ********(********) */ DATA(x)"),
        (
            "/* KEYMASKED(FEDCBA9876543210) */ RALT PTKTDATA NONE",
            "/* *********(****************) */ RALT PTKTDATA NONE",
        ),
        ("RALT PTKTDATA FEDCBA9876543210", "RALT PTKTDATA ****************"),
    ] {
        home.system.racf(&admin(), command, &softicsf::NoSecrets).unwrap_err();
        let last = events(&home.system).pop().unwrap();
        assert_eq!(last.command.as_deref(), Some(shown));
        let cause = last.cause.unwrap();
        assert!(cause.starts_with("there is no profile ") && !cause.contains("FEDC"), "{cause}");
    }
    let wrong = home.system.racf(&admin(), "RDEFINE PTKTDATA X SSIGNON(KEYMASKED(0123))", &softicsf::NoSecrets);
    wrong.unwrap_err();
    let long = format!("RALTER PTKTDATA MASKED DATA('{}')", "x".repeat(100_000));
    home.system.racf(&admin(), &long, &softicsf::NoSecrets).unwrap_err();
    let mut commands: Vec<Event> = events(&home.system).into_iter().filter(|e| e.event == What::Command).collect();
    let long = commands.pop().unwrap().command.unwrap();
    assert!(long.len() < 5000 && long.starts_with("RALTER PTKTDATA MASKED DATA(") && long.ends_with(" ..."));
    let shown: Vec<&str> = commands.iter().map(|event| event.command.as_deref().unwrap()).collect();
    assert!(
        shown
            .contains(&"RDEFINE PTKTDATA MASKED APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED(****************))")
    );
    assert!(!shown.iter().any(|command| command.starts_with("RLIST")));
    let last = commands.last().unwrap();
    assert_eq!((last.outcome, last.caller.as_deref()), (Outcome::Failed, Some("IBMUSER")));
    assert_eq!(last.command.as_deref(), Some("RDEFINE PTKTDATA X SSIGNON(KEYMASKED(****))"));
    assert!(last.cause.as_ref().is_some_and(|cause| cause.contains("16")), "{last:?}");
}

#[test]
fn a_card_that_is_pulled_and_put_back_is_told_of() {
    let (slot, journal) = (CardSlot::empty(), Arc::new(MemoryJournal::default()));
    let kept: Arc<dyn Journal> = Arc::clone(&journal) as Arc<dyn Journal>;
    let system = System::in_memory().slot(&slot).journal(kept).build().unwrap();
    let card = Card::software(Arc::new(SystemRandom));
    for put in [true, false, false, true] {
        if put {
            slot.insert(&card);
        } else {
            slot.remove();
        }
        system.engine().unwrap();
    }
    let told: Vec<String> = journal.events().iter().map(told).collect();
    assert_eq!(told, ["engine lost failed", "engine back"], "by one that had it");
}

#[test]
fn each_day_has_a_file_and_a_torn_line_costs_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("journal");
    let journal = FileJournal::new(place.clone(), Names::default());
    let at = |at| Event::new(What::Engine, at).action("online");
    journal.record(&at(1_763_164_799)); // 2025-11-14T23:59:59Z
    journal.record(&at(1_763_164_800));
    let files: Vec<String> = fs::read_dir(&place)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(files, ["2025-11-14.jsonl", "2025-11-15.jsonl"]);
    let torn = place.join("2025-11-14.jsonl");
    let whole = fs::read_to_string(&torn).unwrap();
    fs::write(&torn, format!("{whole}{}\n{whole}", &whole[..whole.len() / 2])).unwrap();
    let (entries, unreadable) = read(&journal);
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[2].event.at, 1_763_164_800, "days in order, and the time of the line");
    let [line] = unreadable.as_slice() else { panic!("{unreadable:?}") };
    assert_eq!((line.file.as_path(), line.line), (torn.as_path(), 2));

    // A line without its end: what comes after it, from whichever process, stands on its own.
    let last = place.join("2025-11-15.jsonl");
    let whole = fs::read_to_string(&last).unwrap();
    fs::write(&last, format!("{whole}{}", &whole[..20])).unwrap();
    fs::create_dir(place.join("kept.jsonl")).unwrap();
    FileJournal::new(place, Names::default()).record(&at(1_763_164_801));
    let (entries, unreadable) = read(&journal);
    assert_eq!((entries.len(), unreadable.len()), (4, 2));
    assert_eq!(entries[3].event.at, 1_763_164_801);
}

#[test]
fn an_event_that_cannot_be_written_fails_nothing_and_is_counted() {
    let home = Home::ready();
    fs::remove_dir_all(home.file("journal")).unwrap();
    fs::write(home.file("journal"), "in the way").unwrap();
    let system = home.another();
    ticket(&system, "MASKED").unwrap();
    ticket(&system, "MASKED").unwrap();
    let lost = system.journal().unwrap().lost().unwrap();
    assert_eq!(lost.events, 2);
    assert!(lost.why.contains("journal"), "{lost:?}");
    fs::remove_file(home.file("journal")).unwrap();
    ticket(&system, "MASKED").unwrap();
    assert_eq!(events(&system).len(), 1, "written again as soon as it can be");
}

/// Every field of the page is one of the schema, and the other way round.
#[test]
fn the_page_has_the_schema() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/journal.md")).unwrap();
    let page = page.split("## In the columns").next().unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: BTreeSet<String> = rows.map(|(field, _)| field.to_owned()).collect();
    let some = || Some(String::new());
    let event = Event {
        action: some(),
        caller: some(),
        user: some(),
        application: some(),
        profile: some(),
        label: some(),
        by: some(),
        age: Some(0),
        master_key: some(),
        engine: some(),
        command: some(),
        records: Some(0),
        situation: some(),
        saf: some(),
        service: some(),
        icsf: some(),
        cause: some(),
        ..Event::new(What::Generate, 0)
    };
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::new(directory.path().to_owned(), Names::default());
    journal.record(&event);
    let line = fs::read_to_string(directory.path().join("1970-01-01.jsonl")).unwrap();
    let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
    assert_eq!(line.keys().cloned().collect::<BTreeSet<_>>(), documented);
    for what in What::ALL {
        let name = serde_json::to_value(what).unwrap();
        assert!(page.contains(&format!("`{}`", name.as_str().unwrap())), "{name}");
    }
}

/// The positions that a site's reports cut out, counted from 1.
#[test]
fn the_unload_has_its_columns() {
    let cut = |row: &str, from: usize, to: usize| row.get(from - 1..to.min(row.len())).unwrap_or("").to_owned();
    let at = 1_763_110_800;
    let own = |text: &str| Some(text.to_owned());
    let made = Event {
        caller: own("TPXSTC"),
        user: own("IBMUSER"),
        application: own("TSOPRD1"),
        ..Event::new(What::Generate, at)
    };
    let row = smf::irradu00(&made, "PRD1").unwrap();
    let fields = [(1, 8), (10, 17), (19, 26), (28, 37), (39, 42), (59, 66), (282, 289), (291, 298)];
    assert_eq!(
        fields.map(|(from, to)| cut(&row, from, to)),
        ["PTCREATE", "SUCCESS ", "09:00:00", "2025-11-14", "PRD1", "TPXSTC  ", "TSOPRD1 ", "IBMUSER "]
    );
    assert_eq!(row.len(), 298);
    let signed_on = |by: Option<&str>, situation: Option<&str>| {
        let outcome = if situation.is_none() { Outcome::Ok } else { Outcome::Failed };
        let event = Event {
            user: own("IBMUSER"),
            application: own("MASKED"),
            by: by.map(str::to_owned),
            situation: situation.map(str::to_owned),
            outcome,
            ..Event::new(What::SignOn, at)
        };
        let row = smf::irradu00(&event, "PRD1").unwrap();
        assert_eq!((cut(&row, 1, 8), cut(&row, 59, 66)), ("JOBINIT ".to_owned(), "IBMUSER ".to_owned()));
        assert_eq!((cut(&row, 282, 289), row.len()), ("MASKED  ".to_owned(), 4608));
        [cut(&row, 10, 17), cut(&row, 4600, 4603), cut(&row, 4605, 4608)].map(|field| field.trim().to_owned())
    };
    assert_eq!(signed_on(Some("password"), None), ["0", "NO", "NO"]);
    assert_eq!(signed_on(Some("enhanced"), None), ["32", "YES", "YES"]);
    assert_eq!(signed_on(None, Some("EvaluationReplayed")), ["33", "YES", "NO"]);
    assert_eq!(signed_on(None, Some("EvaluationNotValid")), ["1", "YES", "NO"]);
    assert_eq!(signed_on(None, Some("SignOnNotValid")), ["1", "NO", "NO"]);
    assert_eq!(signed_on(None, Some("SignOnRevoked")), ["6", "NO", "NO"]);
    assert_eq!(smf::irradu00(&Event::new(What::Engine, at), "PRD1"), None);
}
