//! The drills that come with the program.

use crate::error::Error;
use crate::plan::Drill;

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

/// The gallery.
pub const GALLERY: &[Exhibit] = &[Exhibit {
    name: "no-crypto-card",
    teaches: "a recovery site without crypto card: which sign-ons die, which survive, and what mends it",
    // Built without enhanced PassTickets, the program refuses their keys: there it has the same drill without them.
    #[cfg(feature = "enhanced")]
    text: include_str!("../gallery/no-crypto-card.toml"),
    #[cfg(not(feature = "enhanced"))]
    text: include_str!("../gallery/no-crypto-card-legacy.toml"),
}];

/// Finds a drill of the gallery by name, or reads the file of that name.
///
/// # Errors
/// [`Error::Missing`] when there is neither; [`Error::File`] for mistakes in it.
pub fn find(name_or_file: &str) -> Result<Drill, Error> {
    if let Some(exhibit) = GALLERY.iter().find(|exhibit| exhibit.name == name_or_file) {
        return Drill::read(exhibit.name, exhibit.text);
    }
    let text = std::fs::read_to_string(name_or_file).map_err(|error| {
        let names: Vec<&str> = GALLERY.iter().map(|exhibit| exhibit.name).collect();
        Error::Missing(format!("{name_or_file}: {error}; the gallery has {}", names.join(", ")))
    })?;
    Drill::read(name_or_file, &text)
}
