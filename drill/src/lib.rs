//! Disaster-recovery drills: sites, session managers, faults, and a report that says what dies, what survives, why, and
//! what mends it.
//!
//! The idea: nothing in a drill is played. Each site is a whole [`softicsf::System`]; a fault acts on its engine, key
//! store, security database or clock, and the session manager meets it as a real one would. A sign-on that fails exactly
//! as was expected is a success of the drill. Engines are in software, or tokens that are really pulled: see [`Cards`].
//!
//! ```
//! let drill = icsf_drill::gallery::find("no-crypto-card")?;
//! let run = icsf_drill::run(&drill)?;
//! assert_eq!(run.exit_status(), 0);
//! assert!(icsf_drill::report::text(&run).contains("REASON CODE:0C Additional HEX INFO:0C0000"));
//! # Ok::<(), icsf_drill::Error>(())
//! ```

mod card;
mod change;
mod check;
mod clock;
pub mod consumer;
mod cover;
mod error;
mod expect;
pub mod fault;
mod file;
pub mod gallery;
mod import;
mod outcome;
mod plan;
pub mod report;
mod run;
pub mod scan;
mod schema;
mod secret;
mod spelling;
mod survey;
mod tree;
mod typed;
mod with;
mod world;

pub use card::{CardKind, CardSource, Cards, NoCard, PullableCard};
pub use error::{Error, Mistake};
pub use file::Format;
pub use gallery::run_file;
pub use outcome::Run;
pub use plan::{Drill, Reader};
pub use report::{NotComparable, Report};
pub use run::{check, run, run_on};
pub use schema::schema;
