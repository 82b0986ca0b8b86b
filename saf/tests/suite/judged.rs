//! What is said of key profiles that can be written, and do not do what was meant.

use icsf_core::{ClearKey, KeyLabel};
use icsf_saf::KeySource;
use icsf_saf::judgement::{Judged, Remark};

use crate::support::{DES_KEY, Site, generate, request, run};

fn messages(site: &Site, command: &str) -> Vec<String> {
    let mut messages = run(&site.saf, command).messages;
    messages.retain(|message| message.starts_with("SIC"));
    messages
}

fn judged(site: &Site, name: &str) -> Option<Judged> {
    site.saf.key_profiles().unwrap().into_iter().find(|judged| judged.profile.name.as_str() == name)
}

fn add_des(site: &Site, label: &str) {
    let label: KeyLabel = label.parse().unwrap();
    let token = site.icsf().csnbcki(&ClearKey::from_hex(DES_KEY).unwrap()).unwrap().value;
    site.icsf().csnbkrc(&label).unwrap();
    site.icsf().csnbkrw(token, &label).unwrap();
}

#[test]
fn what_the_copy_in_storage_makes_tickets_with_is_listed_though_the_profile_is_deleted() {
    let site = Site::new();
    site.run(&[&format!("RDEFINE PTKTDATA FEK SSIGNON(KEYMASKED({DES_KEY}))")]);
    run(&site.saf, "RDELETE PTKTDATA FEK");
    generate(&site.saf, &request("U1", "FEK")).unwrap();
    let found = judged(&site, "FEK").unwrap();
    assert_eq!((found.usable.unwrap(), found.remarks), (KeySource::Masked, vec![Remark::Stale(true)]));
    site.run(&[]);
    assert!(judged(&site, "FEK").is_none());
    // The segment is gone from the database, and the copy in storage has it.
    site.run(&[&format!("RDEFINE PTKTDATA FEK SSIGNON(KEYMASKED({DES_KEY}))")]);
    run(&site.saf, "RALTER PTKTDATA FEK NOSSIGNON");
    let found = judged(&site, "FEK").unwrap();
    assert_eq!((found.usable.unwrap(), found.remarks), (KeySource::Masked, vec![Remark::Stale(false)]));
    // And the other way round.
    run(&site.saf, &format!("RDEFINE PTKTDATA NEW SSIGNON(KEYMASKED({DES_KEY}))"));
    assert!(judged(&site, "NEW").unwrap().usable.is_err());
}

#[test]
fn a_key_that_no_application_finds_is_told_when_it_is_given_and_where_it_is_listed() {
    let site = Site::new();
    for name in ["TOOLONGNAM", "A..B", ".A", "A.", "APPL.GROUP.USER.MORE", "APPL.TOOLONGNAM"] {
        let told = messages(&site, &format!("RDEFINE PTKTDATA {name} SSIGNON(KEYMASKED({DES_KEY}))"));
        assert!(told[0].starts_with(&format!("SIC2201I profile {name}: its key is not used")), "{told:?}");
        assert!(messages(&site, &format!("RALTER PTKTDATA {name} UACC(READ)")).is_empty());
    }
    let told = messages(&site, &format!("RDEFINE PTKTDATA GEN* SSIGNON(KEYMASKED({DES_KEY}))"));
    assert!(told[0].starts_with("SIC2202I profile GEN*: "), "{told:?}");
    site.run(&[]);
    for name in ["TOOLONGNAM", "A..B", "GEN*"] {
        let error = judged(&site, name).unwrap().usable.unwrap_err();
        assert_eq!(error.triple().to_string(), "8/16/28");
        assert!(error.cause().why().starts_with(&format!("profile {name}: ")), "{error:?}");
    }
    for name in ["APPL", "APPL.GROUP", "APPL.GROUP.USER", "#A@$1"] {
        let told = messages(&site, &format!("RDEFINE PTKTDATA {name} SSIGNON(KEYMASKED({DES_KEY}))"));
        assert!(told.is_empty(), "{told:?}");
    }
}

#[test]
fn a_key_that_is_not_there_or_another_one_is_told_when_it_is_named() {
    let site = Site::new();
    add_des(&site, "A.DES.KEY");
    let told = messages(&site, "RDEFINE PTKTDATA A SSIGNON(KEYLABEL(NO.SUCH.KEY))");
    assert_eq!(told, ["SIC2204I profile A: its tickets need a record of the CKDS, and there is none of NO.SUCH.KEY"]);
    assert!(messages(&site, "RALTER PTKTDATA A SSIGNON(KEYLABEL(A.DES.KEY))").is_empty());
    assert!(messages(&site, "RALTER PTKTDATA A SSIGNON(KEYENCRYPTED(0123456789ABCDEF))").is_empty());
    let told = messages(&site, "RALTER PTKTDATA A SSIGNON(NOLEGACYKEY)");
    assert_eq!(told, ["SIC2203I profile A: it has no key, and makes no tickets"]);
    if cfg!(feature = "enhanced") {
        let told = messages(&site, "RALTER PTKTDATA A SSIGNON(EPTKEYLABEL(A.DES.KEY) TYPE(UPPER))");
        assert!(told[0].ends_with("that of A.DES.KEY is not an HMAC key"), "{told:?}");
    }
}

#[test]
fn refresh_puts_no_class_in_storage() {
    let site = Site::bare();
    let in_storage = || site.saf.database().view().unwrap().options().raclisted.len();
    run(&site.saf, "SETROPTS CLASSACT(PTKTDATA) GENERIC(PTKTDATA)");
    run(&site.saf, "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)");
    run(&site.saf, &format!("RDEFINE PTKTDATA FEK SSIGNON(KEYMASKED({DES_KEY}))"));
    let no_effect = "ICH14070I SETROPTS RACLIST REFRESH had no effect on class PTKTDATA";
    let told = run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH").messages;
    assert_eq!(
        (told, in_storage()),
        (vec![no_effect.to_owned(), "ICH14063I SETROPTS command complete.".to_owned()], 0)
    );
    let error = generate(&site.saf, &request("U1", "FEK")).unwrap_err();
    assert_eq!(error.triple().to_string(), "8/8/16");
    assert_eq!(error.cause().why(), "class PTKTDATA is not RACLISTed");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA)");
    generate(&site.saf, &request("U1", "FEK")).unwrap();
    // What is not active is not renewed either.
    run(&site.saf, "RDELETE PTKTDATA FEK");
    run(&site.saf, "SETROPTS NOCLASSACT(PTKTDATA)");
    assert_eq!(run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH").messages[0], no_effect);
    run(&site.saf, "SETROPTS CLASSACT(PTKTDATA)");
    generate(&site.saf, &request("U1", "FEK")).unwrap();
    assert_eq!(run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH").messages.len(), 1);
    generate(&site.saf, &request("U1", "FEK")).unwrap_err();
}

#[test]
fn a_class_without_profiles_has_nothing_to_list() {
    assert_eq!(run(&Site::new().saf, "RLIST FACILITY *").messages, ["ICH13004I NOTHING TO LIST"]);
}
