//! The state of a system on one page.

use std::ops::ControlFlow;

use icsf_core::KeyLabel;
use icsf_core::backend::MasterKeyKind;
use icsf_core::engine::EngineView;
use icsf_core::kds::KdsFormat;
use icsf_saf::judgement::{Judged, Remark};
use icsf_saf::model::Class;
use icsf_saf::{Error, KeySource};

use crate::system::System;
use crate::unusable::UnusableKey;

/// The state of a system.
#[derive(Debug)]
#[non_exhaustive]
pub struct Status {
    /// ICSF, or why it cannot be used: a CKDS, say, that is damaged as a whole.
    pub icsf: Result<IcsfStatus, icsf_core::Error>,
    /// The classes of the security database.
    pub classes: Vec<ClassStatus>,
    /// Rows of the security database that cannot be read, and why.
    pub damaged_rows: Vec<(String, String)>,
    /// Labels that were made for profiles, of records that no profile names: what KEYENCRYPTED leaves when it is killed
    /// between the two, and what stays when a profile is deleted or given another key.
    pub unreferenced: Vec<KeyLabel>,
    /// Each key profile: where its key lies, or why no ticket can be made with it right now.
    pub applications: Vec<Application>,
}

/// The state of ICSF.
#[derive(Debug)]
#[non_exhaustive]
pub struct IcsfStatus {
    /// Whether it is started.
    pub started: bool,
    /// Whether services may update the CKDS.
    pub ckds_updates: bool,
    /// The engine.
    pub engine: EngineView,
    /// The keys that it cannot use at all: see [`System::unusable_keys`].
    pub unusable_keys: Vec<UnusableKey>,
    /// The CKDS.
    pub ckds: Ckds,
}

/// The state of a CKDS.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ckds {
    /// Its format.
    pub format: KdsFormat,
    /// Records in the in-storage copy.
    pub records: usize,
    /// Records on disk that wait for a REFRESH.
    pub awaiting_refresh: usize,
    /// Records that cannot be used, and why.
    pub damaged: Vec<(String, String)>,
    /// Why the in-storage copy is older than the disk, where that could not be read.
    pub trouble: Option<String>,
    /// The pattern of the master keys it is under, as its header says.
    pub master_keys: Vec<(MasterKeyKind, icsf_core::backend::Mkvp)>,
}

/// The state of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStatus {
    /// The class.
    pub class: Class,
    /// Whether it is active.
    pub active: bool,
    /// Whether it is RACLISTed.
    pub raclisted: bool,
    /// Profiles that wait for a REFRESH.
    pub awaiting_refresh: usize,
}

/// A key profile, and whether it can be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct Application {
    /// The profile.
    pub profile: String,
    /// Where its key lies, or why no ticket can be made.
    pub usable: Result<KeySource, Error>,
    /// What else there is to know of it.
    pub remarks: Vec<Remark>,
}

impl System {
    /// The state of the system. Each key profile is tried: its key is opened, and no ticket made.
    ///
    /// # Errors
    /// When the security database cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        // First, as it looks at the engine that the keys are tried in.
        let icsf = self.icsf_status();
        let database = self.saf().database().view()?;
        let options = database.options();
        // The two that PassTickets cannot do without, and what else is in use.
        let shown = |class: &Class| {
            matches!(class, Class::Ptktdata | Class::Appl)
                || options.active.contains(class)
                || options.raclisted.contains(class)
        };
        let classes = Class::ALL.into_iter().filter(shown).map(|class| ClassStatus {
            class,
            active: options.active.contains(&class),
            raclisted: options.raclisted.contains(&class),
            awaiting_refresh: database.stale(class),
        });
        let applications = self.saf().key_profiles()?.into_iter().map(|Judged { profile, usable, remarks }| {
            Application { profile: profile.name.to_string(), usable, remarks }
        });
        let used = self.saf().labels_in_use()?;
        let mut unreferenced = Vec::new();
        // A CKDS that cannot be read is told of above.
        let _ = self.icsf().key_data_set().scan(None, &mut |key, _| {
            let label = key.label();
            if label.to_string().starts_with("IRR.SSIGNON.") && !used.contains(&label) {
                unreferenced.push(label);
            }
            ControlFlow::Continue(())
        });
        Ok(Status {
            icsf,
            unreferenced,
            classes: classes.collect(),
            damaged_rows: database.damaged().map(|(name, why)| (name, why.to_string())).collect(),
            applications: applications.collect(),
        })
    }

    fn icsf_status(&self) -> Result<IcsfStatus, icsf_core::Error> {
        let view = self.icsf().look()?;
        let kinds = MasterKeyKind::ALL.into_iter();
        let ckds = Ckds {
            format: view.kds.header().format,
            records: view.kds.len(),
            awaiting_refresh: self.icsf().key_data_set().awaiting_refresh()?,
            damaged: view.kds.damaged().into_iter().map(|(name, why)| (name, why.to_string())).collect(),
            trouble: view.kds_trouble.clone(),
            master_keys: kinds.filter_map(|kind| Some((kind, view.kds.header().of(kind)?.mkvp()))).collect(),
        };
        let engine = view.engine.clone();
        let unusable_keys = self.unusable_with(&engine)?;
        let control = view.control;
        Ok(IcsfStatus { started: control.started, ckds_updates: control.ckds_updates, unusable_keys, engine, ckds })
    }
}
