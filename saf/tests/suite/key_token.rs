//! A key token left in a profile: it works by ICSF like a key in the CKDS, and nobody re-enciphers it.

use icsf_core::backend::MasterKeyKind;
use icsf_core::codes::Code as IcsfCode;
use icsf_core::token::KeyToken;
use icsf_core::{ClearKey, label::LabelPattern};
use icsf_saf::KeySource;
use icsf_saf::codes::Code;
use icsf_saf::model::{Class, LegacyKey};

use crate::support::{DES_KEY, Site, admin, caller, evaluate, fails, generate, listed, refused, request, run};

/// A profile whose key lies in a key token, and one with the same key under a label.
fn site() -> Site {
    let site = Site::new();
    site.run(&[
        "RDEFINE PTKTDATA TSOPRD1",
        &format!("RDEFINE PTKTDATA CICSP1 SSIGNON(KEYENCRYPTED({DES_KEY}))"),
        &format!("RDEFINE PTKTDATA IMSP1 SSIGNON(KEYMASKED({DES_KEY}))"),
    ]);
    leave(&site);
    site
}

fn leave(site: &Site) {
    let KeyToken::Des(token) = site.icsf().csnbcki(&ClearKey::from_hex(DES_KEY).unwrap()).unwrap().value else {
        panic!("no DES token")
    };
    assert!(site.saf.leave_key_token(&"TSOPRD1".parse().unwrap(), &token).unwrap());
    assert!(!site.saf.leave_key_token(&"ABSENT".parse().unwrap(), &token).unwrap());
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
}

fn works(site: &Site, application: &str) -> bool {
    // Each ticket in a second of its own, so that none is used twice.
    site.clock.advance(1);
    let request = request("IBMUSER", application);
    generate(&site.saf, &request).is_ok_and(|ticket| evaluate(&site.saf, &request, &ticket).is_ok())
}

/// The key of a profile as the probe of status and surveys tells it.
fn probed(site: &Site) -> Result<KeySource, IcsfCode> {
    let view = site.saf.database().view().unwrap();
    let profile = view.profile(Class::Ptktdata, &"TSOPRD1".parse().unwrap()).unwrap();
    site.saf.probe(profile).map_err(|error| error.cause().code().unwrap())
}

#[test]
fn it_is_the_key_as_it_would_be_in_the_ckds() {
    let site = site();
    assert!(works(&site, "TSOPRD1"));
    let (tso, ims) = (request("IBMUSER", "TSOPRD1"), request("IBMUSER", "IMSP1"));
    let explained = site.saf.explain(&admin(), &tso).unwrap();
    assert!(explained.steps.iter().all(|step| step.good), "{explained}");
    assert!(explained.to_string().contains("legacy, in a key token in the security database"), "{explained}");
    assert_eq!(probed(&site), Ok(KeySource::Token));
    // The same key masked makes tickets that differ in the application only: the key itself came through.
    let masked = Site::new();
    masked.run(&[&format!("RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYMASKED({DES_KEY}))")]);
    let both = [&site.saf, &masked.saf].map(|saf| generate(saf, &tso.at(1_763_120_000)).unwrap());
    assert_eq!(both[0].expose(), both[1].expose());
    assert_ne!(generate(&site.saf, &ims.at(1_763_120_000)).unwrap().expose(), both[0].expose());
    let lines = listed(&site.saf, "RLIST PTKTDATA TSOPRD1 NORACF SSIGNON");
    assert_eq!(lines[2], "Legacy   PassTicket: KEYTOKEN DATA NOT DISPLAYABLE");
    let mut unload = Vec::new();
    icsf_saf::unload::export(&site.saf.database().view().unwrap(), icsf_saf::unload::Form::TEXT, &mut unload).unwrap();
    assert!(String::from_utf8_lossy(&unload).contains("*KEYTOKEN*"));
}

/// Without engine or ICSF it is as a label is: 8/16/28, and 12/0 from ICSF.
#[test]
fn it_needs_icsf_and_its_engine() {
    for (code, lose) in [
        (IcsfCode::EngineUnavailable, (|site: &Site| site.icsf().engine_offline().unwrap()) as fn(&Site)),
        (IcsfCode::IcsfStopped, |site| site.icsf().stop().unwrap()),
    ] {
        let site = site();
        lose(&site);
        let error = refused(generate(&site.saf, &request("IBMUSER", "TSOPRD1")), Code::GenerationKey, "8/16/28");
        assert_eq!((error.cause().code(), error.cause().service()), (Some(code), Some("CSNBENC")));
        assert_eq!(probed(&site), Err(code));
        let ticket = "AAAAAAAA".parse().unwrap();
        refused(evaluate(&site.saf, &request("IBMUSER", "TSOPRD1"), &ticket), Code::EvaluationKey, "8/16/32");
    }
}

#[test]
fn a_change_of_the_master_key_leaves_it_behind() {
    let site = site();
    let change = || {
        site.icsf().generate_master_key(MasterKeyKind::Des).unwrap();
        site.icsf().change_master_key(MasterKeyKind::Des, &mut |_| {}).unwrap();
    };
    change();
    assert!(works(&site, "TSOPRD1") && works(&site, "CICSP1"), "its master key is the old one");
    change();
    assert!(!works(&site, "TSOPRD1") && works(&site, "CICSP1"), "records are re-enciphered, and it is not");
    let error = refused(generate(&site.saf, &request("IBMUSER", "TSOPRD1")), Code::GenerationKey, "8/16/28");
    assert_eq!(error.cause().code(), Some(IcsfCode::MasterKeyMismatch));
    let remedies = error.cause().remedies().join("\n");
    assert!(remedies.contains("RALTER PTKTDATA TSOPRD1 SSIGNON(ENCRYPTKEY)"), "{remedies}");
    assert!(remedies.contains("SSIGNON(KEYENCRYPTED(...))"), "{remedies}");
    // What nobody can open cannot be moved either, and nothing is left of the try.
    let before = labels(&site);
    let refusal = fails(&site.saf, "RALTER PTKTDATA TSOPRD1 SSIGNON(ENCRYPTKEY)");
    assert_eq!(refusal.cause().unwrap().code(), Some(IcsfCode::MasterKeyMismatch));
    assert_eq!(labels(&site), before);
    site.run(&[&format!("RALTER PTKTDATA TSOPRD1 SSIGNON(KEYENCRYPTED({DES_KEY}))")]);
    assert!(works(&site, "TSOPRD1"));
}

fn labels(site: &Site) -> Vec<String> {
    let list = site.icsf().csfkdsl(&["CKDS", "LABELS", "ALL"], &LabelPattern::any(), 99, None).unwrap().value.1;
    list.into_iter().map(|entry| entry.key.to_string()).collect()
}

#[test]
fn encryptkey_moves_it_into_the_ckds() {
    let site = site();
    let before = labels(&site).len();
    let ticket = generate(&site.saf, &request("IBMUSER", "TSOPRD1").at(1_763_120_000)).unwrap();
    site.run(&["RALTER PTKTDATA TSOPRD1 SSIGNON(ENCRYPTKEY)"]);
    assert_eq!(labels(&site).len(), before + 1);
    let view = site.saf.database().view().unwrap();
    let profile = view.profile(Class::Ptktdata, &"TSOPRD1".parse().unwrap()).unwrap();
    let legacy = profile.ssignon.as_ref().unwrap().legacy.as_ref();
    assert!(matches!(legacy, Some(LegacyKey::Label(label)) if label.to_string().starts_with("IRR.SSIGNON.PRD1.")));
    let again = generate(&site.saf, &request("IBMUSER", "TSOPRD1").at(1_763_120_000)).unwrap();
    assert_eq!(again.expose(), ticket.expose(), "the key is the same");
    for _ in 0..2 {
        site.icsf().generate_master_key(MasterKeyKind::Des).unwrap();
        site.icsf().change_master_key(MasterKeyKind::Des, &mut |_| {}).unwrap();
    }
    assert!(works(&site, "TSOPRD1"));
}

/// With CHECKAUTH the caller needs the service; there is no label that a profile could protect.
#[test]
fn csfserv_may_refuse_it_and_csfkeys_cannot() {
    let site = site();
    let saf = site.another().with_checkauth(true);
    let run = |command: &str| drop(run(&saf, command));
    run("ADDUSER U1");
    let asked = || saf.generate(&caller("U1"), &request("U1", "TSOPRD1"));
    run("SETROPTS CLASSACT(CSFKEYS) GENERIC(CSFKEYS)");
    run("RDEFINE CSFKEYS ** UACC(NONE)");
    asked().unwrap();
    run("SETROPTS CLASSACT(CSFSERV)");
    run("RDEFINE CSFSERV CSFENC UACC(NONE)");
    let error = refused(asked(), Code::GenerationKey, "8/16/28");
    assert_eq!(error.cause().code(), Some(IcsfCode::ServiceNotAuthorized));
    assert!(saf.explain(&caller("U1"), &request("U1", "TSOPRD1")).unwrap().to_string().contains("NO CSFSERV"));
}
