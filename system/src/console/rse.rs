//! `MODIFY RSED,APPL=IVP PASSTICKET,userid`: whether the RSE daemon can make PassTickets and use them.
//!
//! Source: z/OS Explorer Host Configuration Guide, using PassTickets, and the installation verification of the daemon.

use icsf_saf::{Caller, Error, Request};
use ptkt::{Applid, UserId};

use super::ConsoleError;
use crate::system::System;

/// The user of the started task, as the guide's samples have it.
const SERVER: &str = "STCRSE";
/// The application it makes tickets for, unless rse.env says otherwise.
const APPLICATION: &str = "FEKAPPL";

impl System {
    /// Makes a ticket for `user` and evaluates it, both as the server.
    pub(super) fn verify_pass_ticket(&self, user: UserId) -> Result<Vec<String>, ConsoleError> {
        let named = |why: ptkt::Error| ConsoleError::new(why.to_string());
        let (server, application): (UserId, Applid) =
            (SERVER.parse().map_err(named)?, APPLICATION.parse().map_err(named)?);
        let (server, request) = (Caller::user(server), Request::new(user, application));
        let ticket = self.generate(&server, &request).map_err(|error| failed("GENERATE", &error))?;
        self.evaluate(&server, &request, &ticket).map_err(|error| failed("EVALUATE", &error))?;
        Ok(vec![format!("SIC3013I RSED IVP PASSTICKET: {user} AT {APPLICATION} GENERATED AND EVALUATED")])
    }
}

/// What the server sees, and beside it the cause, which it does not see.
fn failed(step: &str, error: &Error) -> ConsoleError {
    ConsoleError {
        what: format!("SIC3014E RSED IVP PASSTICKET: {step} AS {SERVER} FAILED: {error}"),
        return_code: u8::try_from(error.triple().saf).unwrap_or(16),
        cause: Some(Box::new(error.cause().clone())),
    }
}
