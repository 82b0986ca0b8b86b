//! What a security database holds: classes, profiles, users, options.

mod class;
mod name;
mod profile;
mod user;

pub use class::{Class, Options};
pub use name::{NameError, ProfileName};
pub use profile::{Access, LegacyKey, Profile, Ssignon, TicketType};
pub use user::{Credential, User};
