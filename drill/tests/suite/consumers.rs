//! Consumers, as their users and operators meet them.

use std::sync::Arc;

use icsf_drill::consumer::{Asked, Consumer, Logon, Place};
use icsf_drill::{Reader, Run, report, run};
use softicsf::Credential;

use crate::support::{SMALL, ran};

/// One site, masked keys: nothing here is about cards. `consumer` and `steps` are added.
fn drill(consumer: &str, steps: &str) -> String {
    let (before, _) = SMALL.split_once("[[consumer]]").unwrap();
    let others = r#"
[[profile]]
class   = "PTKTDATA"
name    = "IMSP1.SYS1.U1"
ssignon = ["KEYMASKED(@secret:tso)"]

[[permit]]
profile = "IRRPTAUTH.*.*"
id      = "STC"
access  = "UPDATE"

[[profile]]
class = "APPL"
name  = "NOWHERE"

[[user]]
id       = "U2"
password = "@secret:pw"

[[user]]
id = "TPXSTC"
"#;
    format!("{before}{others}\n{consumer}\n{steps}")
}

fn consumer(kind: &str, extra: &str, sessions: &str) -> String {
    format!("[[consumer]]\nname = \"X\"\nkind = \"{kind}\"\nruns_as = \"STC\"\n{extra}\nsession = [{sessions}]\n")
}

const IMS: &str = "{ name = \"IMS\", applid = \"IMSP1\" }";
/// There is no key profile of this name.
const LOST: &str = "{ name = \"LOST\", applid = \"NOWHERE\" }";

fn step(n: u32, action: &str, with: &str, expect: &str) -> String {
    let expect = if expect.is_empty() { String::new() } else { format!("expect = {{ {expect} }}\n") };
    format!("[[step]]\nid = \"s{n}\"\nat = \"+{n}m\"\nsite = \"A\"\ndo = \"{action}\"\nwith = {{ {with} }}\n{expect}\n")
}

fn logon(n: u32, session: &str, expect: &str) -> String {
    step(n, "logon", &format!("users = [\"U1\"], sessions = [\"{session}\"]"), expect)
}

fn as_expected(text: &str) -> (Run, String) {
    let (run, report) = ran(text);
    assert_eq!(run.exit_status(), 0, "{report}");
    (run, report)
}

#[test]
fn tpx_makes_qualified_tickets_if_there_is_a_profile_for_them() {
    let sessions = [
        "{ name = \"Q\", applid = \"IMSP1\", qualified = true, generate = false }",
        "{ name = \"EITHER\", applid = \"TSOPRD1\", qualified = true }",
        "{ name = \"ONLY\", applid = \"TSOPRD1\", qualified = true, generate = false }",
    ];
    let steps = logon(1, "Q", "outcome = \"ok\"")
        + &logon(2, "EITHER", "outcome = \"ok\"")
        + &logon(3, "ONLY", "outcome = \"fail\", message = \"SIC4002\"");
    let (_, text) = as_expected(&drill(&consumer("tpx", "", &sessions.join(", ")), &steps));
    assert!(text.contains("a qualified ticket is asked for"), "{text}");
}

#[test]
fn tpx_makes_no_ticket_for_another_user_than_the_acl_names() {
    let sessions = "{ name = \"ACL\", applid = \"IMSP1\", acl_user = \"U2\" }";
    let steps = logon(1, "ACL", "outcome = \"fail\", message = \"TPXL0926\"")
        + &step(2, "logon", "users = [\"U2\"], sessions = [\"ACL\"]", "outcome = \"ok\"");
    as_expected(&drill(&consumer("tpx", "", sessions), &steps));
}

#[test]
fn tpx_falls_back_to_the_password_if_it_is_told_to() {
    let steps = logon(1, "LOST", "outcome = \"ok\", matches = \"signed on to LOST with the password\"");
    let (_, text) = as_expected(&drill(&consumer("tpx", "fallback = \"password\"", LOST), &steps));
    assert!(text.contains("Session LOST ended - Pass Ticket gen failed"), "{text}");
    let steps = logon(1, "LOST", "outcome = \"fail\", saf = \"8/16/28\"");
    as_expected(&drill(&consumer("tpx", "", LOST), &steps));
}

/// The whole connection is three tickets: they are one ticket in one second, unless it may be used again.
#[test]
fn rse_uses_a_ticket_several_times_in_a_second() {
    let steps = logon(1, "IMS", "outcome = \"fail\", saf = \"8/8/20\", message = \"action 1 failed\"")
        + &step(
            2,
            "racf",
            "commands = [\"RALTER PTKTDATA IMSP1 APPLDATA('NO REPLAY PROTECTION')\", \"SETROPTS RACLIST(PTKTDATA) REFRESH\"]",
            "",
        )
        + &logon(3, "IMS", "outcome = \"ok\", matches = \"client 2 connected\"")
        + &logon(4, "LOST", "outcome = \"fail\", message = \"SafRc=8, racfRc=16 racfRsn=28\"")
        + &step(
            5,
            "display",
            "command = \"F X,APPL=IVP PASSTICKET,U1\", sites = [\"A\"]",
            "matches = \"success: legacy\"",
        )
        + &step(6, "display", "command = \"F X,APPL=IVP DAEMON\", sites = [\"A\"]", "matches = \"3 clients\"");
    as_expected(&drill(&consumer("rse", "", &format!("{IMS}, {LOST}")), &steps));
}

/// RSE makes the tickets, and JES Job Monitor checks those of the actions: both have to have one APPLID.
#[test]
fn jes_job_monitor_checks_the_tickets_that_rse_makes() {
    let rse = |applid: &str| {
        let session = format!("{{ name = \"IMS\", applid = \"IMSP1\", evaluated_as = \"{applid}\" }}");
        consumer("rse", "", &session)
    };
    let reuse = step(
        1,
        "racf",
        "commands = [\"RALTER PTKTDATA (IMSP1 TSOPRD1) APPLDATA('NO REPLAY PROTECTION')\", \"SETROPTS RACLIST(PTKTDATA) REFRESH\"]",
        "",
    );
    as_expected(&drill(&rse("IMSP1"), &(reuse.clone() + &logon(2, "IMS", "outcome = \"ok\""))));
    let other = "outcome = \"fail\", saf = \"8/8/20\", \
                 message = \"action 1 failed: JES Job Monitor, APPLID TSOPRD1, refused the PassTicket\"";
    let steps = reuse
        + &logon(2, "IMS", other)
        + &step(3, "display", "command = \"F X,APPL=IVP PASSTICKET,U1\", sites = [\"A\"]", "matches = \"success\"")
        + &step(
            4,
            "display",
            "command = \"F X,APPL=IVP DAEMON\", sites = [\"A\"]",
            "matches = \"port 6715, 1 clients\"",
        );
    let (_, text) = as_expected(&drill(&rse("TSOPRD1"), &steps));
    assert!(text.contains("X: client 1 connected"), "the environment was made, and the client came back: {text}");
}

#[test]
fn zowe_answers_as_http_and_hides_the_cause() {
    let steps = logon(1, "IMS", "outcome = \"ok\"")
        + &logon(
            2,
            "LOST",
            "outcome = \"fail\", message = \"HTTP 400\", matches = \"ZWEAG141E The generation of the PassTicket failed. Reason: SAF rc: 8, RACF rc: 16, RACF rsn: 28\"",
        )
        + &step(3, "class.deactivate", "class = \"PTKTDATA\"", "")
        + &logon(4, "IMS", "outcome = \"fail\", saf = \"8/8/16\", message = \"HTTP 500\"")
        + &step(5, "display", "command = \"F X,POST\", sites = [\"A\"]", "matches = \"HTTP 400 ZWEAG140E\"");
    as_expected(&drill(&consumer("zowe", "", &format!("{IMS}, {LOST}")), &steps));
}

#[test]
fn dcas_answers_rc1_251_and_the_ticket_is_where_the_record_has_it() {
    let steps = logon(1, "IMS", "outcome = \"ok\"")
        + &logon(2, "LOST", "outcome = \"fail\", saf = \"8/16/28\", message = \"RC1=251\"");
    as_expected(&drill(&consumer("dcas", "", &format!("{IMS}, {LOST}")), &steps));
}

#[test]
fn cics_answers_resp_and_resp2() {
    let steps = logon(1, "IMS", "outcome = \"ok\"")
        + &logon(2, "LOST", "outcome = \"fail\", message = \"NOTAUTH RESP2=250 ESMRESP=16 ESMREASON=28\"");
    as_expected(&drill(&consumer("cics", "", &format!("{IMS}, {LOST}")), &steps));
}

#[test]
fn generic_programs_differ_in_rate_reuse_and_who_checks() {
    for (extra, expect) in [
        ("rate = 3", "outcome = \"fail\", saf = \"8/8/20\", message = \"sign-on 2 of 3 failed\""),
        ("rate = 3\nreuse = \"yes\"", "outcome = \"fail\", saf = \"8/8/20\", message = \"sign-on 2 of 3 failed\""),
        ("rate = 2\nevaluates = \"service\"", "outcome = \"fail\", saf = \"8/16/32\""),
        ("rate = 1\nevaluates = \"service\"", "outcome = \"ok\""),
    ] {
        as_expected(&drill(&consumer("generic", extra, IMS), &logon(1, "IMS", expect)));
    }
}

/// The application name follows the SMF ID where the drill says so.
#[test]
fn names_follow_the_smf_id() {
    let sessions = "{ name = \"TSO\", applid = \"TSO\", ptkt_profile = \"TSO&SMFID\" }";
    let steps = logon(1, "TSO", "outcome = \"ok\"")
        + &step(2, "smfid.set", "smfid = \"DRX1\"", "")
        + &logon(3, "TSO", "outcome = \"fail\", saf = \"8/16/28\"")
        + &step(4, "display", "command = \"D SMF,O\", sites = [\"A\"]", "matches = \"DRX1\"");
    as_expected(&drill(&consumer("tpx", "", sessions), &steps));
}

/// A consumer of the site's own: it counts, and signs nobody on whose turn it is not.
#[derive(Debug)]
struct EverySecond(u32);

impl Consumer for EverySecond {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        self.0 += 1;
        let mut logon = Logon::begun(asked);
        logon.lines.push(format!("number {} on {}", self.0, place.here.names().smfid));
        if self.0.is_multiple_of(2) {
            let cause = softicsf::Cause::new("every second one waits");
            return logon.failed(icsf_drill::consumer::Failure::because(cause));
        }
        let signed_on = place.generate("STC".parse().unwrap(), asked).and_then(|ticket| {
            logon.keep(&ticket);
            place.present(asked, &Credential::from(&ticket))
        });
        match signed_on {
            Ok(by) => logon.signed_on(by),
            Err(failure) => logon.failed(failure),
        }
    }

    fn restart(&mut self) {
        self.0 = 0;
    }
}

#[test]
fn a_site_can_add_a_consumer_of_its_own() {
    let steps = logon(1, "IMS", "outcome = \"ok\", matches = \"number 1 on PRD1\"")
        + &logon(2, "IMS", "outcome = \"fail\"")
        + &step(3, "consumer.restart", "consumer = \"X\"", "")
        + &logon(4, "IMS", "outcome = \"ok\", matches = \"number 1\"");
    let text = drill(&consumer("every-second", "", IMS), &steps);
    let reader = Reader::default().consumer("every-second", Arc::new(|_| Box::new(EverySecond(0))));
    let run = run(&reader.read("own.toml", &text).unwrap_or_else(|error| panic!("{error}"))).unwrap();
    assert_eq!(run.exit_status(), 0, "{}", report::text(&run));
    let unknown = icsf_drill::Drill::read("own.toml", &text).unwrap_err().to_string();
    assert!(unknown.contains("there is no kind of consumer \"every-second\""), "{unknown}");
}

/// A consumer that does nothing.
#[derive(Debug)]
struct Idle;

impl Consumer for Idle {
    fn sign_on(&mut self, _: &Place<'_>, asked: &Asked<'_>) -> Logon {
        Logon::begun(asked)
    }
}

#[test]
fn a_consumer_that_says_nothing_signed_nobody_on() {
    let text = drill(&consumer("idle", "", IMS), &logon(1, "IMS", "outcome = \"fail\""));
    let reader = Reader::default().consumer("idle", Arc::new(|_| Box::new(Idle)));
    let run = run(&reader.read("own.toml", &text).unwrap()).unwrap();
    let text = report::text(&run);
    assert_eq!(run.exit_status(), 0, "{text}");
    assert!(!text.contains("signed on to IMS"), "{text}");
}

/// What a sign-on leaves shows no ticket, though it holds it.
#[derive(Debug)]
struct Careless;

impl Consumer for Careless {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        let mut logon = Logon::begun(asked);
        let application = asked.session.application.on(place.here).unwrap();
        let request = softicsf::Request::new(asked.user, application);
        let ticket = place.here.generate(&softicsf::Caller::user("STC".parse().unwrap()), &request).unwrap();
        logon.keep(&ticket);
        assert!(!format!("{logon:?}{place:?}{asked:?}").contains(ticket.expose()));
        // This is what must not happen, and is found out.
        logon.lines.push(format!("the ticket is {}", ticket.expose()));
        logon
    }
}

#[test]
fn a_consumer_that_shows_a_ticket_has_its_report_withheld() {
    let text = drill(&consumer("careless", "", IMS), &logon(1, "IMS", "outcome = \"ok\""));
    let reader = Reader::default().consumer("careless", Arc::new(|_| Box::new(Careless)));
    assert!(matches!(run(&reader.read("own.toml", &text).unwrap()), Err(icsf_drill::Error::Leak)));
}
