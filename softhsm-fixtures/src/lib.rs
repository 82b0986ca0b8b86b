#![doc = include_str!("../README.md")]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "softhsm-fixtures works on Linux only; name it under [target.'cfg(target_os = \"linux\")'.dev-dependencies]"
);

mod calls;
mod card;
mod ckr;
mod configuration;
#[path = "../shim/control.rs"]
mod control;
#[path = "../shim/environment.rs"]
mod environment;
mod error;
mod fault;
#[path = "../shim/files.rs"]
mod files;
mod fork;
#[path = "../shim/functions.rs"]
mod functions;
mod identity;
mod library;
mod module;
mod mounts;
#[path = "../shim/real.rs"]
mod real;
mod scratch;
#[cfg(feature = "sessions")]
mod sessions;
mod token;

pub use calls::Calls;
pub use card::Card;
pub use ckr::Ckr;
pub use configuration::Configuration;
pub use error::{Error, ErrorKind};
pub use fault::Fault;
pub use fork::forked;
pub use functions::Function;
pub use identity::Pin;
pub use library::Library;
pub use token::Token;
