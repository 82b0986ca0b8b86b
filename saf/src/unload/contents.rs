//! What an unload holds, put together from its records.
//!
//! The records of a profile may come in any order and anywhere in the file. What is not kept here (other classes, other
//! segments, data set profiles) is counted; what cannot be understood is a finding, and nothing of it ends the reading.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use foldhash::fast::RandomState;
use ptkt::{GroupId, UserId};

use super::fields::Fields;
use super::findings::{Finding, Findings, shown};
use super::layout::{Column, LAYOUTS, resource};
use super::lines::{Form, Record, Records, UnloadError, runs_on};
use crate::model::{Class, Connect, Group, Profile, ProfileName, User};

/// How many lines of records that are not kept are named.
const NAMED: usize = 5;

/// How many classes are counted one by one, and how many types of records; a file that is damaged has thousands.
const MOST_COUNTED: usize = 1000;

/// What the others are counted under.
const OTHERS: &str = "others";

/// What an unload holds.
#[derive(Debug)]
pub struct Contents {
    pub(crate) groups: Vec<Group>,
    pub(crate) users: Vec<User>,
    #[expect(clippy::vec_box, reason = "they come from a map and are large: moved, and not copied")]
    pub(crate) profiles: Vec<Box<Profile>>,
    /// Where each of the profiles was read.
    lines: Vec<Lines>,
    /// What was read.
    pub summary: Summary,
}

impl Contents {
    /// The groups, by name.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The users, by user ID.
    #[must_use]
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// The profiles, by class and name.
    #[must_use]
    pub fn profiles(&self) -> impl ExactSizeIterator<Item = &Profile> {
        self.profiles.iter().map(|profile| &**profile)
    }

    /// The profiles, by class and name, and the lines they were read from.
    #[must_use]
    pub fn profiles_and_lines(&self) -> impl ExactSizeIterator<Item = (&Profile, Lines)> {
        self.profiles().zip(self.lines.iter().copied())
    }
}

/// Where the records of a profile stand: lines counted from 1, or records where they have length words before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// The record that defines it: 0500.
    pub base: u64,
    /// That of its SSIGNON segment: 0530.
    pub ssignon: Option<u64>,
}

/// What was read of an unload, and what was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How it is written.
    pub form: Form,
    /// Its records.
    pub records: u64,
    /// Records of types that are kept: how many, by type.
    pub read: BTreeMap<&'static str, u64>,
    /// Records of types that are not: how many, by type, and the first lines.
    pub others: BTreeMap<String, Others>,
    /// Profiles of classes that are not kept, by class.
    pub classes: BTreeMap<String, u64>,
    /// Records of classes that are not kept: how many, by class and type.
    pub class_records: BTreeMap<String, BTreeMap<String, u64>>,
    /// How many findings there were.
    pub findings: u64,
    /// The first of them.
    pub first_findings: Vec<Finding>,
    /// Why the rest of the file could not be read, when that happened.
    pub cut_short: Option<String>,
}

/// Records that are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Others {
    /// How many.
    pub count: u64,
    /// The lines of the first ones.
    pub lines: Vec<u64>,
}

/// Reads an unload; each finding is told as it comes, and the first ones are kept.
///
/// An unload holds no key: a key that is kept masked is known to be there, and not what it is.
///
/// ```
/// let text = format!("0500 {:<246} {:<8} NO   {:<15}SYS1", "TSOPRD1", "PTKTDATA", "");
/// let text = format!("{text}\n0530 {:<246} {:<8} *MASKED*", "TSOPRD1", "PTKTDATA");
/// let unload = icsf_saf::unload::read(text.as_bytes(), &mut |finding| panic!("{finding}"))?;
/// assert_eq!(unload.profiles().len(), 1);
/// # Ok::<(), icsf_saf::unload::UnloadError>(())
/// ```
///
/// # Errors
/// [`UnloadError`]: it is no unload, or cannot be read.
pub fn read(input: impl Read, tell: &mut dyn FnMut(&Finding)) -> Result<Contents, UnloadError> {
    let mut records = Records::new(input)?;
    let mut reading = Reading::new(Findings::new(tell), records.form());
    let records_have_lengths = records.form().lengths;
    let mut last_is_cut = false;
    while let Some(record) = records.next()? {
        reading.summary.records += 1;
        last_is_cut = false;
        let Some(kind) = record.text.get(..4).filter(|_| matches!(record.text.as_bytes().get(4), Some(b' ') | None))
        else {
            let begins = record.text.chars().take(5).collect::<String>();
            reading.findings.add(record.line, Some(1), format!("it begins with {}, no record type", shown(&begins)));
            continue;
        };
        if let Some(layout) = LAYOUTS.iter().find(|layout| layout.record == kind).filter(|_| !records_have_lengths)
            && runs_on(record.text, layout.width, |kind| LAYOUTS.iter().any(|layout| layout.record == kind))
        {
            if reading.summary.records == 1 {
                return Err(UnloadError::RunsOn);
            }
            reading.findings.add(
                record.line,
                Some(layout.width + 1),
                "another record begins in this line, and is lost",
            );
        }
        match READERS.iter().find(|(layout, _)| *layout == kind) {
            Some((kind, read)) => {
                *reading.summary.read.entry(kind).or_default() += 1;
                last_is_cut = reading.cuts.look(kind, &record, &mut reading.findings);
                read(&mut reading.known, &mut Fields::new(record, &mut reading.findings));
            }
            None => reading.count_other(kind, record.line),
        }
    }
    reading.summary.cut_short = records.cut_short().map(str::to_owned);
    // A line that was cut off ends within a field, and has no end of its own.
    if last_is_cut && records.unended() {
        let last = reading.summary.records;
        reading.summary.cut_short = Some(format!("the file ends within record {last}, whose line has no end"));
    }
    Ok(reading.finish())
}

type ReadRecord = fn(&mut Known, &mut Fields<'_, '_, '_>);

/// What is done with each type of record: one for each of [`LAYOUTS`].
const READERS: [(&str, ReadRecord); 10] = [
    ("0500", Known::resource),
    ("0505", Known::access),
    ("0530", Known::ssignon),
    ("0200", Known::user),
    ("0203", Known::user_group),
    ("0205", Known::connect),
    ("0102", Known::member),
    ("0100", Known::group),
    ("02D0", Known::user_kerb),
    ("0580", Known::realm_kerb),
];

const _: () = assert!(READERS.len() == LAYOUTS.len());

struct Reading<'t> {
    known: Known,
    cuts: Cuts,
    findings: Findings<'t>,
    summary: Summary,
}

/// What has been read so far. A row may be there before the record that defines it.
#[derive(Default)]
pub(super) struct Known {
    pub(super) groups: HashMap<GroupId, Group, RandomState>,
    pub(super) users: HashMap<UserId, Row<User>, RandomState>,
    pub(super) connects: HashMap<UserId, Row<BTreeMap<GroupId, Connect>>, RandomState>,
    pub(super) profiles: HashMap<(Class, ProfileName), Row<Profile>, RandomState>,
    pub(super) classes: BTreeMap<String, OtherClass>,
}

/// Records of a class that is not kept.
pub(super) struct OtherClass {
    /// How many, by type.
    records: BTreeMap<String, u64>,
    /// Where the class stands in the first one.
    first: (u64, usize),
}

impl OtherClass {
    /// Counts a record of a class.
    pub(super) fn count(
        classes: &mut BTreeMap<String, Self>,
        name: &str,
        fields: &Fields<'_, '_, '_>,
        column: &Column,
    ) {
        let name = if classes.len() < MOST_COUNTED || classes.contains_key(name) { name } else { OTHERS };
        let first = (fields.line(), column.first);
        let class = classes.entry(name.to_owned()).or_insert_with(|| Self { records: BTreeMap::new(), first });
        *class.records.entry(fields.kind().to_owned()).or_default() += 1;
    }
}

/// Records that end within a field that is kept. Where a transfer has taken the blanks at the ends of records away, all
/// may; so they count from when one ends with a blank.
struct Cuts {
    has_blanks: bool,
    before: Vec<(u64, &'static Column)>,
}

impl Cuts {
    /// Whether this one does, where they have their blanks.
    fn look(&mut self, kind: &str, record: &Record<'_>, findings: &mut Findings<'_>) -> bool {
        if !self.has_blanks && record.text.ends_with(' ') {
            self.has_blanks = true;
            self.before.drain(..).for_each(|(line, column)| Self::tell(line, column, findings));
        }
        let end = record.text.chars().count();
        let columns = LAYOUTS.iter().find(|layout| layout.record == kind).map_or(&[][..], |layout| layout.columns);
        // A record of an older release ends with a field.
        let Some(column) = columns.iter().find(|column| (column.first..column.last).contains(&end)) else {
            return false;
        };
        if self.has_blanks {
            Self::tell(record.line, column, findings);
        } else if self.before.len() < MOST_COUNTED {
            self.before.push((record.line, column));
        }
        self.has_blanks
    }

    fn tell(line: u64, column: &Column, findings: &mut Findings<'_>) {
        let what = format!("{}: the record ends within it", column.name);
        findings.add(line, Some(column.first), what);
    }
}

/// Boxed, for the map grows to twice its size while the rows are large.
pub(super) struct Row<T> {
    pub(super) row: Box<T>,
    /// The line of the record that defines it, when it was read.
    pub(super) defined: Option<u64>,
    /// The first line about it.
    pub(super) first: u64,
    /// The line of its SSIGNON segment.
    pub(super) ssignon: Option<u64>,
}

impl<T> Row<T> {
    pub(super) fn new(row: T, line: u64) -> Self {
        Self { row: Box::new(row), defined: None, first: line, ssignon: None }
    }
}

impl<'t> Reading<'t> {
    fn new(findings: Findings<'t>, form: Form) -> Self {
        let summary = Summary {
            form,
            records: 0,
            read: BTreeMap::new(),
            others: BTreeMap::new(),
            classes: BTreeMap::new(),
            class_records: BTreeMap::new(),
            findings: 0,
            first_findings: Vec::new(),
            cut_short: None,
        };
        let cuts = Cuts { has_blanks: form.lengths, before: Vec::new() };
        Self { known: Known::default(), cuts, findings, summary }
    }

    fn count_other(&mut self, kind: &str, line: u64) {
        let kind = if self.summary.others.len() < MOST_COUNTED || self.summary.others.contains_key(kind) {
            kind
        } else {
            OTHERS
        };
        let others = self.summary.others.entry(kind.to_owned()).or_default();
        others.count += 1;
        if others.lines.len() < NAMED {
            others.lines.push(line);
        }
    }

    fn finish(mut self) -> Contents {
        let known = self.known;
        let mut profiles = defined(known.profiles, "0500", &mut self.findings, |(class, name)| {
            format!("profile {name} of class {class}")
        });
        profiles.sort_unstable_by(|(a, _), (b, _)| (a.class, &a.name).cmp(&(b.class, &b.name)));
        let (profiles, lines) = profiles.into_iter().unzip();
        let users = defined(known.users, "0200", &mut self.findings, |id| format!("user {id}"));
        let mut users: Vec<User> = users.into_iter().map(|(user, _)| *user).collect();
        users.sort_unstable_by_key(|user| user.id);
        let mut connects = known.connects;
        for user in &mut users {
            user.connects.extend(connects.remove(&user.id).into_iter().flat_map(|connects| *connects.row));
        }
        drop(defined(connects, "0200", &mut self.findings, |id| format!("user {id}, who is connected to groups,")));
        let mut groups: Vec<Group> = known.groups.into_values().collect();
        groups.sort_unstable_by_key(|group| group.id);
        for (name, class) in known.classes {
            match class.records.get(resource::LAYOUT.record) {
                Some(profiles) => drop(self.summary.classes.insert(name.clone(), *profiles)),
                None => {
                    let (line, column) = class.first;
                    let what = format!("class {name} is in records, and has no profile in record 0500");
                    self.findings.add(line, Some(column), what);
                }
            }
            self.summary.class_records.insert(name, class.records);
        }
        (self.summary.findings, self.summary.first_findings) = self.findings.into_parts();
        Contents { groups, users, profiles, lines, summary: self.summary }
    }
}

/// The rows that have a record which defines them, and where it is; the others are findings.
fn defined<K: Ord, T>(
    rows: HashMap<K, Row<T>, RandomState>,
    record: &str,
    findings: &mut Findings<'_>,
    name: impl Fn(&K) -> String,
) -> Vec<(Box<T>, Lines)> {
    let mut found = Vec::with_capacity(rows.len());
    let mut without = Vec::new();
    for (key, row) in rows {
        match row.defined {
            Some(base) => found.push((row.row, Lines { base, ssignon: row.ssignon })),
            None => without.push((row.first, key)),
        }
    }
    without.sort_unstable();
    for (line, key) in without {
        findings.add(line, None, format!("{} has no record {record}, and is left out", name(&key)));
    }
    found
}
