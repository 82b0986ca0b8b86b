//! `realm`: the local Kerberos realm.

use clap::{Args, Subcommand};
use icsf_saf::model::Realm;
use serde_json::{Value, json};
use softicsf::{NewKeys, RealmSettings, System};

use crate::args::As;
use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::output::count;
use crate::secrets::Source;
use crate::time::{Life, life};

/// The local Kerberos realm
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf realm create EXAMPLE.COM --max-life 10h --max-renewable-life 7d
  softicsf principal add host/boston.example.com --random-key

The realm is profile KERBDFLT of class REALM; RDEFINE, RALTER, RLIST and
RDELETE of that profile do the same. Renewable lives are known here alone.")]
pub(crate) struct RealmVerb {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the realm, with krbtgt, kadmin/admin, kadmin/changepw and K/M
    #[command(after_help = "\
Examples:
  softicsf realm create EXAMPLE.COM
  softicsf realm create EXAMPLE.COM --password-file realm.pw --min-life 30")]
    Create {
        /// Name of the realm, by custom a domain in capital letters
        name: String,
        /// Make the key of krbtgt from a password, in a file of mode 0600; - for
        /// standard input, prompt to be asked [default: a random key]
        #[arg(long, value_name = "FILE")]
        password_file: Option<Source>,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        issuer: As,
    },
    /// Show the realm
    #[command(after_help = "Example:\n  softicsf realm show")]
    Show,
    /// Change the realm
    #[command(after_help = "\
Example:
  softicsf realm alter --max-life 8h --max-renewable-life none

The name stays: keys are made for it. RDELETE REALM KERBDFLT deletes the realm
with what it has of itself.")]
    Alter {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        issuer: As,
    },
}

#[derive(Debug, Args)]
struct Settings {
    /// Shortest life of a ticket (MINTKTLF): 30, 90m, 10h, 7d, none
    #[arg(long, value_name = "LIFE")]
    min_life: Option<Life>,
    /// Life of a ticket where none is asked for (DEFTKTLF)
    #[arg(long, value_name = "LIFE")]
    default_life: Option<Life>,
    /// Longest life of a ticket (MAXTKTLF)
    #[arg(long, value_name = "LIFE")]
    max_life: Option<Life>,
    /// How long a ticket can be renewed
    #[arg(long, value_name = "LIFE")]
    max_renewable_life: Option<Life>,
    /// Whether addresses in tickets are compared (CHECKADDRS)
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    check_addresses: Option<bool>,
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no"),
    }
}

impl Settings {
    fn of_realm(&self) -> RealmSettings {
        let mut settings = RealmSettings::default();
        settings.min_ticket_life = self.min_life.map(|life| life.0);
        settings.default_ticket_life = self.default_life.map(|life| life.0);
        settings.max_ticket_life = self.max_life.map(|life| life.0);
        settings.max_renewable_life = self.max_renewable_life.map(|life| life.0);
        settings.check_addresses = self.check_addresses;
        settings
    }
}

impl RealmVerb {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match &self.action {
            Action::Create { name, password_file, settings, issuer } => {
                let from = password_file.as_ref();
                let password = from.map(|from| context.secret(from, "password of the realm")).transpose()?;
                let keys = password.as_ref().map_or(NewKeys::Random, NewKeys::Password);
                let settings = settings.of_realm();
                context
                    .with_engine(|system| Ok(system.saf().create_realm(&issuer.caller(), name, &settings, keys)?))?;
                done(context, &format!("realm {name} created"))
            }
            Action::Show => show(context),
            Action::Alter { settings, issuer } => {
                let system = context.open()?;
                system.saf().alter_realm(&issuer.caller(), &settings.of_realm())?;
                let name = system.realm()?.unwrap_or_default();
                done(context, &format!("realm {name} altered"))
            }
        }
    }
}

/// Says what was done, or shows a machine what there is now.
fn done(context: &mut Context, what: &str) -> Outcome {
    if context.out.is_json() {
        return show(context);
    }
    context.out.note(what)?;
    Ok(0)
}

fn show(context: &mut Context) -> Outcome {
    let system = context.open()?;
    let view = system.saf().database().view().map_err(icsf_saf::Error::from)?;
    let realm = view.local_realm().and_then(|profile| profile.kerb.as_ref()).filter(|realm| !realm.name.is_empty());
    let Some(realm) = realm else {
        return Err(Failure::new(8, "there is no local realm").next("softicsf realm create NAME"));
    };
    let principals = view.principals().count();
    // Records cannot be listed while ICSF is stopped; the realm can be shown all the same.
    let unused = system.saf().unused_kerberos_keys().ok().map(|labels| labels.len());
    let version = krbtgt_version(&system, realm);
    if context.out.is_json() {
        context.out.json(&json_of(realm, version, principals, unused))?;
        return Ok(0);
    }
    let lived = |seconds: Option<u32>| seconds.map_or_else(|| "none".to_owned(), life);
    let types: Vec<&str> = realm.encryption.iter().filter_map(|kind| kind.etype()).map(|etype| etype.name()).collect();
    context.out.line(format!("realm                {}", realm.name))?;
    context
        .out
        .line(format!("key version          {}", version.map_or_else(|| "none".to_owned(), |v| v.to_string())))?;
    context.out.entry("key types            ", &types.join(", "))?;
    for (label, seconds) in [
        ("shortest life", realm.min_ticket_life),
        ("default life", realm.default_ticket_life),
        ("longest life", realm.max_ticket_life),
        ("renewable life", realm.max_renewable_life),
    ] {
        context.out.line(format!("{label:<21}{}", lived(seconds)))?;
    }
    context.out.line(format!("addresses compared   {}", if realm.check_addresses { "yes" } else { "no" }))?;
    context.out.line(format!("principals           {principals}"))?;
    if let Some(unused) = unused.filter(|unused| *unused > 0) {
        context.out.note(&format!("{} of Kerberos in the CKDS that no principal names", count(unused, "key")))?;
    }
    Ok(0)
}

fn krbtgt_version(system: &System, realm: &Realm) -> Option<u32> {
    let name = icsf_saf::model::PrincipalName::ticket_granter(&realm.name).ok()?;
    system.saf().principal(&name).ok().map(|row| row.key_version()).filter(|version| *version > 0)
}

fn json_of(realm: &Realm, version: Option<u32>, principals: usize, unused: Option<usize>) -> Value {
    json!({
        "realm": realm.name,
        "key_version": version,
        "key_types": realm.encryption.iter().filter_map(|kind| kind.etype()).map(|e| e.name()).collect::<Vec<_>>(),
        "min_ticket_life": realm.min_ticket_life,
        "default_ticket_life": realm.default_ticket_life,
        "max_ticket_life": realm.max_ticket_life,
        "max_renewable_life": realm.max_renewable_life,
        "check_addresses": realm.check_addresses,
        "principals": principals,
        "unused_keys": unused,
    })
}
