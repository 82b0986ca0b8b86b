//! What utilities and operators do with a CKDS: add and delete on the disk copy alone, REFRESH, verify, export, import.

use std::io::{Read, Write};
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::backend::MasterKeyKind;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::journal::What;
use crate::kds::{self, Header, KeyDataSet, Record, Update, fits_format};
use crate::label::{KeyLabel, RecordKey};
use crate::store::{self, Area, Expect, Op, StoreError};
use crate::token::KeyToken;

const MARK: &[u8; 8] = b"SICKEXP\x01";
const MORE: u8 = 1;
const END: u8 = 0;
const HASH: usize = 32;
/// The longest record there can be, with room: what a length in an export file is held against.
const LONGEST: usize = 2048;

/// What [`Icsf::verify_ckds`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Records found right as far as they can be checked.
    pub good: usize,
    /// Of these, records whose MAC could not be checked, for want of an engine with their master key.
    pub unchecked: usize,
    /// Records that cannot be used: label and type, and why.
    pub bad: Vec<(String, String)>,
}

impl Icsf {
    /// Adds a record to the disk copy, as KGUP does: services see it after REFRESH.
    ///
    /// Source: ICSF Administrator's Guide, KGUP and the in-storage copy.
    ///
    /// # Errors
    /// As [`csnbkrc2`](Self::csnbkrc2), but for [`Code::UpdatesDisallowed`].
    pub fn kgup_add(&self, label: &KeyLabel, token: KeyToken) -> Result<()> {
        self.service("KGUP ADD", |view| {
            let put = |record: &Record, under| self.kds.put(record, under, None, Update::DiskOnly);
            self.put_sealed(view, label, token, None, put).map(drop)
        })
    }

    /// Removes a record from the disk copy, as KGUP does: services keep it until REFRESH.
    ///
    /// # Errors
    /// [`Code::LabelNotFound`]; [`Code::IcsfStopped`]; [`Code::KdsFull`], [`Code::KdsIoError`].
    pub fn kgup_delete(&self, label: &KeyLabel) -> Result<()> {
        self.service("KGUP DELETE", |_| self.kds.delete(label, Update::DiskOnly))
    }

    /// REFRESH: makes the in-storage copy what the disk copy is.
    ///
    /// # Errors
    /// [`Code::IcsfStopped`]; [`Code::KdsFull`], [`Code::KdsIoError`].
    pub fn refresh_ckds(&self) -> Result<()> {
        let done = self.service("REFRESH", |_| self.kds.refresh());
        self.tell(What::Ckds, |event| event.action("refresh").ended(&done));
        done
    }

    /// Checks every record of the disk copy: its checksum, and with an engine its MAC and that its key unwraps.
    ///
    /// # Errors
    /// [`Code::KdsIoError`]; what is wrong with records is in the answer.
    pub fn verify_ckds(&self) -> Result<Verified> {
        let view = self.view()?;
        let mut found = Verified::default();
        self.kds.scan(None, &mut |key, record| {
            match record {
                Err(error) => found.bad.push((key.to_string(), error.to_string())),
                Ok(record) => match self.verify(&view, &record) {
                    Ok(checked) => {
                        found.good += 1;
                        found.unchecked += usize::from(!checked);
                    }
                    Err(error) => found.bad.push((key.to_string(), error.cause().why().to_owned())),
                },
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Whether all of a record could be checked.
    fn verify(&self, view: &View, record: &Record) -> Result<bool> {
        let Some(wrapped) = record.token.wrapped() else { return Ok(true) };
        if view.engine.require_master_key(wrapped.master_key()).is_err() {
            return Ok(false);
        }
        self.authentic(view, record)?;
        self.backend.open(wrapped)?;
        Ok(true)
    }

    /// Writes the disk copy to `out`, in the portable form of `docs/formats.md`. No engine takes part: keys stay wrapped.
    ///
    /// # Errors
    /// [`Code::KdsIoError`] when reading or writing fails.
    pub fn export_ckds(&self, out: &mut dyn Write) -> Result<usize> {
        let mut hash = Sha256::new();
        let mut write = |bytes: &[u8]| -> std::io::Result<()> {
            hash.update(bytes);
            out.write_all(bytes)
        };
        let (header, _) = self.kds.header()?;
        let mut failed = write(MARK).and_then(|()| write_field(&mut write, &header.encode())).err();
        let mut count = 0;
        self.kds.store().scan(Area::Disk, Some(RecordKey::HEADER.bytes()), &mut |key, _, bytes| {
            failed = failed.take().or_else(|| {
                let row = write(&[MORE]).and_then(|()| write_field(&mut write, key));
                row.and_then(|()| write_field(&mut write, bytes)).err()
            });
            count += 1;
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        failed.map_or(Ok(()), Err).and_then(|()| write(&[END])).map_err(|e| not_written(&e))?;
        out.write_all(&hash.finalize()).and_then(|()| out.flush()).map_err(|e| not_written(&e))?;
        Ok(count)
    }

    /// Adds the records of an export to the CKDS, all or none, and refreshes the in-storage copy.
    ///
    /// An empty CKDS takes over the master keys the export is under: no engine is needed, as when a CKDS is brought to
    /// another site. It keeps its format. Otherwise the records are checked and authenticated anew, which takes an engine
    /// with their master keys.
    ///
    /// # Errors
    /// [`Code::KdsNotValid`] when the export is damaged or no export; [`Code::LabelExists`]; [`Code::VariableTokenRefused`];
    /// [`Code::MasterKeyMismatch`], [`Code::RecordDamaged`], [`Code::EngineUnavailable`], [`Code::MasterKeyNotSet`];
    /// [`Code::KdsFull`], [`Code::KdsIoError`].
    pub fn import_ckds(&self, input: &mut dyn Read) -> Result<usize> {
        let export = Export::read(input)?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.import(&export) {
                // The header is written when the CKDS is initialized for a master key, and when one is changed.
                Err(error) if kds::is_header_conflict(&error) && attempts < store::ATTEMPTS => {}
                imported => return imported,
            }
        }
    }

    fn import(&self, export: &Export) -> Result<usize> {
        let (header, generation) = self.kds.header()?;
        let view = self.view()?;
        let same = |kind| export.header.of(kind) == header.of(kind);
        let mut ops = Vec::with_capacity(export.rows.len() + 1);
        if header.des.is_none() && header.aes.is_none() && !self.kds.has_records()? {
            for (key, row) in &export.rows {
                // What is damaged is brought as it is, to be seen and mended.
                if let Ok(record) = Record::parse(*key, row) {
                    fits_format(header.format, &record.token).map_err(|e| e.for_label(&key.label()))?;
                }
            }
            let adopted = Zeroizing::new(Header { format: header.format, ..export.header.clone() }.encode());
            ops.push(Op::Put(Area::Disk, RecordKey::HEADER.row(), adopted, Expect::Generation(generation)));
            let put = |(key, row): &(RecordKey, Zeroizing<Vec<u8>>)| {
                Op::Put(Area::Disk, key.row(), row.clone(), Expect::Absent)
            };
            ops.extend(export.rows.iter().map(put));
        } else {
            ops.push(Op::Check(Area::Disk, RecordKey::HEADER.row(), Expect::Generation(generation)));
            for (key, row) in &export.rows {
                let record = Record::parse(*key, row).map_err(|e| kds::damaged(&key.label(), &e))?;
                fits_format(header.format, &record.token).map_err(|e| e.for_label(&key.label()))?;
                let row = match record.token.wrapped().map(crate::backend::WrappedKey::master_key) {
                    Some(kind) if !same(kind) => self.authenticated_anew(&view, &export.header, kind, record)?,
                    _ => row.clone(),
                };
                ops.extend(KeyDataSet::no_other_type(key));
                ops.push(Op::Put(Area::Disk, key.row(), row, Expect::Absent));
            }
        }
        let count = ops.iter().filter(|op| matches!(op, Op::Put(_, _, _, Expect::Absent))).count();
        ops.push(Op::Clear(Area::Stale));
        match self.kds.apply_or_conflict(&ops)? {
            Ok(_) => Ok(count),
            Err(StoreError::Conflict(key)) if *key == *RecordKey::HEADER.bytes() => {
                Err(Error::new(Code::KdsIoError, "the CKDS was changed by somebody else meanwhile")
                    .with_remedy("try again")
                    .with_source(StoreError::Conflict(key)))
            }
            Err(StoreError::Conflict(key)) => {
                let name = RecordKey::from_row(&key).map_or_else(String::new, |key| key.to_string());
                Err(Error::new(Code::LabelExists, format!("there is a key {name} in the CKDS already"))
                    .with_remedy("delete it first, or leave it out of the export"))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// A record of another CKDS as a record of this one: checked under the MAC key there, authenticated under ours.
    fn authenticated_anew(
        &self,
        view: &View,
        from: &Header,
        kind: MasterKeyKind,
        record: Record,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let label = record.key.label();
        let run = || {
            view.engine.require_master_key(kind)?;
            let authority = from.of(kind).ok_or_else(|| {
                Error::new(Code::RecordDamaged, format!("the export knows no {kind}, and has a record under it"))
            })?;
            let theirs = self.backend.open(&authority.mac_key).map_err(|e| view.engine.named(e.into()))?;
            let mut mac = [[0; 64]];
            theirs
                .hmac(crate::backend::HashAlgorithm::Sha512, &[&record.authenticated()], &mut mac)
                .map_err(|e| view.engine.named(e.into()))?;
            let fits = mac.concat().get(..16).zip(record.mac).is_some_and(|(right, mac)| bool::from(right.ct_eq(&mac)));
            if !fits {
                return Err(Error::new(Code::RecordDamaged, format!("the record of key {label} is not authentic")));
            }
            self.new_record(view, &label, record.token, Some(record.created)).map(|(record, ..)| record.encode())
        };
        run().map_err(|e: Error| e.for_label(&label))
    }
}

fn write_field(write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>, bytes: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    write(&length.to_be_bytes())?;
    write(bytes)
}

fn not_written(error: &std::io::Error) -> Error {
    Error::new(Code::KdsIoError, format!("the export could not be written: {error}"))
}

/// An export, read and checked as a whole.
struct Export {
    header: Header,
    rows: Vec<(RecordKey, Zeroizing<Vec<u8>>)>,
}

impl Export {
    fn read(input: &mut dyn Read) -> Result<Self> {
        let mut bytes = Zeroizing::new(Vec::new());
        input
            .read_to_end(&mut bytes)
            .map_err(|e| Error::new(Code::KdsIoError, format!("the export could not be read: {e}")).with_source(e))?;
        let (body, hash) = bytes.split_last_chunk::<HASH>().ok_or_else(|| not_valid("it is cut off"))?;
        let mut rest = body.strip_prefix(MARK).ok_or_else(|| not_valid("it is no CKDS export of this release"))?;
        if Sha256::digest(body).as_slice() != hash {
            return Err(not_valid("its hash does not fit: it is cut off or was changed"));
        }
        let header = Header::parse(field(&mut rest)?).map_err(|e| not_valid(&format!("its header: {e}")))?;
        let mut rows = Vec::new();
        loop {
            let (flag, tail) = rest.split_first().ok_or_else(|| not_valid("it has no end"))?;
            rest = tail;
            if *flag == END {
                return if rest.is_empty() {
                    Ok(Self { header, rows })
                } else {
                    Err(not_valid("it goes on after its end"))
                };
            }
            let key = field(&mut rest)?;
            let name = || data_encoding::HEXUPPER.encode(key);
            let key = RecordKey::from_row(key).filter(|key| *key != RecordKey::HEADER);
            let key = key.ok_or_else(|| not_valid(&format!("{} is no record key", name())))?;
            // One label, one record, in order: so an export has one form, and two records of a label are seen.
            if rows.last().is_some_and(|(last, _): &(RecordKey, _)| last.label() >= key.label()) {
                return Err(not_valid(&format!("the record of {key} is out of order or there twice")));
            }
            rows.push((key, Zeroizing::new(field(&mut rest)?.to_vec())));
        }
    }
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let cut = || not_valid("it is cut off");
    let (length, tail) = rest.split_first_chunk().ok_or_else(cut)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|n| *n <= LONGEST).ok_or_else(cut)?;
    let (field, tail) = tail.split_at_checked(length).ok_or_else(cut)?;
    *rest = tail;
    Ok(field)
}

fn not_valid(why: &str) -> Error {
    Error::new(Code::KdsNotValid, format!("the export cannot be used: {why}")).with_remedy("export the CKDS again")
}
