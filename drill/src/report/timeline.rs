//! Step after step: what was expected, what came, and why.

use softicsf::icsf_kdc::codes::ErrorCode;

use super::matrix::deed;
use super::model::{Cause, Moment, StepVerdict};
use crate::consumer::Failure;
use crate::outcome::{Application, Run, SignOn, StepResult, Verdict};

/// The steps that were gone through.
pub(crate) fn timeline(run: &Run) -> Vec<Moment> {
    run.steps.iter().map(|step| moment(run, step)).collect()
}

fn moment(run: &Run, step: &StepResult) -> Moment {
    let (result, deviations) = match &step.verdict {
        Verdict::Done => (StepVerdict::Done, Vec::new()),
        Verdict::AsExpected => (StepVerdict::AsExpected, Vec::new()),
        Verdict::Deviated(deviations) => (StepVerdict::Deviated, deviations.clone()),
    };
    let of = |sign_on: &SignOn| run.applications.get(sign_on.application).map(|found: &Application| found.name.clone());
    Moment {
        at: step.at.into(),
        end: step.end.into(),
        site: step.site.clone(),
        step: step.id.clone(),
        deed: deed(step),
        what: step.what.clone(),
        expected: step.expected.clone(),
        got: step.sign_ons.iter().map(|sign_on| got(&of(sign_on).unwrap_or_default(), sign_on)).collect(),
        lines: step.lines.clone(),
        causes: step
            .sign_ons
            .iter()
            .filter_map(|sign_on| Some(cause(of(sign_on)?, sign_on.result.as_ref().err()?)))
            .chain(
                step.failures
                    .iter()
                    .map(|failure| cause(failure.cause.application().unwrap_or_default().to_owned(), failure)),
            )
            .collect(),
        result,
        deviations,
    }
}

fn got(application: &str, sign_on: &SignOn) -> String {
    let came = match &sign_on.result {
        Ok(by) => format!("ok, {by}"),
        Err(failure) => {
            let service = failure.cause.service().map_or_else(String::new, |service| format!(" of {service}"));
            let icsf = failure.cause.code().map(|code| format!(", ICSF {}{service}", code.hex_pair()));
            format!("fail, {}{}", failure.codes(), icsf.unwrap_or_default())
        }
    };
    let times = if sign_on.count > 1 { format!(", {} times", sign_on.count) } else { String::new() };
    format!("{application}: {came}{times}")
}

fn cause(application: String, failure: &Failure) -> Cause {
    let cause = &failure.cause;
    let facts = cause.facts().into_iter().map(|(name, value)| (name.to_owned(), value));
    let kerberos = failure.kerberos.map(|code| {
        let known = ErrorCode::ALL.iter().find(|known| known.number() == code);
        known.map_or_else(|| code.to_string(), ToString::to_string)
    });
    Cause {
        application,
        saf: failure.saf(),
        icsf: cause.code().map(icsf_core::codes::Code::hex_pair),
        service: cause.service().map(str::to_owned),
        profile: cause.profile().map(str::to_owned),
        cause: cause.to_string(),
        facts: facts.chain(kerberos.map(|code| ("Kerberos".to_owned(), code))).collect(),
        next: cause.remedies().to_vec(),
    }
}
