//! The ceremony of the master keys, and bringing a CKDS under a new one.
//!
//! A change is safe at every moment: the records are re-enciphered beside the ones in use, the registers are set in one
//! step, and only then do the new records take the place of the old. A record is under the current master key before,
//! and under the old or the current one after, and both can be used. What a killed change leaves is taken up by
//! [`Icsf::reencipher`], which the next change runs first.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use zeroize::Zeroizing;

use crate::backend::{
    Backend, KeyHandle, KeySpec, MasterKeyKind, MasterKeys, Mkvp, NewRegister, Part, Register, RegisterChange,
    WrappedKey,
};
use crate::codes::Code;
use crate::engine::EngineState;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::journal::{Event, What};
use crate::kds::{Authority, Record, RecordError};
use crate::label::RecordKey;
use crate::secret::ClearKey;
use crate::services::{check_mac, record_mac};
use crate::store::{Area, Expect, Generation, Op, RowKey, StoreError};

/// How many records are moved in one transaction.
const BATCH: usize = 500;
/// How many keys are re-enciphered in one piece of work of the engine: many, as each piece has a price, and not so many
/// that a slow engine takes too long for one.
const PIECE: usize = 50;

/// How far a change has come: records done, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records re-enciphered.
    pub done: usize,
    /// Records there are.
    pub of: usize,
}

/// What re-enciphering met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reenciphered {
    /// Records brought under the current master key.
    pub done: usize,
    /// Records that cannot be used, by name, and why.
    pub unusable: Vec<(String, String)>,
}

impl Icsf {
    /// What the registers hold.
    ///
    /// # Errors
    /// [`Code::IcsfStopped`], [`Code::EngineUnavailable`].
    pub fn master_keys(&self) -> Result<MasterKeys> {
        Ok(in_ceremony(self.look()?)?.engine.master_keys)
    }

    /// Enters a part of 32 bytes into the new register.
    ///
    /// # Errors
    /// [`Code::RegisterRefused`] when the register does not allow it, or the key would be the current or the old one;
    /// [`Code::IcsfStopped`], [`Code::EngineUnavailable`].
    pub fn load_master_key_part(&self, kind: MasterKeyKind, part: Part, value: &ClearKey) -> Result<()> {
        let action = match part {
            Part::First => "load-first",
            Part::Middle => "load-middle",
            Part::Final => "load-final",
        };
        self.told(kind, action, None, self.register(kind, RegisterChange::Load(part, value)))
    }

    /// Fills the new register with a random key.
    ///
    /// # Errors
    /// As [`load_master_key_part`](Self::load_master_key_part).
    pub fn generate_master_key(&self, kind: MasterKeyKind) -> Result<()> {
        self.told(kind, "generate", None, self.register(kind, RegisterChange::Generate))
    }

    /// Empties the new register.
    ///
    /// # Errors
    /// As [`load_master_key_part`](Self::load_master_key_part).
    pub fn clear_new_master_key(&self, kind: MasterKeyKind) -> Result<()> {
        self.told(kind, "clear-new", None, self.register(kind, RegisterChange::ClearNew))
    }

    /// Sets the new master key: the first one of a CKDS, or the one the CKDS is already under (a spare engine at another
    /// site). A CKDS under another one is brought along by [`change_master_key`](Self::change_master_key). One that was set
    /// and of which the CKDS does not know, as that failed, is made known to it.
    ///
    /// # Errors
    /// [`Code::RegisterRefused`] when the new register is not full; [`Code::MasterKeyMismatch`] when the CKDS is under
    /// another master key; [`Code::IcsfStopped`], [`Code::EngineUnavailable`].
    pub fn set_master_key(&self, kind: MasterKeyKind) -> Result<()> {
        self.told(kind, "set", None, self.set_first(kind))
    }

    fn set_first(&self, kind: MasterKeyKind) -> Result<()> {
        let view = self.ceremony()?;
        let held = view.engine.master_keys.of(kind);
        if held.new == NewRegister::Empty && held.current.is_some() && view.kds.header().of(kind).is_none() {
            // It was set, and what comes next failed.
            return self.initialize_for(kind);
        }
        let new = new_master_key(&view, kind)?;
        if let Some(needed) = view.kds.header().of(kind).map(Authority::mkvp).filter(|needed| *needed != new) {
            let why = format!("the CKDS is under {kind} {needed}, the new register holds {new}");
            return Err(Error::new(Code::MasterKeyMismatch, why)
                .under(kind, needed)
                .with_remedy("to bring the CKDS under the new master key: softicsf mk change"));
        }
        self.register(kind, RegisterChange::Set(new))?;
        self.initialize_for(kind)
    }

    /// Makes the MAC key of the records under this master key, and notes its pattern in the header, if that has not been
    /// done.
    pub(crate) fn initialize_for(&self, kind: MasterKeyKind) -> Result<()> {
        let (header, generation) = self.kds.header()?;
        if header.of(kind).is_some() {
            return Ok(());
        }
        // The other master key may still be missing, as when both are brought to another site one after the other.
        let view = self.ceremony()?;
        let mac_key = self.backend.generate(KeySpec::record_mac(kind)).map_err(|e| view.engine.named(e.into()))?;
        self.kds.put_header(&header.with(kind, Authority { mac_key }, self.clock.now()), generation)
    }

    /// Tells the journal of a ceremony, and which master key is current after it.
    pub(crate) fn told<T>(
        &self,
        kind: MasterKeyKind,
        action: &str,
        records: Option<usize>,
        done: Result<T>,
    ) -> Result<T> {
        self.tell(What::MasterKey, |event| {
            let current = self.backend.master_keys().ok().and_then(|keys| keys.of(kind).current);
            let named = current.map_or_else(|| kind.to_string(), |mkvp| format!("{kind} {mkvp}"));
            Event { master_key: Some(named), records, ..event.action(action) }.ended(&done)
        });
        done
    }

    pub(crate) fn ceremony(&self) -> Result<Arc<View>> {
        in_ceremony(self.view()?)
    }

    /// Asked for again before each batch of records: the operator may stop ICSF or take the engine offline meanwhile.
    fn under_master_key(&self, kind: MasterKeyKind) -> Result<Arc<View>> {
        let view = self.view()?;
        view.require_started()?;
        view.engine.require_master_key(kind)?;
        Ok(view)
    }

    pub(crate) fn register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<()> {
        let view = self.ceremony()?;
        self.changing(|| self.backend.change_register(kind, change))?.map_err(|e| view.engine.named(e.into()))
    }

    /// Brings the CKDS under the master key in the new register, and sets it. Services go on meanwhile.
    ///
    /// # Errors
    /// [`Code::RecordDamaged`] naming the records that cannot be used: nothing has been changed; delete or restore them.
    /// [`Code::RegisterRefused`] when the new register is not full; [`Code::KdsFull`], [`Code::KdsIoError`];
    /// [`Code::IcsfStopped`], [`Code::EngineUnavailable`]. After an error everything is as before, or, past the setting of
    /// the registers, usable under the old one and finished by [`reencipher`](Self::reencipher).
    pub fn change_master_key(&self, kind: MasterKeyKind, progress: &mut dyn FnMut(Progress)) -> Result<Reenciphered> {
        let done = self.change(kind, progress);
        let records = done.as_ref().ok().map(|met| met.done);
        self.told(kind, "change", records, done)
    }

    fn change(&self, kind: MasterKeyKind, progress: &mut dyn FnMut(Progress)) -> Result<Reenciphered> {
        let view = self.view()?;
        view.require_started()?;
        view.engine.require()?;
        let new = new_master_key(&view, kind)?;
        if view.kds.header().of(kind).is_none() {
            self.set_first(kind)?;
            return Ok(Reenciphered::default());
        }
        let leftover = self.bring_under_current(kind, &mut |_| {})?;
        refuse_unusable(&leftover.unusable)?;

        let staged = self.stage(kind, new, progress);
        let set = staged.and_then(|done| self.register(kind, RegisterChange::Set(new)).map(|()| done));
        if set.is_err() {
            // Staged records disturb nobody; if they cannot be removed now, the next change does.
            let _ = self.kds.store().apply(&[Op::Clear(Area::Staged)]);
        }
        let done = set?;
        let finish = || {
            self.promote(new)?;
            let Reenciphered { unusable, .. } = self.bring_under_current(kind, &mut |_| {})?;
            self.kds.refresh()?;
            Ok(Reenciphered { done, unusable })
        };
        finish().map_err(|error: Error| {
            error.with_remedy("the new master key is set; bring what is left under it: softicsf ckds reencipher")
        })
    }

    /// Brings every record that is still under an old master key under the current one, and refreshes the in-storage
    /// copy.
    ///
    /// # Errors
    /// As [`change_master_key`](Self::change_master_key); records that cannot be used are told in the answer.
    pub fn reencipher(&self, progress: &mut dyn FnMut(Progress)) -> Result<Reenciphered> {
        let done = self.reencipher_all(progress);
        let records = done.as_ref().ok().map(|met| met.done);
        self.tell(What::Ckds, |event| Event { records, ..event.action("reencipher") }.ended(&done));
        done
    }

    fn reencipher_all(&self, progress: &mut dyn FnMut(Progress)) -> Result<Reenciphered> {
        let mut all = Reenciphered::default();
        for kind in MasterKeyKind::ALL {
            let view = self.view()?;
            view.require_started()?;
            view.engine.require()?;
            if view.engine.master_keys.of(kind).current.is_some() {
                let one = self.bring_under_current(kind, progress)?;
                all.done += one.done;
                all.unusable.extend(one.unusable);
            }
        }
        self.kds.refresh()?;
        Ok(all)
    }

    /// Re-enciphers all records of `kind` under the master key `new` in the new register, into the staging area.
    fn stage(&self, kind: MasterKeyKind, new: Mkvp, progress: &mut dyn FnMut(Progress)) -> Result<usize> {
        let store = self.kds.store();
        store.apply(&[Op::Clear(Area::Staged)])?;
        let of = self.count(kind)?;
        let mut done = 0;
        let mut stage = |rows: Vec<Sealed>| -> Result<()> {
            let view = self.under_master_key(kind)?;
            let mut ops = Vec::with_capacity(rows.len());
            for (row, record) in self.rewrapped(&view, rows, Register::New, new)? {
                let record = record?;
                let mut bytes = Zeroizing::new(row.generation.to_be_bytes().to_vec());
                bytes.extend_from_slice(&record.encode());
                ops.push(Op::Put(Area::Staged, row.key.row(), bytes, Expect::Anything));
            }
            store.apply(&ops)?;
            done += ops.len();
            progress(Progress { done: done.min(of), of });
            Ok(())
        };
        let mut since = store.generation()?;
        self.sealed(Area::Disk, kind, &mut |rows, unusable| {
            refuse_unusable(unusable)?;
            stage(rows)
        })?;
        // Dynamic updates went on meanwhile.
        loop {
            let seen = store.generation()?;
            match store.changed_since(since)? {
                Some(keys) if keys.is_empty() => return Ok(done),
                Some(keys) => {
                    stage(self.sealed_among(kind, &keys)?)?;
                }
                None => self.sealed(Area::Disk, kind, &mut |rows, unusable| {
                    refuse_unusable(unusable)?;
                    stage(rows)
                })?,
            }
            since = seen;
        }
    }

    /// Puts the staged records in the place of those they were made from. One that was changed meanwhile stays as it is,
    /// and what is not under `set`, the master key that has been set, is another change's and is dropped: the record it
    /// was made from can be used as it is.
    fn promote(&self, set: Mkvp) -> Result<()> {
        let store = self.kds.store();
        loop {
            let (mut ops, mut others) = (Vec::with_capacity(2 * BATCH), Vec::new());
            store.scan(Area::Staged, None, &mut |key, _, bytes| {
                let unstage = Op::Delete(Area::Staged, key.into(), Expect::Anything);
                match staged(key, bytes) {
                    Some((source, under, record)) if under == set => {
                        let source = Expect::Generation(source);
                        ops.push(Op::Put(Area::Disk, key.into(), Zeroizing::new(record.to_vec()), source));
                        ops.push(unstage);
                    }
                    _ => others.push(unstage),
                }
                if ops.len() + others.len() < 2 * BATCH { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            if !others.is_empty() {
                store.apply(&others)?;
            }
            if ops.is_empty() && others.is_empty() {
                return Ok(());
            }
            if self.kds.apply_or_conflict(&ops)?.is_err() {
                for pair in ops.chunks(2) {
                    if let (Err(StoreError::Conflict(_)), [_, unstage]) = (self.kds.apply_or_conflict(pair)?, pair) {
                        store.apply(std::slice::from_ref(unstage))?;
                    }
                }
            }
        }
    }

    /// Re-enciphers what is not under the current master key, in its place: on disk, and what services still see of
    /// records that were changed there only, or it would be lost with the old master key.
    fn bring_under_current(&self, kind: MasterKeyKind, progress: &mut dyn FnMut(Progress)) -> Result<Reenciphered> {
        let current = self.under_master_key(kind)?.engine.require_master_key(kind)?;
        self.authority_under_current(kind, current)?;
        let (mut met, mut of) = (Reenciphered::default(), None);
        let mut bring = |area: Area, mut rows: Vec<Sealed>, unusable: &[(String, String)]| -> Result<()> {
            let view = self.under_master_key(kind)?;
            // What waits to be replaced by REFRESH is in nobody's way.
            let mut unusable = unusable.to_vec();
            let mut ops = Vec::new();
            rows.retain(|row| row.wrapped.mkvp() != current);
            for (row, record) in self.rewrapped(&view, rows, Register::Current, current)? {
                match record {
                    Ok(record) => {
                        ops.push(Op::Put(area, record.key.row(), record.encode(), Expect::Generation(row.generation)));
                    }
                    Err(error) if error.code().rc() == 8 => {
                        unusable.push((row.key.to_string(), error.cause().why().to_owned()));
                    }
                    Err(error) => return Err(error),
                }
            }
            if !ops.is_empty() && self.kds.apply_or_conflict(&ops)?.is_err() {
                // Somebody wrote one of them: what was written is under the current master key, the others are not.
                for op in &ops {
                    let _ = self.kds.apply_or_conflict(std::slice::from_ref(op))?;
                }
            }
            if area == Area::Disk {
                met.unusable.append(&mut unusable);
                met.done += ops.len();
                if !ops.is_empty() {
                    // Counted only now, as most often there is nothing to be done.
                    let of = if let Some(of) = of { of } else { *of.insert(self.count(kind)?) };
                    progress(Progress { done: met.done, of });
                }
            }
            Ok(())
        };
        for area in [Area::Disk, Area::Stale] {
            self.sealed(area, kind, &mut |rows, unusable| bring(area, rows, unusable))?;
        }
        Ok(met)
    }

    fn authority_under_current(&self, kind: MasterKeyKind, current: Mkvp) -> Result<()> {
        let (header, generation) = self.kds.header()?;
        match header.of(kind) {
            None => self.initialize_for(kind),
            Some(authority) if authority.mkvp() == current => Ok(()),
            Some(authority) => {
                let view = self.view()?;
                let mac_key = self.backend.rewrap(&authority.mac_key, Register::Current);
                let mac_key = mac_key.map_err(|e| view.engine.named(e.into()))?;
                self.kds.put_header(&header.with(kind, Authority { mac_key }, self.clock.now()), generation)
            }
        }
    }

    fn count(&self, kind: MasterKeyKind) -> Result<usize> {
        let mut count = 0;
        self.sealed(Area::Disk, kind, &mut |rows, _| {
            count += rows.len();
            Ok(())
        })?;
        Ok(count)
    }

    /// Hands over the records wrapped under `kind`, some at a time, with those among them that cannot be read.
    fn sealed(&self, area: Area, kind: MasterKeyKind, take: &mut TakeSealed<'_>) -> Result<()> {
        let mut after = RecordKey::HEADER.row();
        loop {
            let (mut rows, mut unusable, mut seen) = (Vec::new(), Vec::new(), 0);
            let from = after.clone();
            self.kds.store().scan(area, Some(&from), &mut |key, generation, bytes| {
                after = key.into();
                match RecordKey::from_row(key) {
                    // No record, until REFRESH shows the one on disk.
                    Some(_) if area == Area::Stale && bytes.is_empty() => {}
                    Some(key) => match Record::parse(key, bytes) {
                        Ok(record) => rows.extend(Sealed::of(kind, record, generation)),
                        Err(error) => unusable.push(named(&key.to_string(), &error)),
                    },
                    None => unusable.push(named(&data_encoding::HEXUPPER.encode(key), &RecordError::Field)),
                }
                seen += 1;
                if seen < BATCH { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            take(rows, &unusable)?;
            if seen < BATCH {
                return Ok(());
            }
        }
    }

    fn sealed_among(&self, kind: MasterKeyKind, keys: &[RowKey]) -> Result<Vec<Sealed>> {
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys.iter().filter_map(|key| RecordKey::from_row(key)) {
            if let Some(row) = self.kds.store().get(Area::Disk, key.bytes())?
                && let Ok(record) = Record::parse(key, &row.bytes)
            {
                rows.extend(Sealed::of(kind, record, row.generation));
            }
        }
        Ok(rows)
    }

    /// The records with their keys under the master key `mkvp` in another register, authenticated anew. What keeps more
    /// than one record from it is told for the first, and the others are left out.
    ///
    /// Two halves at once where there are enough, as the engine takes calls that overlap.
    fn rewrapped(&self, view: &Arc<View>, mut rows: Vec<Sealed>, to: Register, mkvp: Mkvp) -> Result<Vec<Rewrapped>> {
        let half = rows.len().div_ceil(2 * PIECE) * PIECE;
        if rows.len() <= half {
            return self.rewrapped_in_turn(view, rows, to, mkvp);
        }
        let others = rows.split_off(half);
        let (first, second) = thread::scope(|scope| {
            let others = move || self.rewrapped_in_turn(view, others, to, mkvp);
            let second = thread::Builder::new().spawn_scoped(scope, others);
            (self.rewrapped_in_turn(view, rows, to, mkvp), second.map(ScopedJoinHandle::join))
        });
        let mut all = first?;
        if all.last().is_none_or(|(_, last)| concerns_it_alone(last)) {
            let second =
                second.map_err(|e| Error::new(Code::InternalFailure, format!("no thread can be started: {e}")))?;
            all.append(&mut second.unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(all)
    }

    fn rewrapped_in_turn(
        &self,
        view: &Arc<View>,
        rows: Vec<Sealed>,
        to: Register,
        mkvp: Mkvp,
    ) -> Result<Vec<Rewrapped>> {
        let mut all = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter();
        while all.last().is_none_or(|(_, last)| concerns_it_alone(last)) {
            let mut piece = Vec::with_capacity(PIECE);
            for row in rows.by_ref().take(PIECE) {
                piece.push((self.ready(view, &row.wrapped), row));
            }
            if piece.is_empty() {
                break;
            }
            let (backend, view) = (Arc::clone(&self.backend), Arc::clone(view));
            // Step by step: many calls of one kind are a little quicker than as many of three kinds by turns.
            let work = move || {
                let checked = each(piece, |row, mac_key| row.checked(&view, &*mac_key).map(|()| mac_key));
                let wrapped = each(checked, |row, mac_key| Ok((mac_key, row.rewrapped(&view, &*backend, to, mkvp)?)));
                each(wrapped, |row, (mac_key, wrapped)| row.authenticated(&view, &*mac_key, wrapped))
            };
            let done = self.in_engine(work)?.into_iter();
            all.extend(done.map(|(record, row)| (Row { key: row.record.key, generation: row.generation }, record)));
        }
        Ok(all)
    }

    /// That a key can be used, but for the record it is in: with the key that authenticates that.
    fn ready(&self, view: &View, wrapped: &WrappedKey) -> Result<Arc<dyn KeyHandle>> {
        view.engine.require_master_key(wrapped.master_key())?;
        self.check_master_key(view, wrapped)?;
        self.record_mac_key(view, wrapped.master_key())
    }
}

/// Takes the next step with each of the records, up to one that keeps others from it too.
fn each<T, U>(rows: Vec<(Result<T>, Sealed)>, step: impl Fn(&Sealed, T) -> Result<U>) -> Vec<(Result<U>, Sealed)> {
    let mut done = Vec::with_capacity(rows.len());
    for (before, row) in rows {
        let after = before.and_then(|before| step(&row, before)).map_err(|e| e.for_label(&row.record.key.label()));
        let alone = concerns_it_alone(&after);
        done.push((after, row));
        if !alone {
            break;
        }
    }
    done
}

/// A row, and its record re-enciphered.
type Rewrapped = (Row, Result<Record>);

/// Where a record was.
struct Row {
    key: RecordKey,
    generation: Generation,
}

/// Whether others may fare better.
fn concerns_it_alone<T>(record: &Result<T>) -> bool {
    record.as_ref().err().is_none_or(|error| error.code().rc() == 8)
}

/// Takes some records, and the names of those that cannot be read, and why.
type TakeSealed<'a> = dyn FnMut(Vec<Sealed>, &[(String, String)]) -> Result<()> + 'a;

/// A record whose key is wrapped, and the change that wrote it.
struct Sealed {
    record: Record,
    wrapped: WrappedKey,
    generation: Generation,
}

impl Sealed {
    fn of(kind: MasterKeyKind, record: Record, generation: Generation) -> Option<Self> {
        let wrapped = record.token.wrapped().filter(|wrapped| wrapped.master_key() == kind)?.clone();
        Some(Self { record, wrapped, generation })
    }

    /// That it is authentic. This and what follows is called where the engine is.
    fn checked(&self, view: &View, mac_key: &dyn KeyHandle) -> Result<()> {
        check_mac(&self.record, || record_mac(view, mac_key, &self.record))
    }

    fn rewrapped(&self, view: &View, backend: &dyn Backend, to: Register, mkvp: Mkvp) -> Result<WrappedKey> {
        let wrapped = backend.rewrap(&self.wrapped, to).map_err(|e| view.engine.named(e.into()))?;
        if wrapped.mkvp() != mkvp {
            let why = format!("the {to} register holds {} and not {mkvp}: it was changed meanwhile", wrapped.mkvp());
            return Err(Error::new(Code::RegisterRefused, why).with_remedy("try again"));
        }
        Ok(wrapped)
    }

    fn authenticated(&self, view: &View, mac_key: &dyn KeyHandle, wrapped: WrappedKey) -> Result<Record> {
        let record = self.record.rewrapped(wrapped);
        let mac = Some(record_mac(view, mac_key, &record)?);
        Ok(Record { mac, ..record })
    }
}

/// Of a staged row: the generation of the record it was made from, the master key it is under, the record.
fn staged<'a>(key: &[u8], bytes: &'a [u8]) -> Option<(Generation, Mkvp, &'a [u8])> {
    let (source, bytes) = bytes.split_first_chunk()?;
    let record = Record::parse(RecordKey::from_row(key)?, bytes).ok()?;
    Some((Generation::from_be_bytes(*source), record.token.wrapped()?.mkvp(), bytes))
}

fn named(name: &str, error: &RecordError) -> (String, String) {
    (name.to_owned(), error.to_string())
}

fn refuse_unusable(unusable: &[(String, String)]) -> Result<()> {
    let Some((first, why)) = unusable.first() else { return Ok(()) };
    let all: Vec<&str> = unusable.iter().map(|(name, _)| name.as_str()).collect();
    let error = Error::new(Code::RecordDamaged, format!("the record of key {first} is damaged: {why}"));
    Err(error.with_remedy(format!("restore or delete: {}", all.join(", "))))
}

fn in_ceremony(view: Arc<View>) -> Result<Arc<View>> {
    view.require_started()?;
    match view.engine.state {
        // To load the right one is what mends a wrong one.
        EngineState::Online | EngineState::WrongMasterKey { .. } => Ok(view),
        _ => view.engine.require().map(|()| view),
    }
}

fn new_master_key(view: &View, kind: MasterKeyKind) -> Result<Mkvp> {
    match view.engine.master_keys.of(kind).new {
        NewRegister::Full(mkvp) => Ok(mkvp),
        NewRegister::Partial => {
            Err(Error::new(Code::RegisterRefused, format!("the new register of the {kind} lacks its final part"))
                .with_remedy("softicsf mk load --part final"))
        }
        NewRegister::Empty => {
            Err(Error::new(Code::RegisterRefused, format!("the new register of the {kind} is empty"))
                .with_remedy("softicsf mk load, or mk generate"))
        }
    }
}
