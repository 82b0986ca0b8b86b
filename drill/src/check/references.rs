//! Who is permitted what, and which keys there are for the applications: names that no command would refuse, and that are
//! of nobody and nothing.

use std::collections::BTreeSet;

use toml::Spanned;

use super::Check;
use crate::consumer::{By, SMFID};
use crate::file::ConsumerEntry;
use crate::spelling::near;
use crate::with::tables;

impl Check<'_> {
    /// That the users of consumers and permissions are known somewhere, and the applications have key profiles.
    pub(super) fn references(&mut self) {
        let file = self.file;
        let said = self.said();
        let users: Vec<&str> = file.user.iter().map(|user| user.id.get_ref().as_str()).collect();
        let permitted: Vec<&str> = file.permit.iter().map(|permit| permit.id.get_ref().as_str()).collect();
        let running: Vec<&str> = file.consumer.iter().map(|consumer| consumer.runs_as.get_ref().as_str()).collect();
        let is_one_of = |id: &str, known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(id));
        let is_known = |id: &str, known: &[&str]| {
            is_one_of(id, &users)
                || is_one_of(id, known)
                || said.contains(&id.to_uppercase())
                || self.imported.knows(id)
        };
        // Programs that sign users on by Kerberos alone make no PassTickets; those of kind rse do, once a client is in.
        let alone = |consumer: &&ConsumerEntry| {
            let by_kerberos = consumer.credential.as_ref().is_some_and(|by| *by.get_ref() == By::Kerberos);
            by_kerberos && consumer.kind.get_ref() != "rse"
        };
        let mut wrong = Vec::new();
        if !self.permits_everybody() {
            for consumer in file.consumer.iter().filter(|c| !alone(c) && !is_known(c.runs_as.get_ref(), &permitted)) {
                let known: Vec<&str> = users.iter().chain(&permitted).copied().collect();
                let what = format!("{:?} is no user, and nothing is permitted to it", consumer.runs_as.get_ref());
                wrong.push((what, consumer.runs_as.span(), near(consumer.runs_as.get_ref(), &known)));
            }
        }
        for permit in file.permit.iter().filter(|p| p.id.get_ref() != "*" && !is_known(p.id.get_ref(), &running)) {
            let known: Vec<&str> = users.iter().chain(&running).copied().collect();
            let what = format!("{:?} is no user or group, and nothing runs as it", permit.id.get_ref());
            wrong.push((what, permit.id.span(), near(permit.id.get_ref(), &known)));
        }
        for session in file.consumer.iter().filter(|c| !alone(c)).flat_map(|consumer| &consumer.session) {
            let application = session.ptkt_profile.as_ref().unwrap_or(&session.applid);
            for name in std::iter::once(application).chain(&session.evaluated_as) {
                wrong.extend(self.without_profile(name, &said));
            }
        }
        for (what, at, hint) in wrong {
            self.mistake(what, Some(at), Some(hint));
        }
    }

    /// Whether everybody may ask for tickets of something.
    fn permits_everybody(&self) -> bool {
        let open = self.file.profile.iter().any(|profile| {
            let uacc = profile.uacc.as_ref().is_some_and(|uacc| !uacc.get_ref().eq_ignore_ascii_case("NONE"));
            uacc && profile.name.get_ref().to_uppercase().starts_with("IRRPTAUTH")
        });
        open || self.file.permit.iter().any(|permit| permit.id.get_ref() == "*") || self.imported.permits_everybody()
    }

    /// An application name for which there is no profile, and which was probably meant.
    fn without_profile(
        &self,
        name: &Spanned<String>,
        said: &BTreeSet<String>,
    ) -> Option<(String, std::ops::Range<usize>, String)> {
        let text = name.get_ref().to_uppercase();
        let (prefix, by_smfid) = text.strip_suffix(SMFID).map_or((text.as_str(), false), |prefix| (prefix, true));
        let fits = |profile: &str| {
            let rest = profile.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || (by_smfid && rest.len() <= 4))
        };
        let written = self.file.profile.iter().map(|profile| profile.name.get_ref().to_uppercase());
        let profiles: Vec<String> = written.chain(self.imported.profiles().map(|(_, name)| name)).collect();
        if profiles.iter().chain(said).any(|profile| fits(profile)) {
            return None;
        }
        let known: Vec<&str> = profiles.iter().map(String::as_str).collect();
        let hint = format!("{}; or [[profile]] class = \"APPL\" where it is to have none", near(&text, &known));
        Some((format!("there is no key profile {:?}", name.get_ref()), name.span(), hint))
    }

    /// The words of all commands, and who asks for tickets in a step: what they name may be there without being written in
    /// a table of its own.
    fn said(&self) -> BTreeSet<String> {
        let mut said = BTreeSet::new();
        let mut listen = |text: &str| {
            let words = text.split(|c: char| c.is_whitespace() || "(),'".contains(c)).filter(|word| !word.is_empty());
            said.extend(words.map(str::to_uppercase));
        };
        self.file.racf.commands.iter().for_each(|command| listen(command.get_ref()));
        for with in tables(&self.source).into_iter().flatten() {
            let commands = with.get_ref().get("commands").and_then(|commands| commands.get_ref().as_array());
            let commands = commands.into_iter().flat_map(|commands| commands.iter());
            let runs_as = with.get_ref().get("runs_as");
            commands.chain(runs_as).filter_map(|text| text.get_ref().as_str()).for_each(&mut listen);
        }
        said
    }
}
