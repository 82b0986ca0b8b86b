//! Operator commands: displays of ICSF and SMF, `SETICSF`, `START` and `STOP` of ICSF and of the Kerberos task, and the
//! verification of RSE's PassTickets.

mod complete;
mod displays;
mod facts;
mod parse;
mod rse;
mod seticsf;

use icsf_core::{Cause, View};

pub use facts::FACTS;
use parse::Command;

use crate::system::System;

/// A console command that was not understood or not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ConsoleError {
    what: String,
    return_code: u8,
    cause: Option<Box<Cause>>,
}

impl ConsoleError {
    /// A command that was refused with this reply; [4](Self::return_code) where all is so already.
    fn refused(reply: &str, return_code: u8) -> Self {
        Self { what: reply.to_owned(), return_code, cause: None }
    }

    /// A command that was not understood.
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), return_code: 8, cause: None }
    }

    /// The return code of ICSF or SAF; 8 for a command that was not understood, or was to change something and was
    /// refused; 4 for one that was refused as all is so already.
    #[must_use]
    pub const fn return_code(&self) -> u8 {
        self.return_code
    }

    /// Why ICSF or the security server could not do its part.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_deref()
    }
}

impl From<icsf_core::Error> for ConsoleError {
    fn from(error: icsf_core::Error) -> Self {
        Self { what: error.to_string(), return_code: error.return_code(), cause: Some(Box::new(error.cause().clone())) }
    }
}

/// The reply to a command for ICSF while it is not started.
const NOT_ACTIVE: &str = "IEE341I CSF NOT ACTIVE";
/// The reply to START CSF while it is started.
const STARTED_ALREADY: &str = "SIC3018I ICSF IS STARTED ALREADY";

impl System {
    /// Carries out an operator command; answers the lines of the reply.
    ///
    /// ```
    /// let system = softicsf::System::in_memory().names("PRD1", "PRD1").build()?;
    /// assert_eq!(system.console("D SMF,O")?, ["SID(PRD1)"]);
    /// assert_eq!(system.console("SETICSF DISABLE,CKDS")?, ["SIC3012I DYNAMIC CKDS UPDATES ARE DISABLED"]);
    /// let error = system.console("D ICSF,CARD").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "D ICSF: CARDS, KDS, LIST, MKS, MKVPS or OPTIONS was expected, not \"CARD\""
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConsoleError`] for a command that is not known here, or could not be carried out.
    pub fn console(&self, command: &str) -> Result<Vec<String>, ConsoleError> {
        match parse::parse(command)? {
            // That ICSF is not active is what was asked for.
            Command::Display(what) => {
                let view = self.icsf().look()?;
                Ok(if view.control.started { self.display(what, &view) } else { vec![NOT_ACTIVE.to_owned()] })
            }
            Command::SmfOptions => Ok(vec![format!("SID({})", self.names().smfid)]),
            Command::Start if self.icsf().look()?.control.started => Err(ConsoleError::refused(STARTED_ALREADY, 4)),
            Command::Start => {
                self.icsf().start()?;
                Ok(vec!["SIC3003I ICSF IS STARTED".to_owned()])
            }
            Command::Stop if !self.icsf().look()?.control.started => Err(ConsoleError::refused(NOT_ACTIVE, 4)),
            Command::Stop => {
                self.icsf().stop()?;
                Ok(vec!["CSFM401I CRYPTOGRAPHY - SERVICES ARE NO LONGER AVAILABLE.".to_owned()])
            }
            Command::Kerberos { started } => {
                self.icsf().run_kerberos(started)?;
                Ok(vec![format!("SIC3021I SKRBKDC IS {}", if started { "STARTED" } else { "STOPPED" })])
            }
            Command::Switch { on, device } => self.with_icsf(|view| self.switch_device(view, on, device.as_ref())),
            Command::Updates { allowed } => self.with_icsf(|_| self.allow_updates(allowed)),
            Command::VerifyPassTicket(user) => self.verify_pass_ticket(user),
        }
    }

    /// Changes what takes ICSF to be started.
    fn with_icsf(
        &self,
        run: impl FnOnce(&View) -> Result<Vec<String>, ConsoleError>,
    ) -> Result<Vec<String>, ConsoleError> {
        let view = self.icsf().look()?;
        if view.control.started { run(&view) } else { Err(ConsoleError::refused(NOT_ACTIVE, 8)) }
    }
}
