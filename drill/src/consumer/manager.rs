//! A consumer as it stands during a drill: the address space it runs in, and whether its tickets are switched on.

use icsf_core::Cause;
use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Reported};
use icsf_saf::model::{Class, LegacyKey};

use super::{Asked, Consumer, Factory, Failure, Logon, Place, Session, Settings};

pub(super) const FACTS: &[Fact] = &[
    Fact {
        topic: "dirty environment",
        what: "an address space that has used ICSF is not program-controlled any more, and must be started again",
        provenance: Reported("zowe/docs-site issue 4441"),
    },
    Fact {
        topic: "SIC4004",
        what: "a sign-on in an address space that is not program-controlled",
        provenance: Assumed("SIC4004", "what is printed then depends on the program"),
    },
];

/// A consumer, its address space and its switches.
#[derive(Debug)]
pub(crate) struct Managed {
    consumer: Box<dyn Consumer>,
    settings: Settings,
    /// The switch of the operator: whether tickets are made.
    pub(crate) tickets: bool,
    /// Whether ICSF, once used, leaves the address space dirty: its modules are not program-controlled there.
    uncontrolled: bool,
    dirty: bool,
}

impl Managed {
    pub(crate) fn new(factory: &Factory, settings: &Settings) -> Self {
        let consumer = factory(settings);
        Self { consumer, settings: settings.clone(), tickets: true, uncontrolled: false, dirty: false }
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn session(&self, at: usize) -> Option<Session> {
        self.settings.sessions.get(at).cloned()
    }

    /// ICSF's modules are from now on not program-controlled.
    pub(crate) const fn lose_program_control(&mut self) {
        self.uncontrolled = true;
    }

    /// Ends the address space and starts it again; program control is as it was.
    pub(crate) fn restart(&mut self) {
        self.dirty = false;
        self.consumer.restart();
    }

    pub(crate) fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        if self.dirty {
            let name = &self.settings.name;
            let mut sign_on = Logon::begun(asked);
            sign_on
                .lines
                .push(format!("SIC4004 {name}: {} is not signed on, the environment is not controlled", asked.user));
            let cause =
                Cause::new(format!("the address space of {name} used ICSF, whose modules are not program-controlled"))
                    .with_remedy("make the ICSF load library program-controlled: RALTER PROGRAM ** ADDMEM(...)")
                    .with_remedy(format!("restart {name}: an address space that is dirty stays so"));
            return sign_on.failed(Failure::because(cause));
        }
        let sign_on = self.consumer.sign_on(place, asked);
        self.dirty = self.uncontrolled && sign_on.with_ticket && uses_icsf(place, asked.session);
        sign_on
    }

    pub(crate) fn command(&mut self, place: &Place<'_>, command: &str) -> Option<Vec<String>> {
        self.consumer.command(place, command)
    }
}

/// Whether ICSF is called for a ticket of this session: its key lies in the CKDS.
fn uses_icsf(place: &Place<'_>, session: &Session) -> bool {
    let Ok(view) = place.here.saf().database().view() else { return false };
    let name = session.application.on(place.here).ok().and_then(|name| name.to_string().parse().ok());
    let profile = name.and_then(|name| view.discrete(Class::Ptktdata, &name));
    let ssignon = profile.and_then(|profile| profile.ssignon.as_ref());
    let in_icsf = |key: &LegacyKey| matches!(key, LegacyKey::Label(_) | LegacyKey::Token(_));
    ssignon.is_some_and(|keys| keys.enhanced.is_some() || keys.legacy.as_ref().is_some_and(in_icsf))
}
