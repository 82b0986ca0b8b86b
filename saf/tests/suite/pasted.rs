//! Listings that were pasted: of every level, in any order and case, with whatever stands between them.

use icsf_saf::model::{Access, TicketType};
use icsf_saf::pasted::{ListedKey, rlist};
use proptest::prelude::*;

use crate::support::{DES_KEY, Site, listed, run};

#[test]
fn the_listing_of_the_article_says_legacy_although_it_has_enhanced_lines() {
    let pasted = rlist(
        "SSIGNON INFORMATION\n\
         -------------------\n\
         Legacy   PassTicket: KEYENCRYPTED LABEL: IRR.SSIGNON.SY1.07192018.185056.915782\n\
         Enhanced PassTicket: Timeout = 00000060\n\
         Enhanced PassTicket: Replay allowed = NO\n",
    );
    let [profile] = pasted.profiles.as_slice() else { panic!("{pasted:?}") };
    let ssignon = profile.ssignon.as_ref().unwrap();
    let label = "IRR.SSIGNON.SY1.07192018.185056.915782".parse().unwrap();
    assert_eq!((ssignon.legacy, ssignon.enhanced), (Some(ListedKey::Label(label)), None));
    assert_eq!((ssignon.timeout, ssignon.replay, ssignon.ticket_type), (Some(60), Some(false), None));
    assert_eq!((profile.class.as_ref(), profile.name.as_ref()), (None, None));
    assert!(pasted.others.is_empty() && profile.others.is_empty());
}

/// Several profiles of several levels, small letters, blanks and unknown lines between, columns shifted, one label wrapped.
const PASTE: &str = "\
READY
 rlist ptktdata (tsoprd1 cicsp1) all ssignon
 Class      Name
 -----      ----
 PTKTDATA   TSOPRD1

 LEVEL  OWNER      UNIVERSAL ACCESS  YOUR ACCESS  WARNING
 -----  --------   ----------------  -----------  -------
  00    IBMUSER         NONE              NONE     NO

 SSIGNON INFORMATION
 -------------------
 Enhanced PassTicket: Replay allowed = YE
 Enhanced PassTicket: Timeout = 00000600
 enhanced passticket: key label = ptkt.tsoprd1.hmac
 Enhanced PassTicket: Type = UPPER
 Enhanced PassTicket: Colour = blue
 Legacy   PassTicket: KEYENCRYPTED LABEL:
     IRR.SSIGNON.SY1.07192018.185056.915782

 APPLICATION DATA
 ----------------
 NO REPLAY PROTECTION - DO NOT CHANGE

 INSTALLATION DATA
 -----------------
 NONE

 AUDITING
 --------
 FAILURES(READ)

 USER      ACCESS   ACCESS COUNT
 ----      ------   ------ -----
 TPXSTC    UPDATE      000000
 *         READ        000007

CLASS      NAME
-----      ----
PTKTDATA   IRRPTAUTH.** (G)
LEVEL  OWNER      UNIVERSAL ACCESS  YOUR ACCESS  WARNING
-----  --------   ----------------  -----------  -------
 07    SECADM     UPDATE   ALTER   YES

USER      ACCESS
----      ------
NO USERS IN ACCESS LIST

NO SSIGNON INFORMATION
READY
rl ptktdata old norac ssignon
SSIGNON INFORMATION
-------------------
KEYENCRYPTED DATA NOT DISPLAYABLE
READY
RL PTKTDATA (M1,M2) NORACF SSIGNON
SSIGNON INFORMATION
-------------------
KEYMASKED DATA NOT DISPLAYABLE
SSIGNON INFORMATION
-------------------
KEYTOKEN DATA NOT DISPLAYABLE
READY
WHAT IS THIS
";

#[test]
fn several_profiles_are_read_in_any_order_and_what_is_not_understood_is_kept() {
    let pasted = rlist(PASTE);
    let names: Vec<&str> = pasted.profiles.iter().map(|profile| profile.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["TSOPRD1", "IRRPTAUTH.**", "OLD", "M1", "M2"]);
    assert!(pasted.profiles.iter().all(|profile| profile.class.as_deref() == Some("PTKTDATA")));
    let tso = &pasted.profiles[0];
    let ssignon = tso.ssignon.as_ref().unwrap();
    assert_eq!(ssignon.enhanced.unwrap().to_string(), "PTKT.TSOPRD1.HMAC");
    assert_eq!(
        (ssignon.timeout, ssignon.replay, ssignon.ticket_type),
        (Some(600), Some(true), Some(TicketType::Upper))
    );
    let label = "IRR.SSIGNON.SY1.07192018.185056.915782".parse().unwrap();
    assert_eq!(ssignon.legacy, Some(ListedKey::Label(label)));
    assert_eq!(tso.appldata.as_deref(), Some("NO REPLAY PROTECTION - DO NOT CHANGE"));
    assert_eq!((tso.data.as_deref(), tso.uacc, tso.level), (Some(""), Some(Access::None), Some(0)));
    assert_eq!(tso.access, [("*".to_owned(), Access::Read), ("TPXSTC".to_owned(), Access::Update)].into());
    assert_eq!(tso.others, ["Enhanced PassTicket: Colour = blue", "AUDITING", "FAILURES(READ)"]);
    let authority = &pasted.profiles[1];
    assert_eq!((authority.generic, authority.level, authority.warning), (true, Some(7), Some(true)));
    assert_eq!((authority.owner.as_deref(), authority.uacc), (Some("SECADM"), Some(Access::Update)));
    assert!(authority.ssignon.is_none() && authority.access.is_empty() && authority.others.is_empty());
    let keys: Vec<_> = pasted.profiles[2..].iter().map(|profile| profile.ssignon.as_ref().unwrap().legacy).collect();
    assert_eq!(keys, [Some(ListedKey::Encrypted), Some(ListedKey::Masked), Some(ListedKey::Token)]);
    assert_eq!(pasted.others, ["WHAT IS THIS"]);
    // Small letters and carriage control change nothing but the texts.
    let small = rlist(&PASTE.to_ascii_lowercase().replace('\n', "\r\n"));
    assert_eq!(small.profiles.len(), 5);
    assert_eq!(small.profiles[0].ssignon, tso.ssignon);
    assert_eq!(small.profiles[0].access, tso.access);
}

#[test]
fn a_command_with_a_key_is_not_kept() {
    for command in
        ["ralter ptktdata a ssignon(keymasked(#))", "RALT PTKTDATA A SSIGNON(KEYENCRYPTED(#", "alu u1 password(#)"]
    {
        let pasted = rlist(&command.replace('#', DES_KEY));
        assert_eq!(pasted.others, ["a command with a key or a password"]);
    }
}

#[test]
fn what_is_listed_here_is_read_as_it_is() {
    let site = Site::new();
    let enhanced = if cfg!(feature = "enhanced") { " EPTKEYLABEL(NEW.KEY)" } else { "" };
    for (operands, legacy) in [
        (format!("KEYMASKED({DES_KEY})"), Some(ListedKey::Masked)),
        (format!("KEYLABEL(OLD.KEY){enhanced} TYPE(UPPER)"), Some(ListedKey::Label("OLD.KEY".parse().unwrap()))),
        ("REPLAY(YES) TIMEOUT(5)".to_owned(), None),
    ] {
        run(&site.saf, &format!("RDEFINE PTKTDATA A APPLDATA('x') UACC(READ) WARNING LEVEL(3) SSIGNON({operands})"));
        run(&site.saf, "PERMIT A CLASS(PTKTDATA) ID(U1 *) ACCESS(CONTROL)");
        let pasted = rlist(&listed(&site.saf, "RLIST PTKTDATA A ALL SSIGNON").join("\n"));
        let [profile] = pasted.profiles.as_slice() else { panic!("{pasted:?}") };
        assert_eq!((profile.name.as_deref(), profile.appldata.as_deref()), (Some("A"), Some("x")));
        assert_eq!((profile.level, profile.uacc, profile.warning), (Some(3), Some(Access::Read), Some(true)));
        assert_eq!(profile.access.len(), 2);
        let ssignon = profile.ssignon.as_ref().unwrap();
        assert_eq!(ssignon.legacy, legacy);
        let has = operands.contains("EPTKEYLABEL");
        assert_eq!((ssignon.enhanced.is_some(), ssignon.ticket_type.is_some()), (has, has));
        assert_eq!(ssignon.timeout, Some(if legacy.is_none() { 5 } else { 60 }));
        assert_eq!(profile.others, ["AUDITING", "FAILURES(READ)", "NOTIFY", "NO USER TO BE NOTIFIED"]);
        run(&site.saf, "RDELETE PTKTDATA A");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_strange(lines in prop::collection::vec(line(), 0..30)) {
        let text = lines.join("\n");
        let pasted = rlist(&text);
        let kept = pasted.others.len() + pasted.profiles.iter().map(|profile| profile.others.len()).sum::<usize>();
        prop_assert!(kept <= lines.len() && pasted.profiles.len() <= lines.len());
    }
}

/// A line of a listing, or a strange one.
fn line() -> impl Strategy<Value = String> {
    let known: Vec<String> = PASTE.lines().map(str::to_owned).collect();
    prop_oneof![3 => prop::sample::select(known), 1 => "\\PC{0,40}"]
}

#[test]
fn segments_of_several_profiles_say_whose_they_are() {
    let site = Site::new();
    run(&site.saf, &format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({DES_KEY}))"));
    run(&site.saf, "RDEFINE PTKTDATA B SSIGNON(KEYLABEL(OLD.KEY))");
    for command in ["RL PTKTDATA * NORACF SSIGNON", "RL PTKTDATA (A B) NORACF SSIGNON"] {
        let pasted = rlist(&listed(&site.saf, command).join("\n"));
        let find = |name: &str| pasted.profiles.iter().find(|profile| profile.name.as_deref() == Some(name)).unwrap();
        assert_eq!(find("A").ssignon.as_ref().unwrap().legacy, Some(ListedKey::Masked));
        let label = ListedKey::Label("OLD.KEY".parse().unwrap());
        assert_eq!(find("B").ssignon.as_ref().unwrap().legacy, Some(label));
    }
    // The one that was asked for needs no name.
    assert_eq!(listed(&site.saf, "RL PTKTDATA A NORACF SSIGNON")[0], "SSIGNON INFORMATION");
}

#[test]
fn where_each_listing_begins_is_told() {
    let pasted =
        rlist("RLIST PTKTDATA A\nCLASS NAME\n----- ----\nPTKTDATA A\n\nRLIST PTKTDATA B NORACF\nSSIGNON INFORMATION\n");
    let lines: Vec<_> = pasted.profiles.iter().map(|profile| (profile.name.as_deref(), profile.line)).collect();
    assert_eq!(lines, [(Some("A"), 4), (Some("B"), 7)]);
}
