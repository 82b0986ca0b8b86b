//! The keys of principals: records of the CKDS, opened for one request inside the engine; or those of a server in a keytab.

use std::fmt;

use icsf_core::backend::Etype;
use icsf_core::codes::Code;
use icsf_core::services::KerberosKey;
use icsf_core::{Cause, Icsf};
use icsf_saf::Snapshot;
use icsf_saf::model::{Principal, PrincipalKey, PrincipalName};
use zeroize::Zeroizing;

use crate::codes::ErrorCode;
use crate::crypto::{CryptoError, SessionKey, decrypt};
use crate::keytab::Entry;
use crate::messages::usage;
use crate::outcome::Refusal;

/// Opens a key.
pub(crate) fn open(icsf: &Icsf, key: &PrincipalKey) -> Result<KerberosKey, Refusal> {
    icsf.kerberos_key(&key.label).map_err(|error| Refusal::icsf(&error, icsf.reason_codes()))
}

/// Opens a key, unless the engine has nothing for keys of its type: then another is to be tried.
pub(crate) fn open_if_possible(icsf: &Icsf, key: &PrincipalKey) -> Result<Option<KerberosKey>, Refusal> {
    match icsf.kerberos_key(&key.label) {
        Ok(key) => Ok(Some(key)),
        Err(error) if error.code() == Code::NotOnThisEngine => Ok(None),
        Err(error) => Err(Refusal::icsf(&error, icsf.reason_codes())),
    }
}

/// The strongest of the newest keys of a server that the engine can use, and its version.
pub(crate) fn of_server(icsf: &Icsf, server: &Principal) -> Result<(KerberosKey, u32), Refusal> {
    for key in server.newest_keys() {
        if let Some(open) = open_if_possible(icsf, key)? {
            return Ok((open, key.version));
        }
    }
    Err(no_key(server))
}

/// That a principal has no key that can be used.
pub(crate) fn no_key(principal: &Principal) -> Refusal {
    let name = &principal.name;
    let (code, why, remedy) = if principal.keys.is_empty() {
        (ErrorCode::NullKey, "has no key until its password is changed", "change its password")
    } else {
        (ErrorCode::EtypeUnsupported, "has no key of a type that this engine can use", "make keys of another type")
    };
    Refusal::new(code, "no key").because(Cause::new(format!("principal {name} {why}")).with_remedy(remedy))
}

/// Whoever holds the keys of servers: the CKDS, or a keytab.
pub trait ServerKeys: fmt::Debug {
    /// Decrypts a ticket for `server` with its key of this type and version; without a version, with each of the type.
    ///
    /// # Errors
    /// [`ErrorCode::NotUs`] for a server whose keys are not held here, [`ErrorCode::BadKeyVersion`],
    /// [`ErrorCode::NoKey`], [`ErrorCode::BadIntegrity`]; [`ErrorCode::ServiceUnavailable`] without engine.
    fn decrypt_ticket(
        &self,
        server: &PrincipalName,
        etype: Etype,
        version: Option<u32>,
        cipher: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refusal>;
}

/// The keys in the CKDS.
#[derive(Debug, Clone, Copy)]
pub struct CkdsKeys<'a> {
    /// ICSF, which has the keys.
    pub icsf: &'a Icsf,
    /// The security database, which has their labels.
    pub registry: &'a Snapshot,
}

impl ServerKeys for CkdsKeys<'_> {
    fn decrypt_ticket(
        &self,
        server: &PrincipalName,
        etype: Etype,
        version: Option<u32>,
        cipher: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let not_us = Refusal::new(ErrorCode::NotUs, "the ticket is for another server");
        let server = self.registry.principal(server).ok_or(not_us)?;
        let named = |key: &&PrincipalKey| version.is_none_or(|version| key.version == version);
        let mut refusal = if server.keys.iter().any(|key| named(&key)) {
            Refusal::new(ErrorCode::NoKey, "the server has no key of the type of the ticket")
        } else {
            Refusal::new(ErrorCode::BadKeyVersion, "the server has no key of the version of the ticket")
        };
        for key in server.keys.iter().filter(named).filter(|key| key.etype == etype) {
            match decrypt(&open(self.icsf, key)?, usage::TICKET, cipher) {
                Ok(plain) => return Ok(plain),
                Err(CryptoError::Engine(error)) => return Err(Refusal::icsf(&error, self.icsf.reason_codes())),
                Err(_) => {
                    refusal = Refusal::new(ErrorCode::BadIntegrity, "the ticket was altered, or its key is another")
                }
            }
        }
        Err(refusal)
    }
}

/// The keys in a keytab: those of a server that goes on without the engine.
#[derive(Debug, Clone, Copy)]
pub struct KeytabKeys<'a> {
    /// The realm of the server; entries of others do not count.
    pub realm: &'a str,
    /// What [`keytab::read`](crate::keytab::read) found.
    pub entries: &'a [Entry],
}

impl ServerKeys for KeytabKeys<'_> {
    fn decrypt_ticket(
        &self,
        server: &PrincipalName,
        etype: Etype,
        version: Option<u32>,
        cipher: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let is_server = |entry: &&Entry| entry.realm == self.realm && entry.components == server.components();
        let named = |entry: &&Entry| version.is_none_or(|version| entry.version == version);
        let mut refusal = if !self.entries.iter().any(|entry| is_server(&entry)) {
            Refusal::new(ErrorCode::NotUs, "the ticket is for another server")
        } else if !self.entries.iter().filter(is_server).any(|entry| named(&entry)) {
            Refusal::new(ErrorCode::BadKeyVersion, "the keytab has no key of the version of the ticket")
        } else {
            Refusal::new(ErrorCode::NoKey, "the keytab has no key of the type of the ticket")
        };
        let fitting = self.entries.iter().filter(is_server).filter(named);
        for entry in fitting.filter(|entry| entry.known_etype() == Some(etype)) {
            match SessionKey::new(etype, &entry.key).and_then(|key| decrypt(&key, usage::TICKET, cipher)) {
                Ok(plain) => return Ok(plain),
                Err(_) => {
                    refusal = Refusal::new(ErrorCode::BadIntegrity, "the ticket was altered, or its key is another")
                }
            }
        }
        Err(refusal)
    }
}
