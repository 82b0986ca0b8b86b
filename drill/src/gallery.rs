//! The drills that come with the program.

use std::path::Path;

use crate::error::Error;
use crate::outcome::Run;
use crate::plan::{Drill, Reader};

/// A drill of the gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhibit {
    /// Its name.
    pub name: &'static str,
    /// What it teaches, in a sentence.
    pub teaches: &'static str,
    /// The drill file.
    pub text: &'static str,
}

/// The gallery. Built without enhanced PassTickets, the program refuses their keys: there it has the drills without them.
pub const GALLERY: &[Exhibit] = &[
    Exhibit {
        name: "no-crypto-card",
        teaches: "a recovery site without crypto card: which sign-ons die, which survive, and what mends it",
        #[cfg(feature = "enhanced")]
        text: include_str!("../gallery/no-crypto-card.toml"),
        #[cfg(not(feature = "enhanced"))]
        text: include_str!("../gallery/no-crypto-card-legacy.toml"),
    },
    Exhibit {
        name: "icsf-not-started",
        teaches: "the card is there and nobody started ICSF: the codes are those of a missing card",
        text: include_str!("../gallery/icsf-not-started.toml"),
    },
    Exhibit {
        name: "wrong-master-key",
        teaches: "a card with other master keys, and a record under other ones: two faults with two answers",
        text: include_str!("../gallery/wrong-master-key.toml"),
    },
    Exhibit {
        name: "smfid-changed",
        teaches: "another SMF ID: TSO fails, everything else works",
        text: include_str!("../gallery/smfid-changed.toml"),
    },
    #[cfg(feature = "enhanced")]
    Exhibit {
        name: "masked-plus-enhanced",
        teaches: "a migration to enhanced tickets adds the dependency on the card",
        text: include_str!("../gallery/masked-plus-enhanced.toml"),
    },
    #[cfg(feature = "enhanced")]
    Exhibit {
        name: "clear-hmac-key",
        teaches: "the third way through a site without cards, and its price",
        text: include_str!("../gallery/clear-hmac-key.toml"),
    },
    #[cfg(feature = "enhanced")]
    Exhibit {
        name: "fixed-length-ckds",
        teaches: "an old CKDS takes no HMAC keys: enhanced tickets fail, legacy ones work",
        text: include_str!("../gallery/fixed-length-ckds.toml"),
    },
    #[cfg(feature = "enhanced")]
    Exhibit {
        name: "clock-skew-90s",
        teaches: "90 seconds that legacy tickets forgive and enhanced ones do not",
        text: include_str!("../gallery/clock-skew-90s.toml"),
    },
    Exhibit {
        name: "rse-reuse",
        teaches: "one connection uses a ticket several times in a second, so replay protection ends it",
        text: include_str!("../gallery/rse-reuse.toml"),
    },
    Exhibit {
        name: "tpx-four-sessions",
        teaches: "four sessions started at once: one comes up, with no fault anywhere",
        text: include_str!("../gallery/tpx-four-sessions.toml"),
    },
    Exhibit {
        name: "class-inactive",
        teaches: "class PTKTDATA is not active: every ticket fails, and no ICSF code shows",
        text: include_str!("../gallery/class-inactive.toml"),
    },
    Exhibit {
        name: "stale-raclist",
        teaches: "a key changed and one system not refreshed: tickets fail in one direction",
        text: include_str!("../gallery/stale-raclist.toml"),
    },
    Exhibit {
        name: "ckds-behind-racf",
        teaches: "copies of two different times: new applications fail, old ones work",
        text: include_str!("../gallery/ckds-behind-racf.toml"),
    },
    Exhibit {
        name: "retry-storm",
        teaches: "who tries again and again is revoked, and cannot sign on when all is mended",
        text: include_str!("../gallery/retry-storm.toml"),
    },
    Exhibit {
        name: "card-flapping",
        teaches: "a card that comes and goes: what fails, and that nothing need be restarted",
        text: include_str!("../gallery/card-flapping.toml"),
    },
    Exhibit {
        name: "kerberos-and-passtickets",
        teaches: "both need the one card: what lives on without it, how long, and that all comes back with it",
        text: include_str!("../gallery/kerberos-and-passtickets.toml"),
    },
    #[cfg(feature = "enhanced")]
    Exhibit {
        name: "everything",
        teaches: "the fault matrix: twenty faults over all ways to keep a key",
        text: include_str!("../gallery/everything.toml"),
    },
];

/// Finds a drill of the gallery by name, or reads the file of that name.
///
/// # Errors
/// [`Error::Missing`] when there is neither; [`Error::File`] for mistakes in it.
pub fn find(name_or_file: &str) -> Result<Drill, Error> {
    read(name_or_file, &Reader::default())
}

/// Reads the drill in a file and runs it, as a test of one's own does: on the engines it says, of which only those in software
/// can be had, and with the consumers that come with the program. See `docs/ci.md`.
///
/// ```
/// # let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("gallery");
/// let run = icsf_drill::run_file(folder.join("no-crypto-card-legacy.toml"))?;
/// assert!(run.is_as_expected(), "{}", icsf_drill::report::text(&run));
/// # Ok::<(), icsf_drill::Error>(())
/// ```
///
/// # Errors
/// [`Error::Missing`] when the file cannot be read; [`Error::File`] for mistakes in it; and as [`run`](crate::run).
pub fn run_file(path: impl AsRef<Path>) -> Result<Run, Error> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Error::Missing(format!("{name}: {error}")))?;
    crate::run(&Drill::read(&name, &text)?)
}

/// As [`find`], read otherwise than by default.
///
/// # Errors
/// As [`find`].
pub fn read(name_or_file: &str, reader: &Reader) -> Result<Drill, Error> {
    if let Some(exhibit) = GALLERY.iter().find(|exhibit| exhibit.name == name_or_file) {
        return reader.read(exhibit.name, exhibit.text);
    }
    let text = std::fs::read_to_string(name_or_file).map_err(|error| {
        let names: Vec<&str> = GALLERY.iter().map(|exhibit| exhibit.name).collect();
        Error::Missing(format!("{name_or_file}: {error}; the gallery has {}", names.join(", ")))
    })?;
    reader.read(name_or_file, &text)
}
