//! Changes of a site: each done as an operator, an administrator or a storage administrator does it.

use icsf_core::codes::Code;
use icsf_core::kds::{Backup, KdsFormat};
use icsf_core::random::RandomSource;
use icsf_core::{ClearKey, KeyLabel, KeyToken};
use icsf_saf::Caller;
use icsf_saf::model::{Class, LegacyKey, ProfileName};
use secrecy::SecretString;
use softicsf::{SecretSource, System};

use super::{ADMINISTRATOR, Desk, IcsfState, World};
use crate::change::{Change, Restore};
use crate::consumer::Place;
use crate::error::Error;

/// Lines to be shown; a refusal is one of them, and counts as a deviation.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) lines: Vec<String>,
    pub(crate) refused: Vec<String>,
}

/// The key of one command.
struct OneSecret(SecretString);

impl SecretSource for OneSecret {
    fn named(&self, _: &str) -> Result<SecretString, String> {
        Ok(self.0.clone())
    }

    fn file(&self, _: &str) -> Result<SecretString, String> {
        Err("no file is read here".to_owned())
    }
}

impl World<'_> {
    /// Does it.
    pub(crate) fn change(&mut self, name: &str, change: &Change) -> Result<Changed, Error> {
        self.site(name)?;
        let mut changed = Changed::default();
        match change {
            Change::IcsfStop => changed.console(self.at(name)?, "P CSF"),
            Change::IcsfStart => changed.console(self.at(name)?, "S CSF"),
            Change::KerberosStop => changed.console(self.at(name)?, "P SKRBKDC"),
            Change::KerberosStart => changed.console(self.at(name)?, "S SKRBKDC"),
            Change::Smfid(smfid) => self.ipl(name, smfid)?,
            Change::Skew(skew) => {
                if let Some(site) = self.sites.get(name) {
                    site.clock.set(skew.0);
                }
            }
            Change::Deactivate(class) => self.racf(name, &[format!("SETROPTS NOCLASSACT({class})")], &mut changed)?,
            Change::Activate(class) => self.racf(name, &[format!("SETROPTS CLASSACT({class})")], &mut changed)?,
            Change::Stale { profile, operands } => self.stale(name, profile, operands, &mut changed)?,
            Change::KeysDiffer { profile } => self.rekey(name, profile, &mut changed)?,
            Change::KeyToken { profile, from } => self.key_token(name, profile, from.as_deref(), &mut changed)?,
            Change::CkdsDetach => {
                self.keep_before(name)?;
                let format = self.format(name)?;
                let (system, now) = (self.at(name)?, self.now());
                self.icsf(name, system.icsf().key_data_set().allocate(format, now))?;
            }
            Change::CkdsDropLabels(labels) => {
                self.keep_before(name)?;
                let system = self.at(name)?;
                for label in labels {
                    match system.icsf().csnbkrd(&["LABEL-DL"], label) {
                        Ok(_) => changed.lines.push(format!("{label} is deleted")),
                        Err(error) => changed.refused.push(error.to_string()),
                    }
                }
            }
            Change::CkdsRestore(restore) => self.restore(name, restore, &mut changed)?,
            Change::CkdsFormat(format) => self.set_format(name, *format, &mut changed)?,
        }
        Ok(changed)
    }

    fn at(&self, name: &str) -> Result<&System, Error> {
        self.sites.get(name).map(|site| &site.system).ok_or_else(|| self.wrong(format!("there is no site {name:?}")))
    }

    /// Where a consumer at one site signs users on at another.
    pub(crate) fn place(&mut self, here: &str, there: &str) -> Result<Place<'_>, Error> {
        self.site(here)?;
        self.site(there)?;
        Ok(Place::new(self.at(here)?, self.at(there)?, self.kerberos_at(there)))
    }

    fn icsf<T>(&self, name: &str, done: icsf_core::Result<T>) -> Result<T, Error> {
        done.map_err(|error| Error::Engine(format!("site {name}: {error}")))
    }

    fn format(&self, name: &str) -> Result<KdsFormat, Error> {
        let header = self.icsf(name, self.at(name)?.icsf().key_data_set().header())?;
        Ok(header.0.format)
    }

    /// Commands of the administrator at a site; the first that is refused ends it.
    pub(crate) fn racf(&mut self, name: &str, commands: &[String], changed: &mut Changed) -> Result<(), Error> {
        let issuer =
            ADMINISTRATOR.parse().map(Caller::user).map_err(|e| self.wrong(format!("{ADMINISTRATOR}: {e}")))?;
        self.site(name)?;
        let (system, secrets) = (self.at(name)?, &self.secrets);
        for command in commands {
            match system.racf(&issuer, command, secrets) {
                Ok(output) => {
                    changed.lines.extend(output.lines);
                    changed.lines.extend(output.messages);
                }
                Err(error) => {
                    changed.refused.push(error.to_string());
                    break;
                }
            }
        }
        Ok(())
    }

    /// The CKDS as it is, if it has not been changed since it was last restored.
    fn keep_before(&mut self, name: &str) -> Result<(), Error> {
        if self.sites.get(name).is_some_and(|site| site.before.is_none()) {
            let backup = self.icsf(name, self.at(name)?.icsf().key_data_set().backup())?;
            if let Some(site) = self.sites.get_mut(name) {
                site.before = Some(backup);
            }
        }
        Ok(())
    }

    /// Keeps a copy of a CKDS as it is when a step begins.
    pub(crate) fn copy_ckds(&mut self, name: &str, step: &str) -> Result<(), Error> {
        self.site(name)?;
        let backup = self.icsf(name, self.at(name)?.icsf().key_data_set().backup())?;
        self.copies.insert((name.to_owned(), step.to_owned()), backup);
        Ok(())
    }

    /// The same images of disks under another SMF ID: everything in storage is read anew, and what tickets were used is
    /// forgotten.
    fn ipl(&mut self, name: &str, smfid: &str) -> Result<(), Error> {
        let Some(mut site) = self.sites.remove(name) else { return Ok(()) };
        let entry = self.drill.file.site.iter().find(|entry| entry.name.get_ref() == name);
        let entry = entry.ok_or_else(|| self.wrong(format!("there is no site {name:?}")))?;
        let started = site.system.icsf().view().is_ok_and(|view| view.control.started);
        let sysname = site.system.names().sysname.clone();
        let builder =
            self.builder(entry, &site.slot, &site.journal, &site.clock).names(&sysname, smfid).copy_of(&site.system);
        site.system = builder.build().map_err(|error| self.named(entry, &error))?;
        site.desk = Desk::new(&site.system, self.random());
        let view = site.system.saf().database().view().map_err(|error| self.wrong(error.to_string()))?;
        let classes: Vec<Class> = view.options().raclisted.iter().copied().collect();
        self.icsf(name, site.system.icsf().refresh_ckds())?;
        if !started || entry.icsf == IcsfState::Stopped {
            self.icsf(name, site.system.icsf().stop())?;
        }
        self.sites.insert(name.to_owned(), site);
        let refresh: Vec<String> = classes.iter().map(|class| format!("SETROPTS RACLIST({class}) REFRESH")).collect();
        self.racf(name, &refresh, &mut Changed::default())
    }

    /// The command goes to the database that all sites share; REFRESH does not reach this one.
    fn stale(&mut self, name: &str, profile: &str, operands: &[String], changed: &mut Changed) -> Result<(), Error> {
        let sites: Vec<String> = self.drill.file.site.iter().map(|site| site.name.get_ref().clone()).collect();
        let alter = format!("RALTER PTKTDATA {profile} SSIGNON({})", operands.join(" "));
        let refresh = "SETROPTS RACLIST(PTKTDATA) REFRESH".to_owned();
        for site in sites {
            let commands = if site == name { vec![alter.clone()] } else { vec![alter.clone(), refresh.clone()] };
            let mut at = Changed::default();
            self.racf(&site, &commands, &mut at)?;
            changed.lines.extend(at.lines.into_iter().map(|line| format!("{site}: {line}")));
            changed.refused.extend(at.refused.into_iter().map(|why| format!("{site}: {why}")));
        }
        Ok(())
    }

    /// Another key in the place of each one the profile has, as when two sites made them by themselves.
    fn rekey(&mut self, name: &str, profile: &str, changed: &mut Changed) -> Result<(), Error> {
        let random = |length: usize| {
            let mut bytes = vec![0; length];
            self.random.fill(&mut bytes).map_err(|error| self.wrong(error.to_string()))?;
            Ok::<_, Error>(ClearKey::new(bytes))
        };
        let (des, hmac) = (random(8)?, random(64)?);
        let system = self.at(name)?;
        let view = system.saf().database().view().map_err(|error| self.wrong(error.to_string()))?;
        let found: Option<ProfileName> = profile.parse().ok();
        let found = found.and_then(|name| view.profile(Class::Ptktdata, &name).cloned());
        let keys = found.as_ref().and_then(|profile| profile.ssignon.as_ref());
        let keys = keys.ok_or_else(|| self.wrong(format!("profile {profile} has no key at site {name}")))?;
        match &keys.legacy {
            Some(LegacyKey::Label(label)) => {
                let token = self.icsf(name, system.icsf().csnbcki(&des))?;
                self.icsf(name, system.icsf().csnbkrw2(label, token.value))?;
                changed.lines.push(format!("{label} holds another key"));
            }
            Some(LegacyKey::Masked(_)) => {
                let secret = OneSecret(SecretString::from(data_encoding::HEXUPPER.encode(des.expose())));
                let issuer = ADMINISTRATOR.parse().map(Caller::user);
                let issuer = issuer.map_err(|e| self.wrong(format!("{ADMINISTRATOR}: {e}")))?;
                for command in [
                    format!("RALTER PTKTDATA {profile} SSIGNON(KEYMASKED(@secret:other))"),
                    "SETROPTS RACLIST(PTKTDATA) REFRESH".to_owned(),
                ] {
                    if let Err(error) = system.racf(&issuer, &command, &secret) {
                        changed.refused.push(error.to_string());
                    }
                }
                changed.lines.push(format!("profile {profile} holds another masked key"));
            }
            _ => {}
        }
        if let Some(label) = &keys.enhanced {
            let icsf = system.icsf();
            let clear = matches!(
                self.icsf(name, icsf.csnbkrr2(label))?.value,
                KeyToken::Variable(token) if matches!(token.material(), icsf_core::token::Material::Clear(_))
            );
            let token = if clear {
                icsf.csnbktb2(&["INTERNAL", "HMAC", "MAC", "GENERATE", "KEY-CLR"], Some(&hmac), None)
            } else {
                icsf.csnbktb2(&["INTERNAL", "HMAC", "MAC", "GENERATE", "NO-KEY"], None, None)
                    .and_then(|done| icsf.csnbkgn2(&["HMAC", "OP"], 512, done.value))
            };
            self.icsf(name, token.and_then(|done| icsf.csnbkrw2(label, done.value)))?;
            changed.lines.push(format!("{label} holds another key"));
        }
        Ok(())
    }

    /// The key token that a KEYENCRYPTED issued at `from` left in the profile: of the key it has, under the master key that
    /// is set there.
    fn key_token(&mut self, name: &str, profile: &str, from: Option<&str>, changed: &mut Changed) -> Result<(), Error> {
        let from = from.unwrap_or(name);
        self.site(from)?;
        let (system, maker) = (self.at(name)?, self.at(from)?);
        let parsed: ProfileName = profile.parse().map_err(|_wrong| self.wrong(format!("{profile} is no profile")))?;
        let view = system.saf().database().view().map_err(|error| self.wrong(error.to_string()))?;
        let found = view.profile(Class::Ptktdata, &parsed);
        let token = match found.and_then(|found| found.ssignon.as_ref()?.legacy.as_ref()) {
            Some(LegacyKey::Masked(key)) => maker.icsf().csnbcki(key),
            Some(LegacyKey::Label(label)) => maker.icsf().csnbkrr2(label),
            _ => {
                changed.refused.push(format!("profile {profile} has no legacy key at site {name}"));
                return Ok(());
            }
        };
        let token = match token.map(|done| done.value) {
            Ok(KeyToken::Des(token)) => token,
            Ok(_) => {
                changed.refused.push(format!("the legacy key of profile {profile} is no DES key"));
                return Ok(());
            }
            Err(error) => {
                changed.refused.push(error.to_string());
                return Ok(());
            }
        };
        system.saf().leave_key_token(&parsed, &token).map_err(|error| self.wrong(error.to_string()))?;
        let refresh = view.options().raclisted.contains(&Class::Ptktdata);
        let refresh = refresh.then(|| "SETROPTS RACLIST(PTKTDATA) REFRESH".to_owned());
        self.racf(name, refresh.as_slice(), changed)
    }

    fn restore(&mut self, name: &str, restore: &Restore, changed: &mut Changed) -> Result<(), Error> {
        let from = restore.from.as_deref().unwrap_or(name);
        self.site(from)?;
        let backup = match &restore.as_of {
            Some(step) => self.copies.remove(&(from.to_owned(), step.clone())),
            None if from == name => self.sites.get_mut(name).and_then(|site| site.before.take()),
            None => Some(self.icsf(from, self.at(from)?.icsf().key_data_set().backup())?),
        };
        let Some(backup) = backup else {
            changed.refused.push(format!("there is no copy of the CKDS of site {from} that could be restored"));
            return Ok(());
        };
        let whole_of_before = from == name && restore.as_of.is_none();
        if !whole_of_before {
            self.keep_before(name)?;
        }
        let put = |world: &Self, backup: &Backup| match restore.labels.as_slice() {
            [] => world.icsf(name, world.at(name)?.icsf().key_data_set().restore(backup)),
            labels => labels.iter().try_for_each(|label| {
                let done = world.at(name)?.icsf().key_data_set().restore_label(backup, label);
                world.icsf(name, done).map(drop)
            }),
        };
        put(self, &backup)?;
        self.icsf(name, self.at(name)?.icsf().refresh_ckds())?;
        if let Some(step) = &restore.as_of {
            self.copies.insert((from.to_owned(), step.clone()), backup);
        }
        Ok(())
    }

    /// All records are taken over that the format takes: the first that is refused is told with its codes.
    fn set_format(&mut self, name: &str, format: KdsFormat, changed: &mut Changed) -> Result<(), Error> {
        self.keep_before(name)?;
        let now = self.now();
        let icsf = self.at(name)?.icsf();
        let ckds = icsf.key_data_set();
        let export = |to: &mut Vec<u8>| self.icsf(name, icsf.export_ckds(to)).map(drop);
        let mut bytes = Vec::new();
        export(&mut bytes)?;
        let before = self.icsf(name, ckds.backup())?;
        self.icsf(name, ckds.allocate(format, now))?;
        match icsf.import_ckds(&mut bytes.as_slice()) {
            Ok(count) => {
                changed.lines.push(format!("{count} records are taken over"));
                return Ok(());
            }
            Err(error) if error.code() == Code::VariableTokenRefused => {
                changed.lines.push(format!("refused, ICSF {}: {error}", error.code().hex_pair()));
            }
            Err(error) => return Err(Error::Engine(format!("site {name}: {error}"))),
        }
        self.icsf(name, ckds.restore(&before))?;
        for label in self.variable_labels(name)? {
            self.icsf(name, icsf.csnbkrd(&["LABEL-DL"], &label))?;
            changed.lines.push(format!("{label} stays behind"));
        }
        bytes.clear();
        export(&mut bytes)?;
        self.icsf(name, ckds.allocate(format, now))?;
        let count = self.icsf(name, icsf.import_ckds(&mut bytes.as_slice()))?;
        changed.lines.push(format!("{count} records are taken over"));
        Ok(())
    }

    /// Labels of keys in variable-length tokens.
    fn variable_labels(&self, name: &str) -> Result<Vec<KeyLabel>, Error> {
        let mut labels = Vec::new();
        let scanned = self.at(name)?.icsf().key_data_set().scan(None, &mut |key, record| {
            if record.is_ok_and(|record| matches!(record.token, KeyToken::Variable(_))) {
                labels.push(key.label());
            }
            std::ops::ControlFlow::Continue(())
        });
        self.icsf(name, scanned)?;
        Ok(labels)
    }
}

impl Changed {
    fn console(&mut self, system: &System, command: &str) {
        match system.console(command) {
            Ok(lines) => self.lines.extend(lines),
            Err(error) => self.refused.push(error.to_string()),
        }
    }
}
