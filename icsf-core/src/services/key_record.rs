//! CSNBKRC, CSNBKRC2, CSNBKRR, CSNBKRR2, CSNBKRW, CSNBKRW2, CSNBKRD: the records of the CKDS.
//!
//! All are dynamic updates: disk and in-storage copy change together. Reading and removing a record, and writing one
//! that holds no secure key, needs no engine; writing a secure key does, for its authentication.

use super::{Done, rules};
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::kds::{self, Found, Record, Update};
use crate::label::{KeyLabel, KeyType, RecordKey};
use crate::store::{self, Generation};
use crate::token::{FIXED_LENGTH, KeyToken, Material};

const DELETE: &[&str] = &["LABEL-DL", "TOKEN-DL"];

impl Icsf {
    /// CSNBKRC: makes a record that holds no key yet.
    ///
    /// Source: ICSF Application Programmer's Guide, CKDS Key Record Create.
    ///
    /// # Errors
    /// [`Code::LabelExists`]; [`Code::IcsfStopped`]; [`Code::UpdatesDisallowed`]; [`Code::KdsFull`], [`Code::KdsIoError`].
    pub fn csnbkrc(&self, label: &KeyLabel) -> Result<Done<()>> {
        self.service("CSNBKRC", |view| self.write(view, label, KeyToken::Null, None))
    }

    /// CSNBKRC2: makes a record of this token, the null token included.
    ///
    /// Source: ICSF Application Programmer's Guide, CKDS Key Record Create2.
    ///
    /// # Errors
    /// [`Code::LabelExists`]; [`Code::VariableTokenRefused`] in a fixed-length CKDS; [`Code::MasterKeyMismatch`];
    /// [`Code::IcsfStopped`]; [`Code::UpdatesDisallowed`]; for a secure key [`Code::EngineUnavailable`],
    /// [`Code::MasterKeyNotSet`]; [`Code::KdsFull`], [`Code::KdsIoError`].
    pub fn csnbkrc2(&self, label: &KeyLabel, token: KeyToken) -> Result<Done<()>> {
        self.service("CSNBKRC2", |view| self.write(view, label, token, None))
    }

    /// CSNBKRW: writes a fixed-length token into a record that exists.
    ///
    /// Source: ICSF Application Programmer's Guide, CKDS Key Record Write (the token comes first).
    ///
    /// # Errors
    /// [`Code::LabelNotFound`]; [`Code::WrongTokenClass`] for a variable-length token; [`Code::TokenNotForKds`] when the
    /// record holds a key of another algorithm; otherwise as [`csnbkrc2`](Self::csnbkrc2).
    pub fn csnbkrw(&self, token: KeyToken, label: &KeyLabel) -> Result<Done<()>> {
        self.service("CSNBKRW", |view| {
            if matches!(token, KeyToken::Variable(_)) {
                return Err(Error::new(Code::WrongTokenClass, "a variable-length token is written by CSNBKRW2"));
            }
            self.overwrite(view, label, token)
        })
    }

    /// CSNBKRW2: writes a token into a record that exists.
    ///
    /// Source: ICSF Application Programmer's Guide, CKDS Key Record Write2; the order of the parameters is assumed to be
    /// that of CSNBKRC2.
    ///
    /// # Errors
    /// As [`csnbkrw`](Self::csnbkrw), variable-length tokens allowed.
    pub fn csnbkrw2(&self, label: &KeyLabel, token: KeyToken) -> Result<Done<()>> {
        self.service("CSNBKRW2", |view| self.overwrite(view, label, token))
    }

    /// CSNBKRR: reads the fixed-length token of a record. A record without key is news ([`Code::NullRecordRead`]).
    ///
    /// Source: ICSF Application Programmer's Guide, CKDS Key Record Read.
    ///
    /// # Errors
    /// [`Code::LabelNotFound`], [`Code::RecordDamaged`]; [`Code::WrongTokenClass`] for a variable-length token;
    /// [`Code::IcsfStopped`].
    pub fn csnbkrr(&self, label: &KeyLabel) -> Result<Done<[u8; FIXED_LENGTH]>> {
        self.service("CSNBKRR", |view| {
            let token = self.in_storage(view, label)?.token;
            if matches!(token, KeyToken::Variable(_)) {
                return Err(
                    Error::new(Code::WrongTokenClass, "a variable-length token is read by CSNBKRR2").for_label(label)
                );
            }
            let news = if matches!(token, KeyToken::Null) { Code::NullRecordRead } else { Code::Success };
            Ok(Done::with_news(token.encode().first_chunk().copied().unwrap_or([0; FIXED_LENGTH]), news))
        })
    }

    /// CSNBKRR2: reads the token of a record. A record without key ([`Code::NullRecordRead`]) and a clear key
    /// ([`Code::ClearKeyReturned`]) are news.
    ///
    /// Source: ICSF Application Programmer's Guide, CKDS Key Record Read2.
    ///
    /// # Errors
    /// [`Code::LabelNotFound`], [`Code::RecordDamaged`]; [`Code::IcsfStopped`].
    pub fn csnbkrr2(&self, label: &KeyLabel) -> Result<Done<KeyToken>> {
        self.service("CSNBKRR2", |view| {
            let token = self.in_storage(view, label)?.token;
            let news = match &token {
                KeyToken::Null => Code::NullRecordRead,
                KeyToken::Variable(token) if matches!(token.material(), Material::Clear(_)) => Code::ClearKeyReturned,
                _ => Code::Success,
            };
            Ok(Done::with_news(token, news))
        })
    }

    /// CSNBKRD: removes a record (`LABEL-DL`), or the key in it (`TOKEN-DL`).
    ///
    /// Source: ICSF Application Programmer's Guide, CKDS Key Record Delete.
    ///
    /// # Errors
    /// [`Code::LabelNotFound`]; rule-array codes; [`Code::IcsfStopped`]; [`Code::UpdatesDisallowed`]; [`Code::KdsFull`],
    /// [`Code::KdsIoError`].
    pub fn csnbkrd(&self, rules: &[&str], label: &KeyLabel) -> Result<Done<()>> {
        self.service("CSNBKRD", |view| {
            let [what] = rules::read(rules, 1..=1, [DELETE])?;
            view.require_updates()?;
            match rules::required(what, DELETE)? {
                "LABEL-DL" => self.kds.delete(label, Update::Dynamic).map(Done::success),
                _ => self.replace(view, label, KeyToken::Null, |_| Ok(())),
            }
        })
    }

    fn in_storage(&self, view: &View, label: &KeyLabel) -> Result<Record> {
        match view.kds.find(label) {
            Found::Here(found) => found.parse().map_err(|e| kds::damaged(label, &e)),
            Found::Damaged(error) => Err(kds::damaged(label, &error)),
            Found::Nothing => Err(self.kds.not_found(label)),
        }
    }

    fn on_disk(&self, label: &KeyLabel) -> Result<(Record, Generation)> {
        self.kds.disk_record(label)?.ok_or_else(|| self.kds.not_found(label))
    }

    fn overwrite(&self, view: &View, label: &KeyLabel, token: KeyToken) -> Result<Done<()>> {
        let key_type = token.key_type();
        self.replace(view, label, token, |there| {
            if [KeyType::NULL, key_type].contains(&there) {
                return Ok(());
            }
            let why = format!("the record holds a key of type {there}, the token is of type {key_type}");
            Err(Error::new(Code::TokenNotForKds, why).for_label(label))
        })
    }

    /// Puts a token into the record of a label, whatever key of a fitting type is in it: of two who do so at once, the
    /// second one's stays.
    fn replace(
        &self,
        view: &View,
        label: &KeyLabel,
        token: KeyToken,
        fits: impl Fn(KeyType) -> Result<()>,
    ) -> Result<Done<()>> {
        view.require_updates()?;
        let look = || {
            let (there, generation) = self.on_disk(label)?;
            fits(there.key.key_type()).map(|()| (there.created, generation))
        };
        let (created, mut generation) = look()?;
        self.put_sealed(view, label, token, Some(created), |record, under| {
            for _ in 1..store::ATTEMPTS {
                match self.kds.put(record, under, Some(generation), Update::Dynamic) {
                    Err(error) if kds::is_conflict(&error) && !kds::is_header_conflict(&error) => {
                        (_, generation) = look()?;
                    }
                    put => return put,
                }
            }
            self.kds.put(record, under, Some(generation), Update::Dynamic)
        })
    }

    /// Writes a record dynamically, in the place of the one that this generation wrote, if any.
    pub(super) fn write(
        &self,
        view: &View,
        label: &KeyLabel,
        token: KeyToken,
        replaces: Option<(Generation, u64)>,
    ) -> Result<Done<()>> {
        view.require_updates()?;
        self.put_sealed(view, label, token, replaces.map(|(_, created)| created), |record, under| {
            self.kds.put(record, under, replaces.map(|(generation, _)| generation), Update::Dynamic)
        })
    }

    /// Makes a record of this token and has it put; once more when a master key has been changed meanwhile.
    pub(crate) fn put_sealed(
        &self,
        view: &View,
        label: &KeyLabel,
        mut token: KeyToken,
        created: Option<u64>,
        mut put: impl FnMut(&Record, Option<Generation>) -> Result<()>,
    ) -> Result<Done<()>> {
        let mut attempts = 0;
        loop {
            let (record, under, news) = self.new_record(view, label, token, created)?;
            attempts += 1;
            match put(&record, under) {
                Err(error) if kds::is_header_conflict(&error) && attempts < store::ATTEMPTS => token = record.token,
                put => return put.map(|()| Done::with_news((), news)),
            }
        }
    }

    /// A record of this token: under the current master key, authenticated, fit for the format of the CKDS; and for a
    /// secure key the change that wrote the header it was made under.
    pub(crate) fn new_record(
        &self,
        view: &View,
        label: &KeyLabel,
        token: KeyToken,
        created: Option<u64>,
    ) -> Result<(Record, Option<Generation>, Code)> {
        kds::fits_format(view.kds.header().format, &token).map_err(|e| e.for_label(label))?;
        let now = self.clock.now();
        let key = RecordKey::new(label, token.key_type());
        let mut record =
            Record { key, token, created: created.unwrap_or(now), updated: created.map_or(0, |_| now), mac: None };
        let Some(kind) = record.token.wrapped().map(crate::backend::WrappedKey::master_key) else {
            return Ok((record, None, Code::Success));
        };
        let authenticate = || {
            self.require_authority(view, kind)?;
            // In this order: the registers are then those the header tells of, or newer.
            let (_, under) = self.kds.header()?;
            let view = self.view()?;
            view.engine.require_master_key(kind)?;
            let mut news = Code::Success;
            if let Some(wrapped) = record.token.wrapped()
                && let Some(renewed) = self.rewrapped_if_old(&view, wrapped)?
            {
                record.token = record.token.rewrapped(renewed);
                news = Code::TokenUnderOldMasterKey;
            }
            if let Some(wrapped) = record.token.wrapped() {
                record.mac = Some(self.record_mac(&view, &record, wrapped)?);
            }
            Ok((record, Some(under), news))
        };
        authenticate().map_err(|e: Error| e.for_label(label))
    }

    /// That the master key is set, and the CKDS initialized for it.
    fn require_authority(&self, view: &View, kind: crate::backend::MasterKeyKind) -> Result<()> {
        view.engine.require_master_key(kind)?;
        if view.kds.header().of(kind).is_none() {
            self.initialize_for(kind)?;
        }
        Ok(())
    }
}
