//! Operator commands: `D ICSF,CARDS`, `D SMF,O`, `START CSF`, `STOP CSF`.

use icsf_core::View;
use icsf_core::backend::MasterKeyKind;
use icsf_core::engine::EngineState;
use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented, Observed, Reported};

use crate::system::System;

/// The replies of this console, and where their form comes from.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "CSFM668I",
        what: "D ICSF,CARDS: heading, domain, STATUS, SERIAL#, LEVEL, REQUESTS ACTIVE",
        provenance: Documented("ICSF System Programmer's Guide, sample of DISPLAY ICSF,CARDS"),
    },
    Fact {
        topic: "Master key incorrect",
        what: "D ICSF,CARDS: an engine with another master key than the CKDS, or with none of those it is under",
        provenance: Documented("ICSF System Programmer's Guide: the patterns of the CKDS header must match"),
    },
    Fact {
        topic: "Active",
        what: "an engine that holds one of two master keys of the CKDS serves the keys under that one",
        provenance: Assumed(
            "SIC3005",
            "the manual has all patterns in the header match; which of both fails is told by the service",
        ),
    },
    Fact {
        topic: "SIC3001I",
        what: "D ICSF,CARDS: the name of an engine that is no Crypto Express card, and its master keys",
        provenance: Assumed("SIC3001", "no card is pretended"),
    },
    Fact {
        topic: "SIC3002I",
        what: "D ICSF,CARDS without any engine",
        provenance: Assumed("SIC3002", "the words ICSF has for it were not seen"),
    },
    Fact {
        topic: "SIC3004I",
        what: "D ICSF,CARDS: how an engine does not protect its keys",
        provenance: Assumed("SIC3004", "a Crypto Express card protects them"),
    },
    Fact {
        topic: "D SMF,O",
        what: "SID(xxxx)",
        provenance: Observed("Broadcom article 415349; the other options of SMF are not kept"),
    },
    Fact {
        topic: "IEE341I",
        what: "a command for ICSF while it is not started",
        provenance: Reported("a parser written against a real z/OS 3.1 console"),
    },
    Fact {
        topic: "CSFM401I",
        what: "ICSF has been stopped",
        provenance: Reported("the log of a real z/OS 3.1 console in a blog"),
    },
    Fact {
        topic: "SIC3003I",
        what: "ICSF has been started",
        provenance: Assumed("SIC3003", "the words ICSF has for it were not seen"),
    },
];

/// A console command that was not understood or not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ConsoleError {
    what: String,
    return_code: u8,
}

impl ConsoleError {
    /// The return code of ICSF, or 8 for a command that was not understood.
    #[must_use]
    pub const fn return_code(&self) -> u8 {
        self.return_code
    }
}

impl From<icsf_core::Error> for ConsoleError {
    fn from(error: icsf_core::Error) -> Self {
        Self { what: error.to_string(), return_code: error.return_code() }
    }
}

const KNOWN: &str = "D ICSF,CARDS; D SMF,O; START CSF; STOP CSF";

impl System {
    /// Carries out an operator command; answers the lines of the reply.
    ///
    /// # Errors
    /// [`ConsoleError`] for a command that is not known here, or could not be carried out.
    pub fn console(&self, command: &str) -> Result<Vec<String>, ConsoleError> {
        let folded = command.trim().to_ascii_uppercase();
        let (verb, operands) = folded.split_once(char::is_whitespace).unwrap_or((&folded, ""));
        match (verb, operands.trim()) {
            ("D" | "DISPLAY", "ICSF,CARDS") => Ok(self.cards()?),
            ("D" | "DISPLAY", "SMF,O") => Ok(vec![format!("SID({})", self.names().smfid)]),
            ("S" | "START", "CSF") => {
                self.icsf().start()?;
                Ok(vec!["SIC3003I ICSF IS STARTED".to_owned()])
            }
            ("P" | "STOP", "CSF") => {
                self.icsf().stop()?;
                Ok(vec!["CSFM401I CRYPTOGRAPHY - SERVICES ARE NO LONGER AVAILABLE.".to_owned()])
            }
            _ => {
                let what = format!("{command:?} is no command of this console; there are {KNOWN}");
                Err(ConsoleError { what, return_code: 8 })
            }
        }
    }

    fn cards(&self) -> icsf_core::Result<Vec<String>> {
        let view = self.icsf().view()?;
        if !view.control.started {
            return Ok(vec!["IEE341I CSF NOT ACTIVE".to_owned()]);
        }
        let at = i64::try_from(self.now()).ok().and_then(|s| jiff::Timestamp::from_second(s).ok()).unwrap_or_default();
        let mut lines = vec![format!("CSFM668I {} ICSF CARDS 001", at.strftime("%H.%M.%S"))];
        let engine = &view.engine;
        let status = match &engine.state {
            EngineState::Deconfigured => {
                lines.push("  SIC3002I NO CRYPTO ENGINE IS INSTALLED".to_owned());
                return Ok(lines);
            }
            EngineState::Online if !lacks_every_master_key(&view) => "Active",
            EngineState::Online | EngineState::WrongMasterKey { .. } => "Master key incorrect",
            EngineState::Locked { .. } => "Deactivated",
            _ => "Offline",
        };
        lines.push("  ACTIVE DOMAIN = 000".to_owned());
        lines.push(format!("  SIC3001I {}", engine.info.to_string().to_ascii_uppercase()));
        let serial = engine.info.serial.as_deref().unwrap_or("NONE");
        lines.push(format!("    STATUS={status}  SERIAL#={serial}  LEVEL={}", env!("CARGO_PKG_VERSION")));
        for quirk in engine.info.quirks.iter().filter(|quirk| quirk.weak) {
            lines.push(format!("    SIC3004I {}", quirk.to_string().to_ascii_uppercase()));
        }
        for kind in MasterKeyKind::ALL {
            let current = engine.master_keys.of(kind).current;
            lines.push(format!(
                "    {kind} MKVP={}",
                current.map_or_else(|| "NONE".to_owned(), |mkvp| mkvp.to_string())
            ));
        }
        lines.push("    REQUESTS ACTIVE=0000".to_owned());
        Ok(lines)
    }
}

/// Whether the CKDS is under master keys and the engine holds none, as one that was zeroized.
fn lacks_every_master_key(view: &View) -> bool {
    let held = |kind| view.engine.master_keys.of(kind).current.is_some();
    let needed = |kind| view.kds.header().of(kind).is_some();
    MasterKeyKind::ALL.into_iter().any(needed) && !MasterKeyKind::ALL.into_iter().any(held)
}
