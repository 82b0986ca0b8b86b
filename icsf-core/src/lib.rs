//! A software ICSF.
