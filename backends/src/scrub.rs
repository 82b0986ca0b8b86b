//! Under the name it has here.

pub(crate) use icsf_core::scrub::{scrubbed, wipe_stack};
