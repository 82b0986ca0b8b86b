//! `principal policy`: rules for passwords.

use clap::{Args, Subcommand};
use icsf_saf::model::PasswordPolicy;
use serde_json::{Value, json};

use crate::args::As;
use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::time::{Life, life};

/// Policies for passwords of principals
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf principal policy set strict --min-length 8 --history 5 --max-life 90d
  softicsf principal alter david --policy strict")]
pub(super) struct Policy {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a policy, or change it
    #[command(after_help = "\
Example:
  softicsf principal policy set strict --min-length 8 --history 5

Passwords count from the first that is set under the policy. They are known
again by the key of kadmin/history, which is made when it is first needed.")]
    Set {
        /// Its name
        name: String,
        /// The fewest characters of a password
        #[arg(long, value_name = "N")]
        min_length: Option<u8>,
        /// How many passwords, the present one among them, a new one must differ
        /// from
        #[arg(long, value_name = "N")]
        history: Option<u8>,
        /// How long a password is good: 90d, none
        #[arg(long, value_name = "LIFE")]
        max_life: Option<Life>,
        #[command(flatten)]
        issuer: As,
    },
    /// List policies
    #[command(after_help = "Example:\n  softicsf principal policy list")]
    List,
    /// Delete a policy that no principal has
    #[command(after_help = "Example:\n  softicsf principal policy delete strict")]
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        issuer: As,
    },
}

impl Policy {
    pub(super) fn run(&self, context: &mut Context) -> Outcome {
        let system = context.open()?;
        match &self.action {
            Action::Set { name, min_length, history, max_life, issuer } => {
                let view = system.saf().database().view().map_err(icsf_saf::Error::from)?;
                let mut policy = match view.policy(name) {
                    Some(policy) => PasswordPolicy::clone(policy),
                    None => PasswordPolicy::new(name).map_err(Failure::usage)?,
                };
                policy.min_length = min_length.unwrap_or(policy.min_length);
                policy.history = history.unwrap_or(policy.history);
                policy.max_life = max_life.map_or(policy.max_life, |life| life.0);
                system.saf().put_policy(&issuer.caller(), &policy)?;
                if context.out.is_json() {
                    context.out.json(&json_of(&policy))?;
                } else {
                    context.out.note(&format!("policy {name} set"))?;
                }
            }
            Action::List => list(context)?,
            Action::Delete { name, issuer } => {
                system.saf().delete_policy(&issuer.caller(), name)?;
                if context.out.is_json() {
                    context.out.json(&json!({ "name": name, "deleted": true }))?;
                } else {
                    context.out.note(&format!("policy {name} deleted"))?;
                }
            }
        }
        Ok(0)
    }
}

fn list(context: &mut Context) -> Result<(), Failure> {
    let view = context.open()?.saf().database().view().map_err(icsf_saf::Error::from)?;
    let policies: Vec<_> = view.policies().collect();
    if context.out.is_json() {
        return context.out.json(&json!({ "policies": policies.iter().map(|p| json_of(p)).collect::<Vec<_>>() }));
    }
    if policies.is_empty() {
        return context.out.note("there is no policy");
    }
    let width = policies.iter().map(|policy| policy.name.len()).max().unwrap_or(0).max(4);
    context.out.line(format!("{:<width$}  LENGTH  HISTORY  LIFE", "NAME"))?;
    for policy in policies {
        let life = policy.max_life.map_or_else(|| "none".to_owned(), life);
        let (name, length, history) = (&policy.name, policy.min_length, policy.history);
        context.out.line(format!("{name:<width$}  {length:<6}  {history:<7}  {life}"))?;
    }
    Ok(())
}

fn json_of(policy: &PasswordPolicy) -> Value {
    json!({
        "name": policy.name,
        "min_length": policy.min_length,
        "history": policy.history,
        "max_life": policy.max_life,
    })
}
