//! Unloads of a RACF database (IRRDBU00): read, taken into a security database, and written.
//!
//! An unload is what a site can hand out: it tells of every profile how its key is kept, and of no key what it is. What is
//! read here is kept in the same profiles that commands make, so that everything that looks at those looks at these; a
//! key whose value is not known makes no ticket.

mod contents;
mod export;
mod fields;
pub(crate) mod findings;
mod layout;
mod lines;
mod records;

pub use contents::{Contents, Lines, Others, Summary, read};
pub use export::{Written, export};
pub use findings::Finding;
pub use layout::{Column, FACTS, LAYOUTS, Layout};
pub use lines::{Characters, Form, UnloadError};
