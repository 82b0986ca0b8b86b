//! A token as the engine, from one process after the other.

use softhsm_fixtures::{Card, Ckr, Fault, Function};

use crate::support::{Place, Ran};

/// A place, a card, and the file with its PIN.
struct Setting {
    place: Place,
    card: Card,
    pin: String,
}

impl Setting {
    fn new() -> Self {
        let (place, card) = (Place::new(), Card::new());
        let pin = place.secret("pin", card.user_pin().expose());
        Self { place, card, pin }
    }

    fn init(&self, pin: &[&str]) -> Ran {
        let module = self.card.module();
        let arguments = ["init", "prd1", "--backend", "pkcs11", "--generate-master-keys", "--sysname", "PRD1"];
        let token = ["--module", module.to_str().unwrap(), "--token", self.card.label()];
        self.place.run(&[&arguments[..], &token, pin].concat())
    }

    fn with_pin_file() -> Self {
        let setting = Self::new();
        setting.init(&["--pin-file", &setting.pin]).ok();
        setting
    }

    fn application(&self) {
        self.place.prd1(&["ckds", "add", "PTKT.TSOPRD1", "--type", "DES-DATA", "--generate"]).ok();
        self.place.prd1(&["ckds", "add", "PTKT.CICSP1", "--type", "HMAC-MAC", "--generate"]).ok();
        let commands = [
            "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
            "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYLABEL(PTKT.TSOPRD1))",
            "RDEFINE PTKTDATA CICSP1 SSIGNON(EPTKEYLABEL(PTKT.CICSP1))",
            "SETROPTS RACLIST(PTKTDATA) REFRESH",
        ];
        self.place.prd1(&[&["racf"], &commands[..]].concat()).ok();
    }

    fn ticket(&self, application: &str) -> Ran {
        self.place.prd1(&["ptkt", "generate", "--user", "IBMUSER", "--appl", application])
    }
}

fn unfolded(ran: &Ran) -> String {
    ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_card_is_pulled_and_put_back_between_commands() {
    let setting = Setting::with_pin_file();
    setting.application();
    let (card, place) = (&setting.card, &setting.place);
    for application in ["TSOPRD1", "CICSP1"] {
        setting.ticket(application).ok();
    }
    let status = place.prd1(&["engine", "status"]).ok().stdout;
    assert!(status.contains(&format!("pkcs11 {} ({}): online", card.label(), card.serial())), "{status}");
    let cards = place.prd1(&["console", "D ICSF,CARDS"]).ok().stdout;
    assert!(cards.contains("STATUS=Active") && cards.contains(card.serial()), "{cards}");

    card.pull();
    for (application, service) in [("TSOPRD1", "CSNBENC 12/0: "), ("CICSP1", "CSNBHMG 12/0: ")] {
        let ran = setting.ticket(application);
        assert_eq!(ran.status, 8, "{ran:?}");
        assert!(ran.stderr.contains("SAF 8/16/28") && ran.stderr.contains(service), "{ran:?}");
        assert!(unfolded(&ran).contains("no token is there"), "{ran:?}");
    }
    let json = place.prd1(&["engine", "status", "--json"]).ok().json();
    assert_eq!((&json["state"], &json["usable"]), (&"offline".into(), &false.into()));

    card.put_back();
    for application in ["TSOPRD1", "CICSP1"] {
        setting.ticket(application).ok();
    }
}

#[test]
fn known_answers_run_through_a_token_and_leave_nothing_in_it() {
    let setting = Setting::with_pin_file();
    let before = setting.place.prd1(&["mk", "show", "--json"]).ok().json();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let file = |name: &str| root.join("ptkt/vectors").join(name).to_str().unwrap().to_owned();
    let module = setting.card.module();
    let through = |files: &[&str]| {
        let token = ["--module", module.to_str().unwrap(), "--token", setting.card.label(), "--pin-file", &setting.pin];
        setting.place.run(&[&["kat", "--backend", "pkcs11"], &token[..], files].concat())
    };
    let ran = through(&[&file("passticket-legacy.json")]).ok();
    assert_eq!(ran.stdout.trim_end(), "374 passed, 0 failed");
    // Keys longer than a block, of no whole number of 8 bytes, are not what a token is given: see docs/formats.md.
    let ran = through(&[&file("passticket-enhanced.json")]);
    assert_eq!((ran.status, ran.stdout.trim_end()), (1, "303 passed, 0 failed, 57 skipped"));
    assert_eq!(setting.place.prd1(&["mk", "show", "--json"]).ok().json(), before);
    setting.application();
    setting.ticket("TSOPRD1").ok();
}

#[test]
fn the_pin_comes_from_where_it_is_named_and_is_never_shown() {
    let setting = Setting::new();
    let (place, card) = (&setting.place, &setting.card);
    let pin = card.user_pin().expose();
    // Nothing is recorded of a PIN from the environment.
    let module = card.module();
    let arguments =
        ["init", "prd1", "--backend", "pkcs11", "--module", module.to_str().unwrap(), "--token", card.label()];
    let made =
        Ran::from(crate::support::softicsf(place.path()).args(arguments).env("SOFTICSF_PIN", pin).output().unwrap());
    let options = std::fs::read_to_string(place.join("prd1/softicsf.toml")).unwrap();
    assert!(!options.contains("pin") && !options.contains(pin), "{options}");
    let locked = place.prd1(&["mk", "generate", "--kind", "both"]);
    assert_eq!(locked.status, 12);
    assert!(locked.stderr.contains("engine is locked") && locked.stderr.contains("PIN"), "{locked:?}");
    let by_file = place.prd1(&["--pin-file", &setting.pin, "mk", "generate", "--kind", "both"]).ok();

    // A wrong PIN is told, and tried once for each command alone: three of them would lock many a token.
    let wrong = place.secret("wrong", "0000");
    let refused = place.prd1(&["--pin-file", &wrong, "mk", "set", "--kind", "both"]);
    assert_eq!(refused.status, 12);
    assert!(unfolded(&refused).contains("does not take the PIN"), "{refused:?}");
    let open = place.join("open");
    std::fs::write(&open, pin).unwrap();
    let readable = place.prd1(&["--pin-file", open.to_str().unwrap(), "mk", "set", "--kind", "both"]);
    assert_eq!(readable.status, 2);
    assert!(readable.stderr.contains("chmod 600"), "{readable:?}");
    place.prd1(&["--pin-file", &setting.pin, "mk", "set", "--kind", "both"]).ok();
    for ran in [made.ok(), locked, by_file, refused, readable] {
        assert!(!ran.all().contains(pin) && !ran.all().contains("0000\n"), "{ran:?}");
    }
}

#[test]
fn what_is_wrong_with_a_token_is_told_and_nothing_is_made() {
    let setting = Setting::new();
    let module = setting.card.module();
    let module = module.to_str().unwrap();
    let init = |arguments: &[&str]| {
        let ran = setting.place.run(&[&["init", "prd1", "--backend"], arguments].concat());
        assert!(!setting.place.join("prd1").exists());
        (ran.status, unfolded(&ran))
    };
    let pin = ["--pin-file", &setting.pin];
    let label = setting.card.label();
    let cases: [(&[&str], u8, &str); 6] = [
        (&["pkcs11", "--token", label], 2, "named by --module PATH and --token LABEL"),
        (&["software", "--token", label], 2, "go with --backend pkcs11"),
        (&["pkcs11", "--module", module, "--token", "no such"], 8, label),
        (&["pkcs11", "--module", "/etc/hosts", "--token", label], 8, "the module cannot be loaded"),
        (&["pkcs11", "--module", module, "--token", label, "--serial", "00"], 8, setting.card.serial()),
        (&["pkcs11", "--module", &setting.pin, "--token", label], 8, "the module cannot be loaded"),
    ];
    for (arguments, status, says) in cases {
        let (got, text) = init(&[arguments, &pin].concat());
        assert_eq!(got, i32::from(status), "{text}");
        assert!(text.contains(says), "{text}");
    }
    let (status, text) = init(&["pkcs11", "--module", module, "--token", label]);
    assert_eq!(status, 8, "{text}");
    assert!(text.contains("the PIN of the token is needed"), "{text}");
}

/// The ceremony of three officers, each with a part that nobody else knows, in a process of his own.
#[test]
fn the_same_parts_give_the_same_master_keys_in_software_and_on_a_token() {
    let setting = Setting::new();
    let (place, module) = (&setting.place, setting.card.module());
    place.run(&["init", "soft", "--sysname", "SOFT"]).ok();
    let token = ["--module", module.to_str().unwrap(), "--token", setting.card.label(), "--pin-file", &setting.pin];
    place.run(&[&["init", "card", "--sysname", "CARD", "--backend", "pkcs11"], &token[..]].concat()).ok();
    let parts = [("first", "11"), ("middle", "a7"), ("middle", "0f"), ("final", "c4")];
    let files = parts.map(|(part, byte)| (part, place.secret(&format!("{part}-{byte}"), &byte.repeat(32))));
    for kind in ["des", "aes"] {
        for system in ["soft", "card"] {
            let mk = |arguments: &[&str]| place.run(&[&["-C", system, "mk"], arguments].concat());
            for (number, (part, file)) in files.iter().enumerate() {
                let ran = mk(&["load", "--kind", kind, "--part", part, "--from", file]).ok();
                let says = if number == 3 { "full, pattern" } else { "partial" };
                assert!(ran.stdout.contains(says), "{ran:?}");
                // Out of turn, a part is refused and changes nothing.
                let again = mk(&["load", "--kind", kind, "--part", "first", "--from", file]);
                assert_eq!(again.status, 8, "{again:?}");
            }
            mk(&["set", "--kind", kind]).ok();
        }
    }
    let shown = ["soft", "card"].map(|system| place.run(&["-C", system, "mk", "show", "--json"]).ok().json());
    assert_eq!(shown[0], shown[1]);
    assert!(shown[0].to_string().contains("current"), "{}", shown[0]);
}

#[test]
fn what_a_token_does_not_forbid_a_master_key_is_told_by_who_tries_it() {
    const ATTRIBUTE_TYPE_INVALID: Ckr = Ckr::new(0x12);
    let setting = Setting::new();
    let (place, card, module) = (&setting.place, &setting.card, setting.card.module());
    let token = ["--module", module.to_str().unwrap(), "--token", card.label(), "--pin-file", &setting.pin];
    let about =
        || place.run(&[&["about", "backends", "--json"], &token[..]].concat()).ok().json()["backends"][2].clone();
    let quirks = |about: &serde_json::Value| about["quirks"].as_array().unwrap().len();
    let before = about();
    // The first key that is made is one for HMAC, to see that it can be; the next is the master key, tried again with less.
    card.inject(Fault::answer(ATTRIBUTE_TYPE_INVALID).on(Function::GenerateKey).from(2).times(1));
    let after = about();
    assert_eq!(quirks(&after), quirks(&before) + 1);
    assert!(after.to_string().contains("it does not restrict a master key to one mechanism"), "{after}");
    assert_eq!(about(), before);
}
