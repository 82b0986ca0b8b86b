//! The services with the parameters of the real ones: what each answers, and when.

use std::sync::Arc;

use icsf_core::journal::{Outcome, What};
use icsf_saf::codes::{Code, TABLE};
use icsf_saf::principals::{NewKeys, PrincipalSettings};
use icsf_saf::services::{Gensec, Registers, StringBlock, Ticketserv};
use icsf_saf::smf::irradu00;
use icsf_saf::{Caller, Error};

use crate::support::{DES_KEY, Site, admin, caller, refused, request, run};

/// EBCDIC of capital letters and digits.
fn ebcdic(text: &str) -> Vec<u8> {
    let code = |c: u8| match c {
        b'A'..=b'I' => 0xc1 + (c - b'A'),
        b'J'..=b'R' => 0xd1 + (c - b'J'),
        b'S'..=b'Z' => 0xe2 + (c - b'S'),
        b'0'..=b'9' => 0xf0 + (c - b'0'),
        _ => 0x40,
    };
    text.bytes().map(code).collect()
}

/// A string behind a halfword with its length.
fn prefixed(text: &str) -> Vec<u8> {
    [u16::try_from(text.len()).unwrap().to_be_bytes().to_vec(), ebcdic(text)].concat()
}

fn site() -> Site {
    let site = Site::new();
    site.run(&[
        &format!("RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYMASKED({DES_KEY}))"),
        "RDEFINE PTKTDATA TSOPRD1.U1 SSIGNON(KEYMASKED(0123456789ABCDEF))",
        "RDEFINE PTKTDATA NOKEY",
        "RDEFINE PTKTDATA LOST SSIGNON(KEYLABEL(LOST.KEY))",
    ]);
    site
}

struct Call {
    function_code: u16,
    option_word: u32,
    ticket: Vec<u8>,
    ticket_options: u32,
    identity: Vec<u8>,
    application: Vec<u8>,
    high_order_bit: bool,
}

impl Call {
    fn new(user: &str, application: &str) -> Self {
        Self {
            function_code: 3,
            option_word: 0,
            ticket: [vec![0, 8], vec![0; 8]].concat(),
            ticket_options: 1,
            identity: prefixed(user),
            application: prefixed(application),
            high_order_bit: true,
        }
    }

    fn ticketserv(&mut self, site: &Site, caller: &Caller) -> Result<(), Error> {
        let mut call = Ticketserv {
            function_code: self.function_code,
            option_word: self.option_word,
            ticket: &mut self.ticket,
            ticket_options: self.ticket_options,
            identity: &mut self.identity,
            application: &self.application,
            high_order_bit: self.high_order_bit,
        };
        site.saf.r_ticketserv(caller, &mut call)
    }
}

#[test]
fn r_ticketserv_makes_a_ticket_and_checks_it_once() {
    let site = site();
    let mut call = Call::new("U1", "TSOPRD1");
    call.ticketserv(&site, &admin()).unwrap();
    let expected = site.saf.generate(&admin(), &request("U1", "TSOPRD1")).unwrap();
    assert_eq!(call.ticket[2..], ebcdic(expected.expose()));
    call.ticket_options = 2;
    call.ticketserv(&site, &admin()).unwrap();
    refused(call.ticketserv(&site, &admin()), Code::EvaluationReplayed, "8/16/32");
    call.ticket[2..].copy_from_slice(&[0x40; 8]);
    refused(call.ticketserv(&site, &admin()), Code::EvaluationNotValid, "8/16/32");
}

#[test]
fn r_ticketserv_says_what_is_wrong_with_its_parameters_and_changes_nothing() {
    let site = site();
    type Spoil = fn(&mut Call);
    let spoilt: [(Spoil, Code, &str); 12] = [
        (|call| call.high_order_bit = false, Code::HighOrderBit, "8/8/20"),
        (|call| call.option_word = 1, Code::BadFunction, "8/8/0"),
        (|call| call.function_code = 0, Code::BadFunction, "8/8/0"),
        (|call| call.function_code = 2, Code::BadFunction, "8/8/0"),
        (|call| call.ticket_options = 3, Code::ParameterList, "8/8/4"),
        (|call| call.ticket = vec![0, 7, 0, 0, 0, 0, 0, 0, 0], Code::ParameterList, "8/8/4"),
        (|call| call.ticket.truncate(9), Code::ParameterList, "8/8/4"),
        (|call| call.identity[1] = 9, Code::ParameterList, "8/8/4"),
        (|call| call.identity = prefixed("NINELONGG"), Code::ParameterList, "8/8/4"),
        (|call| call.identity = vec![0, 0], Code::ParameterList, "8/8/4"),
        (|call| call.application = vec![0], Code::ParameterList, "8/8/4"),
        (|call| call.application = prefixed("A B"), Code::ParameterList, "8/8/4"),
    ];
    for (spoil, code, triple) in spoilt {
        let mut call = Call::new("U1", "TSOPRD1");
        spoil(&mut call);
        let before = call.ticket.clone();
        refused(call.ticketserv(&site, &admin()), code, triple);
        assert_eq!(call.ticket, before);
    }
    // Blanks at the end of a string are none of it.
    let mut call = Call::new("U1      ", "TSOPRD1 ");
    call.ticketserv(&site, &admin()).unwrap();
}

fn gensec(
    site: &Site,
    caller: &Caller,
    (function_code, subfunction): (u16, u32),
    ticket: &mut Vec<u8>,
    application: &str,
) -> Result<u32, Error> {
    let (mut user, mut application) = (ebcdic("U1"), ebcdic(application));
    let block = |bytes: &mut Vec<u8>| u32::try_from(bytes.len()).unwrap();
    let lengths = (block(&mut user), block(&mut application), block(ticket));
    let mut call = Gensec {
        option_word: 0,
        function_code,
        parameter_count: 4,
        subfunction,
        ticket: StringBlock { length: lengths.2, bytes: ticket },
        user: StringBlock { length: lengths.0, bytes: &mut user },
        application: StringBlock { length: lengths.1, bytes: &mut application },
    };
    site.saf.r_gensec(caller, &mut call).map(|()| call.ticket.length)
}

#[test]
fn r_gensec_makes_and_checks_and_its_extended_functions_say_more() {
    let site = site();
    let mut ticket = vec![0; 8];
    assert_eq!(gensec(&site, &admin(), (3, 1), &mut ticket, "TSOPRD1").unwrap(), 8);
    gensec(&site, &admin(), (3, 2), &mut ticket, "TSOPRD1").unwrap();
    refused(gensec(&site, &admin(), (3, 2), &mut ticket, "TSOPRD1"), Code::EvaluationReplayed, "8/16/32");
    refused(gensec(&site, &admin(), (3, 3), &mut ticket, "TSOPRD1"), Code::EvaluationReplayed, "8/16/5");
    refused(gensec(&site, &admin(), (3, 3), &mut vec![0xc1; 8], "TSOPRD1"), Code::EvaluationNotValid, "8/16/4");
    site.clock.advance(1);
    gensec(&site, &admin(), (3, 4), &mut ticket, "TSOPRD1").unwrap();
    gensec(&site, &admin(), (3, 3), &mut ticket, "TSOPRD1").unwrap();
    for (application, code, plain, extended) in [
        ("ABSENT", Code::GenerationNoProfile, "8/16/28", "8/16/1"),
        ("NOKEY", Code::GenerationNoKey, "8/16/28", "8/16/2"),
        // ICSF's own pair: 8 and 10012.
        ("LOST", Code::GenerationKey, "8/16/28", "8/16/X'08271C'"),
    ] {
        refused(gensec(&site, &admin(), (3, 1), &mut ticket, application), code, plain);
        refused(gensec(&site, &admin(), (3, 4), &mut ticket, application), code, extended);
    }
    // Who may not is told no more by the extended functions.
    run(&site.saf, "RDELETE PTKTDATA IRRPTAUTH.**");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    refused(gensec(&site, &admin(), (3, 4), &mut ticket, "TSOPRD1"), Code::NotAuthorized, "8/8/16");
}

#[test]
fn an_engine_that_is_missing_reads_0c0000_where_a_reason_is_asked_for() {
    let site = site();
    site.run(&["RDEFINE PTKTDATA CICSP1 SSIGNON(KEYENCRYPTED(0123456789ABCDEF))"]);
    drop(site.slot.remove());
    let mut ticket = vec![0; 8];
    refused(gensec(&site, &admin(), (3, 1), &mut ticket, "CICSP1"), Code::GenerationKey, "8/16/28");
    let error = gensec(&site, &admin(), (3, 4), &mut ticket, "CICSP1").unwrap_err();
    assert_eq!(format!("{:06X}", error.triple().reason), "0C0000");
    let registers = site.saf.rcvtptgn(&"U1".parse().unwrap(), &"CICSP1".parse().unwrap());
    assert_eq!((registers.r15, registers.r0(), registers.r1()), (8, 0x0c_0000, 0));
}

#[test]
fn r_gensec_says_what_is_wrong_with_its_parameters() {
    let site = site();
    let mut ticket = vec![0; 8];
    refused(gensec(&site, &admin(), (0, 1), &mut ticket, "TSOPRD1"), Code::BadFunction, "8/8/0");
    refused(gensec(&site, &admin(), (3, 0), &mut ticket, "TSOPRD1"), Code::BadFunction, "8/8/0");
    refused(gensec(&site, &admin(), (3, 5), &mut ticket, "TSOPRD1"), Code::BadFunction, "8/8/0");
    refused(gensec(&site, &admin(), (3, 1), &mut vec![0; 7], "TSOPRD1"), Code::ParameterList, "8/8/4");
    refused(gensec(&site, &admin(), (3, 2), &mut vec![0; 9], "TSOPRD1"), Code::ParameterList, "8/8/4");
    refused(gensec(&site, &admin(), (3, 1), &mut ticket, "NINELONGG"), Code::ParameterList, "8/8/4");
    let mut call = |option_word, parameter_count, length| {
        let (mut user, mut application) = (ebcdic("U1"), ebcdic("TSOPRD1"));
        let mut call = Gensec {
            option_word,
            function_code: 3,
            parameter_count,
            subfunction: 1,
            ticket: StringBlock { length: 8, bytes: &mut ticket },
            user: StringBlock { length, bytes: &mut user },
            application: StringBlock { length: 7, bytes: &mut application },
        };
        site.saf.r_gensec(&admin(), &mut call)
    };
    refused(call(1, 4, 2), Code::BadFunction, "8/8/0");
    refused(call(0, 3, 2), Code::ParameterList, "8/8/4");
    refused(call(0, 4, u32::MAX), Code::ParameterList, "8/8/4");
    call(0, 4, 2).unwrap();
}

#[test]
fn the_kerberos_functions_are_guarded_and_there_is_no_kerberos_task() {
    let site = site();
    let mut ticket = vec![0; 8];
    let mut parse = Call { function_code: 1, ..Call::new("U1", "TSOPRD1") };
    // The class is not active, then there is no profile, then it gives nothing.
    for command in ["SETROPTS LIST", "SETROPTS CLASSACT(FACILITY)", "RDEFINE FACILITY (IRR.RTICKETSERV IRR.GSSERV)"] {
        run(&site.saf, command);
        refused(parse.ticketserv(&site, &caller("NASSTC")), Code::KerberosNotAuthorized, "8/8/16");
        for function in [1, 2] {
            let answer = gensec(&site, &caller("NASSTC"), (function, 1), &mut ticket, "TSOPRD1");
            refused(answer, Code::KerberosNotAuthorized, "8/8/16");
        }
    }
    run(&site.saf, "PERMIT IRR.RTICKETSERV CLASS(FACILITY) ID(NASSTC)");
    refused(parse.ticketserv(&site, &caller("NASSTC")), Code::KerberosNotStarted, "8/12/16");
    let nas = caller("NASSTC");
    refused(gensec(&site, &nas, (1, 1), &mut ticket, "TSOPRD1"), Code::KerberosNotStarted, "8/12/16");
    refused(gensec(&site, &nas, (2, 1), &mut ticket, "TSOPRD1"), Code::KerberosNotAuthorized, "8/8/16");
    run(&site.saf, "PERMIT IRR.GSSERV CLASS(FACILITY) ID(NASSTC)");
    refused(gensec(&site, &nas, (2, 1), &mut ticket, "TSOPRD1"), Code::KerberosNotStarted, "8/12/16");
}

#[test]
fn the_generator_of_authorized_programs_asks_no_permission_and_knows_the_plain_profile_only() {
    let site = site();
    run(&site.saf, "RDELETE PTKTDATA IRRPTAUTH.**");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let generate = |application: &str| site.saf.rcvtptgn(&"U1".parse().unwrap(), &application.parse().unwrap());
    let made = |registers: &Registers| {
        let words = [registers.r0().to_be_bytes(), registers.r1().to_be_bytes()].concat();
        (registers.r15, words)
    };
    let registers = generate("TSOPRD1");
    // The profile TSOPRD1.U1 has another key, and would be taken if it were looked at.
    run(&site.saf, "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let plain = site.saf.generate(&admin(), &request("U1", "TSOPRD1")).unwrap();
    assert_eq!(made(&registers), (0, ebcdic(plain.expose())));
    assert!(registers.error().is_none());
    assert!(!format!("{registers:?}").contains(&registers.r0().to_string()));
    let registers = generate("ABSENT");
    assert_eq!(made(&registers), (8, vec![0, 0, 0, 1, 0, 0, 0, 0]));
    assert_eq!(registers.error().unwrap().code(), Code::GenerationNoProfile);
    run(&site.saf, "SETROPTS NOCLASSACT(PTKTDATA)");
    assert_eq!(made(&generate("TSOPRD1")), (8, vec![0, 0, 0, 16, 0, 0, 0, 0]));
}

/// A realm with a user and a service, and NASSTC, who may use the Kerberos functions.
fn kerberos_site() -> Site {
    let site = Site::new();
    for command in [
        "SETROPTS CLASSACT(FACILITY)",
        "RDEFINE FACILITY (IRR.RTICKETSERV IRR.GSSERV)",
        "PERMIT IRR.RTICKETSERV CLASS(FACILITY) ID(NASSTC)",
        "PERMIT IRR.GSSERV CLASS(FACILITY) ID(NASSTC)",
        "RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM) PASSWORD(REALMPW))",
        "ADDUSER DAVID PASSWORD(DAVIDPW) KERB(KERBNAME('david'))",
        "ADDUSER NASSTC PASSWORD(NASPW) KERB(KERBNAME('nas'))",
    ] {
        run(&site.saf, command);
    }
    let service = "host/boston".parse().unwrap();
    site.saf.add_principal(&admin(), &service, NewKeys::Random, &PrincipalSettings::default()).unwrap();
    site
}

/// A token as the tests have it, behind a halfword.
fn with_length(token: &str) -> Vec<u8> {
    [&u16::try_from(token.len()).unwrap().to_be_bytes(), token.as_bytes()].concat()
}

fn parse(site: &Site, token: &str, room: usize) -> Result<Vec<u8>, Error> {
    let mut call =
        Call { function_code: 1, ticket: with_length(token), identity: vec![0; room], ..Call::new("U1", "TSOPRD1") };
    call.ticketserv(site, &caller("NASSTC")).map(|()| call.identity)
}

#[test]
fn a_token_is_parsed_to_its_principal() {
    let site = kerberos_site();
    let token = "david@EXAMPLE.COM host/boston";
    let area = parse(&site, token, 242).unwrap();
    assert_eq!(area[..2], [0, 22]);
    // /.../EXAMPLE.COM/david in code page 1047.
    let david = b"\x61\x4b\x4b\x4b\x61\xc5\xe7\xc1\xd4\xd7\xd3\xc5\x4b\xc3\xd6\xd4\x61\x84\x81\xa5\x89\x84";
    assert_eq!(area[2..2 + david.len()], david[..]);
    assert!(parse(&site, token, 24).is_ok());
    for room in [0, 1, 2, 23] {
        refused(parse(&site, token, room), Code::KerberosArea, "8/12/8");
    }
    assert!(parse(&site, "david@EXAMPLE.COM nas", 242).is_ok(), "the caller's own principal");
    for server in ["krbtgt/EXAMPLE.COM", "kadmin/changepw", "david"] {
        let answer = parse(&site, &format!("david@EXAMPLE.COM {server}"), 242);
        refused(answer, Code::KerberosRefused, "8/16/X'96C73A23'");
    }
    refused(parse(&site, "nonsense", 242), Code::KerberosRefused, "8/16/X'96C73A28'");
    let mut call = Call { function_code: 1, ticket: vec![0, 9, 1], ..Call::new("U1", "TSOPRD1") };
    refused(call.ticketserv(&site, &caller("NASSTC")), Code::ParameterList, "8/8/4");

    site.saf.icsf().run_kerberos(false).unwrap();
    refused(parse(&site, token, 242), Code::KerberosNotStarted, "8/12/16");
    site.saf.icsf().run_kerberos(true).unwrap();
    site.slot.remove();
    let error = parse(&site, token, 242).unwrap_err();
    assert_eq!(error.triple().to_string(), "8/16/X'96C73A1D'");
    assert!(error.cause().to_string().contains("12/0"), "{}", error.cause());
    site.slot.insert(Arc::clone(&site.faulty) as Arc<_>);
    assert!(parse(&site, token, 242).is_ok());
}

#[test]
fn r_gensec_accepts_a_context_and_answers_the_client() {
    let site = kerberos_site();
    let call = |function_code, subfunction, token: &str, room: usize| {
        let (mut bytes, mut name, mut none) = (token.as_bytes().to_vec(), vec![0; room], []);
        let length = u32::try_from(bytes.len()).unwrap();
        let mut call = Gensec {
            option_word: 0,
            function_code,
            parameter_count: 4,
            subfunction,
            ticket: StringBlock { length, bytes: &mut bytes },
            user: StringBlock { length: 0, bytes: &mut name },
            application: StringBlock { length: 0, bytes: &mut none },
        };
        let done = site.saf.r_gensec(&caller("NASSTC"), &mut call);
        let lengths = (call.ticket.length, call.user.length);
        done.map(|()| (bytes, lengths))
    };
    let token = "david@EXAMPLE.COM host/boston";
    let length = u32::try_from(token.len()).unwrap();
    assert_eq!(call(1, 0, token, 240).unwrap(), (token.as_bytes().to_vec(), (length, 22)));
    let (bytes, lengths) = call(2, 1, token, 240).unwrap();
    assert_eq!((&bytes[..5], lengths), (&b"reply"[..], (5, 22)));
    refused(call(2, 2, token, 240), Code::BadFunction, "8/8/0");
    refused(call(2, 1, token, 21), Code::KerberosArea, "8/12/8");
}

#[test]
fn a_kerberos_client_is_signed_on() {
    let site = kerberos_site();
    let sign_on = |client: &str, server: &str| {
        let token = format!("{client} {server}");
        let server = "host/boston".parse().unwrap();
        site.saf.sign_on_kerberos(&server, "TSOPRD1".parse().unwrap(), token.as_bytes()).map(|(user, _)| user)
    };
    let david = || sign_on("david@EXAMPLE.COM", "host/boston");
    assert_eq!(david().unwrap().to_string(), "DAVID");
    let told = || site.journal.events().last().unwrap().clone();
    let event = told();
    assert_eq!((event.event, event.outcome, event.by.as_deref()), (What::SignOn, Outcome::Ok, Some("kerberos")));
    assert_eq!((event.user.as_deref(), event.application.as_deref()), (Some("DAVID"), Some("TSOPRD1")));
    let row = irradu00(&event, "PRD1").unwrap();
    assert_eq!((row[9..10].to_owned(), row[58..63].to_owned()), ("0".to_owned(), "DAVID".to_owned()));
    assert!(!row.contains("YES"), "no PassTicket: {row}");
    refused(sign_on("david@EXAMPLE.COM", "nas"), Code::KerberosRefused, "8/16/X'96C73A23'");
    refused(sign_on("host/boston@EXAMPLE.COM", "host/boston"), Code::SignOnUnknownUser, "8/8/16");
    refused(sign_on("david@OTHER.COM", "host/boston"), Code::SignOnUnknownUser, "8/8/16");
    run(&site.saf, "SETROPTS CLASSACT(APPL)");
    run(&site.saf, "RDEFINE APPL TSOPRD1 UACC(NONE)");
    refused(david(), Code::SignOnApplication, "8/8/32");
    run(&site.saf, "PERMIT TSOPRD1 CLASS(APPL) ID(DAVID) ACCESS(READ)");
    run(&site.saf, "ALTUSER DAVID REVOKE");
    refused(david(), Code::SignOnRevoked, "8/8/28");
    let event = told();
    assert_eq!((event.outcome, event.by, event.saf.as_deref()), (Outcome::Failed, None, Some("8/8/28")));
    assert_eq!(event.user.as_deref(), Some("DAVID"));
    run(&site.saf, "ALTUSER DAVID RESUME");
    assert!(david().is_ok());
    run(&site.saf, "RDELETE REALM KERBDFLT");
    refused(david(), Code::KerberosNotStarted, "8/12/16");
}

/// The page names every row with its triple, and no triple that is not in the table.
#[test]
fn the_page_of_triples_is_the_table() {
    let page = include_str!("../../../docs/saf.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('/'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let mut found = Vec::new();
    for row in &rows {
        for name in row[3].split(", ").filter(|name| !name.is_empty()) {
            found.push((name.trim_matches('`').to_owned(), row[1].to_owned()));
        }
    }
    let mut table: Vec<(String, String)> =
        TABLE.iter().map(|row| (format!("{:?}", row.code), row.triple.to_string())).collect();
    table.sort();
    found.sort();
    assert_eq!(found, table);
}
