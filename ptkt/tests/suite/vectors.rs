//! Every case of both vector files, and how many there are of each sort.

use std::collections::BTreeMap;

#[cfg(feature = "enhanced")]
use ptkt::enhanced::{self, TicketType};
use ptkt::software::DesKey;
#[cfg(feature = "enhanced")]
use ptkt::software::HmacKey;
use ptkt::{Applid, ErrorKind, Ticket, Timestamp, UserId, Verdict, Window, legacy};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    algorithm: String,
    cases: Vec<Case>,
}

/// One case; which fields it has depends on `op`.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    op: String,
    #[serde(default)]
    cat: String,
    user: Option<String>,
    appl: Option<String>,
    key: Option<String>,
    time: Option<i64>,
    ticket: Option<String>,
    decodes_to: Option<u64>,
    now: Option<u64>,
    accept: Option<bool>,
    /// Absent for a text that cannot be a ticket.
    delta: Option<i64>,
    result5: Option<String>,
    #[cfg(feature = "enhanced")]
    r#type: Option<String>,
    #[cfg(feature = "enhanced")]
    timeout: Option<u32>,
}

impl Case {
    fn key(&self) -> Vec<u8> {
        hex(self.key.as_ref().unwrap())
    }

    fn user(&self) -> Result<UserId, ptkt::Error> {
        self.user.as_ref().unwrap().parse()
    }

    fn appl(&self) -> Result<Applid, ptkt::Error> {
        self.appl.as_ref().unwrap().parse()
    }

    /// `None` for a time before 1970, which the type does not admit.
    fn time(&self) -> Option<Timestamp> {
        u64::try_from(self.time.unwrap()).ok().map(Timestamp::from_secs)
    }

    fn ticket(&self) -> Result<Ticket, ptkt::Error> {
        self.ticket.as_ref().unwrap().parse()
    }

    #[cfg(feature = "enhanced")]
    fn ticket_type(&self) -> Result<TicketType, ptkt::Error> {
        self.r#type.as_ref().unwrap().parse()
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap().into()
    }

    fn check_verdict(&self, verdict: Verdict) {
        assert_eq!(verdict.is_accepted(), self.accept.unwrap(), "{} {verdict:?}", self.id);
        assert_eq!(verdict.delta(), self.delta, "{} {verdict:?}", self.id);
        assert_eq!(verdict == Verdict::NotATicket, self.delta.is_none(), "{}", self.id);
    }

    /// A text that is not even a candidate: too long or too short.
    fn check_no_candidate(&self, error: &ptkt::Error) {
        assert_eq!(error.kind(), ErrorKind::Ticket, "{}", self.id);
        assert_eq!((self.accept, self.delta), (Some(false), None), "{}", self.id);
    }
}

fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// Runs all cases through `run`, which says whether it knows the op, and counts them per op.
fn run(algorithm: &str, text: &str, mut run: impl FnMut(&Case) -> bool) -> BTreeMap<String, usize> {
    let file: File = serde_json::from_str(text).unwrap();
    assert_eq!(file.algorithm, algorithm);
    let mut ran = BTreeMap::new();
    for case in &file.cases {
        let op = if run(case) { case.op.as_str() } else { "skipped" };
        *ran.entry(op.to_owned()).or_default() += 1;
    }
    assert_eq!(ran.values().sum::<usize>(), file.cases.len());
    ran
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(op, count)| (op.to_owned(), count)).collect()
}

#[test]
fn legacy() {
    let ran = run("legacy", include_str!("../../vectors/passticket-legacy.json"), |case| {
        match case.op.as_str() {
            "translate" => legacy_translate(case),
            "generate" => legacy_generate(case),
            "evaluate" => legacy_evaluate(case),
            "generate-error" => assert!(legacy_refuses(case), "{case:?}"),
            _ => return false,
        }
        true
    });
    let expected = [("evaluate", 81), ("generate", 260), ("generate-error", 18), ("translate", 15)];
    assert_eq!(ran, counts(expected));
}

fn legacy_session(case: &Case) -> (DesKey, legacy::Session) {
    let key = DesKey::new(&case.key()).unwrap();
    let Ok(session) = legacy::Session::prepare(&key, &case.user().unwrap(), &case.appl().unwrap());
    (key, session)
}

fn legacy_translate(case: &Case) {
    let result5 = u32::from_str_radix(case.result5.as_ref().unwrap(), 16).unwrap();
    let ticket = case.ticket().unwrap();
    assert_eq!(legacy::translate(result5), ticket, "{}", case.id);
    assert_eq!(legacy::untranslate(&ticket), Some(result5), "{}", case.id);
}

fn legacy_generate(case: &Case) {
    let (key, session) = legacy_session(case);
    let ticket = session.generate(&key, case.time().unwrap()).unwrap();
    assert_eq!(ticket.expose(), case.ticket.as_ref().unwrap(), "{}", case.id);
    let Ok(time) = session.decode(&key, &ticket);
    assert_eq!(time.map(Timestamp::as_secs), case.decodes_to, "{}", case.id);
}

fn legacy_evaluate(case: &Case) {
    let (key, session) = legacy_session(case);
    match case.ticket() {
        Ok(ticket) => {
            let Ok(verdict) = session.evaluate(&key, &ticket, case.now(), Window::legacy());
            case.check_verdict(verdict);
        }
        Err(error) => case.check_no_candidate(&error),
    }
}

/// Whether one of the steps to a ticket refuses, and the step named by the case's category.
fn legacy_refuses(case: &Case) -> bool {
    let (user, appl, key) = (case.user(), case.appl(), DesKey::new(&case.key()));
    let (Ok(user), Ok(appl), Ok(key)) = (&user, &appl, &key) else {
        return user.is_err() == case.cat.starts_with("user-")
            && appl.is_err() == case.cat.starts_with("appl-")
            && key.is_err() == case.cat.starts_with("key-");
    };
    let Ok(session) = legacy::Session::prepare(key, user, appl);
    case.cat.starts_with("time-") && case.time().is_none_or(|time| session.generate(key, time).is_err())
}

#[cfg(feature = "enhanced")]
#[test]
fn enhanced() {
    let ran = run("enhanced", include_str!("../../vectors/passticket-enhanced.json"), |case| {
        match case.op.as_str() {
            "generate" => enhanced_generate(case),
            "evaluate" => enhanced_evaluate(case),
            "generate-error" => assert!(enhanced_refuses(case), "{case:?}"),
            _ => return false,
        }
        true
    });
    assert_eq!(ran, counts([("evaluate", 89), ("generate", 260), ("generate-error", 11)]));
}

#[cfg(feature = "enhanced")]
fn enhanced_session(case: &Case) -> (HmacKey, enhanced::Session) {
    let key = HmacKey::new(&case.key()).unwrap();
    let (user, appl) = (case.user().unwrap(), case.appl().unwrap());
    let Ok(session) = enhanced::Session::prepare(&key, &user, &appl, case.ticket_type().unwrap());
    (key, session)
}

#[cfg(feature = "enhanced")]
fn enhanced_generate(case: &Case) {
    let (key, session) = enhanced_session(case);
    let ticket = session.generate(&key, case.time().unwrap()).unwrap();
    assert_eq!(ticket.expose(), case.ticket.as_ref().unwrap(), "{}", case.id);
    let Ok(time) = session.decode(&key, &ticket);
    assert_eq!(time.map(Timestamp::as_secs), case.decodes_to, "{}", case.id);
}

#[cfg(feature = "enhanced")]
fn enhanced_evaluate(case: &Case) {
    let (key, session) = enhanced_session(case);
    let window = Window::enhanced(case.timeout.unwrap()).unwrap();
    match case.ticket() {
        Ok(ticket) => {
            let Ok(verdict) = session.evaluate(&key, &ticket, case.now(), window);
            case.check_verdict(verdict);
        }
        Err(error) => case.check_no_candidate(&error),
    }
}

#[cfg(feature = "enhanced")]
fn enhanced_refuses(case: &Case) -> bool {
    let (user, appl, key) = (case.user(), case.appl(), HmacKey::new(&case.key()));
    let ticket_type = case.ticket_type();
    let (Ok(user), Ok(appl), Ok(key), Ok(ticket_type)) = (&user, &appl, &key, &ticket_type) else {
        return user.is_err() == case.cat.starts_with("user-")
            && appl.is_err() == case.cat.starts_with("appl-")
            && key.is_err() == case.cat.starts_with("key-")
            && ticket_type.is_err() == (case.cat == "type");
    };
    let Ok(session) = enhanced::Session::prepare(key, user, appl, *ticket_type);
    case.cat.starts_with("time-") && case.time().is_none_or(|time| session.generate(key, time).is_err())
}
