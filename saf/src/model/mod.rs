//! What a security database holds: classes, profiles, users, groups, Kerberos principals, options.

mod class;
mod group;
mod kerb;
mod name;
mod principal;
mod principal_name;
mod profile;
mod user;

pub use class::{Class, Options};
pub use group::{Authority, Connect, Group};
pub use kerb::{EncryptionType, Kerb, Realm};
pub use name::{NameError, ProfileName};
pub use principal::{MasterKeyVersion, PasswordPolicy, Principal, PrincipalFlag, PrincipalKey, UsedPassword};
pub use principal_name::{PrincipalName, PrincipalNameError};
pub use profile::{Access, Audit, ImportedKey, LegacyKey, Profile, Ssignon, TicketType};
pub use user::{Attribute, Credential, PasswordCost, User};
