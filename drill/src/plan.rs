//! A drill, checked: what is to be run.

use serde::Deserialize;
use softicsf::{Applid, UserId};

use crate::card::CardKind;
use crate::check;
use crate::error::{Error, Mistake, Source};
use crate::expect::Expect;
use crate::file::{DrillFile, Offset};

/// A drill ready to be run.
pub struct Drill {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) file: DrillFile,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) name: String,
    pub(crate) runs_as: UserId,
    pub(crate) sessions: Vec<Session>,
}

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) applid: String,
    pub(crate) application: Applid,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) id: String,
    pub(crate) at: Offset,
    pub(crate) action: Action,
    pub(crate) expect: Option<Expect>,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Logon {
        site: String,
        users: Vec<UserId>,
        sessions: Vec<(usize, usize)>,
        by: Option<TypedBy>,
    },
    Failover {
        from: String,
        to: String,
    },
    /// Another card, or none.
    Attach {
        site: String,
        kind: Option<CardKind>,
        same_as: Option<String>,
    },
    /// The same card again.
    PutBack {
        site: String,
    },
    Detach {
        site: String,
    },
    Zeroise {
        site: String,
    },
    WrongMasterKey {
        site: String,
    },
    Flap(Flap),
    Display {
        command: String,
        sites: Vec<String>,
    },
    ConsumerSet {
        consumer: usize,
        generate: bool,
    },
}

/// A card that comes and goes, and who tries to sign on meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Flap {
    pub(crate) site: String,
    pub(crate) count: u32,
    /// How long it is out, and then in.
    pub(crate) every: Offset,
    pub(crate) users: Vec<UserId>,
    pub(crate) sessions: Vec<(usize, usize)>,
}

impl Action {
    /// How long it takes.
    fn lasts(&self) -> u64 {
        match self {
            Self::Flap(flap) => u64::from(flap.count).saturating_mul(2).saturating_mul(flap.every.0),
            _ => 0,
        }
    }
}

impl Step {
    pub(crate) fn end(&self) -> Offset {
        Offset(self.at.0.saturating_add(self.action.lasts()))
    }
}

/// What a user signs on with, where the drill says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TypedBy {
    Ticket,
    Password,
}

/// Which one it is; somebody may have written a key into it.
impl std::fmt::Debug for Drill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drill").field("path", &self.path).field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Drill {
    /// Reads and checks a drill. `path` is what errors call the file.
    ///
    /// # Errors
    /// [`Error::File`]: every mistake that was found, with line and column.
    pub fn read(path: &str, text: &str) -> Result<Self, Error> {
        let source = Source { path, text };
        let file: DrillFile = toml::from_str(text)
            .map_err(|error| Error::File(vec![Mistake::new(&source, error.message().to_owned(), error.span())]))?;
        let (consumers, steps, mistakes) = check::checked(source, &file);
        if mistakes.is_empty() {
            Ok(Self { path: path.to_owned(), text: text.to_owned(), file, consumers, steps })
        } else {
            Err(Error::File(mistakes))
        }
    }

    /// The identifier the drill gives itself.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.file.drill.id
    }

    /// Its title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.file.drill.title
    }

    /// The file, as it was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The kinds of card it wants.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = CardKind> {
        let attached = self.steps.iter().filter_map(|step| match &step.action {
            Action::Attach { kind, .. } => *kind,
            _ => None,
        });
        self.file.site.iter().filter_map(|site| site.engine.kind.card()).chain(attached)
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { path: &self.path, text: &self.text }
    }
}
