//! The sites of a drill, made of real parts: a system each, a card in a slot, copies of key store and security database.

use std::collections::BTreeMap;
use std::sync::Arc;

use icsf_core::ClearKey;
use icsf_core::backend::{MASTER_KEY_LENGTH, Part};
use icsf_core::codes::ReasonCodes;
use icsf_core::journal::MemoryJournal;
use icsf_core::kds::{Backup, KdsFormat};
use icsf_core::random::{RandomSource, SeededRandom};
use icsf_saf::command::SecretSource;
use icsf_saf::model::Credential;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use softicsf::ptkt::{MemoryRegister, ReplayRegister};
use softicsf::{Card, CardSlot, Clock, Entry, MasterKeyKind, Names, System, UserId, read_secret};
use toml::Spanned;
use zeroize::Zeroizing;

use crate::card::{CardKind, Cards, PullableCard};
use crate::clock::{DrillClock, SiteClock};
use crate::cover::cover;
use crate::error::{Error, Mistake};
use crate::file::{Generated, IcsfState, KeyKind, ReplayScope, SecretFrom, SiteEntry};
use crate::plan::Drill;

mod changes;
mod kerberos;
mod keys;
mod security;

pub(crate) use changes::Changed;
pub(crate) use kerberos::Kerberos;
use kerberos::{Desk, Realm};

/// Who sets up the sites.
const ADMINISTRATOR: &str = "IBMUSER";

/// The SMF ID of a site whose own is none.
const STAND_IN: &str = "SY1";

/// Everything a drill acts on.
pub(crate) struct World<'a> {
    drill: &'a Drill,
    /// Whether names and secrets stand in for those that are wrong or come from elsewhere: nothing is run.
    stand_in: bool,
    cards: Cards<'a>,
    clock: Arc<DrillClock>,
    /// What the systems of the sysplex remember together.
    sysplex: Arc<dyn ReplayRegister>,
    random: Arc<SeededRandom>,
    pub(crate) secrets: Secrets,
    /// What opens the cards there are, or were.
    pins: Vec<SecretString>,
    sites: BTreeMap<String, Site>,
    /// Copies of CKDSs as they were when steps began: by site and step.
    copies: BTreeMap<(String, String), Backup>,
    /// What there is of Kerberos beside the sites.
    realm: Option<Realm>,
}

/// A site.
pub(crate) struct Site {
    pub(crate) system: System,
    /// What happened there.
    journal: Arc<MemoryJournal>,
    slot: CardSlot,
    /// The card in the slot, or pulled out of it.
    card: Option<Box<dyn PullableCard>>,
    /// The key parts as the officers keep them, so that a spare card can be given the same master keys.
    parts: MasterKeyParts,
    clock: Arc<SiteClock>,
    /// The CKDS before it was changed.
    before: Option<Backup>,
    desk: Desk,
}

type MasterKeyParts = BTreeMap<MasterKeyKind, [ClearKey; 2]>;

impl Site {
    fn new(
        system: System,
        journal: Arc<MemoryJournal>,
        slot: CardSlot,
        clock: Arc<SiteClock>,
        random: Arc<dyn RandomSource>,
    ) -> Self {
        let desk = Desk::new(&system, random);
        Self { system, journal, slot, card: None, parts: BTreeMap::new(), clock, before: None, desk }
    }

    /// Seconds that its clock is ahead.
    pub(crate) fn ahead(&self) -> i64 {
        self.clock.ahead()
    }

    /// Pulls its card, and throws it away.
    fn empty(&mut self) {
        if let Some(card) = self.card.take() {
            card.pull(&self.slot);
        }
        self.slot.remove();
    }

    fn insert(&mut self, card: Box<dyn PullableCard>) {
        self.empty();
        self.slot.insert(card.card());
        self.card = Some(card);
    }
}

/// The secrets of a drill, by name.
pub(crate) struct Secrets(BTreeMap<String, SecretString>);

impl Secrets {
    /// Finds them, and says which there are not. Files are looked for beside the drill file.
    fn resolve(drill: &Drill, random: &SeededRandom, stand_in: bool) -> (Self, Vec<Mistake>) {
        let (mut secrets, mut mistakes) = (BTreeMap::new(), Vec::new());
        for (name, from) in &drill.file.secrets {
            let secret = match from.get_ref() {
                SecretFrom::Env(_) | SecretFrom::File(_) if stand_in => generated(used_as(drill, name), random),
                SecretFrom::Generate(what) => generated(*what, random),
                SecretFrom::Env(variable) => std::env::var(variable)
                    .map(SecretString::from)
                    .map_err(|e| format!("environment variable {variable}: {e}")),
                SecretFrom::File(path) => read_secret(&drill.source().beside(path).to_string_lossy()),
            };
            match secret {
                Ok(secret) => drop(secrets.insert(name.clone(), secret)),
                Err(why) => {
                    let what = format!("secret {name:?}: {why}");
                    mistakes.push(Mistake::new(&drill.source(), what, Some(from.span())));
                }
            }
        }
        (Self(secrets), mistakes)
    }

    /// The secret of `@secret:NAME`; or one that was written down, where that is allowed.
    pub(crate) fn get(&self, reference: &str) -> Option<SecretString> {
        match reference.strip_prefix("@secret:") {
            Some(name) => self.0.get(name).cloned(),
            None => Some(SecretString::from(reference)),
        }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(ExposeSecret::expose_secret)
    }
}

impl SecretSource for Secrets {
    fn named(&self, name: &str) -> Result<SecretString, String> {
        self.0.get(name).cloned().ok_or_else(|| format!("there is no secret {name:?} in [secrets]"))
    }

    fn file(&self, _: &str) -> Result<SecretString, String> {
        Err("a drill names its secrets in [secrets]".to_owned())
    }
}

/// What a secret has to be, by the place it is referred to.
fn used_as(drill: &Drill, name: &str) -> Generated {
    let is_it = |reference: Option<&Spanned<String>>| {
        reference.and_then(|reference| reference.get_ref().strip_prefix("@secret:")) == Some(name)
    };
    let realm = drill.file.realm.as_ref().and_then(|realm| realm.password.as_ref());
    if is_it(realm) || drill.file.user.iter().any(|user| is_it(user.password.as_ref())) {
        Generated::Password
    } else if drill.file.key.iter().any(|key| key.key_type == KeyKind::Hmac && is_it(key.value.as_ref())) {
        Generated::Hmac
    } else {
        Generated::Des
    }
}

fn generated(what: Generated, random: &SeededRandom) -> Result<SecretString, String> {
    let bytes = |length: usize| -> Result<ClearKey, String> {
        let mut bytes = vec![0; length];
        random.fill(&mut bytes).map_err(|e| e.to_string())?;
        Ok(ClearKey::new(bytes))
    };
    let hex = |length| Ok::<_, String>(SecretString::from(data_encoding::HEXUPPER.encode(bytes(length)?.expose())));
    match what {
        Generated::Des => hex(8),
        Generated::Hmac => hex(64),
        Generated::Password => {
            let letters: String = bytes(8)?.expose().iter().map(|byte| char::from(b'A' + byte % 26)).collect();
            Ok(SecretString::from(letters))
        }
    }
}

impl<'a> World<'a> {
    /// The world before the first step: every site that copies no other is set up. `stand_in`: with secrets made up for
    /// those that come from elsewhere.
    pub(crate) fn new(
        drill: &'a Drill,
        cards: Cards<'a>,
        clock: Arc<DrillClock>,
        stand_in: bool,
    ) -> Result<Self, Error> {
        let random = Arc::new(SeededRandom::new(drill.file.drill.seed));
        let (secrets, mut mistakes) = Secrets::resolve(drill, &random, stand_in);
        if !mistakes.is_empty() {
            return Err(Error::File(mistakes));
        }
        let mut world = Self {
            drill,
            stand_in,
            cards,
            clock,
            sysplex: Arc::new(MemoryRegister::new()),
            random,
            secrets,
            pins: cover(&drill.text).1.into_iter().map(SecretString::from).collect(),
            sites: BTreeMap::new(),
            copies: BTreeMap::new(),
            realm: None,
        };
        for entry in drill.file.site.iter().filter(|site| site.ckds.copy_of.is_none()) {
            match world.primary(entry) {
                Ok((site, refused)) => {
                    // Sites that are set up alike are refused alike.
                    let new = refused.into_iter().filter(|new| !mistakes.contains(new));
                    let new: Vec<Mistake> = new.collect();
                    mistakes.extend(new);
                    world.sites.insert(entry.name.get_ref().clone(), site);
                }
                Err(Error::Setup(mistake)) => mistakes.push(mistake),
                Err(other) => return Err(other),
            }
        }
        if mistakes.is_empty() { Ok(world) } else { Err(Error::File(mistakes)) }
    }

    /// All that must not come out.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.all().chain(self.pins.iter().map(ExposeSecret::expose_secret))
    }

    /// The keys of Kerberos sessions and servers, as somebody might print them.
    pub(crate) fn kerberos_secrets(&self) -> Vec<Zeroizing<String>> {
        self.realm.as_ref().map(Realm::secrets).unwrap_or_default()
    }

    /// Kerberos at a site that was set up; none where the drill has no realm.
    pub(crate) fn kerberos_at(&self, name: &str) -> Option<Kerberos<'_>> {
        let (realm, site) = (self.realm.as_ref()?, self.sites.get(name)?);
        Some(Kerberos { realm, desk: &site.desk, system: &site.system, now: self.now() })
    }

    /// What happened, site after site, in the order of time.
    pub(crate) fn journal(&self) -> Vec<(String, Entry)> {
        let entries = self.sites.iter().flat_map(|(name, site)| {
            let names = site.system.names();
            site.journal.events().into_iter().map(move |event| {
                let time = i64::try_from(event.at).ok().and_then(|at| Timestamp::from_second(at).ok());
                let (system, smfid) = (names.sysname.clone(), names.smfid.clone());
                (name.clone(), Entry { time: time.unwrap_or_default(), system, smfid, event })
            })
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|(_, entry)| entry.time);
        entries
    }

    /// Goes on to this moment.
    pub(crate) fn set_clock(&self, now: u64) {
        self.clock.reach(now);
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// A site. One that copies another is made when it is first needed: until then its copies follow the original.
    pub(crate) fn site(&mut self, name: &str) -> Result<&Site, Error> {
        if !self.sites.contains_key(name) {
            let entry = self.drill.file.site.iter().find(|site| site.name.get_ref() == name);
            let entry = entry.ok_or_else(|| self.wrong(format!("there is no site {name:?}")))?;
            let site = self.recovery(entry)?;
            self.sites.insert(name.to_owned(), site);
        }
        self.sites.get(name).ok_or_else(|| self.wrong(format!("there is no site {name:?}")))
    }

    fn wrong(&self, what: impl Into<String>) -> Error {
        Error::Setup(Mistake::new(&self.drill.source(), what, None))
    }

    /// A system has only its names from the file.
    fn named(&self, entry: &SiteEntry, error: &impl std::fmt::Display) -> Error {
        let at = entry.smfid.span();
        Error::Setup(Mistake::new(&self.drill.source(), error.to_string(), Some(at)))
    }

    /// A site that copies no other, and what in the file was refused there.
    fn primary(&mut self, entry: &SiteEntry) -> Result<(Site, Vec<Mistake>), Error> {
        let (slot, journal, clock) = (CardSlot::empty(), Arc::default(), self.clock_of(entry));
        let format = entry.ckds.format.unwrap_or(KdsFormat::Kdsr);
        let system = self.builder(entry, &slot, &journal, &clock).format(format).build();
        let mut site = Site::new(system.map_err(|e| self.named(entry, &e))?, journal, slot, clock, self.random());
        if let Some(kind) = entry.engine.kind.card() {
            site.parts = self.new_parts()?;
            site.insert(self.new_card(entry.name.get_ref(), kind)?);
            self.first_ceremony(entry.name.get_ref(), &site)?;
        }
        let mut refused = self.keys(&site);
        refused.extend(self.security(&site)?);
        let (realm, wrong) = self.realm(&site)?;
        refused.extend(wrong);
        self.realm = self.realm.take().or(realm);
        self.icsf_state(&site, entry)?;
        Ok((site, refused))
    }

    fn recovery(&mut self, entry: &SiteEntry) -> Result<Site, Error> {
        let original = entry.ckds.copy_of.as_ref().map(|from| from.get_ref().clone()).unwrap_or_default();
        let (slot, journal, clock) = (CardSlot::empty(), Arc::default(), self.clock_of(entry));
        let builder = self.builder(entry, &slot, &journal, &clock);
        let from = self.site(&original)?;
        let system = builder.copy_of(&from.system).build();
        let system = system.map_err(|e| self.named(entry, &e))?;
        let mut site = Site::new(system, journal, slot, clock, self.random());
        let same_as = entry.engine.master_key.as_ref().and_then(|key| key.get_ref().strip_prefix("same-as:"));
        self.change_card(entry.name.get_ref(), &mut site, entry.engine.kind.card(), same_as)?;
        self.icsf_state(&site, entry)?;
        Ok(site)
    }

    fn builder(
        &self,
        entry: &SiteEntry,
        slot: &CardSlot,
        journal: &Arc<MemoryJournal>,
        clock: &Arc<SiteClock>,
    ) -> softicsf::InMemory {
        // A name that is none hides nothing of what else is wrong.
        let good = Names::new(entry.smfid.get_ref(), entry.smfid.get_ref(), ReasonCodes::Icsf).is_ok();
        let smfid = if good || !self.stand_in { entry.smfid.get_ref() } else { STAND_IN };
        let system = System::in_memory().names(smfid, smfid).clock(clock.clone()).random(self.random());
        let system = system.slot(slot).journal(journal.clone()).checkauth(entry.checkauth);
        match entry.replay_scope {
            ReplayScope::System => system,
            ReplayScope::Sysplex => system.register(self.sysplex.clone()),
        }
    }

    fn clock_of(&self, entry: &SiteEntry) -> Arc<SiteClock> {
        Arc::new(SiteClock::new(self.clock.clone(), entry.clock.0))
    }

    fn random(&self) -> Arc<dyn RandomSource> {
        self.random.clone()
    }

    fn icsf_state(&self, site: &Site, entry: &SiteEntry) -> Result<(), Error> {
        match entry.icsf {
            IcsfState::Active => Ok(()),
            IcsfState::Stopped => site.system.icsf().stop().map_err(|e| self.wrong(e.to_string())),
        }
    }

    fn new_parts(&self) -> Result<MasterKeyParts, Error> {
        let part = || {
            let mut bytes = vec![0; MASTER_KEY_LENGTH];
            self.random.fill(&mut bytes).map_err(|e| self.wrong(e.to_string()))?;
            Ok(ClearKey::new(bytes))
        };
        MasterKeyKind::ALL.into_iter().map(|kind| Ok((kind, [part()?, part()?]))).collect()
    }

    /// The ceremony that makes a CKDS: both master keys entered by parts and set through ICSF.
    fn first_ceremony(&self, name: &str, site: &Site) -> Result<(), Error> {
        let icsf = site.system.icsf();
        for (kind, [first, last]) in &site.parts {
            icsf.load_master_key_part(*kind, Part::First, first)
                .and_then(|()| icsf.load_master_key_part(*kind, Part::Final, last))
                .and_then(|()| icsf.set_master_key(*kind))
                .map_err(|e| Error::Engine(format!("site {name}: the master keys could not be set: {e}")))?;
        }
        Ok(())
    }

    /// What there is in the place of a card of this kind.
    pub(crate) fn kind(&self, kind: CardKind) -> CardKind {
        self.cards.instead_of(kind)
    }

    fn new_card(&mut self, name: &str, kind: CardKind) -> Result<Box<dyn PullableCard>, Error> {
        let made = self.cards.make(self.kind(kind), || self.random());
        let card = made.map_err(|e| Error::Engine(format!("site {name} has no engine: {e}")))?;
        self.pins.extend(card.secrets());
        Ok(card)
    }

    /// Pulls what is in the slot of a site, and puts a fresh card in, with its master keys set; or leaves it empty.
    pub(crate) fn attach(&mut self, name: &str, kind: Option<CardKind>, same_as: Option<&str>) -> Result<(), Error> {
        self.site(name)?;
        let Some(mut site) = self.sites.remove(name) else { return Ok(()) };
        let changed = self.change_card(name, &mut site, kind, same_as.filter(|from| *from != name));
        self.sites.insert(name.to_owned(), site);
        changed
    }

    fn change_card(
        &mut self,
        name: &str,
        site: &mut Site,
        kind: Option<CardKind>,
        same_as: Option<&str>,
    ) -> Result<(), Error> {
        let Some(kind) = kind else {
            site.empty();
            return Ok(());
        };
        let parts = match same_as {
            None if site.parts.is_empty() => self.new_parts()?,
            None => std::mem::take(&mut site.parts),
            Some(from) => {
                let copied = self.site(from)?.parts.iter();
                copied.map(|(kind, [first, last])| (*kind, [copy(first), copy(last)])).collect()
            }
        };
        let card = self.new_card(name, kind)?;
        load(name, card.card(), &parts)?;
        site.parts = parts;
        site.insert(card);
        Ok(())
    }

    /// The slot of a site, and the card that is in it, or was.
    fn slot(&mut self, name: &str) -> Result<(&CardSlot, &dyn PullableCard), Error> {
        let site = self.site(name)?;
        let card = site.card.as_deref();
        card.map(|card| (&site.slot, card)).ok_or_else(|| Error::Engine(format!("site {name} has no card")))
    }

    /// Pulls the card of a site, if it has one.
    pub(crate) fn pull(&mut self, name: &str) -> Result<(), Error> {
        if self.site(name)?.card.is_some() {
            let (slot, card) = self.slot(name)?;
            card.pull(slot);
        }
        Ok(())
    }

    /// Puts the card that was pulled back into the slot.
    pub(crate) fn put_back(&mut self, name: &str) -> Result<(), Error> {
        let (slot, card) = self.slot(name)?;
        card.put_back(slot);
        Ok(())
    }

    /// Empties the registers of the card.
    pub(crate) fn zeroise(&mut self, name: &str) -> Result<(), Error> {
        let (_, card) = self.slot(name)?;
        card.card().zeroize().map_err(|e| Error::Engine(format!("site {name}: the card could not be zeroised: {e}")))
    }

    /// Gives the card other master keys than it had, which are not left in an old register either, where ICSF would find
    /// them. The officers keep the parts of the right ones.
    pub(crate) fn wrong_master_key(&mut self, name: &str) -> Result<(), Error> {
        self.zeroise(name)?;
        let parts = self.new_parts()?;
        let (_, card) = self.slot(name)?;
        load(name, card.card(), &parts)
    }

    /// What a user types as password.
    pub(crate) fn password(&self, user: &UserId) -> Option<Credential> {
        let id = user.to_string();
        let entry = self.drill.file.user.iter().find(|entry| *entry.id.get_ref() == id)?;
        Credential::new(self.secrets.get(entry.password.as_ref()?.get_ref())?).ok()
    }
}

/// Sets the master keys of a card.
fn load(site: &str, card: &Card, parts: &MasterKeyParts) -> Result<(), Error> {
    parts.iter().try_for_each(|(kind, [first, last])| {
        card.set_master_key(*kind, first, last)
            .map_err(|e| Error::Engine(format!("site {site}: the card could not be given its master keys: {e}")))
    })
}

fn copy(key: &ClearKey) -> ClearKey {
    ClearKey::from_slice(key.expose())
}
