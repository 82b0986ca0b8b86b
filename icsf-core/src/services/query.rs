//! CSFIQF: the state of ICSF, the engine and its master keys, as a program asks for it.

use super::{Done, rules};
use crate::backend::{MasterKeyKind, NewRegister};
use crate::codes::Code;
use crate::engine::EngineState;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};

const QUERIES: &[&str] = &["ICSFSTAT", "STATCCAE", "STATAES", "ICSFST2", "ICSFSP11", "STATCCA", "STATCARD", "STATDIAG"];

const COPROCESSORS: &[&str] = &[
    "COPROC00", "COPROC01", "COPROC02", "COPROC03", "COPROC04", "COPROC05", "COPROC06", "COPROC07", "COPROC08",
    "COPROC09", "COPROC10", "COPROC11", "COPROC12", "COPROC13", "COPROC14", "COPROC15", "COPROC16", "COPROC17",
    "COPROC18", "COPROC19", "COPROC20", "COPROC21", "COPROC22", "COPROC23", "COPROC24", "COPROC25", "COPROC26",
    "COPROC27", "COPROC28", "COPROC29", "COPROC30", "COPROC31", "COPROC32", "COPROC33", "COPROC34", "COPROC35",
    "COPROC36", "COPROC37", "COPROC38", "COPROC39", "COPROC40", "COPROC41", "COPROC42", "COPROC43", "COPROC44",
    "COPROC45", "COPROC46", "COPROC47", "COPROC48", "COPROC49", "COPROC50", "COPROC51", "COPROC52", "COPROC53",
    "COPROC54", "COPROC55", "COPROC56", "COPROC57", "COPROC58", "COPROC59", "COPROC60", "COPROC61", "COPROC62",
    "COPROC63",
];

/// One element of the answer: on z/OS 8 characters wide.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Element {
    /// What it says, in our words.
    pub name: &'static str,
    /// Up to 8 characters.
    pub value: String,
}

impl Icsf {
    /// CSFIQF: `ICSFSTAT` (ICSF, the CKDS and the master keys), `STATCCAE` (the registers of the DES-MK) or `STATAES`
    /// (those of the AES-MK), with or without the coprocessor, `COPROC00`, in front.
    ///
    /// Register states are those of CCA: new 1 empty, 2 partial, 3 full; current and old 1 empty, 2 set. The elements of
    /// ICSFSTAT are assumed: see [`crate::fidelity`].
    ///
    /// Source: ICSF Application Programmer's Guide, ICSF Query Facility; CCA, Cryptographic Facility Query.
    ///
    /// # Errors
    /// Rule-array codes; [`Code::NotOnThisEngine`] for queries that exist and are not implemented; [`Code::IcsfStopped`];
    /// [`Code::EngineUnavailable`] for the state of registers that cannot be asked.
    pub fn csfiqf(&self, rules: &[&str]) -> Result<Done<Vec<Element>>> {
        self.service("CSFIQF", |view| {
            let [query, coprocessor] = rules::read(rules, 1..=3, [QUERIES, COPROCESSORS])?;
            if let Some(other) = coprocessor.filter(|coprocessor| *coprocessor != "COPROC00") {
                return Err(Error::new(
                    Code::NotOnThisEngine,
                    format!("there is one engine, COPROC00, and no {other}"),
                ));
            }
            match rules::required(query, QUERIES)? {
                "ICSFSTAT" => Ok(Done::success(status(view))),
                "STATCCAE" => registers(view, MasterKeyKind::Des).map(Done::success),
                "STATAES" => registers(view, MasterKeyKind::Aes).map(Done::success),
                other => Err(Error::new(Code::NotOnThisEngine, format!("{other} is not implemented"))),
            }
        })
    }
}

fn status(view: &View) -> Vec<Element> {
    let usable = |kind| view.engine.require_master_key(kind).map_or("1", |_| "2").to_owned();
    let online = view.engine.state == EngineState::Online;
    vec![
        Element { name: "ICSF: 2 started", value: "2".to_owned() },
        Element { name: "engine: 1 not usable, 2 usable", value: if online { "2" } else { "1" }.to_owned() },
        Element { name: "CKDS format", value: view.kds.header().format.to_string().to_ascii_uppercase() },
        Element { name: "DES-MK: 1 not usable, 2 usable", value: usable(MasterKeyKind::Des) },
        Element { name: "AES-MK: 1 not usable, 2 usable", value: usable(MasterKeyKind::Aes) },
    ]
}

fn registers(view: &View, kind: MasterKeyKind) -> Result<Vec<Element>> {
    match view.engine.state {
        EngineState::Online | EngineState::WrongMasterKey { .. } => {}
        _ => view.engine.require()?,
    }
    let registers = view.engine.master_keys.of(kind);
    let new = match registers.new {
        NewRegister::Empty => "1",
        NewRegister::Partial => "2",
        NewRegister::Full(_) => "3",
    };
    let set = |held: bool| if held { "2" } else { "1" }.to_owned();
    Ok(vec![
        Element { name: "new register", value: new.to_owned() },
        Element { name: "current register", value: set(registers.current.is_some()) },
        Element { name: "old register", value: set(registers.old.is_some()) },
    ])
}
