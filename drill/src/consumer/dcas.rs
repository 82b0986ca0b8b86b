//! DCAS: the server that Express Logon asks for a user ID and a PassTicket, in binary records.
//!
//! A request: operation 01, format, correlator (4), application name in EBCDIC (20), reserved (2), length (4), and then a
//! certificate (format 01) or a user ID in EBCDIC (format 02). An answer has 38 bytes: operation 02, format, correlator (4),
//! RC1 (2), RC2 to RC4 (4 each), user ID (9), a null, the ticket (8). The client here sends format 02.
//!
//! Source: z/OS Communications Server books for format 01 and the services; a public client that cites the same page for
//! format 02 and for the values of RC1.

use icsf_core::Cause;
use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented, Reported};
use icsf_saf::model::Credential;
use icsf_saf::services::{from_ebcdic, to_ebcdic};
use icsf_saf::{Caller, Request};
use softicsf::{Applid, System, Ticket, UserId};
use zeroize::Zeroizing;

use super::{Asked, Consumer, Failure, Logon, Place, Settings};

pub(super) const FACTS: &[Fact] = &[
    Fact {
        topic: "DCAS",
        what: "records of format 01, and the services behind them",
        provenance: Documented("z/OS Communications Server, Digital Certificate Access Server"),
    },
    Fact {
        topic: "DCAS",
        what: "format 02, which names a user; RC1 251 PassTicket generation failed, 252 certificate, 253 malformed",
        provenance: Reported("the source of a public TN3270 client"),
    },
    Fact {
        topic: "SIC4010",
        what: "RC2 to RC4 of RC1 251 are the three codes of SAF; a line shows them",
        provenance: Assumed("SIC4010", "what RC2 to RC4 hold was not found"),
    },
];

/// The length of an answer.
pub(crate) const ANSWER: usize = 38;
const GENERATION_FAILED: u16 = 251;
const CERTIFICATE: u16 = 252;
const MALFORMED: u16 = 253;
const BY_CERTIFICATE: u8 = 1;
const BY_USER: u8 = 2;
/// Before the certificate or user ID.
const HEAD: usize = 32;

#[derive(Debug)]
pub(super) struct Dcas {
    runs_as: UserId,
    correlator: u32,
}

impl Dcas {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self { runs_as: settings.runs_as, correlator: 0 }
    }
}

/// A request of format 02.
fn request(correlator: u32, application: &Applid, user: &UserId) -> Vec<u8> {
    let user = unpadded(user.ebcdic());
    let mut bytes = vec![1, BY_USER];
    bytes.extend_from_slice(&correlator.to_be_bytes());
    let name = unpadded(application.ebcdic());
    bytes.extend_from_slice(name);
    bytes.resize(26, 0);
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&u32::try_from(user.len()).unwrap_or_default().to_be_bytes());
    bytes.extend_from_slice(user);
    bytes
}

/// Without blanks and nulls at the end.
fn unpadded(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0x40 && *byte != 0).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

/// What a request asks for; RC1 where it is none that can be answered.
fn read(request: &[u8]) -> Result<(Applid, UserId), u16> {
    let [1 | 2, format, ..] = request else { return Err(MALFORMED) };
    let (Some(name), Some(length), Some(who)) = (request.get(6..26), request.get(28..HEAD), request.get(HEAD..)) else {
        return Err(MALFORMED);
    };
    let length = <[u8; 4]>::try_from(length).map(u32::from_be_bytes).ok().and_then(|n| usize::try_from(n).ok());
    let who = length.and_then(|length| who.get(..length)).ok_or(MALFORMED)?;
    let application = Applid::from_ebcdic(unpadded(name)).ok().ok_or(MALFORMED)?;
    match *format {
        BY_USER => UserId::from_ebcdic(unpadded(who)).ok().map(|user| (application, user)).ok_or(MALFORMED),
        // No certificate is mapped to a user here.
        BY_CERTIFICATE => Err(CERTIFICATE),
        _ => Err(MALFORMED),
    }
}

/// Answers a request; and why, when there is no ticket.
fn serve(system: &System, runs_as: UserId, request: &[u8]) -> (Zeroizing<[u8; ANSWER]>, Option<Failure>) {
    let mut answer = Zeroizing::new([0; ANSWER]);
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = answer.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(0, &[2, request.get(1).copied().unwrap_or_default()]);
    put(2, request.get(2..6).unwrap_or(&[0; 4]));
    let (application, user) = match read(request) {
        Ok(asked) => asked,
        Err(rc1) => {
            put(6, &rc1.to_be_bytes());
            return (answer, Some(Failure::because(Cause::new(format!("DCAS answered RC1 {rc1}")))));
        }
    };
    match system.generate(&Caller::user(runs_as), &Request::new(user, application)) {
        Ok(ticket) => {
            put(20, unpadded(user.ebcdic()));
            put(30, &*to_ebcdic(&ticket));
            (answer, None)
        }
        Err(error) => {
            let failure = Failure::of(&error);
            put(6, &GENERATION_FAILED.to_be_bytes());
            let triple = error.triple();
            for (at, code) in [(8, triple.saf), (12, triple.racf), (16, triple.reason)] {
                put(at, &code.to_be_bytes());
            }
            (answer, Some(failure))
        }
    }
}

/// RC1, or the ticket.
fn ticket_of(answer: &[u8; ANSWER]) -> Result<Ticket, u16> {
    let rc1 = answer.get(6..8).and_then(|rc1| rc1.try_into().ok()).map_or(MALFORMED, u16::from_be_bytes);
    let ticket = answer.get(30..).and_then(from_ebcdic);
    if rc1 == 0 { ticket.ok_or(MALFORMED) } else { Err(rc1) }
}

impl Consumer for Dcas {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        let mut sign_on = Logon::begun(asked);
        if let (false, Some(password)) = (sign_on.with_ticket, asked.password) {
            sign_on.result = place.present(asked, password);
            return sign_on;
        }
        let application = match asked.session.application.on(place.here) {
            Ok(application) => application,
            Err(why) => return sign_on.failed(Failure::because(Cause::new(why))),
        };
        self.correlator += 1;
        let (answer, failure) = serve(place.here, self.runs_as, &request(self.correlator, &application, &asked.user));
        match (ticket_of(&answer), failure) {
            (Ok(ticket), None) => {
                sign_on.keep(&ticket);
                sign_on.result = place.present(asked, &Credential::from(&ticket));
                sign_on
            }
            (got, failure) => {
                let rc1 = got.err().unwrap_or(MALFORMED);
                let failure =
                    failure.unwrap_or_else(|| Failure::because(Cause::new(format!("DCAS answered RC1 {rc1}"))));
                sign_on.lines.push(format!("SIC4010 DCAS answered RC1={rc1}, SAF {}", failure.saf()));
                sign_on.failed(failure)
            }
        }
    }

    fn restart(&mut self) {
        self.correlator = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_fields_where_the_record_has_them() {
        let bytes = request(7, &"TSOPRD1".parse().unwrap(), &"U1".parse().unwrap());
        assert_eq!(bytes.len(), HEAD + 2);
        assert_eq!(bytes[..6], [1, 2, 0, 0, 0, 7]);
        assert_eq!(bytes[6..13], [0xe3, 0xe2, 0xd6, 0xd7, 0xd9, 0xc4, 0xf1]);
        assert_eq!(bytes[28..], [0, 0, 0, 2, 0xe4, 0xf1]);
        assert_eq!(read(&bytes), Ok(("TSOPRD1".parse().unwrap(), "U1".parse().unwrap())));
    }

    #[test]
    fn what_is_no_request_is_answered_as_malformed_whatever_is_cut_off() {
        let whole = request(1, &"TSOPRD1".parse().unwrap(), &"U1".parse().unwrap());
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Err(MALFORMED), "{length}");
        }
        let mut certificate = whole.clone();
        certificate[1] = BY_CERTIFICATE;
        assert_eq!(read(&certificate), Err(CERTIFICATE));
        let system = System::in_memory().build().unwrap();
        let (answer, failure) = serve(&system, "DCAS".parse().unwrap(), &[]);
        assert_eq!((answer[0], ticket_of(&answer).unwrap_err(), failure.is_some()), (2, MALFORMED, true));
        let (answer, failure) = serve(&system, "DCAS".parse().unwrap(), &whole);
        assert_eq!(answer[..6], [2, 2, 0, 0, 0, 1]);
        assert_eq!(answer[6..20], [0, 251, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 16]);
        assert_eq!(failure.unwrap().saf(), "8/8/16");
    }
}
