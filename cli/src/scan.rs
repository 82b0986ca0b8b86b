//! `scan`: what exports of a real site say of its recovery.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use icsf_drill::scan::{
    FAULTS, Fate, FileRead, Finding, HmacProtection, InputError, Inputs, KeyProfile, LegacyProtection, Origin,
    Requirement, Scan, Severity, health_check,
};
use icsf_saf::model::ProfileName;
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::files;
use crate::output::{continued, count};

/// The longest text that is pasted.
const MOST: u64 = 64 << 20;
/// How many of one sort are shown without --all.
const SHOWN: usize = 10;

/// Readiness scan: what exports of a real site say of its recovery
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf scan --unload racf.txt --setropts setropts.txt --ckds ckds.txt \\
    --source site-a.txt --target site-b.txt

An unload holds no key, and none is needed (docs/scan.md). Texts are pasted as
they come: SETROPTS LIST; RLIST PTKTDATA * ALL SSIGNON; D SMF,O, D ICSF,CARDS,
D ICSF,KDS and D ICSF,MKVPS of a site in one file. What is not given is told as
not checked. No system is touched.

Exit status 0 when nothing found is of severity high, 1 when something is, 2
when a file is not what it should be.")]
pub(crate) struct ScanVerb {
    /// IRRDBU00 unload of the site to be recovered; - for standard input
    #[arg(long, value_name = "FILE")]
    unload: PathBuf,
    /// RLIST of its PTKTDATA profiles: for unloads from before z/OS 2.4
    #[arg(long, value_name = "FILE")]
    rlist: Option<PathBuf>,
    /// SETROPTS LIST
    #[arg(long, value_name = "FILE")]
    setropts: Option<PathBuf>,
    /// Listing of a CKDS of the recovery site; once for each it has
    #[arg(long, value_name = "FILE")]
    ckds: Vec<PathBuf>,
    /// Operator displays of the site to be recovered
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// Operator displays of the recovery site
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,
    /// By how many seconds the clocks of both sites differ
    #[arg(long, value_name = "SECONDS")]
    clock_offset: Option<u32>,
    /// Application that uses tickets twice, or several in a second
    #[arg(long, value_name = "APPL")]
    reuses: Vec<ProfileName>,
    /// Show every finding, and not the first of each sort only
    #[arg(long)]
    all: bool,
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::usage(error.to_string()).next(error.next())
    }
}

impl ScanVerb {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let scan = self.inputs(context)?.scan();
        if context.out.is_json() {
            context.out.json(&json_of(&scan))?;
        } else {
            show(context, &scan, if self.all { usize::MAX } else { SHOWN })?;
        }
        Ok(u8::from(scan.count(Severity::High) > 0))
    }

    fn inputs(&self, context: &mut Context) -> Result<Inputs, Failure> {
        let shown = |file: &Path| file.display().to_string();
        let input = files::open(context, &self.unload, "unload")?;
        let mut inputs = Inputs::unload(&shown(&self.unload), input)?;
        if let Some(file) = &self.rlist {
            inputs.rlist(&shown(file), &read(context, file, "listing of RLIST")?)?;
        }
        if let Some(file) = &self.setropts {
            inputs.setropts(&shown(file), &read(context, file, "listing of SETROPTS")?)?;
        }
        for file in &self.ckds {
            inputs.ckds(&shown(file), &read(context, file, "listing of the CKDS")?)?;
        }
        if let Some(file) = &self.source {
            inputs.source(&shown(file), &read(context, file, "text of displays")?)?;
        }
        if let Some(file) = &self.target {
            inputs.target(&shown(file), &read(context, file, "text of displays")?)?;
        }
        if let Some(seconds) = self.clock_offset {
            inputs.clock_offset(seconds);
        }
        self.reuses.iter().for_each(|application| inputs.reuses(application.clone()));
        Ok(inputs)
    }
}

/// A text that was pasted. What is no UTF-8 in it is in no name that counts.
fn read(context: &mut Context, file: &Path, what: &str) -> Result<String, Failure> {
    let failed = |what: String| Failure::usage(format!("{}: {what}", file.display()));
    let mut bytes = Vec::new();
    let input = files::open(context, file, what)?;
    input.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST) {
        return Err(failed(format!("a {what} has 64 MB at most")).next("give what the command showed, and no more"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn show(context: &mut Context, scan: &Scan, most: usize) -> Result<(), Failure> {
    let severities = [Severity::High, Severity::Medium, Severity::Low];
    let out = &mut context.out;
    for file in scan.files() {
        out.entry("read      ", &of_file(file))?;
    }
    out.entry("keys      ", &keys(scan))?;
    let counts = severities.map(|severity| format!("{} {severity}", scan.count(severity)));
    out.entry("findings  ", &counts.join(", "))?;
    for severity in severities {
        let findings: Vec<&Finding> = scan.findings().iter().filter(|f| f.severity == severity).collect();
        for group in findings.chunk_by(|one, other| one.rule == other.rule) {
            show_group(context, severity, group, most)?;
        }
    }
    show_faults(context, scan)?;
    let out = &mut context.out;
    out.line("")?;
    health_check(&scan.health(), most).iter().try_for_each(|line| out.line(line))?;
    out.entry(
        "",
        "DR: what generating a ticket takes at a recovery site; card? is a card unless the HMAC key is clear.",
    )?;
    if !scan.not_checked().is_empty() {
        out.line("\nNOT CHECKED")?;
        scan.not_checked().iter().try_for_each(|what| out.entry("  ", what))?;
    }
    if scan.applications().any(|profile| profile.needs() != Requirement::Nothing) {
        out.line("")?;
        out.entry(
            "",
            "A server that comes to use ICSF for its tickets may have to be restarted, as ICSF leaves an address space \
             that is not program controlled (fault dirty-environment).",
        )?;
    }
    Ok(())
}

/// How many applications there are, and what they take.
fn keys(scan: &Scan) -> String {
    let mut needs: BTreeMap<Requirement, usize> = BTreeMap::new();
    scan.applications().for_each(|profile| *needs.entry(profile.needs()).or_default() += 1);
    let each: Vec<String> = needs.iter().map(|(needs, count)| format!("{count} {}", needs.word())).collect();
    let all = count(scan.applications().count(), "application");
    if each.is_empty() { all } else { format!("{all}; at a recovery site they take: {}", each.join(", ")) }
}

fn of_file(file: &FileRead) -> String {
    let mut text = format!("{}: {}, lines: {}", file.file, file.what, file.lines);
    if file.not_understood > 0 {
        text += &format!(", not understood: {}", file.not_understood);
        let first: Vec<String> = file.first.iter().map(u64::to_string).collect();
        if !first.is_empty() {
            text += &format!(" (first {})", first.join(", "));
        }
    }
    text
}

fn show_group(context: &mut Context, severity: Severity, group: &[&Finding], most: usize) -> Result<(), Failure> {
    let Some(rule) = group.first().map(|finding| finding.rule) else { return Ok(()) };
    let out = &mut context.out;
    out.line("")?;
    let word = severity.to_string().to_uppercase();
    out.entry(&format!("{word}  "), &format!("{}: {} ({})", rule.name, rule.title, group.len()))?;
    out.entry("  breaks  ", rule.breaks)?;
    out.entry("  mend    ", rule.mend)?;
    for finding in group.iter().take(most) {
        out.entry("  ", &format!("{}: {}", finding.subject, finding.what))?;
        let places: Vec<String> = finding.records.iter().map(Origin::to_string).collect();
        out.entry("    from    ", &places.join(", "))?;
        let faults =
            if finding.faults.is_empty() { "none: it is so already".to_owned() } else { finding.faults.join(", ") };
        out.entry("    faults  ", &faults)?;
        finding.commands.iter().flat_map(|command| continued("      ", command)).try_for_each(|line| out.line(line))?;
    }
    if group.len() > most {
        out.line(format!("  ... and {} more: --all", group.len() - most))?;
    }
    Ok(())
}

fn show_faults(context: &mut Context, scan: &Scan) -> Result<(), Failure> {
    let out = &mut context.out;
    out.line("\nAPPLICATIONS UNDER EACH FAULT AT THE RECOVERY SITE")?;
    out.line(format!(
        "  {:<18}{:>6}{:>9}{:>7}  {:<10}{:<10}ICSF",
        "FAULT", "DIE", "DEPENDS", "WORK", "GENERATE", "EVALUATE"
    ))?;
    for fault in FAULTS {
        let cell = |fate: Fate| match scan.under(fault) {
            Some(counts) => counts.get(&fate).copied().unwrap_or_default().to_string(),
            None => "-".to_owned(),
        };
        let [dies, depends, works] = [Fate::Dies, Fate::Depends, Fate::Works].map(cell);
        let (name, generate, evaluate, icsf) = (fault.name, fault.generate, fault.evaluate, fault.icsf);
        let line = format!("  {name:<18}{dies:>6}{depends:>9}{works:>7}  {generate:<10}{evaluate:<10}{icsf}");
        out.line(line.trim_end())?;
    }
    Ok(())
}

fn json_of(scan: &Scan) -> Value {
    let files: Vec<Value> = scan.files().iter().map(file_json).collect();
    let faults = FAULTS.iter().map(|fault| {
        let counts = scan.under(fault);
        let of = |fate: Fate| counts.as_ref().and_then(|counts| counts.get(&fate).copied());
        json!({
            "fault": fault.name,
            "title": fault.title(),
            "generate": fault.generate,
            "evaluate": fault.evaluate,
            "icsf": (!fault.icsf.is_empty()).then_some(fault.icsf),
            "die": of(Fate::Dies),
            "depend": of(Fate::Depends),
            "work": of(Fate::Works),
        })
    });
    let health = scan.health();
    let rows = health.iter().map(|row| {
        json!({ "exception": row.exception, "profile": row.profile, "label": row.label, "needs": row.needs.word() })
    });
    json!({
        "files": files,
        "high": scan.count(Severity::High),
        "medium": scan.count(Severity::Medium),
        "low": scan.count(Severity::Low),
        "applications": scan.applications().map(application).collect::<Vec<_>>(),
        "findings": scan.findings().iter().map(finding).collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "health_check": {
            "exception": health.iter().any(|row| row.exception),
            "rows": rows.collect::<Vec<_>>(),
        },
        "not_checked": scan.not_checked(),
    })
}

fn file_json(file: &FileRead) -> Value {
    json!({
        "file": &*file.file,
        "what": file.what,
        "lines": file.lines,
        "not_understood": file.not_understood,
        "first_not_understood": file.first,
    })
}

fn places(records: &[Origin]) -> Vec<Value> {
    let place = |place: &Origin| json!({ "file": &*place.file, "line": place.line, "record": place.what });
    records.iter().map(place).collect()
}

fn application(profile: &KeyProfile) -> Value {
    let legacy = profile.legacy.as_ref().map(|legacy| match legacy {
        LegacyProtection::Masked => "masked",
        LegacyProtection::Label(_) | LegacyProtection::Encrypted => "ckds",
        LegacyProtection::Token => "token",
        _ => "unknown",
    });
    let label = match profile.legacy {
        Some(LegacyProtection::Label(label)) => Some(label.to_string()),
        _ => None,
    };
    let enhanced = profile.enhanced;
    let key = enhanced.map(|enhanced| match enhanced.key {
        HmacProtection::Secure => "secure",
        HmacProtection::Clear => "clear",
        _ => "unknown",
    });
    json!({
        "application": profile.name.as_str(),
        "legacy": legacy,
        "legacy_label": label,
        "enhanced_label": enhanced.map(|enhanced| enhanced.label.to_string()),
        "hmac_key": key,
        "type": enhanced.map(|enhanced| enhanced.ticket_type.to_string()),
        "window": profile.window(),
        "reuse": profile.may_be_reused(),
        "needs": profile.needs().word(),
        "records": places(&profile.records),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule.name,
        "severity": finding.severity.to_string(),
        "subject": finding.subject,
        "what": finding.what,
        "breaks": finding.rule.breaks,
        "mend": finding.rule.mend,
        "faults": finding.faults,
        "records": places(&finding.records),
        "commands": finding.commands,
    })
}
