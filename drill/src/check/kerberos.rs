//! The realm, its users and servers, and the steps that ask for tickets.

use icsf_saf::model::PrincipalName;
use toml::Spanned;
use toml::de::DeValue;

use super::Check;
use crate::consumer::By;
use crate::file::{ConsumerEntry, StepEntry};
use crate::plan::{Action, Kerberos, KerberosDeed};
use crate::spelling::near;
use crate::with::{InitWith, Names, TicketWith};

/// The consumers among those that come with the program to which users can show Kerberos tickets.
const BY_KERBEROS: [&str; 2] = ["rse", "generic"];
/// Those to which they cannot.
const NOT_BY_KERBEROS: [&str; 4] = ["tpx", "zowe", "dcas", "cics"];

impl Check<'_> {
    /// That whoever has a principal has a realm and a password, and that each name is there once.
    pub(super) fn kerberos(&mut self) {
        let file = self.file;
        let needy = file.user.iter().filter_map(|user| user.principal.as_ref());
        let needy = needy.chain(file.service.iter().map(|service| &service.principal));
        let mut seen: Vec<PrincipalName> = Vec::new();
        for name in needy {
            if file.realm.is_none() {
                let hint = "[realm], name = \"EXAMPLE.COM\"".to_owned();
                self.mistake("there is no realm for this principal", Some(name.span()), Some(hint));
            }
            // What of a user is no name is told when it is read.
            match name.get_ref().parse::<PrincipalName>() {
                Ok(parsed) if seen.contains(&parsed) => {
                    self.mistake(format!("principal {:?} is there twice", name.get_ref()), Some(name.span()), None);
                }
                Ok(parsed) => seen.push(parsed),
                Err(why) => {
                    let what = format!("{:?} is no principal: {why}", name.get_ref());
                    self.mistake(what, Some(name.span()), Some("host/boston.example.com".to_owned()));
                }
            }
        }
        for user in &file.user {
            if let (Some(principal), None) = (&user.principal, &user.password) {
                let hint = "password = \"@secret:NAME\"".to_owned();
                let what = "the keys of a user are made from a password, and this one has none";
                self.mistake(what, Some(principal.span()), Some(hint));
            }
        }
    }

    /// What users of a consumer show; and that each session has a server where they show Kerberos tickets.
    pub(super) fn credential(&mut self, entry: &ConsumerEntry) -> By {
        let by = entry.credential.as_ref().map_or(By::default(), |by| *by.get_ref());
        let kind = entry.kind.get_ref().as_str();
        if let (By::Kerberos, Some(at)) = (by, &entry.credential)
            && NOT_BY_KERBEROS.contains(&kind)
        {
            let hint = format!("kinds that take them: {}", BY_KERBEROS.join(", "));
            self.mistake(format!("kind {kind} takes no Kerberos tickets of users"), Some(at.span()), Some(hint));
        }
        for session in &entry.session {
            match (&session.service, by) {
                (None, By::Kerberos) => {
                    let hint = "service = \"host/boston.example.com\", one of [[service]]".to_owned();
                    let what = format!("session {:?} says no service to show a ticket to", session.name.get_ref());
                    self.mistake(what, Some(session.name.span()), Some(hint));
                }
                (Some(service), By::Ticket) => {
                    let hint = "credential = \"kerberos\" for the consumer, or no service".to_owned();
                    self.mistake("nobody shows a Kerberos ticket here", Some(service.span()), Some(hint));
                }
                _ => {}
            }
        }
        by
    }

    /// A server of the drill.
    pub(super) fn server(&mut self, name: &Spanned<String>) -> Option<PrincipalName> {
        let known: Vec<&str> = self.file.service.iter().map(|service| service.principal.get_ref().as_str()).collect();
        if !known.contains(&name.get_ref().as_str()) {
            let hint = near(name.get_ref(), &known);
            self.mistake(format!("there is no service {:?}", name.get_ref()), Some(name.span()), Some(hint));
            return None;
        }
        // What is wrong with it is told where it is defined.
        name.get_ref().parse().ok()
    }

    /// Users with a principal.
    fn holders(&mut self, names: &Names) -> Option<Vec<softicsf::UserId>> {
        let users = self.users(names)?;
        for name in names {
            let has = |user: &&crate::file::UserEntry| user.id.get_ref() == name.get_ref() && user.principal.is_some();
            if !self.file.user.iter().any(|user| has(&user)) {
                let hint = "principal = \"NAME\" in its [[user]]".to_owned();
                self.mistake(format!("user {:?} has no principal", name.get_ref()), Some(name.span()), Some(hint));
            }
        }
        Some(users)
    }

    pub(super) fn tickets(&mut self, entry: &StepEntry, with: Option<Spanned<DeValue<'_>>>) -> Option<Action> {
        let (users, deed) = if entry.action.get_ref() == "krb.init" {
            let with: InitWith = self.with(entry, with)?;
            (self.holders(&with.users)?, KerberosDeed::Init)
        } else {
            let with: TicketWith = self.with(entry, with)?;
            let (users, server) = (self.holders(&with.users), self.server(&with.service));
            let deed = if entry.action.get_ref() == "krb.ticket" { KerberosDeed::Ticket } else { KerberosDeed::Accept };
            (users?, deed(server?))
        };
        Some(Action::Kerberos(Kerberos { site: self.site_of(entry)?, users, deed }))
    }
}
