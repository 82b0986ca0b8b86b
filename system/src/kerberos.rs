//! Kerberos in one system: how keys are made from passwords and tokens accepted, and keytabs.

use icsf_core::backend::Etype;
use icsf_core::random::SystemRandom;
use icsf_core::{Cause, ClearKey, Icsf};
use icsf_kdc::codes::ErrorCode;
use icsf_kdc::crypto::{CryptoError, SessionKey, checksum, verify_checksum};
use icsf_kdc::keytab::Entry;
use icsf_kdc::{Acceptor, CkdsKeys, Refusal, Replays, Settings, gss};
use icsf_saf::kerberos::{Kerberos, KerberosClient, KerberosRefusal};
use icsf_saf::model::{PrincipalKey, PrincipalName};
use icsf_saf::principals::{PrincipalError, PrincipalErrorKind};
use icsf_saf::{Caller, Snapshot};
use secrecy::{ExposeSecret, SecretString};

use crate::system::System;

/// NT-PRINCIPAL, which servers look for in keytabs.
const NAME_TYPE: u32 = 1;

/// A key usage of no message: RFC 4120 leaves those from 1024 on to applications.
const USAGE: u32 = 1024;

/// Kerberos as this system's security server has it: that of the KDC.
#[derive(Debug, Default)]
pub(crate) struct OwnKerberos(Replays);

impl Kerberos for OwnKerberos {
    fn string_to_key(&self, etype: Etype, password: &[u8], salt: &[u8]) -> ClearKey {
        string_to_key(etype, password, salt)
    }

    fn accept(
        &self,
        token: &[u8],
        icsf: &Icsf,
        registry: &Snapshot,
        now: u64,
    ) -> Result<KerberosClient, KerberosRefusal> {
        let realm = registry.local_realm().and_then(|profile| profile.kerb.as_ref());
        let acceptor = Acceptor {
            realm: realm.map_or("", |realm| realm.name.as_str()),
            keys: &CkdsKeys { icsf, registry },
            replays: &self.0,
            numbering: icsf.reason_codes(),
            skew: Settings::default().clock_skew,
        };
        let context = gss::accept(&acceptor, &SystemRandom, token, None, now).map_err(refused)?;
        let accepted = context.accepted();
        Ok(KerberosClient {
            principal: accepted.client().clone(),
            realm: accepted.client_realm().to_owned(),
            server: accepted.server().clone(),
            reply: context.reply().map(<[u8]>::to_vec),
        })
    }
}

fn refused(refusal: Refusal) -> KerberosRefusal {
    let remedy = match refusal.code() {
        ErrorCode::NotUs => Some("compare the realm and the name of the service with `softicsf principal list`"),
        ErrorCode::BadKeyVersion | ErrorCode::NoKey | ErrorCode::BadIntegrity => {
            Some("the client needs a new ticket: the keys of the service are others than those of its ticket")
        }
        ErrorCode::ClockSkew => Some("compare the clocks of both systems, in GMT"),
        ErrorCode::TicketExpired => Some("the client needs a new ticket: kinit"),
        ErrorCode::Repeat => Some("the client makes a new token for each logon"),
        _ => None,
    };
    let cause = refusal.cause().cloned().unwrap_or_else(|| {
        let cause = Cause::new(format!("Kerberos error {}: {}", refusal.code(), refusal.reason()));
        remedy.into_iter().fold(cause, Cause::with_remedy)
    });
    KerberosRefusal { number: u8::try_from(refusal.code().number()).unwrap_or(u8::MAX), cause: Box::new(cause) }
}

fn string_to_key(etype: Etype, password: &[u8], salt: &[u8]) -> ClearKey {
    icsf_kdc::crypto::string_to_key(etype, password, salt, None)
}

impl System {
    /// The name of the local Kerberos realm, when there is one.
    ///
    /// # Errors
    /// When the security database cannot be read.
    pub fn realm(&self) -> icsf_saf::Result<Option<String>> {
        let view = self.saf().database().view()?;
        let realm = view.local_realm().and_then(|profile| profile.kerb.as_ref());
        Ok(realm.map(|realm| realm.name.clone()).filter(|name| !name.is_empty()))
    }

    /// Gives a principal new random keys, and answers them for a keytab, this once. What it was used with before no longer
    /// fits: a user's password makes other keys.
    ///
    /// # Errors
    /// As [`Saf::give_out_keys`](icsf_saf::Saf::give_out_keys).
    pub fn new_keytab_entries(&self, caller: &Caller, name: &PrincipalName) -> Result<Vec<Entry>, PrincipalError> {
        let realm = self.realm().ok().flatten().unwrap_or_default();
        let keys = self.saf().give_out_keys(caller, name)?;
        Ok(keys.into_iter().map(|(key, clear)| entry(&realm, name, &key, clear)).collect())
    }

    /// The keys that a principal has from its password, for a keytab: made from the password once more, and compared with
    /// those in the CKDS inside the engine.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::NotFound`], [`PrincipalErrorKind::NotAllowed`] without keys,
    /// [`PrincipalErrorKind::PasswordRefused`] when it is another password, [`PrincipalErrorKind::Icsf`].
    pub fn keytab_entries(&self, name: &PrincipalName, password: &SecretString) -> Result<Vec<Entry>, PrincipalError> {
        let realm = self.realm().ok().flatten().unwrap_or_default();
        let row = self.saf().principal(name)?;
        let password = self.saf().as_kept(&row, password)?;
        let of = |key: &PrincipalKey| {
            let clear = string_to_key(key.etype, password.expose_secret().as_bytes(), key.salt.as_bytes());
            match self.is_key(key, &clear) {
                Ok(()) => Ok(entry(&realm, name, key, clear)),
                Err(CryptoError::Engine(error)) => {
                    Err(PrincipalError::icsf(&format!("the keys of principal {name} cannot be compared"), error))
                }
                Err(_) => Err(PrincipalError::new(
                    PrincipalErrorKind::PasswordRefused,
                    format!("this is not the password that the keys of principal {name} were made from"),
                )),
            }
        };
        let entries: Vec<Entry> = row.newest_keys().map(of).collect::<Result<_, PrincipalError>>()?;
        if entries.is_empty() {
            let what = format!("principal {name} has no keys until its password is changed");
            return Err(PrincipalError::new(PrincipalErrorKind::NotAllowed, what));
        }
        Ok(entries)
    }

    /// That a clear key is the one in the CKDS.
    fn is_key(&self, key: &PrincipalKey, clear: &ClearKey) -> Result<(), CryptoError> {
        let in_engine = self.icsf().kerberos_key(&key.label)?;
        let sum = checksum(&SessionKey::new(key.etype, clear)?, USAGE, b"softicsf keytab")?;
        verify_checksum(&in_engine, USAGE, b"softicsf keytab", &sum)
    }
}

fn entry(realm: &str, name: &PrincipalName, key: &PrincipalKey, clear: ClearKey) -> Entry {
    Entry {
        realm: realm.to_owned(),
        components: name.components().to_vec(),
        name_type: NAME_TYPE,
        timestamp: u32::try_from(key.created).unwrap_or(u32::MAX),
        version: key.version,
        etype: u16::try_from(key.etype.number()).unwrap_or_default(),
        key: clear,
    }
}
