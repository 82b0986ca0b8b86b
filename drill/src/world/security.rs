//! The security database of a site, set up by the commands an administrator would type.
//!
//! What is refused is told, and the rest goes on: a profile that was refused as a whole is defined bare and altered piece by
//! piece, so that everything wrong with it shows, and nothing that is wrong only because it is missing.

use icsf_saf::Caller;
use icsf_saf::command::CommandError;
use icsf_saf::model::{Access, Class};
use softicsf::{NewKeys, PrincipalError, PrincipalName, PrincipalSettings, RealmSettings};
use toml::Spanned;

use super::{ADMINISTRATOR, Realm, Site, World};
use crate::error::{Error, Mistake};
use crate::file::{KeyOf, Offset, ProfileEntry, UserEntry};
use crate::spelling::nearest;
use crate::typed::Typed;

/// Sets up one site.
struct Setup<'a> {
    world: &'a World<'a>,
    site: &'a Site,
    administrator: Caller,
    mistakes: Vec<Mistake>,
    /// Class and name of profiles that could not be defined at all.
    missing: Vec<(String, String)>,
}

impl World<'_> {
    /// Classes, profiles, permissions and users; answers what was refused.
    pub(super) fn security(&self, site: &Site) -> Result<Vec<Mistake>, Error> {
        let file = &self.drill.file;
        let administrator =
            ADMINISTRATOR.parse().map(Caller::user).map_err(|e| self.wrong(format!("{ADMINISTRATOR}: {e}")))?;
        let mut setup = Setup { world: self, site, administrator, mistakes: Vec::new(), missing: Vec::new() };
        setup.classes("CLASSACT", &file.racf.classact);
        setup.classes("GENERIC", &file.racf.generic);
        self.drill.imported.import(&site.system)?;
        file.profile.iter().for_each(|profile| setup.profile(profile));
        setup.permits();
        file.user.iter().for_each(|user| setup.user(user));
        setup.classes("RACLIST", &file.racf.raclist);
        for command in &file.racf.commands {
            setup.run(&Typed::new("").word(command));
        }
        Ok(setup.mistakes)
    }
}

impl Setup<'_> {
    fn tried(&self, command: &Typed) -> Result<(), CommandError> {
        self.site.system.racf(&self.administrator, &command.text, &self.world.secrets).map(drop)
    }

    fn told(&mut self, command: &Typed, error: &CommandError) {
        let source = self.world.drill.source();
        let at = command.in_file(error.span(), &source);
        let mistake = Mistake::new(&source, format!("{}: {}", command.text, error.what()), at);
        let hint = error.hint_text().or(error.remedies().first().map(String::as_str)).map(str::to_owned);
        let hint = hint.or_else(|| error.span().and_then(|at| meant(command.text.get(at.clone())?)));
        self.mistakes.push(match hint {
            Some(hint) => mistake.hint(hint),
            None => mistake,
        });
    }

    fn run(&mut self, command: &Typed) {
        if let Err(error) = self.tried(command) {
            self.told(command, &error);
        }
    }

    /// Each by itself, so that the one that is refused can be told.
    fn classes(&mut self, keyword: &str, classes: &[Spanned<String>]) {
        for class in classes {
            self.run(&Typed::new(&format!("SETROPTS {keyword}(")).word(class).and(")"));
        }
    }

    /// Carries out a command as a whole; or else without what it sets, and then each part of that by itself. Answers whether
    /// what it is about is there afterwards.
    fn whole_or_in_parts(&mut self, whole: &Typed, bare: &Typed, parts: &[Typed]) -> bool {
        let Err(error) = self.tried(whole) else { return true };
        if let Err(error) = self.tried(bare) {
            self.told(bare, &error);
            return false;
        }
        let before = self.mistakes.len();
        parts.iter().for_each(|part| self.run(part));
        if self.mistakes.len() == before {
            // Each part is good by itself.
            self.told(whole, &error);
        }
        true
    }

    fn profile(&mut self, profile: &ProfileEntry) {
        let (class, name) = (&profile.class, &profile.name);
        // One that was imported has no key yet.
        let imported = self.world.drill.imported.has_profile_of(class.get_ref(), name.get_ref());
        let named = |verb: &str| Typed::new(verb).word(class).and(" ").word(name);
        let bare = named(if imported { "RALTER " } else { "RDEFINE " });
        let settings = |command: Typed| {
            command.quoted("APPLDATA", profile.appldata.as_ref()).quoted("UACC", profile.uacc.as_ref())
        };
        let mut whole = bare.clone();
        if !profile.ssignon.is_empty() {
            whole = profile.ssignon.iter().fold(whole.and(" SSIGNON("), |command, operand| {
                let separate = if command.text.ends_with('(') { "" } else { " " };
                command.and(separate).word(operand)
            });
            whole = whole.and(")");
        }
        let alter = || named("RALTER ");
        let mut parts: Vec<Typed> =
            profile.ssignon.iter().map(|operand| alter().and(" SSIGNON(").word(operand).and(")")).collect();
        parts.extend(profile.appldata.iter().map(|text| alter().quoted("APPLDATA", Some(text))));
        parts.extend(profile.uacc.iter().map(|uacc| alter().quoted("UACC", Some(uacc))));
        if !self.whole_or_in_parts(&settings(whole), &bare, &parts) {
            self.missing.push((class.get_ref().to_uppercase(), name.get_ref().to_uppercase()));
        }
    }

    /// Permissions; the profile of one is defined where nobody else does.
    fn permits(&mut self) {
        let file = &self.world.drill.file;
        let name_of = |class: &str, name: &str| (class.to_uppercase(), name.to_uppercase());
        let mut defined: Vec<(String, String)> =
            file.profile.iter().map(|profile| name_of(profile.class.get_ref(), profile.name.get_ref())).collect();
        for permit in &file.permit {
            let (class, name) = (permit.class.get_ref(), permit.profile.get_ref());
            let key = name_of(class, name);
            if !defined.contains(&key) && !self.world.drill.imported.has_profile_of(class, name) {
                let define = Typed::new("RDEFINE ").word(&permit.class).and(" ").word(&permit.profile);
                if let Err(error) = self.tried(&define.clone().and(" UACC(NONE)")) {
                    self.told(&define, &error);
                    self.missing.push(key.clone());
                }
                defined.push(key.clone());
            }
            // Of another class, it is that class which is wrong, and was told.
            let is_missing = |(_, missing): &(String, String)| *missing == key.1;
            if !self.missing.iter().any(is_missing) {
                let command = Typed::new("PERMIT ").word(&permit.profile).and(" CLASS(").word(&permit.class);
                self.run(&command.and(") ID(").word(&permit.id).and(") ACCESS(").word(&permit.access).and(")"));
            }
        }
    }

    fn user(&mut self, user: &UserEntry) {
        let imported = self.world.drill.imported.has_user(user.id.get_ref());
        let bare = Typed::new(if imported { "ALTUSER " } else { "ADDUSER " }).word(&user.id);
        let alter = || Typed::new("ALTUSER ").word(&user.id);
        let password = |command: Typed, password| command.and(" PASSWORD(").word(password).and(")");
        let mut whole = bare.clone().quoted("NAME", user.name.as_ref());
        let mut parts: Vec<Typed> = user.name.iter().map(|name| alter().quoted("NAME", Some(name))).collect();
        if let Some(secret) = &user.password {
            whole = password(whole, secret);
            parts.push(password(alter(), secret));
        }
        self.whole_or_in_parts(&whole, &bare, &parts);
    }

    /// Principals of users, whose keys come with a password change.
    fn principal(&mut self, user: &UserEntry) {
        let alter = || Typed::new("ALTUSER ").word(&user.id);
        // Of the one type that engines of both kinds can use: the same drill is the same on either.
        let of_18 = " ENCRYPT(AES256 NOAES128 NOAES128SHA2 NOAES256SHA2))";
        self.run(&alter().and(" KERB(").quoted("KERBNAME", user.principal.as_ref()).and(of_18));
        if let Some(password) = &user.password {
            self.run(&alter().and(" PASSWORD(").word(password).and(")"));
        }
    }
}

impl World<'_> {
    /// The realm, the principals of users, and servers with their keytabs; and what was refused.
    pub(super) fn realm(&self, site: &Site) -> Result<(Option<Realm>, Vec<Mistake>), Error> {
        let file = &self.drill.file;
        let Some(entry) = &file.realm else { return Ok((None, Vec::new())) };
        let administrator =
            ADMINISTRATOR.parse().map(Caller::user).map_err(|e| self.wrong(format!("{ADMINISTRATOR}: {e}")))?;
        let (saf, source) = (site.system.saf(), self.drill.source());
        let mut mistakes = Vec::new();
        let mut refused = |error: &PrincipalError, at: std::ops::Range<usize>| {
            let mistake = Mistake::new(&source, error.what(), Some(at));
            mistakes.push(match error.hint_text() {
                Some(hint) => mistake.hint(hint),
                None => mistake,
            });
        };
        let seconds = |life: Option<Offset>| life.map(|life| u32::try_from(life.0).ok());
        let mut settings = RealmSettings::default();
        settings.min_ticket_life = seconds(entry.min_life);
        settings.default_ticket_life = seconds(entry.default_life);
        settings.max_ticket_life = seconds(entry.max_life);
        let password = entry.password.as_ref().and_then(|reference| self.secrets.get(reference.get_ref()));
        let keys = password.as_ref().map_or(NewKeys::Random, NewKeys::Password);
        if let Err(error) = saf.create_realm(&administrator, entry.name.get_ref(), &settings, keys) {
            refused(&error, entry.name.span());
            return Ok((None, mistakes));
        }
        let mut realm = Realm::new(entry.name.get_ref().clone(), self.random());
        for service in &file.service {
            let Ok(name) = service.principal.get_ref().parse::<PrincipalName>() else { continue };
            let added = saf.add_principal(&administrator, &name, NewKeys::Random, &PrincipalSettings::default());
            let keytab = added.and_then(|()| match service.key {
                KeyOf::Ckds => Ok(None),
                KeyOf::Keytab => site.system.new_keytab_entries(&administrator, &name).map(Some),
            });
            match keytab {
                Ok(keytab) => drop(realm.servers.insert(name, keytab)),
                Err(error) => refused(&error, service.principal.span()),
            }
        }
        let mut setup = Setup { world: self, site, administrator, mistakes, missing: Vec::new() };
        for user in &file.user {
            let Some(principal) = &user.principal else { continue };
            setup.principal(user);
            let password = user.password.as_ref().and_then(|reference| self.secrets.get(reference.get_ref()));
            if let (Ok(id), Ok(name), Some(password)) =
                (user.id.get_ref().parse(), principal.get_ref().parse(), password)
            {
                realm.users.insert(id, (name, password));
            }
        }
        Ok((Some(realm), setup.mistakes))
    }
}

/// The class or access level that was probably meant.
fn meant(word: &str) -> Option<String> {
    let levels = Access::ALL.map(|level| level.to_string());
    let known: Vec<&str> =
        Class::ALL.iter().map(|class| class.name()).chain(levels.iter().map(String::as_str)).collect();
    nearest(word.trim_matches('\''), &known).map(|near| format!("{near}?"))
}
