//! A Kerberos V5 KDC whose principal keys are records of the CKDS, wrapped under the master key of the engine.

pub mod crypto;
pub mod keytab;
pub mod server;
