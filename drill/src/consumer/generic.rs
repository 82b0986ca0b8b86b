//! Any other program that signs users on: how often in a second, with one ticket or with new ones, and who checks them.
//!
//! IMS, Db2, RMF, mqweb and the rest differ in the application name and in these things.

use icsf_core::Cause;
use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::Assumed;
use icsf_saf::model::Credential;
use icsf_saf::{Caller, Request, SignedOnBy};
use serde::Deserialize;
use softicsf::Ticket;

use super::{Asked, By, Consumer, Failure, Logon, Place, Settings};

pub(super) const FACTS: &[Fact] = &[Fact {
    topic: "SIC4009",
    what: "a program of kind generic was refused: what of, and the triple",
    provenance: Assumed("SIC4009", "it stands for programs that have messages of their own"),
}];

/// Whether one ticket is used for several sign-ons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// Each sign-on has a ticket of its own.
    #[default]
    No,
    /// All sign-ons of a second have the same one.
    Yes,
}

/// Who checks a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evaluates {
    /// The application, by signing the user on: failures count, and revoke.
    #[default]
    SignOn,
    /// The program itself, by R_ticketserv: it needs READ to IRRPTAUTH, and nobody is revoked.
    Service,
}

#[derive(Debug)]
pub(super) struct Generic {
    settings: Settings,
}

impl Generic {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone() }
    }

    fn check(&self, place: &Place<'_>, asked: &Asked<'_>, ticket: &Ticket) -> Result<SignedOnBy, Failure> {
        match self.settings.evaluates {
            Evaluates::SignOn => place.present(asked, &Credential::from(ticket)),
            Evaluates::Service => {
                let application = asked.session.evaluated_as.on(place.there);
                let application = application.map_err(|why| Failure::because(Cause::new(why)))?;
                let caller = Caller::user(self.settings.runs_as);
                let accepted = place.there.evaluate(&caller, &Request::new(asked.user, application), ticket);
                accepted.map(|accepted| SignedOnBy::Ticket(accepted.kind)).map_err(|error| Failure::of(&error))
            }
        }
    }

    fn sign_on_by_ticket(
        &self,
        place: &Place<'_>,
        asked: &Asked<'_>,
        sign_on: &mut Logon,
    ) -> Result<SignedOnBy, Failure> {
        let mut by = SignedOnBy::Password;
        let mut kept: Option<Ticket> = None;
        for n in 1..=self.settings.rate {
            let failed = |what: &str, failure: &Failure, lines: &mut Vec<String>| {
                let (name, of) = (&self.settings.name, self.settings.rate);
                lines.push(format!("SIC4009 {name}: {what} {n} of {of} failed, SAF {}", failure.saf()));
            };
            let ticket = match kept.take().filter(|_| self.settings.reuse == Reuse::Yes) {
                Some(ticket) => ticket,
                None => place
                    .generate(self.settings.runs_as, asked)
                    .inspect_err(|failure| failed("PassTicket", failure, &mut sign_on.lines))?,
            };
            sign_on.keep(&ticket);
            by = self
                .check(place, asked, &ticket)
                .inspect_err(|failure| failed("sign-on", failure, &mut sign_on.lines))?;
            kept = Some(ticket);
        }
        Ok(by)
    }
}

impl Consumer for Generic {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        let mut sign_on = Logon::begun(asked);
        sign_on.result = match (sign_on.with_ticket, asked.password) {
            (true, _) if self.settings.credential == By::Kerberos => place.by_kerberos(asked).inspect_err(|failure| {
                let (name, codes) = (&self.settings.name, failure.codes());
                sign_on.lines.push(format!("SIC4009 {name}: sign-on by Kerberos failed, {codes}"));
            }),
            (false, Some(password)) => place.present(asked, password),
            _ => self.sign_on_by_ticket(place, asked, &mut sign_on),
        };
        sign_on
    }
}
