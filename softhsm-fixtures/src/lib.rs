//! Throw-away SoftHSM tokens for tests.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "softhsm-fixtures works on Linux only; name it under [target.'cfg(target_os = \"linux\")'.dev-dependencies]"
);

mod configuration;
#[path = "../shim/environment.rs"]
mod environment;
mod error;
#[path = "../shim/functions.rs"]
mod functions;
mod identity;
mod library;
mod module;
#[path = "../shim/real.rs"]
mod real;
mod scratch;
#[cfg(feature = "sessions")]
mod sessions;
mod token;

pub use configuration::Configuration;
pub use error::{Error, ErrorKind};
pub use functions::Function;
pub use identity::Pin;
pub use library::Library;
pub use token::Token;
