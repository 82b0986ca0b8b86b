//! What several tests need.

use std::path::{Path, PathBuf};

use icsf_core::ClearKey;
use icsf_saf::codes::Code;
use softicsf::{
    Caller, Engine, EngineSecrets, Error, MasterKeyKind, NoSecrets, Request, Setup, System, Ticket, UnlockBy,
};
use tempfile::TempDir;

/// A system in a directory, and the directory.
pub(crate) struct Home {
    pub(crate) system: System,
    pub(crate) path: PathBuf,
    parent: TempDir,
}

impl Home {
    /// Made with this setup; nothing done to it yet.
    pub(crate) fn made(setup: &Setup) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("prd1");
        let system = System::create(&path, setup).unwrap();
        Self { system, path, parent }
    }

    /// Master keys set; PTKTDATA in use; TSOPRD1 with a key in the CKDS, MASKED with a masked one.
    pub(crate) fn ready() -> Self {
        let home = Self::made(&Setup::default());
        for kind in MasterKeyKind::ALL {
            home.system.icsf().generate_master_key(kind).unwrap();
            home.system.icsf().set_master_key(kind).unwrap();
        }
        home.applications();
        home
    }

    /// PTKTDATA in use; TSOPRD1 with a key in the CKDS, MASKED with a masked one.
    pub(crate) fn applications(&self) {
        for command in [
            "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
            "RDEFINE PTKTDATA TSOPRD1 APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYENCRYPTED(0123456789ABCDEF))",
            "RDEFINE PTKTDATA MASKED APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED(0123456789ABCDEF))",
            "SETROPTS RACLIST(PTKTDATA) REFRESH",
        ] {
            racf(&self.system, command);
        }
    }

    /// Another process: the same directory, opened anew.
    pub(crate) fn another(&self) -> System {
        System::open(&self.path).unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What lies beside the directory.
    pub(crate) fn beside(&self) -> Vec<PathBuf> {
        listed(self.parent.path())
    }
}

/// A software engine that is unlocked by a pass phrase.
pub(crate) fn by_pass_phrase() -> Setup {
    let engine = Engine::Software { unlock: UnlockBy::PassPhrase };
    Setup { engine, secrets: pass_phrase("correct horse"), ..Setup::default() }
}

pub(crate) fn pass_phrase(text: &str) -> EngineSecrets {
    EngineSecrets { pass_phrase: Some(ClearKey::from_slice(text.as_bytes())), ..EngineSecrets::default() }
}

pub(crate) fn listed(directory: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

pub(crate) fn admin() -> Caller {
    Caller::user("IBMUSER".parse().unwrap())
}

pub(crate) fn racf(system: &System, command: &str) {
    system.racf(&admin(), command, &NoSecrets).unwrap_or_else(|e| panic!("{command}: {}", e.report()));
}

pub(crate) fn request(application: &str) -> Request {
    // A fixed second, so that tickets can be compared.
    Request::new("IBMUSER".parse().unwrap(), application.parse().unwrap()).at(1_700_000_000)
}

pub(crate) fn ticket(system: &System, application: &str) -> Result<Ticket, icsf_saf::Error> {
    system.generate(&admin(), &request(application))
}

/// That no ticket can be made for want of the key, and the whole cause.
pub(crate) fn lost(system: &System) -> String {
    let error = ticket(system, "TSOPRD1").unwrap_err();
    assert_eq!((error.code(), error.triple().to_string().as_str()), (Code::GenerationKey, "8/16/28"), "{error:?}");
    ticket(system, "MASKED").unwrap();
    error.cause().to_string()
}

pub(crate) fn text(error: &Error) -> String {
    format!("{error} {}", error.what_to_do().unwrap_or_default())
}
