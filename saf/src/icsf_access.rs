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

/// That somebody may use a service, by its name in class CSFSERV.
pub(crate) fn require_service(view: &Snapshot, caller: &Caller, service: &str) -> icsf_core::Result<()> {
    require(view, caller, Class::Csfserv, &service, Code::ServiceNotAuthorized)
}

/// That somebody may use the key under a label.
pub(crate) fn require_label(view: &Snapshot, caller: &Caller, label: &KeyLabel) -> icsf_core::Result<()> {
    require(view, caller, Class::Csfkeys, label, Code::LabelNotAuthorized).map_err(|error| error.for_label(label))
}

/// What ICSF answers somebody who is refused: one that is stopped says so to everybody.
pub(crate) fn told_by(icsf: &Icsf, refused: icsf_core::Error) -> icsf_core::Error {
    icsf.view().and_then(|view| view.require_started()).err().unwrap_or(refused)
}

fn require(
    view: &Snapshot,
    caller: &Caller,
    class: Class,
    resource: &dyn fmt::Display,
    code: Code,
) -> icsf_core::Result<()> {
    if !view.options().active.contains(&class) {
        return Ok(());
    }
    let resource = resource.to_string();
    let profile = view.protecting(class, &resource);
    let refused = |why: String| {
        icsf_core::Error::new(code, format!("{} needs READ to {resource} in class {class}: {why}", caller.id()))
    };
    if let Some(name) = view.damaged_protecting(class, &resource, profile.map(|profile| &**profile)) {
        return Err(refused(format!("profile {name} is damaged and gives nobody anything"))
            .with_remedy(format!("RDELETE {class} {name} and define it anew, or restore the database from a copy")));
    }
    // What no profile covers is not protected.
    let Some(profile) = profile else { return Ok(()) };
    let given = access(view, profile, caller);
    if given >= Access::Read || profile.warning {
        return Ok(());
    }
    let name = &profile.name;
    let mut permit = format!("PERMIT {name} CLASS({class}) ID({}) ACCESS(READ)", caller.id());
    if view.options().raclisted.contains(&class) {
        permit.push_str(&format!(", then SETROPTS RACLIST({class}) REFRESH"));
    }
    Err(refused(format!("profile {name} gives it {given}")).with_remedy(permit))
}
