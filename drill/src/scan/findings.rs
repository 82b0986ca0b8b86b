//! What there is to find: each rule on what was read.

use icsf_saf::model::TicketType;
use softicsf::ptkt::Window;

use super::Inputs;
use super::ckds::Protection;
use super::displays::CardState;
use super::fault::Fault;
use super::input::Origin;
use super::profile::{HmacProtection, KeyProfile, LegacyProtection, Requirement};
use super::rule::{self, Rule, Severity};

/// Something found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Of which sort.
    pub rule: &'static Rule,
    /// How bad.
    pub severity: Severity,
    /// The profile, class or master key it is about.
    pub subject: String,
    /// What is so.
    pub what: String,
    /// The faults under which the subject breaks.
    pub faults: Vec<&'static str>,
    /// The records it comes from.
    pub records: Vec<Origin>,
    /// Commands that mend it; what is in `<>` is to be filled in.
    pub commands: Vec<String>,
}

pub(super) const REFRESH: &str = "SETROPTS RACLIST(PTKTDATA) REFRESH";
/// In the place of a key, which no scan knows.
pub(super) const KEY: &str = "<16 hex digits>";

pub(super) struct Search<'a> {
    pub(super) inputs: &'a Inputs,
    pub(super) profiles: &'a [KeyProfile],
    found: Vec<Finding>,
}

/// Everything there is to find, the worst first.
pub(super) fn search(inputs: &Inputs, profiles: &[KeyProfile]) -> Vec<Finding> {
    let mut search = Search { inputs, profiles, found: Vec::new() };
    let card = inputs.target.as_ref().map_or(CardState::Unseen, |site| site.card());
    for profile in profiles {
        if !profile.is_used() {
            search.generic_key(profile);
            continue;
        }
        search.dependence(profile, &card);
        search.leftovers(profile);
        search.labels(profile);
        search.reuse(profile);
        search.clock(profile);
        search.mixed_case(profile);
    }
    search.names();
    search.permissions();
    search.classes();
    search.recovery_site();
    search.other_systems();
    search.listing();
    search.factors();
    let order = |rule: &Rule| rule::RULES.iter().position(|known| known.name == rule.name);
    search.found.sort_by_key(|finding| (finding.severity, order(finding.rule)));
    search.found
}

impl Search<'_> {
    pub(super) fn add(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        subject: impl Into<String>,
        what: impl Into<String>,
        records: Vec<Origin>,
        commands: Vec<String>,
    ) {
        let (subject, what) = (subject.into(), what.into());
        self.found.push(Finding { rule, severity, subject, what, faults: rule.faults.into(), records, commands });
    }

    /// The same of a profile: of the faults, those that break it.
    pub(super) fn of(
        &mut self,
        profile: &KeyProfile,
        rule: &'static Rule,
        severity: Severity,
        what: impl Into<String>,
        more: Option<Origin>,
        commands: Vec<String>,
    ) {
        let records = profile.records.iter().cloned().chain(more).collect();
        self.add(rule, severity, profile.name.as_str(), what, records, commands);
        let breaks = |name: &&str| Fault::named(name).is_some_and(|fault| fault.breaks(profile));
        if let Some(finding) = self.found.last_mut() {
            finding.faults.retain(|name| breaks(name));
        }
    }

    /// On ICSF and the card of the recovery site.
    fn dependence(&mut self, profile: &KeyProfile, card: &CardState) {
        let needs = profile.needs();
        let added = profile.enhanced.is_some() && profile.legacy == Some(LegacyProtection::Masked);
        // A key token is a finding of its own.
        let token = profile.legacy == Some(LegacyProtection::Token) && profile.enhanced.is_none();
        if token || matches!(needs, Requirement::Nothing | Requirement::Unknown) {
            return;
        }
        let stopped = matches!(card, CardState::IcsfStopped(_));
        let (state, place) = match card {
            CardState::Unseen => ("whether the recovery site has a card was not told".to_owned(), None),
            CardState::IcsfStopped(place) => ("ICSF is not started at the recovery site".to_owned(), Some(place)),
            CardState::None(place) => ("the recovery site has no card that holds keys".to_owned(), Some(place)),
            CardState::Unusable(place, status) => {
                (format!("the card of the recovery site is not active: {status}"), Some(place))
            }
            CardState::Active => ("the recovery site has an active card".to_owned(), None),
        };
        let enough = *card == CardState::Active || (needs == Requirement::IcsfOnly && !stopped);
        let severity = match card {
            _ if added => {
                if enough {
                    Severity::Medium
                } else {
                    Severity::High
                }
            }
            _ if enough => return,
            CardState::Unseen => Severity::Medium,
            _ => Severity::High,
        };
        let name = &profile.name;
        let start = stopped.then(|| "START CSF".to_owned());
        let look = (!stopped).then(|| "D ICSF,CARDS".to_owned());
        let mut commands: Vec<String> = start.into_iter().chain(look).collect();
        if added {
            commands.push(format!("RALTER PTKTDATA {name} SSIGNON(NOEPTKEYLABEL)"));
            commands.push(REFRESH.to_owned());
        } else if profile.enhanced.is_none() {
            commands.push(format!("RALTER PTKTDATA {name} SSIGNON(KEYMASKED({KEY}))"));
            commands.push(REFRESH.to_owned());
        }
        let rule = match needs {
            _ if added => rule::ENHANCED_ADDED,
            Requirement::IcsfOnly => rule::NEEDS_ICSF,
            _ => rule::NEEDS_CARD,
        };
        let key = match (&profile.enhanced, &profile.legacy) {
            (Some(enhanced), _) => {
                let sort = match enhanced.key {
                    HmacProtection::Unseen => "enhanced key, clear or not",
                    HmacProtection::Secure => "enhanced key",
                    HmacProtection::Clear => "clear enhanced key",
                };
                let beside = if added { " beside KEYMASKED" } else { "" };
                format!("{sort}, {}{beside}", enhanced.label)
            }
            (None, Some(legacy)) => format!("legacy key, {}", legacy.text()),
            (None, None) => return,
        };
        self.of(profile, rule, severity, format!("{key}: {state}"), place.cloned(), commands);
    }

    /// Keys in a state that none should be in.
    fn leftovers(&mut self, profile: &KeyProfile) {
        let name = &profile.name;
        let (rule, operand) = match profile.legacy {
            Some(LegacyProtection::Token) => (rule::KEY_TOKEN, "ENCRYPTKEY".to_owned()),
            Some(LegacyProtection::Unknown) => (rule::KEY_UNKNOWN, format!("KEYENCRYPTED({KEY})")),
            _ => return,
        };
        let what = format!("legacy key, {}", profile.legacy.as_ref().map_or_else(String::new, LegacyProtection::text));
        let commands = vec![format!("RALTER PTKTDATA {name} SSIGNON({operand})"), REFRESH.to_owned()];
        self.of(profile, rule, Severity::High, what, None, commands);
    }

    /// Labels, in the listings of the CKDS.
    fn labels(&mut self, profile: &KeyProfile) {
        let listings = &self.inputs.ckds;
        if listings.is_empty() {
            return;
        }
        for (label, key_type) in profile.labels() {
            let lacking: Vec<&str> =
                listings.iter().filter(|ckds| !ckds.serves(&label, key_type)).map(|ckds| &*ckds.file).collect();
            if lacking.is_empty() {
                continue;
            }
            let entries = || listings.iter().flat_map(|ckds| ckds.of(&label).iter().map(move |entry| (ckds, entry)));
            let place = entries().next().map(|(ckds, entry)| ckds.place(entry));
            let damaged = entries().any(|(_, entry)| entry.protection == Protection::Damaged);
            let lists = lacking.join(", ");
            let (rule, what) = if lacking.len() < listings.len() {
                (rule::LABEL_IN_SOME, format!("{label} is not in {lists}"))
            } else if damaged {
                (rule::LABEL_MISSING, format!("the record of {label} is damaged"))
            } else if let Some((_, entry)) = entries().next() {
                let listed = entry.key_type.as_deref().unwrap_or_default();
                (rule::LABEL_OF_TYPE, format!("{label} is of type {listed}, and should be of type {key_type}"))
            } else {
                (rule::LABEL_MISSING, format!("{label} is not in {lists}"))
            };
            let operand = match key_type {
                "DATA" => format!("KEYENCRYPTED({KEY})"),
                _ => "EPTKEYLABEL(<a label that is there>)".to_owned(),
            };
            let alter = format!("RALTER PTKTDATA {} SSIGNON({operand})", profile.name);
            self.of(profile, rule, Severity::High, what, place, vec![alter, REFRESH.to_owned()]);
        }
    }

    /// By those who ask for more than one ticket in a second.
    fn reuse(&mut self, profile: &KeyProfile) {
        let name = profile.name.as_str();
        // RSE and the JES Job Monitor use it by default, and need it.
        let by_default = name == "FEKAPPL";
        if !(by_default || self.inputs.reusing.contains(&profile.name)) || profile.may_be_reused() {
            return;
        }
        let who = if by_default { "RSE reuses tickets" } else { "--reuses says that tickets are reused" };
        let (what, command) = match profile.enhanced {
            Some(_) => ("REPLAY(NO)", format!("RALTER PTKTDATA {name} SSIGNON(REPLAY(YES))")),
            None => (
                "APPLDATA does not begin with NO REPLAY PROTECTION",
                format!("RALTER PTKTDATA {name} APPLDATA('NO REPLAY PROTECTION')"),
            ),
        };
        let commands = vec![command, REFRESH.to_owned()];
        self.of(profile, rule::REPLAY, Severity::Medium, format!("{who}: {what}"), None, commands);
    }

    fn clock(&mut self, profile: &KeyProfile) {
        let Some(offset) = self.inputs.clock_offset.filter(|offset| *offset > profile.window()) else { return };
        let window = profile.window();
        let what = format!("a ticket is valid for {window} s, and the clocks differ by {offset} s");
        let commands = if profile.enhanced.is_some() && offset <= Window::MAX_SECONDS {
            let alter = format!("RALTER PTKTDATA {} SSIGNON(TIMEOUT({offset}))", profile.name);
            vec![alter, REFRESH.to_owned()]
        } else {
            Vec::new()
        };
        self.of(profile, rule::TIMEOUT, Severity::Medium, what, None, commands);
        // How far the clock is off is known here, and is not what the fault has.
        if let Some(finding) = self.found.last_mut() {
            let fault = if offset > Window::MAX_SECONDS { "clock-large" } else { "clock-small" };
            finding.faults = vec![fault, "retry-storm"];
        }
    }

    fn mixed_case(&mut self, profile: &KeyProfile) {
        let Some(setropts) = &self.inputs.setropts else { return };
        let Some(folded) = setropts.mixed_case.filter(|seen| !seen.value) else { return };
        if profile.enhanced.is_none_or(|enhanced| enhanced.ticket_type != TicketType::Mixed) {
            return;
        }
        let commands = vec![
            "SETROPTS PASSWORD(MIXEDCASE)".to_owned(),
            format!("RALTER PTKTDATA {} SSIGNON(TYPE(UPPER))", profile.name),
            REFRESH.to_owned(),
        ];
        let place = Some(setropts.place(&folded));
        self.of(profile, rule::MIXED_CASE, Severity::High, "TYPE(MIXED), and NOMIXEDCASE", place, commands);
    }

    fn generic_key(&mut self, profile: &KeyProfile) {
        if profile.generic && (profile.legacy.is_some() || profile.enhanced.is_some()) {
            let commands = vec![
                format!("RDEFINE PTKTDATA <application> UACC(NONE) SSIGNON(KEYMASKED({KEY}))"),
                format!("RDELETE PTKTDATA {}", profile.name),
                REFRESH.to_owned(),
            ];
            self.of(profile, rule::GENERIC_KEY, Severity::Medium, "generic, with a key", None, commands);
        }
    }
}
