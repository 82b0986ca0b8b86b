//! A PKCS#11 module that stands before another one, so that a test can take the card away.
//!
//! Each fixture has a copy of this library and a copy of the real module in one directory; the shim finds everything by
//! its own path, in any process that loads it. It offers the function list of PKCS#11 2.40. Each entry counts the call,
//! does what the test has ordered in the control block, and otherwise forwards.
//!
//! It is compiled by the build script of `softhsm-fixtures`, by the bare compiler, so it uses nothing but the standard
//! library. Some of its files are part of that crate as well.

#![allow(unreachable_pub, reason = "some files are public in that crate, and the linker knows no visibility")]

mod card;
mod control;
mod entries;
mod environment;
mod files;
mod functions;
mod orders;
mod real;
mod slots;
