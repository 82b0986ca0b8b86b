//! `principal`: Kerberos principals, and policies for their passwords.

mod policy;
mod show;

use clap::{Args, Subcommand};
use icsf_saf::model::PrincipalFlag;
use secrecy::SecretString;
use softicsf::{NewKeys, PrincipalName, PrincipalSettings, System};

use crate::args::As;
use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::secrets::Source;
use crate::time::{At, Life};

const ADD: &str = "\
softicsf principal add [OPTIONS] <NAME> --random-key
       softicsf principal add [OPTIONS] <NAME> --password-file <FILE>";

const PASSWD: &str = "\
softicsf principal passwd [OPTIONS] <NAME> --random-key
       softicsf principal passwd [OPTIONS] <NAME> --password-file <FILE>";

/// Kerberos principals
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf principal add host/boston.example.com --random-key
  softicsf racf \"ALTUSER DAVID KERB(KERBNAME('david'))\"
  softicsf principal passwd david --password-file new.pw

A name has instances after / and may be followed by @ and the local realm; \\/,
\\@, \\\\, \\n, \\t, \\b and \\0 stand for what they escape. The principal of a user
comes with ALTUSER KERB(KERBNAME(...)) and goes with NOKERB; its password is the
user's. Keys lie in the CKDS, under the AES-MK: no engine gives one back.")]
pub(crate) struct PrincipalVerb {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a principal
    #[command(override_usage = ADD, after_help = "\
Examples:
  softicsf principal add host/boston.example.com --random-key
  softicsf principal add jennifer/admin --password-file pw --max-life 1h")]
    Add {
        /// Its name
        name: String,
        #[command(flatten)]
        keys: Keys,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        issuer: As,
    },
    /// List principals
    #[command(after_help = "Examples:\n  softicsf principal list\n  softicsf principal list 'host/*'")]
    List {
        /// Names to list; * stands for any characters
        #[arg(value_name = "PATTERN", default_value = "*", hide_default_value = true)]
        pattern: String,
    },
    /// Show a principal: its keys, lives and flags
    #[command(after_help = "\
Examples:
  softicsf principal show krbtgt/EXAMPLE.COM
  softicsf principal show K/M

K/M stands for the AES master key: its versions are shown by their patterns.")]
    Show {
        /// Its name
        name: String,
    },
    /// Change what a principal may do
    #[command(after_help = "\
Examples:
  softicsf principal alter david --max-life 8h --flag no-forwardable
  softicsf principal alter david --no-flag no-forwardable --expires none")]
    Alter {
        /// Its name
        name: String,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        issuer: As,
    },
    /// Give a principal new keys
    #[command(override_usage = PASSWD, after_help = "\
Examples:
  softicsf principal passwd david --password-file new.pw
  softicsf principal passwd krbtgt/EXAMPLE.COM --random-key

The keys before stay as long as tickets made with them may live.")]
    Passwd {
        /// Its name
        name: String,
        #[command(flatten)]
        keys: Keys,
        #[command(flatten)]
        issuer: As,
    },
    /// Delete a principal and its keys
    #[command(after_help = "Example:\n  softicsf principal delete host/boston.example.com")]
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        issuer: As,
    },
    Policy(policy::Policy),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Keys {
    /// Make the keys from a password, in a file of mode 0600; - for standard
    /// input, prompt to be asked
    #[arg(long, value_name = "FILE")]
    password_file: Option<Source>,
    /// Let the engine make random keys, which it alone knows
    #[arg(long)]
    random_key: bool,
}

impl Keys {
    fn password(&self, context: &mut Context) -> Result<Option<SecretString>, Failure> {
        self.password_file.as_ref().map(|from| context.secret(from, "password of the principal")).transpose()
    }
}

#[derive(Debug, Args)]
struct Settings {
    /// Longest life of a ticket: 90m, 10h, 7d, none
    #[arg(long, value_name = "LIFE")]
    max_life: Option<Life>,
    /// How long a ticket can be renewed
    #[arg(long, value_name = "LIFE")]
    max_renewable_life: Option<Life>,
    /// From when on there are no tickets: 2026-01-01T00:00:00Z, +10h, none
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Time>,
    /// From when on the password must be changed
    #[arg(long, value_name = "TIME", value_parser = time)]
    change_by: Option<Time>,
    /// Policy for its passwords; none takes it away
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Set a flag: no-tickets, no-server, no-forwardable, no-proxiable,
    /// no-renewable, no-postdated, no-preauth, needs-change,
    /// password-change-service, no-tgs-request, no-user-to-user
    #[arg(long, value_name = "FLAG")]
    flag: Vec<PrincipalFlag>,
    /// Take a flag away
    #[arg(long, value_name = "FLAG")]
    no_flag: Vec<PrincipalFlag>,
}

#[derive(Debug, Clone, Copy)]
enum Time {
    At(At),
    Never,
}

fn time(text: &str) -> Result<Time, String> {
    if text == "none" { Ok(Time::Never) } else { text.parse().map(Time::At) }
}

impl Settings {
    fn of_principal(&self, system: &System) -> Result<PrincipalSettings, Failure> {
        let second = |time: Option<Time>| match time {
            None => Ok(None),
            Some(Time::Never) => Ok(Some(None)),
            Some(Time::At(at)) => at.seconds(system.now()).map(|second| Some(Some(second))),
        };
        let mut settings = PrincipalSettings::default();
        settings.flags = self.flag.iter().map(|flag| (*flag, true)).collect();
        settings.flags.extend(self.no_flag.iter().map(|flag| (*flag, false)));
        settings.max_ticket_life = self.max_life.map(|life| life.0);
        settings.max_renewable_life = self.max_renewable_life.map(|life| life.0);
        settings.expires = second(self.expires)?;
        settings.password_expires = second(self.change_by)?;
        settings.policy = self.policy.clone().map(|name| Some(name).filter(|name| name != "none"));
        Ok(settings)
    }
}

/// The name of a principal of the local realm, as it was typed.
pub(crate) fn local(system: &System, text: &str) -> Result<PrincipalName, Failure> {
    let (name, realm) = PrincipalName::parse_with_realm(text)
        .map_err(|why| Failure::usage(format!("{text:?} is no name of a principal: {why}")))?;
    let here = system.realm()?;
    match (realm, here) {
        (Some(realm), Some(here)) if realm != here => {
            Err(Failure::new(8, format!("{text} is of realm {realm}, and here is realm {here}")))
        }
        _ => Ok(name),
    }
}

impl PrincipalVerb {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match &self.action {
            Action::Add { name, keys, settings, issuer } => {
                let password = keys.password(context)?;
                let keys = password.as_ref().map_or(NewKeys::Random, NewKeys::Password);
                let name = context.with_engine(|system| {
                    let (name, settings) = (local(system, name)?, settings.of_principal(system)?);
                    system.saf().add_principal(&issuer.caller(), &name, keys, &settings)?;
                    Ok(name)
                })?;
                done(context, &name, "added")
            }
            Action::List { pattern } => show::list(context, pattern),
            Action::Show { name } => {
                let system = context.open()?;
                show::show(context, &local(&system, name)?)
            }
            Action::Alter { name, settings, issuer } => {
                let system = context.open()?;
                let name = local(&system, name)?;
                system.saf().alter_principal(&issuer.caller(), &name, &settings.of_principal(&system)?)?;
                done(context, &name, "altered")
            }
            Action::Passwd { name, keys, issuer } => {
                let password = keys.password(context)?;
                let keys = password.as_ref().map_or(NewKeys::Random, NewKeys::Password);
                let name = context.with_engine(|system| {
                    let name = local(system, name)?;
                    system.saf().change_principal_keys(&issuer.caller(), &name, keys)?;
                    Ok(name)
                })?;
                done(context, &name, "has new keys")
            }
            Action::Delete { name, issuer } => delete(context, name, issuer),
            Action::Policy(policy) => policy.run(context),
        }
    }
}

/// Says what was done, or shows a machine the principal as it is now.
fn done(context: &mut Context, name: &PrincipalName, what: &str) -> Outcome {
    if context.out.is_json() {
        return show::show(context, name);
    }
    let row = context.open()?.saf().principal(name)?;
    let version = if row.key_version() > 0 { format!(", key version {}", row.key_version()) } else { String::new() };
    context.out.note(&format!("principal {name} {what}{version}"))?;
    Ok(0)
}

fn delete(context: &mut Context, name: &str, issuer: &As) -> Outcome {
    let system = context.open()?;
    let name = local(&system, name)?;
    system.saf().delete_principal(&issuer.caller(), &name)?;
    if context.out.is_json() {
        context.out.json(&serde_json::json!({ "name": name.to_string(), "deleted": true }))?;
    } else {
        context.out.note(&format!("principal {name} deleted"))?;
    }
    Ok(0)
}
