//! What ICSF asks the security database before it works for somebody: class CSFSERV for its services, CSFKEYS for labels.
//!
//! Source: ICSF Administrator's Guide, controlling who can use cryptographic keys and services: READ to the short name of
//! the service, and to the label. A class that is not active protects nothing.

use std::fmt;

use icsf_core::codes::Code;
use icsf_core::{Icsf, KeyLabel};

use crate::access::{Caller, access};
use crate::database::Snapshot;
use crate::model::{Access, Class};

/// Why ICSF does not work for somebody.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    code: Code,
    why: String,
    remedy: String,
    label: Option<KeyLabel>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.why, self.remedy)
    }
}

impl Refusal {
    /// The answer of a service; one that is stopped says so to everybody.
    pub(crate) fn told_by(&self, icsf: &Icsf, service: &'static str) -> icsf_core::Error {
        let refused = icsf_core::Error::new(self.code, self.why.as_str()).with_remedy(self.remedy.as_str());
        let refused = match &self.label {
            Some(label) => refused.for_label(label),
            None => refused,
        };
        let stopped = icsf.view().and_then(|view| view.require_started()).err();
        stopped.unwrap_or(refused).in_service(service, icsf.reason_codes())
    }
}

/// That somebody may use a service, by its name in class CSFSERV.
pub(crate) fn require_service(view: &Snapshot, caller: &Caller, service: &str) -> Result<(), Refusal> {
    require(view, caller, Class::Csfserv, service, Code::ServiceNotAuthorized)
}

/// That somebody may use the key under a label.
pub(crate) fn require_label(view: &Snapshot, caller: &Caller, label: &KeyLabel) -> Result<(), Refusal> {
    require(view, caller, Class::Csfkeys, &label.to_string(), Code::LabelNotAuthorized)
        .map_err(|refusal| Refusal { label: Some(*label), ..refusal })
}

fn require(view: &Snapshot, caller: &Caller, class: Class, resource: &str, code: Code) -> Result<(), Refusal> {
    if !view.options().active.contains(&class) {
        return Ok(());
    }
    let caller_id = caller.id();
    let refused = |why: String, remedy: String| {
        let why = format!("caller {caller_id} needs READ to {resource} in class {class}: {why}");
        Refusal { code, why, remedy, label: None }
    };
    let profile = view.protecting(class, resource);
    if let Some(name) = view.damaged_protecting(class, resource, profile.map(|profile| &**profile)) {
        return Err(refused(
            format!("profile {name} is damaged and gives nobody anything"),
            format!("RDELETE {class} {name} and define it anew, or restore the database from a copy"),
        ));
    }
    // What no profile covers is not protected.
    let Some(profile) = profile else { return Ok(()) };
    let given = access(view, profile, caller);
    if given >= Access::Read || profile.warning {
        return Ok(());
    }
    let name = &profile.name;
    let mut permit = format!("PERMIT {name} CLASS({class}) ID({caller_id}) ACCESS(READ)");
    if view.options().raclisted.contains(&class) {
        permit.push_str(&format!(", then SETROPTS RACLIST({class}) REFRESH"));
    }
    Err(refused(format!("profile {name} gives it {given}"), permit))
}
