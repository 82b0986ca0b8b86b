//! The readiness scan: what exports of a real site say of a recovery, with no key, no secret and no drill.
//!
//! The idea: an unload tells of every profile how its key is kept, and with that which faults it survives. What else is
//! given (RLIST, `SETROPTS LIST`, listings of the CKDS, the operator displays of both sites) is compared with it; what is not
//! given is said to be unknown, and never taken as good or bad.
//!
//! ```
//! use icsf_drill::scan::{Inputs, Severity};
//!
//! let text = format!("0500 {:<246} {:<8} NO   {:<15}{:<8}", "TSOPRD1", "PTKTDATA", "", "SYS1");
//! let text = format!("{text}\n0530 {:<246} {:<8} PTKT.TSOPRD1.DES\n", "TSOPRD1", "PTKTDATA");
//! let mut inputs = Inputs::unload("racf.txt", text.as_bytes())?;
//! inputs.target("b.txt", "SID(DR01)\nCSFM668I 09.00.00 ICSF CARDS 001\n")?;
//! let scan = inputs.scan();
//! let high: Vec<&str> = scan.findings().iter().filter(|f| f.severity == Severity::High).map(|f| f.rule.name).collect();
//! assert_eq!(high, ["needs-card", "other-smfid"]);
//! # Ok::<(), icsf_drill::scan::InputError>(())
//! ```

mod ckds;
mod displays;
mod fault;
mod findings;
mod health;
mod input;
mod profile;
mod rule;
mod setropts;
mod unasked;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use icsf_saf::model::{Class, ProfileName};
use icsf_saf::pasted;
use icsf_saf::unload::{self, Contents};

pub use fault::{FAULTS, Fate, Fault};
pub use findings::Finding;
pub use health::{FACTS, HealthRow, health_check};
pub use input::{FileRead, InputError, Origin};
pub use profile::{Enhanced, HmacProtection, KeyProfile, LegacyProtection, Requirement};
pub use rule::{RULES, Rule, Severity};

use ckds::{CkdsListing, Protection};
use displays::Displays;
use setropts::Setropts;

/// The record type of the factors of a user.
///
/// Source: RACF Macros and Interfaces, IRRDBU00 record types, USMFA_RECORD_TYPE.
const FACTORS: &str = "020A";

/// What was given to be scanned.
#[derive(Debug)]
pub struct Inputs {
    /// Key profiles, by name.
    profiles: BTreeMap<ProfileName, KeyProfile>,
    permits: Vec<Permit>,
    /// There is a record with an SSIGNON segment.
    segments: bool,
    factors: Vec<Origin>,
    factor_count: u64,
    /// Profiles of RLIST that are not as in the unload, and how they are there.
    differing: Vec<(KeyProfile, Option<KeyProfile>)>,
    setropts: Option<Setropts>,
    ckds: Vec<CkdsListing>,
    source: Option<Displays>,
    target: Option<Displays>,
    clock_offset: Option<u32>,
    reusing: BTreeSet<ProfileName>,
    files: Vec<FileRead>,
}

/// A profile that says who may generate and evaluate.
#[derive(Debug)]
struct Permit {
    name: ProfileName,
    generic: bool,
    record: Origin,
}

impl Inputs {
    /// An IRRDBU00 unload of the site that is to be recovered.
    ///
    /// # Errors
    /// [`InputError`]: it is no unload, or damaged so that what follows cannot be read.
    pub fn unload(file: &str, input: impl Read) -> Result<Self, InputError> {
        const NEXT: &str = "transfer the output of IRRDBU00 as text, or in binary with RDW";
        let file: Arc<str> = file.into();
        let contents = unload::read(input, &mut |_| {});
        let contents = contents.map_err(|error| InputError::new(&file, None, error.to_string(), NEXT))?;
        if let Some(why) = &contents.summary.cut_short {
            // What was not read may hold the worst of all.
            return Err(InputError::new(&file, Some(contents.summary.records + 1), why.clone(), NEXT));
        }
        Ok(Self::of(&file, &contents))
    }

    fn of(file: &Arc<str>, contents: &Contents) -> Self {
        let summary = &contents.summary;
        let mut read = FileRead::new(file, "IRRDBU00 unload");
        (read.lines, read.not_understood) = (summary.records, summary.findings);
        read.first = summary.first_findings.iter().map(|finding| finding.line).take(5).collect();
        let factors = summary.others.get(FACTORS);
        let mut inputs = Self {
            profiles: BTreeMap::new(),
            permits: Vec::new(),
            segments: summary.read.contains_key("0530"),
            factors: factors
                .map(|others| others.lines.iter().map(|line| Origin::new(file, *line, FACTORS)).collect())
                .unwrap_or_default(),
            factor_count: factors.map_or(0, |others| others.count),
            differing: Vec::new(),
            setropts: None,
            ckds: Vec::new(),
            source: None,
            target: None,
            clock_offset: None,
            reusing: BTreeSet::new(),
            files: vec![read],
        };
        let of_class = |class| contents.profiles_and_lines().filter(move |(profile, _)| profile.class == class);
        for (profile, lines) in of_class(Class::Ptktdata) {
            let record = Origin::new(file, lines.base, "0500");
            let is_permission = profile::is_permission(profile.name.as_str());
            // One for everything covers permissions, too.
            if is_permission || (profile.generic && profile.name.covers("IRRPTAUTH.APPL.USER")) {
                let (name, generic) = (profile.name.clone(), profile.generic);
                inputs.permits.push(Permit { name, generic, record: record.clone() });
            }
            if !is_permission {
                let segment = lines.ssignon.map(|line| Origin::new(file, line, "0530"));
                let records = std::iter::once(record).chain(segment).collect();
                inputs.profiles.insert(profile.name.clone(), KeyProfile::of_unload(profile, records));
            }
        }
        inputs
    }

    /// What RLIST shows of profiles of class PTKTDATA: what an unload of a release before 2.4 does not tell.
    ///
    /// # Errors
    /// [`InputError`]: no profile is in it.
    pub fn rlist(&mut self, file: &str, text: &str) -> Result<(), InputError> {
        let file: Arc<str> = file.into();
        let pasted = pasted::rlist(text);
        if pasted.profiles.is_empty() {
            let what = "no profile is listed in it";
            return Err(InputError::new(&file, Some(1), what, "paste what RLIST PTKTDATA * ALL SSIGNON shows"));
        }
        let mut read = FileRead::new(&file, "RLIST");
        read.lines = u64::try_from(text.lines().count()).unwrap_or(u64::MAX);
        let others = pasted.others.len() + pasted.profiles.iter().map(|profile| profile.others.len()).sum::<usize>();
        read.not_understood = u64::try_from(others).unwrap_or(u64::MAX);
        self.files.push(read);
        for listed in &pasted.profiles {
            let record = Origin::new(&file, u64::try_from(listed.line).unwrap_or(u64::MAX), "RLIST");
            let Some(listed) = KeyProfile::of_listing(listed, record) else { continue };
            match self.profiles.get_mut(&listed.name) {
                None => {
                    self.differing.push((listed.clone(), None));
                    self.profiles.insert(listed.name.clone(), listed);
                }
                Some(_) if !listed.segment => {}
                Some(known) if known.segment => {
                    if !known.agrees(&listed) {
                        self.differing.push((listed, Some(known.clone())));
                    }
                }
                Some(known) => {
                    (known.segment, known.legacy, known.enhanced) = (true, listed.legacy, listed.enhanced);
                    known.records.extend(listed.records);
                }
            }
        }
        Ok(())
    }

    /// What `SETROPTS LIST` shows.
    ///
    /// # Errors
    /// [`InputError`]: nothing of it is there.
    pub fn setropts(&mut self, file: &str, text: &str) -> Result<(), InputError> {
        let (setropts, read) = Setropts::read(&file.into(), text)?;
        self.setropts = Some(setropts);
        self.files.push(read);
        Ok(())
    }

    /// A listing of a CKDS that is to be used at the recovery site; one for each system that has its own.
    ///
    /// # Errors
    /// [`InputError`]: it has lines, and none of them is a label; or it is broken JSON.
    pub fn ckds(&mut self, file: &str, text: &str) -> Result<(), InputError> {
        let (ckds, read) = CkdsListing::read(&file.into(), text)?;
        self.ckds.push(ckds);
        self.files.push(read);
        Ok(())
    }

    /// Operator displays of the site that is to be recovered.
    ///
    /// # Errors
    /// [`InputError`]: there are none in it.
    pub fn source(&mut self, file: &str, text: &str) -> Result<(), InputError> {
        self.source = Some(self.site(file, text)?);
        Ok(())
    }

    /// Operator displays of the recovery site.
    ///
    /// # Errors
    /// [`InputError`]: there are none in it.
    pub fn target(&mut self, file: &str, text: &str) -> Result<(), InputError> {
        self.target = Some(self.site(file, text)?);
        Ok(())
    }

    fn site(&mut self, file: &str, text: &str) -> Result<Displays, InputError> {
        let (site, read) = Displays::read(&file.into(), text)?;
        self.files.push(read);
        Ok(site)
    }

    /// By how many seconds the clocks of the sites were found to differ.
    pub const fn clock_offset(&mut self, seconds: u32) {
        self.clock_offset = Some(seconds);
    }

    /// An application that is signed on to more than once in a second, or twice with one ticket.
    pub fn reuses(&mut self, application: ProfileName) {
        self.reusing.insert(application);
    }

    /// Looks for everything there is to find.
    #[must_use]
    pub fn scan(mut self) -> Scan {
        let mut profiles: Vec<KeyProfile> = std::mem::take(&mut self.profiles).into_values().collect();
        for enhanced in profiles.iter_mut().filter_map(|profile| profile.enhanced.as_mut()) {
            enhanced.key = self.hmac_key(enhanced);
        }
        let findings = findings::search(&self, &profiles);
        let unasked = unasked::of(&self, &profiles);
        Scan { profiles, findings, unasked, files: self.files }
    }

    /// Whether an HMAC key is clear, in any of the listings.
    fn hmac_key(&self, enhanced: &Enhanced) -> HmacProtection {
        let all = || self.ckds.iter().flat_map(|ckds| ckds.of(&enhanced.label)).map(|entry| entry.protection);
        if all().any(|protection| protection == Protection::Wrapped) {
            HmacProtection::Secure
        } else if all().any(|protection| protection == Protection::Clear) {
            HmacProtection::Clear
        } else {
            HmacProtection::Unseen
        }
    }
}

/// What a scan found.
#[derive(Debug)]
pub struct Scan {
    profiles: Vec<KeyProfile>,
    findings: Vec<Finding>,
    unasked: Vec<String>,
    files: Vec<FileRead>,
}

impl Scan {
    /// The profiles with keys that RACF uses, by name.
    pub fn applications(&self) -> impl Iterator<Item = &KeyProfile> {
        self.profiles.iter().filter(|profile| profile.is_used())
    }

    /// What was found, the worst first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many findings are of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// What could not be found out, and how to.
    #[must_use]
    pub fn not_checked(&self) -> &[String] {
        &self.unasked
    }

    /// The files that were read.
    #[must_use]
    pub fn files(&self) -> &[FileRead] {
        &self.files
    }

    /// The rows of IBM's health check of the class.
    #[must_use]
    pub fn health(&self) -> Vec<HealthRow> {
        self.profiles.iter().filter_map(HealthRow::of).collect()
    }

    /// How many applications work, may work, and die under a fault; nothing where it is not about tickets.
    #[must_use]
    pub fn under(&self, fault: &Fault) -> Option<BTreeMap<Fate, usize>> {
        let mut counts = BTreeMap::from([(Fate::Works, 0), (Fate::Depends, 0), (Fate::Dies, 0)]);
        for profile in self.applications() {
            *counts.entry(fault.fate(profile)?).or_default() += 1;
        }
        // With no application at all there is nothing to tell of any fault.
        self.applications().next().map(|_| counts)
    }
}
