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
        let server = self.registry.principal(server);
        let keys = server.into_iter().flat_map(|server| &server.keys);
        let kind = |key: &PrincipalKey| (key.version, Some(key.etype));
        first_that_fits(server.is_some(), keys, kind, etype, version, |key| {
            match decrypt(&open(self.icsf, key)?, usage::TICKET, cipher) {
                Err(CryptoError::Engine(error)) => Err(Refusal::icsf(&error, self.icsf.reason_codes())),
                decrypted => Ok(decrypted.ok()),
            }
        })
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
        let keys = || self.entries.iter().filter(is_server);
        let kind = |entry: &Entry| (entry.version, entry.known_etype());
        first_that_fits(keys().next().is_some(), keys(), kind, etype, version, |entry| {
            let decrypted = SessionKey::new(etype, &entry.key).and_then(|key| decrypt(&key, usage::TICKET, cipher));
            Ok(decrypted.ok())
        })
    }
}

/// Tries the keys of a server that have this type and version, if it `is_here` at all; `decrypt` answers nothing for one that
/// does not fit. What is refused is what came closest.
fn first_that_fits<'a, K: 'a>(
    is_here: bool,
    keys: impl Iterator<Item = &'a K>,
    kind: impl Fn(&K) -> (u32, Option<Etype>),
    etype: Etype,
    version: Option<u32>,
    decrypt: impl Fn(&K) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal>,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    if !is_here {
        return Err(Refusal::new(ErrorCode::NotUs, "the ticket is for another server"));
    }
    let mut refusal = Refusal::new(ErrorCode::BadKeyVersion, "the server has no key of the version of the ticket");
    for key in keys.filter(|key| version.is_none_or(|version| kind(key).0 == version)) {
        if kind(key).1 == Some(etype) {
            if let Some(plain) = decrypt(key)? {
                return Ok(plain);
            }
            refusal = Refusal::new(ErrorCode::BadIntegrity, "the ticket was altered, or its key is another");
        } else if refusal.code() == ErrorCode::BadKeyVersion {
            refusal = Refusal::new(ErrorCode::NoKey, "the server has no key of the type of the ticket");
        }
    }
    Err(refusal)
}
