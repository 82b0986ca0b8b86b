//! A drill, checked: what is to be run.

use serde::Deserialize;
use softicsf::{PrincipalName, UserId};

use crate::card::CardKind;
use crate::change::Change;
use crate::check;
use crate::consumer::{AppName, Factory, Settings, kinds};
use crate::error::{Error, Mistake, Source};
use crate::expect::Expect;
use crate::file::{DrillFile, Format, Offset};
use crate::import::Imported;
use crate::run;
use crate::spelling;

/// A drill ready to be run.
pub struct Drill {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) file: DrillFile,
    pub(crate) consumers: Vec<Planned>,
    pub(crate) steps: Vec<Step>,
    /// What the inputs hold.
    pub(crate) imported: Imported,
}

/// A consumer of the drill.
#[derive(Clone)]
pub(crate) struct Planned {
    pub(crate) settings: Settings,
    pub(crate) factory: Factory,
    /// The site it runs at, where that is not the site of the step.
    pub(crate) runs_at: Option<String>,
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
        /// What it is called.
        token: Option<String>,
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
    /// Its address space loses program control as soon as it uses ICSF.
    Dirty {
        consumer: usize,
    },
    Restart {
        consumer: usize,
    },
    Change {
        site: String,
        change: Change,
    },
    /// Commands of an administrator, at each of these sites.
    Racf {
        sites: Vec<String>,
        commands: Vec<String>,
    },
    Generate(Generate),
    Evaluate(Evaluate),
    Storm(Storm),
    Kerberos(Kerberos),
}

/// Users, and what they do with Kerberos tickets.
#[derive(Debug, Clone)]
pub(crate) struct Kerberos {
    pub(crate) site: String,
    pub(crate) users: Vec<UserId>,
    pub(crate) deed: KerberosDeed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KerberosDeed {
    /// As kinit.
    Init,
    /// As kvno, for this server.
    Ticket(PrincipalName),
    /// Shows this server the ticket that is held.
    Accept(PrincipalName),
}

/// A ticket that is made, and kept for later steps.
#[derive(Debug, Clone)]
pub(crate) struct Generate {
    pub(crate) site: String,
    pub(crate) user: UserId,
    pub(crate) application: AppName,
    pub(crate) runs_as: UserId,
    pub(crate) ticket: String,
}

/// A ticket that was kept, checked.
#[derive(Debug, Clone)]
pub(crate) struct Evaluate {
    pub(crate) site: String,
    pub(crate) ticket: String,
    /// Who has it checked; none: the user signs on with it.
    pub(crate) runs_as: Option<UserId>,
    pub(crate) times: u32,
}

/// Users who try again and again.
#[derive(Debug, Clone)]
pub(crate) struct Storm {
    pub(crate) site: String,
    pub(crate) users: Vec<UserId>,
    pub(crate) sessions: Vec<(usize, usize)>,
    /// How often each tries at most.
    pub(crate) tries: u32,
    pub(crate) every: Offset,
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
            Self::Storm(storm) => u64::from(storm.tries).saturating_mul(storm.every.0),
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
    /// Reads and checks a drill. `path` is what errors call the file; files it names are looked for beside it.
    ///
    /// # Errors
    /// [`Error::File`]: every mistake that was found, with line and column.
    pub fn read(path: &str, text: &str) -> Result<Self, Error> {
        Reader::default().read(path, text)
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

    /// Of which CKDSs later steps want a copy as it is when this step begins: site and step.
    pub(crate) fn copies_wanted(&self, step: &str) -> Vec<(String, String)> {
        let wanted = self.steps.iter().filter_map(|later| match &later.action {
            Action::Change { site, change: Change::CkdsRestore(restore) } => {
                let as_of = restore.as_of.as_deref().filter(|as_of| *as_of == step)?;
                Some((restore.from.clone().unwrap_or_else(|| site.clone()), as_of.to_owned()))
            }
            _ => None,
        });
        wanted.collect()
    }

    /// The forms of the report that the file asks for.
    #[must_use]
    pub fn formats(&self) -> &[Format] {
        &self.file.report.formats
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { path: &self.path, text: &self.text }
    }
}

/// Reads drill files otherwise than by default.
///
/// ```
/// use std::sync::Arc;
/// use icsf_drill::consumer::{Asked, Consumer, Logon, Place};
/// use icsf_drill::{Reader, gallery, run};
/// use softicsf::{Credential, UserId};
///
/// /// Signs on with a ticket, and writes down that it did.
/// #[derive(Debug)]
/// struct Portal(UserId);
///
/// impl Consumer for Portal {
///     fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
///         let mut logon = Logon::begun(asked);
///         let signed_on = place.generate(self.0, asked).and_then(|ticket| {
///             logon.keep(&ticket);
///             place.present(asked, &Credential::from(&ticket))
///         });
///         match signed_on {
///             Ok(by) => logon.signed_on(by),
///             Err(failure) => logon.failed(failure),
///         }
///     }
/// }
///
/// let text = gallery::GALLERY.iter().find(|drill| drill.name == "card-flapping").unwrap().text;
/// let reader = Reader::default().consumer("tpx", Arc::new(|settings| Box::new(Portal(settings.runs_as))));
/// let run = run(&reader.read("mine.toml", text)?)?;
/// assert_eq!(run.exit_status(), 0);
/// # Ok::<(), icsf_drill::Error>(())
/// ```
#[derive(Clone)]
pub struct Reader {
    inline_keys: bool,
    kinds: Vec<(String, Factory)>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<&str> = self.kinds.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Reader").field("inline_keys", &self.inline_keys).field("kinds", &kinds).finish()
    }
}

/// With the consumers that come with the program, and no key in the file.
impl Default for Reader {
    fn default() -> Self {
        let kinds = kinds().into_iter().map(|(name, factory)| (name.to_owned(), factory));
        Self { inline_keys: false, kinds: kinds.collect() }
    }
}

impl Reader {
    /// Lets keys and passwords be written in the file itself.
    #[must_use]
    pub fn allow_inline_keys(self) -> Self {
        Self { inline_keys: true, ..self }
    }

    /// Knows another kind of consumer.
    #[must_use]
    pub fn consumer(mut self, kind: &str, factory: Factory) -> Self {
        self.kinds.retain(|(name, _)| name != kind);
        self.kinds.push((kind.to_owned(), factory));
        self
    }

    /// As [`Drill::read`].
    ///
    /// # Errors
    /// [`Error::File`]: every mistake that was found, with line and column.
    pub fn read(&self, path: &str, text: &str) -> Result<Drill, Error> {
        let source = Source { path, text };
        let (file, mut mistakes) = spelling::file::<DrillFile>(&source);
        let Some(file) = file else { return Err(Error::File(mistakes)) };
        let (imported, unread) = Imported::read(&source, &file.inputs);
        mistakes.extend(unread);
        let plan = check::checked(source, &file, &imported, self);
        // What could not be read is missed where it stands.
        let (before, after) = (mistakes.len(), plan.mistakes);
        let new = after.into_iter().filter(|new| !mistakes.iter().take(before).any(|old| new.surrounds(old)));
        let new: Vec<_> = new.collect();
        mistakes.extend(new);
        let (consumers, steps) = (plan.consumers, plan.steps);
        let drill = Drill { path: path.to_owned(), text: text.to_owned(), file, consumers, steps, imported };
        if mistakes.is_empty() {
            return Ok(drill);
        }
        // What is refused when the sites are set up is told in the same breath; but not once more what was told.
        let refused = run::refused(&drill);
        let told = |new: &Mistake| mistakes.iter().any(|old| new.surrounds(old) || old.surrounds(new));
        let new: Vec<Mistake> = refused.into_iter().filter(|new| !told(new)).collect();
        mistakes.extend(new);
        mistakes.sort_by_key(Mistake::position);
        Err(Error::File(mistakes))
    }

    pub(crate) const fn inline_keys(&self) -> bool {
        self.inline_keys
    }

    /// Finds a kind, or which there are.
    pub(crate) fn kind(&self, name: &str) -> Result<&Factory, Vec<&str>> {
        let found = self.kinds.iter().find(|(known, _)| known == name);
        found.map(|(_, factory)| factory).ok_or_else(|| self.kinds.iter().map(|(name, _)| name.as_str()).collect())
    }
}
