//! What a page shows of very many applications: those that fared alike stand together.
//!
//! The idea: thirty columns fit on no screen and no paper, and most of them say the same.

use super::model::{Cell, Dependency, Recovery, Remedy, Row};

/// Up to so many applications each have a column, and a row, of their own.
const ABREAST: usize = 6;

/// Whether there are more applications than stand side by side.
pub(super) const fn are_many(applications: &[String]) -> bool {
    applications.len() > ABREAST
}

/// Several applications of which the same is to be said.
pub(super) struct Group<'a, T> {
    /// Their names, shortened.
    pub(super) names: String,
    count: usize,
    /// What is to be said, of the first of them.
    pub(super) of: &'a T,
}

/// The cells of a row of the fault matrix: what failed first, then what worked, then what was not tried.
pub(super) fn cells(row: &Row) -> Vec<Group<'_, Cell>> {
    let mut groups = alike(
        &row.cells,
        true,
        |cell| &cell.application,
        |one, other| {
            (one.state, &one.saf, &one.icsf, &one.service) == (other.state, &other.saf, &other.icsf, &other.service)
        },
    );
    groups.sort_by_key(|group| group.of.state.order());
    let (all, alone) = (row.cells.len(), groups.len() == 1);
    // The most of them are not named: who they are follows from the others.
    if let Some(most) = groups.iter_mut().max_by_key(|group| group.count).filter(|most| most.count > ABREAST) {
        most.names = if alone { format!("all {all}") } else { format!("all {} others", most.count) };
    }
    groups
}

/// Ways out that help against several things, each once.
pub(super) fn ways(all: &[Remedy], many: bool) -> Vec<Remedy> {
    let mut ways: Vec<Remedy> = Vec::new();
    for one in all {
        let same =
            |way: &&mut Remedy| many && (&way.way, &way.cost, &way.weakens) == (&one.way, &one.cost, &one.weakens);
        match ways.iter_mut().find(same) {
            None => ways.push(one.clone()),
            Some(way) => {
                way.against = format!("{}; {}", way.against, one.against);
                for (known, more) in [(&mut way.applications, &one.applications), (&mut way.commands, &one.commands)] {
                    let new = more.iter().filter(|new| !known.contains(new)).cloned().collect::<Vec<_>>();
                    known.extend(new);
                }
            }
        }
    }
    ways
}

pub(super) fn recoveries(rows: &[Recovery], many: bool) -> Vec<Group<'_, Recovery>> {
    alike(
        rows,
        many,
        |row| &row.application,
        |one, other| *one == Recovery { application: one.application.clone(), ..other.clone() },
    )
}

pub(super) fn dependencies(rows: &[Dependency], many: bool) -> Vec<Group<'_, Dependency>> {
    alike(
        rows,
        many,
        |row| &row.application,
        |one, other| *one == Dependency { application: one.application.clone(), ..other.clone() },
    )
}

fn alike<'a, T>(all: &'a [T], many: bool, name: fn(&T) -> &String, same: fn(&T, &T) -> bool) -> Vec<Group<'a, T>> {
    let mut groups: Vec<(Vec<&str>, &T)> = Vec::new();
    for one in all {
        match groups.iter_mut().find(|(_, first)| many && same(first, one)) {
            Some((names, _)) => names.push(name(one)),
            None => groups.push((vec![name(one)], one)),
        }
    }
    groups.into_iter().map(|(names, of)| Group { names: short(&names), count: names.len(), of }).collect()
}

/// Names of consumer and session, each consumer said once, and consumers with the same sessions together:
/// `APPS, ZOWE: CKDS, BOTH`.
pub(super) fn short(names: &[&str]) -> String {
    let mut consumers: Vec<(&str, Vec<&str>)> = Vec::new();
    for name in names {
        let (consumer, session) = name.split_once('/').unwrap_or(("", name));
        match consumers.iter_mut().find(|(known, _)| *known == consumer) {
            Some((_, sessions)) => sessions.push(session),
            None => consumers.push((consumer, vec![session])),
        }
    }
    let mut alike: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for (consumer, mut sessions) in consumers {
        sessions.sort_unstable();
        match alike.iter_mut().find(|(_, known)| *known == sessions) {
            Some((consumers, _)) => consumers.push(consumer),
            None => alike.push((vec![consumer], sessions)),
        }
    }
    let text = |(consumers, sessions): &(Vec<&str>, Vec<&str>)| match (consumers.as_slice(), sessions.as_slice()) {
        ([""], sessions) => sessions.join(", "),
        ([consumer], [session]) => format!("{consumer}/{session}"),
        (consumers, sessions) => format!("{}: {}", consumers.join(", "), sessions.join(", ")),
    };
    alike.iter().map(text).collect::<Vec<_>>().join("; ")
}
