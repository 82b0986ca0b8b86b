//! KEYENCRYPTED: the key goes through ICSF into the CKDS, or nothing happens at all.

use icsf_backends::faulty::Plan;
use icsf_core::backend::EngineErrorKind;
use icsf_core::codes::Code as IcsfCode;
use icsf_core::label::LabelPattern;
use icsf_saf::Saf;
use icsf_saf::model::{Class, LegacyKey};

use crate::support::{Change, DES_KEY, Site, fails, generate, request, run};

const DEFINE: &str = "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYENCRYPTED(E001193519561977))";
const ALTER: &str = "RALTER PTKTDATA TSOPRD1 SSIGNON(KEYENCRYPTED(E001193519561977))";

/// The labels in the CKDS.
fn labels(saf: &Saf) -> Vec<String> {
    let list = saf.icsf().csfkdsl(&["CKDS", "LABELS", "ALL"], &LabelPattern::any(), 99, None).unwrap().value.1;
    list.into_iter().map(|entry| entry.key.to_string()).collect()
}

/// The label of the legacy key of a profile, as the database has it.
fn label_of(saf: &Saf, profile: &str) -> Option<String> {
    let view = saf.database().view().unwrap();
    let profile = view.profile(Class::Ptktdata, &profile.parse().unwrap())?;
    match profile.ssignon.as_ref()?.legacy.as_ref()? {
        LegacyKey::Label(label) => Some(label.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_record_is_made_under_a_label_of_system_date_and_time() {
    let site = Site::new();
    run(&site.saf, DEFINE);
    let label = "IRR.SSIGNON.PRD1.11142025.090000.000001";
    assert_eq!(label_of(&site.saf, "TSOPRD1").as_deref(), Some(label));
    assert_eq!(labels(&site.saf), [format!("{label} DATA")]);
    // Another in the same second has the next number, and so has one of another process.
    run(&site.another(), "RDEFINE PTKTDATA CICSP1 SSIGNON(KEYENCRYPTED(0123456789ABCDEF))");
    assert_eq!(label_of(&site.saf, "CICSP1").as_deref(), Some("IRR.SSIGNON.PRD1.11142025.090000.000002"));
    site.clock.advance(1);
    run(&site.saf, ALTER);
    assert_eq!(label_of(&site.saf, "TSOPRD1").as_deref(), Some("IRR.SSIGNON.PRD1.11142025.090001.000001"));
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    generate(&site.saf, &request("IBMUSER", "TSOPRD1")).unwrap();
    // Several profiles of one command have a record each.
    run(&site.saf, &format!("RDEFINE PTKTDATA (A B) SSIGNON(KEYENCRYPTED({DES_KEY}))"));
    let both = ["A", "B"].map(|profile| label_of(&site.saf, profile).unwrap());
    assert_eq!(both, ["000002", "000003"].map(|number| format!("IRR.SSIGNON.PRD1.11142025.090001.{number}")));
}

#[test]
fn when_icsf_cannot_the_command_fails_whole_and_says_why() {
    let lost: [(Change, IcsfCode); 3] = [
        (|site| drop(site.slot.remove()), IcsfCode::EngineUnavailable),
        (|site| site.icsf().engine_offline().unwrap(), IcsfCode::EngineUnavailable),
        (|site| site.icsf().stop().unwrap(), IcsfCode::IcsfStopped),
    ];
    for (lose, code) in lost {
        let site = Site::new();
        run(&site.saf, "RDEFINE PTKTDATA CICSP1 SSIGNON(KEYMASKED(0123456789ABCDEF))");
        lose(&site);
        for command in [DEFINE, "RALTER PTKTDATA CICSP1 SSIGNON(KEYENCRYPTED(E001193519561977)) UACC(READ)"] {
            let error = fails(&site.saf, command);
            assert!(
                error.what().starts_with("the key could not be put into the CKDS: CSNBCKI 12/0"),
                "{}",
                error.what()
            );
            assert_eq!(error.cause().unwrap().code(), Some(code));
            assert!(!error.remedies().is_empty());
            assert!(!format!("{error} {error:?} {}", error.report()).contains(DES_KEY));
        }
        let view = site.saf.database().view().unwrap();
        assert!(view.profile(Class::Ptktdata, &"TSOPRD1".parse().unwrap()).is_none());
        let untouched = view.profile(Class::Ptktdata, &"CICSP1".parse().unwrap()).unwrap();
        assert_eq!(untouched.uacc, icsf_saf::model::Access::None);
        assert!(matches!(untouched.ssignon.as_ref().unwrap().legacy, Some(LegacyKey::Masked(_))));
        site.icsf().start().unwrap();
        assert!(labels(&site.saf).is_empty());
    }
}

#[test]
fn an_engine_that_fails_at_any_call_leaves_neither_profile_nor_record() {
    let mut failed = 0;
    for call in 1..20 {
        let site = Site::new();
        let saf = site.another();
        site.faulty.set_plan(Plan::new().fail_call(call, EngineErrorKind::Fault));
        let result = saf.command(&crate::support::admin(), DEFINE, &icsf_saf::command::NoSecrets);
        let reached = site.faulty.calls() >= call;
        site.faulty.set_plan(Plan::new());
        assert_eq!(result.is_err(), reached, "call {call}");
        failed += usize::from(reached);
        assert_eq!(label_of(&site.saf, "TSOPRD1").is_none(), reached, "call {call}");
        assert_eq!(labels(&site.saf).is_empty(), reached, "call {call}");
        if reached {
            run(&saf, DEFINE);
        }
    }
    assert!(failed >= 4, "{failed}");
}

#[test]
fn what_is_wrong_elsewhere_in_the_command_is_found_before_a_key_is_made() {
    let site = Site::new();
    run(&site.saf, "RDEFINE PTKTDATA TAKEN");
    for command in [
        "RDEFINE PTKTDATA TAKEN SSIGNON(KEYENCRYPTED(E001193519561977))",
        "RDEFINE PTKTDATA (NEW TAKEN) SSIGNON(KEYENCRYPTED(E001193519561977))",
        "RALTER PTKTDATA NONE SSIGNON(KEYENCRYPTED(E001193519561977))",
        "RDEFINE PTKTDATA NEW UACC(WHAT) SSIGNON(KEYENCRYPTED(E001193519561977))",
        "RDEFINE PTKTDATA NEW SSIGNON(KEYENCRYPTED(E001193519561977) TIMEOUT(0))",
        "RDEFINE PTKTDATA NEW SSIGNON(KEYENCRYPTED(E00119351956197))",
        "RDEFINE APPL NEW SSIGNON(KEYENCRYPTED(E001193519561977))",
    ] {
        fails(&site.saf, command);
        assert!(labels(&site.saf).is_empty(), "{command}");
    }
}
