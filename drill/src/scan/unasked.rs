//! What could not be looked at, as nothing that was given tells it.

use super::Inputs;
use super::displays::{CardState, Patterns};
use super::profile::{HmacProtection, KeyProfile, Requirement};

pub(super) fn of(inputs: &Inputs, profiles: &[KeyProfile]) -> Vec<String> {
    let used = || profiles.iter().filter(|profile| profile.is_used());
    let mut unasked = Vec::new();
    let mut ask = |needed: bool, what: &str| {
        if needed {
            unasked.push(what.to_owned());
        }
    };
    let without = profiles.iter().filter(|profile| !profile.segment && !profile.generic).count();
    if without > 0 && !inputs.segments {
        ask(
            true,
            &format!(
                "how the keys of {without} profiles are kept: the unload has no record 0530 (before z/OS 2.4); give RLIST \
             PTKTDATA * ALL SSIGNON with --rlist"
            ),
        );
    }
    let cards = used().any(|profile| !matches!(profile.needs(), Requirement::Nothing | Requirement::IcsfOnly));
    let systems = used().any(|profile| profile.smfid().is_some());
    let (card, smfid) =
        inputs.target.as_ref().map_or((CardState::Unseen, false), |site| (site.card(), site.smfid.is_some()));
    ask(cards && card == CardState::Unseen, "whether the recovery site has a card: D ICSF,CARDS with --target");
    ask(systems && !smfid, "the SMF ID of the recovery site: D SMF,O with --target");
    let shows = |kind: usize, patterns: &Patterns| {
        let seen = patterns.get(kind).and_then(Option::as_ref);
        seen.map(|seen| seen.value.is_some())
    };
    let has = |kind, patterns| shows(kind, patterns) == Some(true);
    let source = |kind| inputs.source.as_ref().is_some_and(|site| has(kind, &site.kds) || has(kind, &site.current));
    let target = |kind| inputs.target.as_ref().is_some_and(|site| shows(kind, &site.current).is_some());
    let needed = |kind| used().any(|profile| profile.under().get(kind).is_some_and(|under| *under));
    // Of both sites: the CKDS that is at the recovery site now may be one for tests.
    let compared = (0..2).all(|kind| !needed(kind) || (source(kind) && target(kind)));
    ask(
        cards && !compared,
        "whether the recovery site has the same master keys: D ICSF,MKVPS of both sites with --source and --target",
    );
    let enhanced = used().any(|profile| profile.enhanced.is_some());
    let format = inputs.target.as_ref().is_some_and(|site| site.format.is_some());
    ask(enhanced && !format, "the format of the CKDS at the recovery site: D ICSF,KDS with --target");
    let any = used().next().is_some();
    match &inputs.setropts {
        None => ask(any, "whether class PTKTDATA is active and RACLISTed, and passwords keep their case: --setropts"),
        Some(setropts) => {
            for missing in setropts.missing() {
                ask(true, &format!("{missing}: SETROPTS LIST as it was given does not have it"));
            }
        }
    }
    let labels = used().any(|profile| profile.labels().next().is_some());
    ask(labels && inputs.ckds.is_empty(), "whether the labels are in the CKDS: a listing of it with --ckds");
    let unseen = used().any(|p| p.enhanced.is_some_and(|enhanced| enhanced.key == HmacProtection::Unseen));
    ask(
        unseen && !inputs.ckds.is_empty(),
        "whether the HMAC keys are clear: a listing of the CKDS that tells how its keys are protected",
    );
    ask(any && inputs.clock_offset.is_none(), "how far the clocks of the sites differ: --clock-offset SECONDS");
    ask(
        any && inputs.reusing.is_empty(),
        "which applications, beside FEKAPPL, are signed on to more than once in a second: --reuses APPL",
    );
    for application in &inputs.reusing {
        if !used().any(|profile| profile.name == *application) {
            unasked.push(format!("{application} of --reuses: no application of this name has a key"));
        }
    }
    unasked
}
