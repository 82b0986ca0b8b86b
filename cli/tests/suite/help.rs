//! Help, completions and manual pages: for every verb, from one definition.

use std::fs;

use regex::Regex;

use crate::support::{Place, verbs};

fn help(verb: &[String]) -> String {
    let words: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
    Place::new().run(&words).ok().stdout
}

#[test]
fn the_verbs_of_this_release_are_there() {
    let top: Vec<String> = verbs().into_iter().filter(|verb| verb.len() == 1).map(|verb| verb.concat()).collect();
    let expected = [
        "init",
        "status",
        "mk",
        "engine",
        "ckds",
        "racf",
        "import",
        "export",
        "console",
        "ptkt",
        "realm",
        "principal",
        "keytab",
        "kdc",
        "journal",
        "kat",
        "drill",
        "scan",
        "about",
        "completions",
        "man",
    ];
    assert_eq!(top, expected);
    let below = |name: &str| -> Vec<String> {
        verbs().into_iter().filter(|verb| verb.len() == 2 && verb[0] == name).map(|verb| verb[1].clone()).collect()
    };
    assert_eq!(below("mk"), ["generate", "load", "set", "show", "change", "clear", "zeroize"]);
    assert_eq!(below("engine"), ["status", "offline", "online", "configure"]);
    assert_eq!(below("ckds"), ["list", "show", "add", "delete", "refresh", "verify", "reencipher", "export", "import"]);
    assert_eq!(below("import"), ["unload", "acf2", "top-secret"]);
    assert_eq!(below("export"), ["unload"]);
    assert_eq!(below("ptkt"), ["generate", "evaluate", "explain"]);
    assert_eq!(below("realm"), ["create", "show", "alter"]);
    assert_eq!(below("principal"), ["add", "list", "show", "alter", "passwd", "delete", "policy"]);
    assert_eq!(below("keytab"), ["export"]);
    assert_eq!(below("drill"), ["list", "show", "check", "run"]);
    assert_eq!(below("about"), ["fidelity", "codes", "backends", "licences"]);
}

#[test]
fn the_help_of_each_verb_has_an_example_and_fits_80_columns() {
    for verb in verbs() {
        let help = help(&verb);
        let example = help.split_once("Example").unwrap_or_else(|| panic!("{verb:?}: no example")).1;
        assert!(
            example.contains(&format!("softicsf {}", verb.join(" "))) || example.contains("softicsf -C"),
            "{verb:?}"
        );
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{verb:?}: {line}");
        }
    }
    assert!(help(&[]).contains("Exit status: 0 done; 1 "));
}

/// A secret in the arguments of a program can be read by every user of the machine.
#[test]
fn no_option_takes_a_secret() {
    let option = Regex::new(r"--([a-z-]+)(?:[ =]\[?<([A-Z/]+)>)?").unwrap();
    let mut seen = 0;
    for verb in verbs() {
        for found in option.captures_iter(&help(&verb)) {
            let name = &found[1];
            let is_secret =
                ["key", "pass", "ticket", "pin", "secret", "phrase", "from"].iter().any(|word| name.contains(word));
            if let (true, Some(value)) = (is_secret, found.get(2)) {
                assert_eq!(value.as_str(), "FILE", "{verb:?}: --{name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn options_that_mean_nothing_to_a_verb_are_not_offered_and_are_refused() {
    let place = Place::new();
    for verb in ["kat", "drill", "about", "completions", "man"] {
        assert!(!help(&[verb.to_owned()]).contains("-C <DIR>"), "{verb}");
    }
    for arguments in [["-C", "x", "man", "y"], ["man", "y", "-C", "x"], ["--json", "man", "y", "-v"]] {
        let ran = place.run(&arguments);
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains("means nothing to this verb"), "{ran:?}");
    }
    assert!(!place.join("y").exists());
}

#[test]
fn completions_name_every_verb() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.run(&["completions", shell]).ok().stdout;
        for verb in verbs() {
            assert!(script.contains(verb.last().unwrap()), "{shell}: {verb:?}");
        }
        assert!(script.contains("passphrase-file"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_every_verb() {
    let place = Place::new();
    place.run(&["man", "a/man1"]).ok();
    for verb in verbs() {
        let page = fs::read_to_string(place.join(&format!("a/man1/softicsf-{}.1", verb.join("-")))).unwrap();
        assert!(page.contains("Example"), "{verb:?}");
    }
    assert!(place.join("a/man1/softicsf.1").exists());
}

#[test]
fn version_goes_to_standard_output() {
    let ran = Place::new().run(&["--version"]).ok();
    assert_eq!(ran.stdout, format!("softicsf {}\n", env!("CARGO_PKG_VERSION")));
}
