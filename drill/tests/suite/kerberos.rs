//! Kerberos in drills: tickets live until they end, keytabs go on, and mistakes are told where they stand.

use icsf_drill::gallery::GALLERY;
use icsf_drill::{CardKind, Drill, Error, Report, report, run};

use crate::support::{SMALL, ran, ran_on};

/// [`SMALL`] with a realm, a principal, and a server of each sort.
fn with_realm(steps: &str) -> String {
    let realm = "[realm]\nname = \"EXAMPLE.COM\"\nmax_life = \"1h\"\n\n\
                 [[service]]\nprincipal = \"HTTP/zos\"\nkey = \"keytab\"\n\n\
                 [[service]]\nprincipal = \"ftp/zos\"\nkey = \"ckds\"\n\n[racf]";
    let text = SMALL.replace("[racf]", realm);
    format!(
        "{}\n{steps}",
        text.replace("password = \"@secret:pw\"", "password = \"@secret:pw\"\nprincipal = \"david\"")
    )
}

fn step(minutes: u32, action: &str, with: &str, expect: &str) -> String {
    format!(
        "[[step]]\nid = \"s{minutes}\"\nat = \"+{minutes}m\"\nsite = \"A\"\ndo = \"{action}\"\nwith = {{ {with} }}\n{}\n",
        if expect.is_empty() { String::new() } else { format!("expect = {{ {expect} }}") }
    )
}

const U1: &str = "users = [\"U1\"]";
const HTTP: &str = "users = [\"U1\"], service = \"HTTP/zos\"";
const FTP: &str = "users = [\"U1\"], service = \"ftp/zos\"";

fn exhibit() -> &'static str {
    GALLERY.iter().find(|drill| drill.name == "kerberos-and-passtickets").unwrap().text
}

#[test]
fn the_drill_of_the_gallery_comes_as_expected_on_both_engines() {
    for kind in [CardKind::Software, CardKind::Pkcs11] {
        let (run, text) = ran_on(kind, exhibit());
        assert_eq!(run.exit_status(), 0, "{text}");
        for line in [
            "SARAH: ticket-granting ticket failed, SAF none, Kerberos 29",
            "SARAH: ticket-granting ticket failed, SAF 8/12/16",
            "DAVID: acceptance is good, the ticket lives 60 s",
            "DAVID: acceptance failed, SAF none, Kerberos 32",
            "SARAH signed on to HTTP with a Kerberos ticket",
            "SIC4006 RSED: the client was refused at port 4035, SAF none, Kerberos 29",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}

#[test]
fn tickets_in_hand_live_until_they_end_and_no_longer() {
    let (run, text) = ran(&with_realm(
        &[
            step(1, "krb.init", U1, "outcome = \"ok\", matches = \"lives 3600 s\""),
            step(2, "krb.ticket", HTTP, "outcome = \"ok\", matches = \"lives 3540 s\""),
            step(3, "krb.ticket", FTP, "outcome = \"ok\""),
            step(4, "engine.detach", "", ""),
            step(5, "krb.accept", HTTP, "outcome = \"ok\""),
            step(6, "krb.accept", FTP, "outcome = \"fail\", code = 29, icsf = \"0C/0000\", service = \"CSNBDKG2\""),
            step(7, "krb.init", U1, "outcome = \"fail\", code = 29"),
            // Five minutes of skew are let through after the end.
            step(65, "krb.accept", HTTP, "outcome = \"ok\""),
            step(67, "krb.accept", HTTP, "outcome = \"fail\", code = 32"),
            step(68, "engine.attach", "", ""),
            // The ticket-granting ticket has ended, too.
            step(69, "krb.ticket", FTP, "outcome = \"fail\", code = 32"),
            step(70, "krb.init", U1, "outcome = \"ok\""),
            // A new ticket-granting ticket brings no tickets for servers.
            step(71, "krb.accept", FTP, "outcome = \"fail\""),
            step(72, "krb.ticket", FTP, "outcome = \"ok\""),
            step(73, "krb.accept", FTP, "outcome = \"ok\""),
        ]
        .concat(),
    ));
    assert_eq!(run.exit_status(), 0, "{text}");
}

#[test]
fn the_operator_stops_and_starts_the_task_and_a_clock_that_is_off_is_told_apart() {
    let (run, text) = ran(&with_realm(
        &[
            step(1, "krb.init", U1, "outcome = \"ok\""),
            step(2, "krb.ticket", HTTP, "outcome = \"ok\""),
            step(3, "krb.ticket", FTP, "outcome = \"ok\""),
            step(4, "krb.stop", "", ""),
            step(5, "krb.init", U1, "outcome = \"fail\", saf = \"8/12/16\""),
            step(6, "krb.ticket", FTP, "outcome = \"fail\", saf = \"8/12/16\""),
            step(7, "krb.accept", FTP, "outcome = \"fail\", saf = \"8/12/16\""),
            step(8, "krb.accept", HTTP, "outcome = \"ok\""),
            step(9, "krb.start", "", ""),
            step(10, "krb.accept", FTP, "outcome = \"ok\""),
            step(11, "clock.skew", "by = \"-6m\"", ""),
            step(12, "krb.init", U1, "outcome = \"fail\", code = 37"),
            step(13, "krb.accept", HTTP, "outcome = \"fail\", code = 37"),
            step(14, "clock.skew", "by = \"+0s\"", ""),
            step(15, "krb.init", U1, "outcome = \"ok\""),
        ]
        .concat(),
    ));
    assert_eq!(run.exit_status(), 0, "{text}");
}

/// A recovery site without card: the server brings its keytab along, users their tickets.
#[test]
fn keytabs_and_tickets_come_along_to_the_recovery_site() {
    let at_b =
        |minutes, action, with: &str, expect: &str| step(minutes, action, with, expect).replace("\"A\"", "\"B\"");
    let (run, text) = ran(&with_realm(
        &[
            step(1, "krb.init", U1, "outcome = \"ok\""),
            step(2, "krb.ticket", HTTP, "outcome = \"ok\""),
            "[[step]]\nid = \"move\"\nat = \"+3m\"\ndo = \"failover\"\nwith = { from = \"A\", to = \"B\" }\n"
                .to_owned(),
            at_b(4, "krb.accept", HTTP, "outcome = \"ok\""),
            at_b(5, "krb.ticket", FTP, "outcome = \"fail\", code = 29"),
        ]
        .concat(),
    ));
    assert_eq!(run.exit_status(), 0, "{text}");
}

#[test]
fn the_report_tells_where_the_keys_of_servers_lie_and_what_helps() {
    let drill = Drill::read("k", exhibit()).unwrap();
    let run = run(&drill).unwrap();
    let value = Report::of(&run).value();
    let rows = value["dependencies"].as_array().unwrap();
    let of = |name: &str, protection: &str| {
        rows.iter().find(|row| row["application"] == name && row["protection"] == protection).unwrap()
    };
    assert_eq!(of("FTP", "kerberos")["needs_engine"], true);
    assert_eq!(of("HTTP", "keytab")["needs_engine"], false);
    assert_eq!(of("RSE", "keytab")["profile"], "host/zos.example.com");
    assert_eq!(of("RSE", "masked")["profile"], "FEKAPPL");
    assert_eq!(of("FTP", "kerberos")["clock_tolerance"], 300);
    let text = report::text(&run);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["service ftp/zos.example.com, Kerberos, in the CKDS", "give the server a keytab", "START SKRBKDC"] {
        assert!(words.contains(part), "{part}\n{text}");
    }
    // Session keys, tickets, and the keys in keytabs are searched for.
    assert!(value["evidence"]["searched"].as_u64().unwrap() > 60, "{}", value["evidence"]["searched"]);
}

#[test]
fn the_same_drill_gives_the_same_report() {
    let (_, first) = ran(exhibit());
    assert_eq!(ran(exhibit()).1, first);
}

#[test]
fn mistakes_are_told_where_they_stand() {
    let good = with_realm(&step(1, "krb.ticket", HTTP, "outcome = \"ok\""));
    icsf_drill::check(&Drill::read("test.toml", &good).unwrap()).unwrap();
    for (was, is, part) in [
        ("service = \"HTTP/zos\" }", "service = \"HTTP/zoss\" }", "HTTP/zos?"),
        ("[realm]\nname", "[relm]\nname", "realm"),
        ("principal = \"david\"", "principal = \"da@vid\"", "is no principal"),
        ("principal = \"david\"", "principal = \"HTTP/zos\"", "is there twice"),
        ("principal = \"david\"", "name = \"D\"", "has no principal"),
        ("password = \"@secret:pw\"\n", "", "made from a password"),
        ("key = \"ckds\"", "key = \"cdks\"", "unknown variant `cdks`"),
        ("name = \"EXAMPLE.COM\"", "name = \"EXAMPLE/COM\"", "is no name of a realm"),
        ("outcome = \"ok\" }\n", "outcome = \"ok\", code = 29 }\n", "code cannot come with it"),
        ("outcome = \"ok\" }\n", "code = 4711 }\n", "4711 is never answered"),
        ("kind    = \"tpx\"", "kind    = \"tpx\"\ncredential = \"kerberos\"", "takes no Kerberos tickets"),
        ("kind    = \"tpx\"", "kind    = \"generic\"\ncredential = \"kerberos\"", "says no service"),
        ("applid = \"IMSP1\"", "applid = \"IMSP1\", service = \"ftp/zos\"", "nobody shows a Kerberos ticket"),
    ] {
        assert!(good.contains(was), "{was}");
        let at = good.rfind(was).unwrap();
        let text = format!("{}{is}{}", &good[..at], &good[at + was.len()..]);
        let error = match Drill::read("test.toml", &text) {
            Err(error) => error,
            Ok(drill) => icsf_drill::check(&drill).expect_err(is),
        };
        assert!(error.to_string().contains(part), "{is}: {error}");
        let Error::File(all) = error else { panic!("{is}") };
        assert!(all.iter().all(|mistake| mistake.position().is_some()), "{is}: {all:?}");
    }
}
