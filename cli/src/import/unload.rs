//! IRRDBU00 unloads.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use icsf_saf::model::{Class, ImportedKey, LegacyKey, Options};
use icsf_saf::unload::{self, Contents, Finding, Summary};
use icsf_saf::{Counts, Existing, Imported};
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::files;

pub(super) fn import(context: &mut Context, file: &Path, replace: bool, dry_run: bool, log: Option<&Path>) -> Outcome {
    let system = context.open()?;
    let input = files::open(context, file, "unload")?;
    let contents = read(input, file, log)?;
    let existing = if replace { Existing::Replace } else { Existing::Keep };
    let database = system.saf().database();
    let options = database.view().map_err(icsf_saf::Error::from)?.options().clone();
    let imported = if dry_run {
        database.import_would(&contents, existing).map_err(icsf_saf::Error::from)?
    } else {
        system.saf().import(&contents, existing)?
    };
    let found = Found { contents: &contents, imported: &imported, next: next(&contents, &options, dry_run) };
    let summary = &contents.summary;
    let status = if summary.findings > 0 || summary.cut_short.is_some() || imported.kept() > 0 { 4 } else { 0 };
    if context.out.is_json() {
        context.out.json(&found.json(file, dry_run, log))?;
    } else {
        found.show(context, dry_run, log)?;
    }
    Ok(status)
}

fn read(input: Box<dyn io::Read>, file: &Path, log: Option<&Path>) -> Result<Contents, Failure> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let not_unload = |error: unload::UnloadError| {
        Failure::usage(failed(file, &error)).next("transfer the output of IRRDBU00 as text, or in binary with RDW")
    };
    let Some(path) = log else { return unload::read(input, &mut |_| {}).map_err(not_unload) };
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut log = BufWriter::new(opened.map_err(|error| Failure::usage(failed(path, &error)))?);
    let mut written = Ok(());
    let contents = unload::read(input, &mut |finding| {
        if written.is_ok() {
            written = writeln!(log, "{finding}");
        }
    });
    let contents = contents.map_err(not_unload)?;
    written.and_then(|()| log.flush()).map_err(|error| Failure::new(12, failed(path, &error)))?;
    Ok(contents)
}

/// What is to be done for what was imported to be used.
fn next(contents: &Contents, options: &Options, dry_run: bool) -> Option<String> {
    let of = |class: Class| contents.profiles().filter(move |profile| profile.class == class);
    let missing = |class: &Class| !options.active.contains(class) || !options.raclisted.contains(class);
    let class = Class::Ptktdata;
    if dry_run || !missing(&class) || of(class).next().is_none() {
        return None;
    }
    let generic = if of(class).any(|profile| profile.generic) { " GENERIC(PTKTDATA)" } else { "" };
    Some(format!("softicsf racf 'SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA){generic}'"))
}

struct Found<'a> {
    contents: &'a Contents,
    imported: &'a Imported,
    next: Option<String>,
}

/// How the keys of the application profiles are kept.
#[derive(Default)]
struct Keys {
    masked: u64,
    label: u64,
    token: u64,
    unknown: u64,
    enhanced: u64,
}

impl Keys {
    fn of(contents: &Contents) -> Self {
        let mut keys = Self::default();
        for ssignon in contents.profiles().filter_map(|profile| profile.ssignon.as_ref()) {
            keys.enhanced += u64::from(ssignon.enhanced.is_some());
            match &ssignon.legacy {
                Some(LegacyKey::Imported(ImportedKey::Masked) | LegacyKey::Masked(_)) => keys.masked += 1,
                Some(LegacyKey::Label(_)) => keys.label += 1,
                Some(LegacyKey::Token(_) | LegacyKey::Imported(ImportedKey::Token)) => keys.token += 1,
                Some(LegacyKey::Imported(_)) => keys.unknown += 1,
                None => {}
            }
        }
        keys
    }
}

impl Found<'_> {
    fn counts(&self) -> [(&'static str, Counts); 3] {
        let imported = self.imported;
        [("groups", imported.groups), ("users", imported.users), ("profiles", imported.profiles)]
    }

    fn show(&self, context: &mut Context, dry_run: bool, log: Option<&Path>) -> Result<(), Failure> {
        let (summary, out) = (&self.contents.summary, &mut context.out);
        out.line(format!("form      {}", summary.form))?;
        out.line(format!("records   {}", summary.records))?;
        out.line(format!("\n{:<10}{:>9}{:>10}{:>9}{:>9}", "", "added", "replaced", "same", "kept"))?;
        for (what, counts) in self.counts() {
            let Counts { added, replaced, same, kept } = counts;
            out.line(format!("{what:<10}{added:>9}{replaced:>10}{same:>9}{kept:>9}"))?;
        }
        let keys = Keys::of(self.contents);
        out.line("")?;
        out.entry(
            "keys      ",
            &format!(
                "masked, not known: {}; in the CKDS: {}; key tokens: {}; unknown: {}; enhanced: {}",
                keys.masked, keys.label, keys.token, keys.unknown, keys.enhanced
            ),
        )?;
        self.show_rest(context, summary)?;
        if dry_run {
            context.out.note("nothing was changed: --dry-run")?;
        }
        if !self.imported.refreshed.is_empty() && !dry_run {
            let classes: Vec<&str> = self.imported.refreshed.iter().map(|class| class.name()).collect();
            context.out.note(&format!("in use at once, as after an IPL: class {}", classes.join(", ")))?;
        }
        if let Some(log) = log {
            context.out.note(&format!("everything that was not understood: {}", log.display()))?;
        } else if summary.findings > u64::try_from(summary.first_findings.len()).unwrap_or(u64::MAX) {
            context.out.note("--log FILE writes them all")?;
        }
        match &self.next {
            Some(next) => context.out.note(&format!("to use the keys: {next}")),
            None => Ok(()),
        }
    }

    /// What was not kept, and what was not understood.
    fn show_rest(&self, context: &mut Context, summary: &Summary) -> Result<(), Failure> {
        let out = &mut context.out;
        if !self.imported.differing.is_empty() {
            out.entry("differing ", &listed(&self.imported.differing, self.differing()))?;
        }
        if !summary.classes.is_empty() {
            let classes: Vec<String> = summary.classes.iter().map(|(name, count)| format!("{name} {count}")).collect();
            out.entry("not kept  ", &format!("profiles of classes {}", classes.join(", ")))?;
        }
        for (kind, others) in &summary.others {
            let lines: Vec<String> = others.lines.iter().map(u64::to_string).collect();
            let lines = lines.join(", ");
            let more = if others.count > u64::try_from(others.lines.len()).unwrap_or(u64::MAX) { ", ..." } else { "" };
            out.entry("not kept  ", &format!("records {kind}: {} (lines {lines}{more})", others.count))?;
        }
        if let Some(why) = &summary.cut_short {
            out.entry("damaged   ", why)?;
        }
        if summary.findings > 0 {
            out.entry("findings  ", &summary.findings.to_string())?;
            for finding in &summary.first_findings {
                out.entry("          ", &finding.to_string())?;
            }
        }
        out.finish()
    }

    fn differing(&self) -> u64 {
        self.counts().iter().map(|(_, counts)| counts.replaced + counts.kept).sum()
    }

    fn json(&self, file: &Path, dry_run: bool, log: Option<&Path>) -> Value {
        let (summary, keys) = (&self.contents.summary, Keys::of(self.contents));
        let counts = |counts: Counts| {
            json!({
                "added": counts.added, "replaced": counts.replaced, "same": counts.same, "kept": counts.kept,
            })
        };
        let others = summary.others.iter();
        json!({
            "file": file.display().to_string(),
            "dry_run": dry_run,
            "form": summary.form.to_string(),
            "records": summary.records,
            "types": summary.read.iter().map(|(kind, count)| json!({ "type": kind, "records": count })).collect::<Vec<_>>(),
            "groups": counts(self.imported.groups),
            "users": counts(self.imported.users),
            "profiles": counts(self.imported.profiles),
            "differing": self.imported.differing,
            "keys": {
                "masked": keys.masked, "label": keys.label, "token": keys.token, "unknown": keys.unknown,
                "enhanced": keys.enhanced,
            },
            "refreshed": self.imported.refreshed.iter().map(|class| class.name()).collect::<Vec<_>>(),
            "not_kept": {
                "classes": summary.classes.iter()
                    .map(|(name, count)| json!({ "class": name, "profiles": count })).collect::<Vec<_>>(),
                "types": others
                    .map(|(kind, others)| json!({ "type": kind, "records": others.count, "lines": others.lines }))
                    .collect::<Vec<_>>(),
            },
            "findings": summary.findings,
            "first_findings": summary.first_findings.iter().map(finding).collect::<Vec<_>>(),
            "cut_short": summary.cut_short,
            "log": log.map(|log| log.display().to_string()),
            "next": self.next,
        })
    }
}

/// The first of several, and that there are more.
fn listed(first: &[String], all: u64) -> String {
    let more = if all > u64::try_from(first.len()).unwrap_or(u64::MAX) { ", ..." } else { "" };
    format!("{}{more}", first.join(", "))
}

/// A finding for a machine.
pub(super) fn finding(finding: &Finding) -> Value {
    json!({ "line": finding.line, "column": finding.column, "what": finding.what })
}
