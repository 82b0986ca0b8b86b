//! Command lists of ACF2 and Top Secret: what becomes of them, and that no key is shown on the way.

use icsf_saf::command::SecretSource;
use icsf_saf::foreign::{Translation, acf2, top_secret};
use icsf_saf::model::{Access, Class};
use icsf_saf::unload::Finding;
use icsf_saf::{Caller, Request};
use secrecy::ExposeSecret;

use crate::support::{DES_KEY, NOW, Site};

type Translate = fn(&str, &mut dyn FnMut(&Finding)) -> Translation;

fn translate(list: &str, translate: Translate) -> (Vec<String>, Vec<String>, Translation) {
    let mut told = Vec::new();
    let translation = translate(list, &mut |finding| told.push(finding.to_string()));
    assert_eq!(translation.findings(), u64::try_from(told.len()).unwrap());
    let commands = translation.commands().map(|one| format!("{} {}", one.line, one.command)).collect();
    (commands, told, translation)
}

const ACF2: &str = "\
* what a site types
ACF
SET PROFILE(PTKTDATA) DIV(SSIGNON)
INSERT TSOPRD1 SSKEY(E001193519561977) NOENCRYPT
insert cicsp1 sskey(0123456789abcdef) mult-use
CHANGE TSOPRD1 NOMULT-USE
DELETE OLDAPPL
F ACF2,REBUILD(PTK),CLASS(P)
SET RESOURCE(PTK)
RECKEY IRRPTAUTH ADD(TSOPRD1.- UID(TPXSTC)
  SERVICE(UPDATE,READ) ALLOW)
RECKEY IRRPTAUTH ADD(TSOPRD1.IBMUSER UID(*) SERVICE(READ) ALLOW)
COMPILE *
$KEY(PTKTGEN) TYPE(PTK)
 CICSP1.JOE UID(TPXSTC) ALLOW
STORE
F ACF2,REBUILD(PTK)
END
";

const TOP_SECRET: &str = "\
TSS ADDTO(RDT) RESCLASS(PTKTDATA) RESCODE(101) ACLST(ALL,READ,UPDATE) MAXLEN(37)
TSS ADDTO(DEPT) PTKTDATA(IRRPTAUT)
TSS ADDTO(NDT) PSTKAPPL(TSOPRD1) SESSKEY(E001193519561977)
  /* without replay protection */
TSS ADD(NDT) PSTKAPPL(CICSP1) -
    SESSKEY(0123456789ABCDEF) SIGNMULTI
TSS PERMIT(TPXSTC) PTKTDATA(IRRPTAUTH.TSOPRD1.) ACCESS(READ,UPDATE)
TSS PER(ALL) PTKTDATA(IRRPTAUTH.TSOPRD1.IBMUSER) ACCESS(READ)
TSS REFRESH
";

#[test]
fn an_acf2_list_becomes_racf_commands() {
    let (commands, told, translation) = translate(ACF2, acf2);
    assert_eq!(told, [] as [&str; 0]);
    assert_eq!(
        commands,
        [
            "4 SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            "4 RDEFINE PTKTDATA TSOPRD1 UACC(NONE) SSIGNON(KEYMASKED(@secret:KEY1))",
            "5 RDEFINE PTKTDATA CICSP1 UACC(NONE) SSIGNON(KEYMASKED(@secret:KEY2)) APPLDATA('NO REPLAY PROTECTION')",
            "6 RALTER PTKTDATA TSOPRD1 NOAPPLDATA",
            "7 RDELETE PTKTDATA OLDAPPL",
            "8 SETROPTS RACLIST(PTKTDATA) REFRESH",
            "10 RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.* UACC(NONE)",
            "10 PERMIT IRRPTAUTH.TSOPRD1.* CLASS(PTKTDATA) ID(TPXSTC) ACCESS(UPDATE)",
            "12 RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.IBMUSER UACC(NONE)",
            "12 PERMIT IRRPTAUTH.TSOPRD1.IBMUSER CLASS(PTKTDATA) ID(*) ACCESS(READ)",
            "15 RDEFINE PTKTDATA IRRPTAUTH.CICSP1.JOE UACC(NONE)",
            "15 PERMIT IRRPTAUTH.CICSP1.JOE CLASS(PTKTDATA) ID(TPXSTC) ACCESS(UPDATE)",
            "17 SETROPTS RACLIST(PTKTDATA) REFRESH",
        ]
    );
    assert_eq!(translation.keys(), 2);
    assert_eq!(translation.named("KEY1").unwrap().expose_secret(), DES_KEY);
    assert!(
        translation.named("KEY0").is_err() && translation.named("KEY3").is_err() && translation.named("X").is_err()
    );
}

#[test]
fn an_operator_command_after_the_lines_of_a_rule_set_is_none_of_them() {
    let list = "$KEY(IRRPTAUTH) TYPE(PTK)\n TSOPRD1.- UID(TPXSTC) SERVICE(UPDATE) ALLOW\nF ACF2,REBUILD(PTK)\n";
    let (commands, told, _) = translate(list, acf2);
    assert_eq!(told, [] as [&str; 0]);
    assert_eq!(commands.last().unwrap(), "3 SETROPTS RACLIST(PTKTDATA) REFRESH");
    assert!(!commands.iter().any(|command| command.contains("ACF2")), "{commands:?}");
}

#[test]
fn a_top_secret_list_becomes_racf_commands() {
    let (commands, told, _) = translate(TOP_SECRET, top_secret);
    assert_eq!(told, [] as [&str; 0]);
    assert_eq!(
        commands,
        [
            "3 SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            "3 RDEFINE PTKTDATA TSOPRD1 UACC(NONE) SSIGNON(KEYMASKED(@secret:KEY1))",
            "5 RDEFINE PTKTDATA CICSP1 UACC(NONE) SSIGNON(KEYMASKED(@secret:KEY2)) APPLDATA('NO REPLAY PROTECTION')",
            "7 RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.* UACC(NONE)",
            "7 PERMIT IRRPTAUTH.TSOPRD1.* CLASS(PTKTDATA) ID(TPXSTC) ACCESS(UPDATE)",
            "8 RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.IBMUSER UACC(NONE)",
            "8 PERMIT IRRPTAUTH.TSOPRD1.IBMUSER CLASS(PTKTDATA) ID(*) ACCESS(READ)",
            "9 SETROPTS RACLIST(PTKTDATA) REFRESH",
        ]
    );
}

#[test]
fn both_make_the_tickets_their_sites_make() {
    let tickets = [(ACF2, acf2 as Translate), (TOP_SECRET, top_secret)].map(|(list, how)| {
        let site = Site::bare();
        let issuer = Caller::user("IBMUSER".parse().unwrap());
        site.saf.command(&issuer, "RDEFINE PTKTDATA OLDAPPL", &icsf_saf::command::NoSecrets).unwrap();
        let translation = how(list, &mut |_| {});
        for one in translation.commands() {
            site.saf.command(&issuer, &one.command, &translation).unwrap_or_else(|e| panic!("{}", e.report()));
        }
        let view = site.saf.database().view().unwrap();
        let name = "IRRPTAUTH.TSOPRD1.*".parse().unwrap();
        assert_eq!(view.profile(Class::Ptktdata, &name).unwrap().access.values().max(), Some(&Access::Update));
        assert!(view.profile(Class::Ptktdata, &"CICSP1".parse().unwrap()).unwrap().replay_bypassed());
        let request = Request::new("U000001".parse().unwrap(), "TSOPRD1".parse().unwrap());
        site.saf.generate(&Caller::user("TPXSTC".parse().unwrap()), &request.at(NOW)).unwrap()
    });
    assert_eq!(tickets[0], tickets[1]);
}

#[test]
fn what_is_not_understood_is_told_and_its_text_is_not() {
    const KEYS: [&str; 3] = ["E001193519561977", "DEADBEEFDEADBEEF", "0123456789ABCDE"];
    for (list, how, findings) in [
        ("SET PROFILE(PTKTDATA) DIVISION(SSIGNON)\nINSERT A SSKEY(0123456789ABCDE)", acf2 as Translate, 1),
        ("SET PROFILE(PTKTDATA) DIVISION(SSIGNON)\nINSERT A SSKEY DEADBEEFDEADBEEF", acf2, 1),
        ("SET PROFILE(PTKTDATA) DIVISION(SSIGNON)\nINSERT A DEADBEEFDEADBEEF", acf2, 1),
        ("SET PROFILE(PTKTDATA) DIVISION(SSIGNON)\nINSERT DEADBEEFDEADBEEF SSKEY(A)", acf2, 1),
        ("SET PROFILE(PTKTDATA) DIVISION(SSIGNON)\nINSERT A SSKEY(E001193519561977) ENCRYPT", acf2, 1),
        ("SET LID\nINSERT JOE PASSWORD(E001193519561977)", acf2, 2),
        ("INSERT A SSKEY(E001193519561977)", acf2, 1),
        ("SET RESOURCE(PTK)\nRECKEY IRRPTAUTH ADD(A*.- UID(X) SERVICE(READ) ALLOW)", acf2, 1),
        ("SET RESOURCE(PTK)\nRECKEY IRRPTAUTH ADD(A.- UID(SITE*****JOE) SERVICE(READ) ALLOW)", acf2, 1),
        ("SET RESOURCE(PTK)\nRECKEY IRRPTAUTH ADD(A.- UID(X) ALLOW)", acf2, 1),
        ("SET RESOURCE(PTK)\nRECKEY OTHER ADD(A.- UID(X) SERVICE(READ) ALLOW)", acf2, 1),
        ("TSS ADDTO(NDT) PSTKAPPL(A) SESSKEY(296LFD)", top_secret, 1),
        ("TSS ADDTO(NDT) PSTKAPPL(A) SESSKEY(DEADBEEFDEADBEEF", top_secret, 0),
        ("TSS ADDTO(NDT) PSTKAPPL(E001193519561977) SESSKEY(A)", top_secret, 1),
        ("TSS ADDTO(JOE) PASSWORD(E001193519561977)", top_secret, 1),
        ("TSS PERMIT(JOE) PTKTDATA(OTHER.A) ACCESS(READ)", top_secret, 1),
        ("TSS PERMIT(JOE) PTKTDATA(IRRPTAUTH.A) ACCESS(SET)", top_secret, 1),
        ("E001193519561977", top_secret, 1),
    ] {
        let (commands, told, translation) = translate(list, how);
        assert_eq!(told.len(), findings, "{list}: {told:?}");
        let all = format!("{commands:?} {told:?} {translation:?}");
        for key in KEYS.into_iter().chain(["296LFD"]) {
            assert!(!all.contains(key), "{list}: {all}");
        }
    }
}

#[test]
fn an_empty_list_changes_nothing() {
    for list in ["", "\n\n", "/* nothing */", "ACF\nEND\n"] {
        assert_eq!(acf2(list, &mut |_| {}).commands().len(), 0, "{list:?}");
    }
    assert_eq!(top_secret("", &mut |_| {}).commands().len(), 0);
}

#[test]
fn levels_of_top_secret_may_stand_in_a_list_under_the_short_keyword() {
    let (commands, told, _) = translate("TSS PERMIT(JOE) PTKTDATA(IRRPTAUTH.A) ACC(READ,UPDATE)", top_secret);
    assert!(told.is_empty(), "{told:?}");
    assert!(commands.iter().any(|one| one.ends_with("ID(JOE) ACCESS(UPDATE)")), "{commands:?}");
}
