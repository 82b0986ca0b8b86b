//! What the beginning of an operator command can go on to.

use crate::system::System;

/// The commands of this console.
pub(super) const COMMANDS: [&str; 16] = [
    "D ICSF,CARDS",
    "D ICSF,KDS",
    "D ICSF,LIST",
    "D ICSF,MKS",
    "D ICSF,MKVPS",
    "D ICSF,OPTIONS",
    "D SMF,O",
    "F RSED,APPL=IVP PASSTICKET,userid",
    "SETICSF ACTIVATE",
    "SETICSF DEACTIVATE",
    "SETICSF DISABLE,CKDS",
    "SETICSF ENABLE,CKDS",
    "START CSF",
    "START SKRBKDC",
    "STOP CSF",
    "STOP SKRBKDC",
];

/// The verbs with another name.
const NAMES: [(&str, &str); 4] = [("D", "DISPLAY"), ("F", "MODIFY"), ("START", "S"), ("STOP", "P")];

/// What stands for the user ID in a command.
const USER: &str = "userid";

impl System {
    /// The operator commands, in capitals and in order, that what was typed can go on to: as far as they are known, a
    /// user ID to its end.
    ///
    /// ```
    /// let system = softicsf::System::in_memory().build()?;
    /// assert_eq!(system.console_completions("seticsf d"), ["SETICSF DEACTIVATE", "SETICSF DISABLE,CKDS"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn console_completions(&self, typed: &str) -> Vec<String> {
        let typed = typed.trim_start().to_ascii_uppercase();
        let mut found = Vec::new();
        for command in COMMANDS {
            let named = named(command, &typed);
            match named.strip_suffix(USER) {
                Some(before) if typed.starts_with(before) => {
                    found.extend(self.users().into_iter().map(|user| format!("{before}{user}")));
                }
                Some(before) => found.push(before.to_owned()),
                None => found.push(named),
            }
        }
        found.retain(|command| command.starts_with(&typed));
        found
    }

    /// User IDs; none, when the security database cannot be read: what is typed is refused later, with the reason.
    fn users(&self) -> Vec<String> {
        let view = self.saf().database().view();
        view.map(|view| view.users().map(|user| user.id.to_string()).collect()).unwrap_or_default()
    }
}

/// The command with the name of its verb that was typed.
fn named(command: &str, typed: &str) -> String {
    let other = NAMES.iter().find_map(|(name, other)| Some(format!("{other}{}", command.strip_prefix(name)?)));
    let fits = |name: &str| name.starts_with(typed) || typed.starts_with(name.trim_end_matches(USER));
    match other {
        Some(other) if !fits(command) && fits(&other) => other,
        _ => command.to_owned(),
    }
}
