//! The readiness scan: each finding on a small unload of its own, and none where there is nothing to find.

use std::fmt::Write;

use icsf_drill::scan::{FAULTS, Fate, Finding, HmacProtection, Inputs, RULES, Scan, Severity, health_check};

/// An unload being written.
#[derive(Default)]
struct Unload(String);

impl Unload {
    fn record(mut self, fields: &[(usize, &str)]) -> Self {
        let mut line = String::new();
        for (column, text) in fields {
            write!(line, "{:width$}{text}", "", width = column - 1 - line.len()).unwrap();
        }
        // As a transfer of text leaves it.
        self.0 += &format!("{}\n", line.trim_end());
        self
    }

    /// A profile of PTKTDATA.
    fn profile(self, name: &str, generic: bool, appldata: &str) -> Self {
        let generic = if generic { "YES" } else { "NO" };
        self.record(&[(1, "0500"), (6, name), (253, "PTKTDATA"), (262, generic), (282, "SYS1"), (754, appldata)])
    }

    fn segment(self, name: &str, legacy: &str, enhanced: &str, options: [&str; 3]) -> Self {
        let [kind, timeout, replay] = options;
        let fields = [(262, legacy), (327, enhanced), (392, kind), (405, timeout), (416, replay)];
        self.record(&[[(1, "0530"), (6, name), (253, "PTKTDATA")].as_slice(), &fields].concat())
    }

    /// A discrete profile and its keys; enhanced tickets of TYPE(UPPER) for 60 seconds.
    fn key(self, name: &str, legacy: &str, enhanced: &str) -> Self {
        self.profile(name, false, "").segment(name, legacy, enhanced, ["UPPER", "0000000060", "NO"])
    }

    /// Whoever generates may do so for everybody.
    fn permitted(self) -> Self {
        self.profile("IRRPTAUTH.**", true, "")
    }

    fn inputs(&self) -> Inputs {
        Inputs::unload("racf.txt", self.0.as_bytes()).unwrap()
    }

    fn scan(&self) -> Scan {
        self.inputs().scan()
    }
}

fn unload() -> Unload {
    Unload::default()
}

/// The only finding of a rule.
#[track_caller]
fn only<'a>(scan: &'a Scan, rule: &str) -> &'a Finding {
    assert!(RULES.iter().any(|known| known.name == rule), "{rule}");
    let found: Vec<_> = scan.findings().iter().filter(|finding| finding.rule.name == rule).collect();
    let [one] = found.as_slice() else { panic!("{rule}: {:#?}", scan.findings()) };
    one
}

fn rules(scan: &Scan) -> Vec<&'static str> {
    scan.findings().iter().map(|finding| finding.rule.name).collect()
}

fn places(finding: &Finding) -> Vec<String> {
    finding.records.iter().map(ToString::to_string).collect()
}

const CARD: &str =
    "CSFM668I 13.04.52 ICSF CARDS 731\n  CRYPTO EXPRESS5 COPROCESSOR 5C36\n    STATUS=Active  SERIAL#=1\n";
const NO_CARD: &str = "CSFM668I 13.04.52 ICSF CARDS 731\n";
const SETROPTS: &str = "ACTIVE CLASSES = PTKTDATA\nSETR RACLIST CLASSES = PTKTDATA\nGENERIC PROFILE CLASSES = PTKTDATA\n\
                        MIXED CASE PASSWORD SUPPORT IS IN EFFECT\n";
const REFRESH: &str = "SETROPTS RACLIST(PTKTDATA) REFRESH";

/// A site with something of everything, all of it as it should be.
#[test]
fn where_nothing_is_wrong_nothing_is_found() {
    let mut inputs = unload()
        .key("TSOPRD1", "*MASKED*", "")
        .key("CICSP1", "IRR.SSIGNON.PRD1.11142025.090000.000001", "")
        .key("CICSP2", "", "PTKT.CICSP2.HMAC")
        .profile("FEKAPPL", false, "NO REPLAY PROTECTION - DO NOT CHANGE")
        .segment("FEKAPPL", "*MASKED*", "", ["", "0000000060", "NO"])
        .profile("IRRPTAUTH.TSO*.*", true, "")
        .profile("IRRPTAUTH.CICSP1.*", true, "")
        .profile("IRRPTAUTH.CICSP2.U000001", false, "")
        .profile("IRRPTAUTH.FEKAPPL.**", true, "")
        .record(&[(1, "0530"), (6, "LDAP.BINDPW.KEY"), (253, "KEYSMSTR"), (262, "*MASKED*")])
        .record(&[(1, "0500"), (6, "LDAP.BINDPW.KEY"), (253, "KEYSMSTR"), (262, "NO"), (282, "SYS1")])
        .inputs();
    let both = "ID AES DES\nKDSMKVPS 2058C8 CA6B40\nPRD1 6C02 2058C8 CA6B40\n FORMAT=KDSR COMM LVL=2\n";
    inputs
        .rlist(
            "rlist.txt",
            "CLASS NAME\n----- ----\nPTKTDATA CICSP1\n\nSSIGNON INFORMATION\n\
                  Legacy   PassTicket: KEYENCRYPTED LABEL: IRR.SSIGNON.PRD1.11142025.090000.000001\n",
        )
        .unwrap();
    inputs.setropts("setropts.txt", SETROPTS).unwrap();
    let labels = "IRR.SSIGNON.PRD1.11142025.090000.000001 DATA\nPTKT.CICSP2.HMAC MAC DES CLEAR\n";
    inputs.ckds("ckds.txt", labels).unwrap();
    inputs.source("a.txt", &format!("SID(PRD1)\n{CARD}{both}")).unwrap();
    inputs.target("b.txt", &format!("SID(PRD1)\n{CARD}{both}")).unwrap();
    inputs.clock_offset(60);
    inputs.reuses("FEKAPPL".parse().unwrap());
    let scan = inputs.scan();
    assert_eq!(scan.findings(), []);
    assert_eq!(scan.applications().count(), 4, "keys of LDAP are not of PassTickets");
    assert!(scan.not_checked().is_empty(), "{:?}", scan.not_checked());
    assert!(scan.files().iter().all(|file| file.not_understood == 0), "{:?}", scan.files());
}

#[test]
fn a_key_in_the_ckds_needs_a_card() {
    let unload = unload().key("CICSP1", "PTKT.CICSP1.DES", "").key("CICSP2", "*MASKED*", "").permitted();
    let scan = unload.scan();
    let found = only(&scan, "needs-card");
    assert_eq!((found.severity, &*found.subject), (Severity::Medium, "CICSP1"), "of the site nothing is known");
    assert_eq!(places(found), ["racf.txt:1 (0500)", "racf.txt:2 (0530)"]);
    assert_eq!(
        found.faults,
        ["no-card", "icsf-stopped", "wrong-master-key", "zeroised", "ckds-empty", "ckds-older", "csf-refused"]
    );
    let alter = "RALTER PTKTDATA CICSP1 SSIGNON(KEYMASKED(<16 hex digits>))";
    assert_eq!(found.commands, ["D ICSF,CARDS", alter, REFRESH]);
    for (target, severity, command) in [
        (NO_CARD, Severity::High, "D ICSF,CARDS"),
        ("IEE341I CSF NOT ACTIVE", Severity::High, "START CSF"),
        (&CARD.replace("Active", "Offline"), Severity::High, "D ICSF,CARDS"),
    ] {
        let mut inputs = unload.inputs();
        inputs.target("b.txt", target).unwrap();
        let scan = inputs.scan();
        let found = only(&scan, "needs-card");
        assert_eq!((found.severity, &*found.commands[0]), (severity, command), "{target}");
        assert!(places(found)[2].starts_with("b.txt:"), "{found:?}");
    }
    let mut inputs = unload.inputs();
    inputs.target("b.txt", CARD).unwrap();
    assert_eq!(rules(&inputs.scan()), [""; 0]);
}

#[test]
fn a_clear_hmac_key_needs_icsf_and_no_card() {
    let unload = unload().key("CICSP1", "", "PTKT.CICSP1.HMAC").permitted();
    let found = |target: &str, listing: &str| {
        let mut inputs = unload.inputs();
        inputs.target("b.txt", target).unwrap();
        inputs.ckds("ckds.txt", listing).unwrap();
        let scan = inputs.scan();
        let key = scan.applications().next().unwrap().enhanced.unwrap().key;
        (key, rules(&scan))
    };
    let clear = "LABEL             TYPE  KEY      PROTECTION\nPTKT.CICSP1.HMAC  MAC   HMAC 64  CLEAR";
    let secure = clear.replace("CLEAR", "AES-MK 0123456789ABCDEF");
    assert_eq!(found(NO_CARD, clear), (HmacProtection::Clear, vec![]));
    assert_eq!(found(NO_CARD, &secure), (HmacProtection::Secure, vec!["needs-card"]));
    assert_eq!(found(NO_CARD, "PTKT.CICSP1.HMAC"), (HmacProtection::Unseen, vec!["needs-card"]));
    assert_eq!(found("IEE341I CSF NOT ACTIVE", clear), (HmacProtection::Clear, vec!["needs-icsf"]));
}

#[test]
fn an_enhanced_key_takes_the_masked_one_out_of_use() {
    let unload = unload().key("CICSP1", "*MASKED*", "PTKT.CICSP1.HMAC").permitted();
    let scan = unload.scan();
    let found = only(&scan, "enhanced-added");
    assert_eq!(found.severity, Severity::High);
    assert!(found.faults.contains(&"clock-small") && found.faults.contains(&"ckds-fixed"), "{found:?}");
    assert_eq!(rules(&scan), ["enhanced-added"], "and not a second time as a key that needs a card");
    let mut inputs = unload.inputs();
    inputs.target("b.txt", CARD).unwrap();
    assert_eq!(only(&inputs.scan(), "enhanced-added").severity, Severity::Medium);
}

#[test]
fn applications_are_named_after_the_smf_id() {
    let unload = unload().key("TSOPRD1", "*MASKED*", "").key("MVSPRD1", "*MASKED*", "").key("TSODR01", "*MASKED*", "");
    let unload = unload.key("TSOPROXY", "*MASKED*", "").permitted();
    let mut inputs = unload.inputs();
    inputs.target("b.txt", "SID(DR01)").unwrap();
    let scan = inputs.scan();
    let found = only(&scan, "other-smfid");
    assert_eq!((&*found.subject, found.severity), ("MVSPRD1", Severity::High), "TSODR01 is there already");
    assert_eq!(found.faults, ["smfid"]);
    assert_eq!(places(found)[2], "b.txt:1 (operator display)");
    assert_eq!(found.commands[0], "RDEFINE PTKTDATA MVSDR01 UACC(NONE) SSIGNON(KEYMASKED(<key of MVSPRD1>))");
    let mut inputs = unload.inputs();
    inputs.target("b.txt", "SID(DR01)").unwrap();
    inputs.source("a.txt", "SID(PRD2)").unwrap();
    assert_eq!(only(&inputs.scan(), "other-smfid").severity, Severity::Medium, "of another system of the site");
    assert!(unload.scan().not_checked().iter().any(|what| what.contains("D SMF,O")));
}

#[test]
fn labels_are_looked_up_in_every_listing() {
    let unload = unload().key("CICSP1", "PTKT.A", "").key("CICSP2", "", "PTKT.B").permitted();
    let with = |listings: &[&str]| {
        let mut inputs = unload.inputs();
        inputs.target("b.txt", CARD).unwrap();
        listings.iter().for_each(|text| inputs.ckds("ckds.txt", text).unwrap());
        inputs.scan()
    };
    let scan = with(&["PTKT.B MAC"]);
    let found = only(&scan, "label-not-in-ckds");
    assert_eq!((found.severity, &*found.what), (Severity::High, "PTKT.A is not in ckds.txt"));
    assert_eq!(found.faults, ["ckds-empty", "ckds-older", "label-missing"]);
    let scan = with(&["PTKT.A DATA\nPTKT.B MAC", "PTKT.A\n"]);
    assert_eq!((&*only(&scan, "label-in-some-ckds").subject, scan.findings().len()), ("CICSP2", 1));
    let scan = with(&["PTKT.A DATA\nPTKT.B DATA"]);
    let found = only(&scan, "label-of-other-type");
    assert_eq!(found.what, "PTKT.B is of type DATA, and should be of type MAC");
    assert_eq!(places(found)[2], "ckds.txt:2 (CKDS listing)");
    let json =
        r#"{"records": [{"label": "PTKT.A", "type": "DATA", "damaged": "torn"}, {"label": "PTKT.B", "type": "MAC"}]}"#;
    assert_eq!(only(&with(&[json]), "label-not-in-ckds").what, "the record of PTKT.A is damaged");
    assert_eq!(rules(&with(&["PTKT.A DATA\nPTKT.B\n"])), [""; 0]);
}

#[test]
fn tokens_and_unknown_keys_are_found() {
    let scan = unload().key("C", "*KEYTOKEN*", "PTKT.C").permitted().scan();
    assert_eq!(rules(&scan), ["key-token", "needs-card"], "the enhanced key needs a card besides");
    let scan = unload().key("A", "*KEYTOKEN*", "").key("B", "*UNKNOWN*", "").permitted().scan();
    let found = only(&scan, "key-token");
    assert_eq!(found.commands, ["RALTER PTKTDATA A SSIGNON(ENCRYPTKEY)", REFRESH]);
    assert_eq!((found.severity, found.faults[0]), (Severity::High, "key-token"));
    assert_eq!(only(&scan, "key-unknown").severity, Severity::High);
    assert_eq!(scan.findings().len(), 2);
}

#[test]
fn master_keys_of_both_sites_are_compared() {
    let row = |sites: &[(&str, &str)]| {
        let unload = unload().key("CICSP1", "PTKT.A", "").permitted();
        let mut inputs = unload.inputs();
        for (site, text) in sites {
            let text = format!("{CARD}ID AES DES\n{text}\n");
            if *site == "a" { inputs.source("a.txt", &text).unwrap() } else { inputs.target("b.txt", &text).unwrap() }
        }
        inputs.scan()
    };
    let scan = row(&[("a", "PRD1 6C02 111111 CA6B40"), ("b", "DR01 6C03 222222 FFFFFF")]);
    let found = only(&scan, "master-key-differs");
    assert_eq!((&*found.subject, found.severity), ("DES-MK", Severity::High), "no key is under the AES-MK");
    assert_eq!(places(found), ["a.txt:5 (operator display)", "b.txt:5 (operator display)"]);
    assert_eq!(found.faults, ["wrong-master-key", "zeroised"]);
    let scan = row(&[("b", "KDSMKVPS 111111 CA6B40\nDR01 6C03 111111 NONE")]);
    assert_eq!(only(&scan, "master-key-differs").what, "keys are under CA6B40, and the card has none");
    assert_eq!(rules(&row(&[("a", "PRD1 6C02 111111 CA6B40"), ("b", "DR01 6C03 222222 CA6B40")])), [""; 0]);
    let asks = |scan: &Scan| scan.not_checked().iter().any(|what| what.contains("same master keys"));
    assert!(
        asks(&row(&[("b", "KDSMKVPS 111111 CA6B40\nDR01 6C03 111111 CA6B40")])),
        "of the other site nothing is known"
    );
}

/// What is at the recovery site now may be a CKDS for tests: its card is held against the keys that are to come.
#[test]
fn a_recovery_site_that_agrees_with_itself_is_compared_with_the_other_site() {
    let scan = |profile: &Unload, source: &str, target: &str| {
        let mut inputs = profile.inputs();
        inputs.source("a.txt", &format!("{CARD}ID AES DES\n{source}\n")).unwrap();
        inputs.target("b.txt", &format!("{CARD}ID AES DES\n{target}\n")).unwrap();
        inputs.scan()
    };
    let legacy = unload().key("CICSP1", "PTKT.A", "").permitted();
    let enhanced = unload().key("CICSP1", "", "PTKT.A").permitted();
    let (source, target) =
        ("KDSMKVPS 2058C8 CA6B40\nPRD1 6C02 2058C8 CA6B40", "KDSMKVPS 111111 222222\nDR01 6C02 111111 222222");
    for (profile, kind, what) in [
        (&legacy, "DES-MK", "keys of the site to be recovered are under CA6B40, and the card has 222222"),
        (&enhanced, "AES-MK", "keys of the site to be recovered are under 2058C8, and the card has 111111"),
    ] {
        let scan = scan(profile, source, target);
        let found = only(&scan, "master-key-differs");
        assert_eq!((&*found.subject, found.severity, &*found.what), (kind, Severity::High, what));
        assert_eq!(places(found), ["a.txt:5 (operator display)", "b.txt:6 (operator display)"]);
        assert!(scan.count(Severity::High) > 0);
    }
    // Its own CKDS is not under the master key of its card either: that is another finding.
    let both = scan(&legacy, source, "KDSMKVPS 111111 333333\nDR01 6C02 111111 222222");
    assert_eq!(rules(&both), ["master-key-differs"; 2]);
    let same = scan(&legacy, source, "KDSMKVPS 111111 CA6B40\nDR01 6C02 111111 CA6B40");
    assert_eq!(rules(&same), [""; 0], "no key of the site is under the AES-MK");
}

#[test]
fn a_fixed_length_ckds_has_no_room_for_enhanced_keys() {
    let scan = |unload: &Unload| {
        let mut inputs = unload.inputs();
        inputs.target("b.txt", &format!("{CARD}CSFM668I 1 ICSF KDS 1\n FORMAT=FIXED COMM LVL=0\n")).unwrap();
        inputs.scan()
    };
    let found = scan(&unload().key("CICSP1", "", "PTKT.B").permitted());
    assert_eq!(only(&found, "ckds-fixed").faults, ["ckds-fixed"]);
    assert_eq!(rules(&scan(&unload().key("CICSP1", "PTKT.A", "").permitted())), [""; 0]);
}

#[test]
fn the_class_and_passwords_are_as_setropts_says() {
    let unload = unload().profile("CICSP1", false, "").permitted();
    let unload = unload.segment("CICSP1", "", "PTKT.B", ["MIXED", "0000000060", "NO"]);
    let with = |text: &str| {
        let mut inputs = unload.inputs();
        inputs.target("b.txt", CARD).unwrap();
        inputs.setropts("setropts.txt", text).unwrap();
        inputs.scan()
    };
    assert_eq!(rules(&with(SETROPTS)), [""; 0]);
    let scan = with(&SETROPTS.replace("ACTIVE CLASSES = PTKTDATA", "ACTIVE CLASSES = APPL"));
    let found = only(&scan, "class-inactive");
    assert_eq!(
        (found.severity, found.commands.as_slice()),
        (Severity::High, ["SETROPTS CLASSACT(PTKTDATA)".into()].as_slice())
    );
    assert_eq!(places(found), ["setropts.txt:1 (SETROPTS LIST)"]);
    let scan = with(&SETROPTS.replace("RACLIST CLASSES = PTKTDATA", "RACLIST CLASSES = NONE"));
    assert_eq!(only(&scan, "class-inactive").what, "not RACLISTed");
    let scan = with(&SETROPTS.replace("PROFILE CLASSES = PTKTDATA", "PROFILE CLASSES = NONE"));
    assert_eq!(only(&scan, "generic-off").severity, Severity::High);
    let scan = with(&SETROPTS.replace("IS IN", "IS NOT IN"));
    let found = only(&scan, "mixed-case");
    assert_eq!((found.severity, places(found)[2].as_str()), (Severity::High, "setropts.txt:4 (SETROPTS LIST)"));
    let scan = with("ACTIVE CLASSES = PTKTDATA");
    let missing = |what: &str| scan.not_checked().iter().any(|line| line.starts_with(what));
    assert!(missing("SETR RACLIST CLASSES") && missing("MIXED CASE"), "{:?}", scan.not_checked());
}

#[test]
fn keys_and_permissions_belong_together() {
    let scan = unload().key("CICSP1", "*MASKED*", "").profile("IRRPTAUTH.CICSP2.*", true, "").scan();
    let found = only(&scan, "permit-without-key");
    assert_eq!((found.severity, places(found)), (Severity::Medium, vec!["racf.txt:3 (0500)".to_owned()]));
    let found = only(&scan, "key-without-permit");
    assert_eq!((found.severity, &*found.subject), (Severity::Medium, "CICSP1"));
    assert_eq!(found.commands[0], "RDEFINE PTKTDATA IRRPTAUTH.CICSP1.* UACC(NONE)");
    // What looks generic, and was defined before SETROPTS GENERIC, covers nothing.
    let scan = unload().key("CICSP1", "*MASKED*", "").profile("IRRPTAUTH.CICSP1.*", false, "").scan();
    assert_eq!(rules(&scan), ["key-without-permit"]);
    for covering in ["**", "IRRPTAUTH.**", "IRRPTAUTH.CIC%P1.*", "IRR*"] {
        let scan = unload().key("CICSP1", "*MASKED*", "").profile(covering, true, "").scan();
        assert_eq!(rules(&scan), [""; 0], "{covering}");
    }
}

#[test]
fn generic_and_qualified_key_profiles_are_told() {
    let unload = unload().permitted().profile("CICS*", true, "").segment("CICS*", "*MASKED*", "", ["", "", ""]);
    let scan =
        unload.key("TSO", "*MASKED*", "").key("TSO.GROUP1", "*MASKED*", "").key("IMS.GROUP1", "*MASKED*", "").scan();
    assert_eq!(only(&scan, "generic-key-profile").severity, Severity::Medium);
    let found = only(&scan, "qualified-shadows");
    assert_eq!((found.severity, &*found.subject), (Severity::Low, "TSO.GROUP1"));
    assert_eq!(scan.findings().len(), 2);
}

#[test]
fn who_reuses_tickets_needs_the_bypass() {
    let unload = unload().key("FEKAPPL", "*MASKED*", "").key("CICSP1", "*MASKED*", "").permitted();
    let scan = unload.scan();
    let found = only(&scan, "replay-bypass-missing");
    assert_eq!(
        (&*found.subject, found.severity, &found.faults[..]),
        ("FEKAPPL", Severity::Medium, ["replay"].as_slice())
    );
    assert_eq!(found.commands[0], "RALTER PTKTDATA FEKAPPL APPLDATA('NO REPLAY PROTECTION')");
    let mut inputs = unload.inputs();
    inputs.reuses("CICSP1".parse().unwrap());
    inputs.reuses("CICSP9".parse().unwrap());
    let scan = inputs.scan();
    assert_eq!(rules(&scan), ["replay-bypass-missing"; 2]);
    assert!(scan.not_checked().last().unwrap().starts_with("CICSP9 of --reuses"), "{:?}", scan.not_checked());
}

#[test]
fn clocks_that_differ_outlast_tickets() {
    let unload = unload().key("CICSP1", "", "PTKT.B").key("CICSP2", "*MASKED*", "").permitted();
    let with = |seconds| {
        let mut inputs = unload.inputs();
        inputs.target("b.txt", CARD).unwrap();
        inputs.clock_offset(seconds);
        inputs.scan()
    };
    assert_eq!(rules(&with(60)), [""; 0]);
    let scan = with(90);
    let found = only(&scan, "timeout-below-offset");
    assert_eq!((&*found.subject, found.severity), ("CICSP1", Severity::Medium));
    assert_eq!((&*found.commands[0], found.faults[0]), ("RALTER PTKTDATA CICSP1 SSIGNON(TIMEOUT(90))", "clock-small"));
    let scan = with(601);
    assert_eq!(rules(&scan), ["timeout-below-offset"; 2]);
    assert!(scan.findings().iter().all(|found| found.faults[0] == "clock-large" && found.commands.is_empty()));
}

#[test]
fn labels_tell_on_which_system_they_were_made() {
    let label = |system: &str| format!("IRR.SSIGNON.{system}.11142025.090000.000001");
    let unload =
        unload().key("A", &label("PRD1"), "").key("B", &label("PRD1"), "").key("C", &label("PRD2"), "").permitted();
    let with = |source: Option<&str>, ckds: Option<&str>| {
        let mut inputs = unload.inputs();
        inputs.target("b.txt", CARD).unwrap();
        source.into_iter().for_each(|text| inputs.source("a.txt", text).unwrap());
        ckds.into_iter().for_each(|text| inputs.ckds("ckds.txt", text).unwrap());
        inputs.scan()
    };
    let scan = with(None, None);
    let found = only(&scan, "label-of-other-system");
    assert_eq!(
        (&*found.subject, found.severity, &*found.what),
        ("C", Severity::Medium, "the label names PRD2, not PRD1")
    );
    assert_eq!(rules(&with(Some("SYSNAME RELEASE DOM\nPRD2 HCR77E0 000 N/A"), None)), ["label-of-other-system"; 2]);
    assert_eq!(rules(&with(None, Some(&format!("{}\n{}\n", label("PRD1"), label("PRD2"))))), [""; 0]);
}

#[test]
fn rlist_tells_what_an_old_unload_does_not() {
    let old = unload().profile("CICSP1", false, "").permitted();
    let scan = old.scan();
    assert_eq!(scan.applications().count(), 0);
    assert!(scan.not_checked()[0].contains("before z/OS 2.4"), "{:?}", scan.not_checked());
    let listing = |key: &str| {
        format!(
            "RLIST PTKTDATA CICSP1 SSIGNON\nCLASS      NAME\n-----      ----\nPTKTDATA   CICSP1\n\n\
                 SSIGNON INFORMATION\nLegacy   PassTicket: {key}\n"
        )
    };
    let mut inputs = old.inputs();
    inputs.rlist("rlist.txt", &listing("KEYENCRYPTED DATA NOT DISPLAYABLE")).unwrap();
    let scan = inputs.scan();
    assert_eq!(places(only(&scan, "needs-card")), ["racf.txt:1 (0500)", "rlist.txt:4 (RLIST)"]);
    let mut inputs = unload().key("CICSP1", "*MASKED*", "").permitted().inputs();
    inputs.rlist("rlist.txt", &listing("KEYTOKEN DATA NOT DISPLAYABLE")).unwrap();
    let scan = inputs.scan();
    let found = only(&scan, "listing-differs");
    assert_eq!((found.severity, places(found).len()), (Severity::Medium, 3));
    assert_eq!(rules(&scan), ["listing-differs"], "the unload is believed");
}

#[test]
fn factors_are_asked_for_where_there_are_any() {
    let factors = |unload: Unload| unload.record(&[(1, "020A"), (6, "U000001"), (15, "AZFTOTP1")]);
    let scan = factors(unload().key("CICSP1", "*MASKED*", "").permitted()).scan();
    let found = only(&scan, "mfa-factor");
    assert_eq!((found.severity, places(found)), (Severity::Low, vec!["racf.txt:4 (020A)".to_owned()]));
    assert_eq!(rules(&factors(unload()).scan()), [""; 0], "no application, no question");
}

/// The cells of the fault list, for each way of keeping keys.
#[test]
fn the_faults_kill_what_they_should() {
    let mut inputs = unload()
        .key("MASKED", "*MASKED*", "")
        .key("LEGACY", "PTKT.A", "")
        .key("SECURE", "", "PTKT.B")
        .key("CLEAR", "", "PTKT.C")
        .key("BOTH", "*MASKED*", "PTKT.B")
        .inputs();
    inputs
        .ckds("c.txt", r#"[{"label": "PTKT.B", "protection": "wrapped"}, {"label": "PTKT.C", "protection": "clear"}]"#)
        .unwrap();
    let scan = inputs.scan();
    let dead = |name: &str| {
        let fault = FAULTS.iter().find(|fault| fault.name == name).unwrap();
        let dead = scan.applications().filter(|profile| fault.fate(profile) == Some(Fate::Dies));
        dead.map(|profile| profile.name.to_string()).collect::<Vec<_>>().join(" ")
    };
    for name in ["no-card", "wrong-master-key", "zeroised"] {
        assert_eq!(dead(name), "BOTH LEGACY SECURE", "{name}");
    }
    for name in ["icsf-stopped", "ckds-empty", "csf-refused", "label-missing"] {
        assert_eq!(dead(name), "BOTH CLEAR LEGACY SECURE", "{name}");
    }
    for name in ["ckds-fixed", "clock-small"] {
        assert_eq!(dead(name), "BOTH CLEAR SECURE", "{name}");
    }
    for name in ["class-inactive", "clock-large", "replay", "different-keys"] {
        assert_eq!(dead(name), "BOTH CLEAR LEGACY MASKED SECURE", "{name}");
    }
    for name in
        ["smfid", "key-token", "ckds-older", "stale-raclist", "dirty-environment", "kerberos-down", "retry-storm"]
    {
        assert_eq!(dead(name), "", "{name}");
    }
    assert_eq!(FAULTS.len(), 20);
    let known = |name: &&&str| FAULTS.iter().any(|fault| fault.name == **name);
    assert!(RULES.iter().all(|rule| rule.faults.iter().filter(known).count() == rule.faults.len()));
}

#[test]
fn the_health_check_has_its_layout_and_a_column_beside() {
    let label = "IRR.SSIGNON.RACFR24.09112019.202528.012345";
    let unload = unload().key("A", "SOMELABEL", "").key("B", label, "").key("C", "", "PTKT.C").permitted();
    let lines = health_check(&unload.scan().health(), usize::MAX);
    assert_eq!(lines[4], "S Profile Name                     Key Label                             DR");
    assert_eq!(lines[5], "- -------------------------------- ------------------------------------- -------");
    assert_eq!(lines[6], "  A                                SOMELABEL                             card");
    assert_eq!(
        lines[7], "  B                                IRR.SSIGNON.RACFR24.09112019.202528.0 card",
        "cut, as IBM cuts it"
    );
    assert_eq!(lines.last().unwrap(), "STATUS: SUCCESSFUL");
    assert_eq!(lines.len(), 13, "C has no legacy key: {lines:?}");
    let scan = unload.key("TSOIM13", "*MASKED*", "").scan();
    let lines = health_check(&scan.health(), usize::MAX);
    assert_eq!(lines[8], "E TSOIM13                          *MASKED*                              nothing");
    assert!(
        lines.contains(&"* Medium Severity Exception *".to_owned()) && lines.last().unwrap() == "STATUS: EXCEPTION-MED"
    );
    assert!(health_check(&scan.health(), 1).contains(&"  ... and 2 more: --all".to_owned()));
}

#[test]
fn what_is_no_unload_is_refused() {
    let error = |bytes: &[u8]| Inputs::unload("racf.txt", bytes).unwrap_err().to_string();
    assert!(error(b"PTKT.A").starts_with("racf.txt: it is no IRRDBU00 unload"));
    let one = [&[0, 9, 0, 0], b"0100 ".as_slice(), b"\xff\xff\x01\x00"].concat();
    assert!(error(&one).starts_with("racf.txt, line 2: what stands before record 2 is no length word"));
    let mut inputs = unload().key("A", "*MASKED*", "").inputs();
    assert_eq!(inputs.rlist("r.txt", "READY").unwrap_err().to_string(), "r.txt, line 1: no profile is listed in it");
}

/// A key that somebody pasted with a listing is not shown, nor kept.
#[test]
fn what_is_not_understood_is_counted_and_not_shown() {
    const KEY: &str = "E001193519561977";
    let mut inputs = unload().key("A", "*MASKED*", "").permitted().inputs();
    let text = format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({KEY}))\n");
    inputs.target("b.txt", &format!("{text}{NO_CARD}")).unwrap();
    inputs.setropts("s.txt", &format!("{text}{SETROPTS}")).unwrap();
    inputs
        .rlist("r.txt", &format!("{text}PTKTDATA A SSIGNON\nRLIST PTKTDATA A SSIGNON\nSSIGNON INFORMATION\n"))
        .unwrap();
    inputs.ckds("c.txt", &format!("{text}PTKT.A\n")).unwrap();
    assert!(!format!("{inputs:?}").contains(KEY));
    let scan = inputs.scan();
    assert!(!format!("{scan:?}").contains(KEY));
    assert!(scan.files().iter().skip(1).all(|file| file.not_understood > 0), "{:?}", scan.files());
}

/// A fault's page tells of every way to keep a key which code ICSF answers when it is used.
#[test]
fn icsf_answers_what_the_page_of_the_fault_says() {
    let mut seen = 0;
    for fault in FAULTS {
        let page = icsf_drill::fault::Fault::named(fault.name).unwrap().page;
        for row in page.lines().filter(|line| line.starts_with("| ")) {
            let Some((_, codes)) = row.split_once(", ICSF ") else { continue };
            let code = codes.split([' ', ',', ';']).next().unwrap();
            assert!(fault.icsf.contains(code), "{}: the page says {code}, the scan {}", fault.name, fault.icsf);
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
