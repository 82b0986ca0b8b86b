//! Tokens other than SoftHSM.
//!
//! The tests of [`given`] want a token named by variables of the environment; without them they fail. The scripts in
//! `tests/tokens` make such a token and run a program with it: the one for NSS is run here, `tests/run kryoptic` and
//! `tests/run opencryptoki` run theirs. A card of yours is tried in the same way: see docs/tokens.md.

use std::env;
use std::path::Path;
use std::process::Command;

/// Runs the tests of the token that a script makes.
fn with_token_of(script: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tokens").join(script);
    let mut command = Command::new(&script);
    command.arg(env::current_exe().unwrap()).args([
        "--ignored",
        "--nocapture",
        "--test-threads=1",
        "--skip",
        "given::refused",
        "tokens::given::",
    ]);
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("6 passed; 0 failed"), "{}\n{text}", script.display());
}

#[test]
fn nss_conforms_and_is_weak() {
    with_token_of("nss");
}

/// The token that the environment names.
mod given {
    use std::cell::Cell;
    use std::env;
    use std::fs;
    use std::sync::Arc;
    use std::time::Duration;

    use icsf_backends::conformance;
    use icsf_backends::pkcs11::{Options, Pkcs11, TokenErrorKind};
    use icsf_core::ClearKey;
    use icsf_core::backend::{Backend, EngineErrorKind, HashAlgorithm, KeySpec, MasterKeyKind, RegisterChange};
    use tempfile::TempDir;

    use crate::support::{in_memory, set_master_keys};

    fn wanted(name: &str) -> String {
        env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see docs/tokens.md"))
    }

    fn pin() -> ClearKey {
        let text = fs::read_to_string(wanted("SOFTICSF_TEST_PIN_FILE")).unwrap();
        ClearKey::from_slice(text.trim_end().as_bytes())
    }

    fn options() -> Options {
        Options::new(wanted("SOFTICSF_TEST_MODULE"), wanted("SOFTICSF_TEST_TOKEN"))
    }

    /// How its keys are not protected, if that is so.
    fn weakness() -> Option<String> {
        env::var("SOFTICSF_TEST_WEAK").ok()
    }

    /// Runs `test` with a maker of engines that have registers of their own. Their master keys are removed afterwards.
    fn with_engines(test: impl FnOnce(&dyn Fn() -> Arc<dyn Backend>)) {
        let directory = TempDir::new().unwrap();
        let options = options().accept_weak_token(weakness().is_some());
        let number = Cell::new(0);
        let path = |number: u32| directory.path().join(number.to_string());
        test(&|| {
            number.set(number.get() + 1);
            Arc::new(Pkcs11::create(path(number.get()), options.clone(), pin()).unwrap())
        });
        for number in 1..=number.get() {
            let engine = Pkcs11::open(path(number), options.clone(), Some(pin())).unwrap();
            for kind in MasterKeyKind::ALL {
                engine.change_register(kind, RegisterChange::Zeroize).unwrap();
            }
        }
    }

    #[test]
    #[ignore = "wants a token: see docs/tokens.md"]
    fn it_conforms() {
        with_engines(|fresh| {
            let report = conformance::run(fresh);
            println!("{report}");
            report.assert();
            if let Ok(tally) = env::var("SOFTICSF_TEST_TALLY") {
                let (passed, skipped, failed) = report.tally();
                assert_eq!(format!("{passed} {skipped} {failed}"), tally);
            }
        });
    }

    #[test]
    #[ignore = "wants a token: see docs/tokens.md"]
    fn it_does_what_software_does() {
        with_engines(|fresh| {
            let report = conformance::compare(&|| in_memory(), fresh);
            println!("{report}");
            report.assert();
        });
    }

    #[test]
    #[ignore = "wants a token: see docs/tokens.md"]
    fn a_weak_one_is_refused_unless_accepted_and_says_so_ever_after() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("registers");
        let created = Pkcs11::create(&path, options(), pin());
        let Some(weakness) = weakness() else {
            assert!(!created.unwrap().info().is_weak());
            return;
        };
        let error = created.unwrap_err();
        assert_eq!(*error.kind(), TokenErrorKind::Weak(weakness.clone()));
        assert!(error.to_string().contains("accept_weak_token = true"), "{error}");
        assert!(!path.exists());
        drop(Pkcs11::create(&path, options().accept_weak_token(true), pin()).unwrap());
        let open = |accept| Pkcs11::open(&path, options().accept_weak_token(accept), Some(pin())).unwrap();
        let info = open(true).info();
        assert!(info.is_weak() && info.quirks.iter().any(|quirk| weakness.contains(&quirk.text)), "{info:?}");
        let refused = open(false);
        assert!(refused.attach().unwrap_err().to_string().contains(&weakness));
        assert!(refused.info().is_weak());
    }

    #[test]
    #[ignore = "wants a token: see docs/tokens.md"]
    fn what_it_does_otherwise_is_told_by_every_engine() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("registers");
        let options = options().accept_weak_token(weakness().is_some());
        let engine = Pkcs11::create(&path, options.clone(), pin()).unwrap();
        set_master_keys(&engine);
        let told = engine.info();
        drop(engine);
        let later = Pkcs11::open(&path, options, Some(pin())).unwrap();
        assert_eq!(later.info(), told);
        for kind in MasterKeyKind::ALL {
            later.change_register(kind, RegisterChange::Zeroize).unwrap();
        }
    }

    /// More lines of docs/tokens.md: its files are put aside, as far as it has any, and put back.
    #[test]
    #[ignore = "wants a token with files: see docs/tokens.md"]
    fn what_happens_when_its_files_go_away() {
        let files = wanted("SOFTICSF_TEST_FILES");
        let aside = format!("{files}.aside");
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("registers");
        let options = options().accept_weak_token(true).with_proof_every(Duration::ZERO);
        let engine = Pkcs11::create(&path, options.clone(), pin()).unwrap();
        set_master_keys(&engine);
        let wrapped = engine.generate(KeySpec::hmac(64).unwrap()).unwrap();
        let key = engine.open(&wrapped).unwrap();
        let mac = || {
            let mut macs = [[0; 64]];
            key.hmac(HashAlgorithm::Sha512, &[b"message"], &mut macs).map(|()| macs)
        };
        let right = mac().unwrap();
        let state = || engine.state();
        // Each token has its own way; that it makes no other MAC, and blames neither key nor record, they share.
        let tell = |when: &str| match mac() {
            Ok(made) => {
                println!("{when}: works; {:?}", state());
                assert_eq!(made, right, "{when}");
            }
            Err(error) => {
                println!("{when}: {error}; {:?}", state());
                let kind = error.kind();
                let gone = matches!(kind, EngineErrorKind::Unavailable | EngineErrorKind::MasterKeyNotSet(_));
                assert!(gone, "{when}: {error}");
            }
        };
        fs::rename(&files, &aside).unwrap();
        tell("gone");
        println!("gone, attached anew: {:?}", engine.attach().map_err(|error| error.to_string()));
        fs::rename(&aside, &files).unwrap();
        println!("back, attached anew: {:?}", engine.attach().map_err(|error| error.to_string()));
        tell("back");
    }

    /// The sort that cannot be used at all. It is not among the others: they would all fail.
    mod refused {
        use super::*;

        #[test]
        #[ignore = "wants a token that cannot be used: see docs/tokens.md"]
        fn it_is_told_why() {
            let directory = TempDir::new().unwrap();
            let path = directory.path().join("registers");
            let error = Pkcs11::create(&path, options().accept_weak_token(true), pin()).unwrap_err();
            assert_eq!(*error.kind(), TokenErrorKind::Incapable(wanted("SOFTICSF_TEST_REFUSED")));
            assert!(!path.exists());
        }
    }

    /// The lines of docs/tokens.md.
    #[test]
    #[ignore = "wants a token: see docs/tokens.md"]
    fn what_it_can_do() {
        with_engines(|fresh| {
            let engine = fresh();
            set_master_keys(&*engine);
            engine.attach().unwrap();
            let info = engine.info();
            println!("{info}: {:?}", info.capabilities);
            info.quirks.iter().for_each(|quirk| println!("{quirk}"));
            assert!(info.capabilities.hmac_sha512 || info.capabilities.des, "of no use");
        });
    }
}
