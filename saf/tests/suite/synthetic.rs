//! A synthetic unload: made up, the same for the same seed, and written column by column without the tables of the crate,
//! so that a mistake in those is noticed.

use std::io::{self, Write};

/// How large an unload is, and from where its numbers come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) profiles: u32,
    pub(crate) users: u32,
    pub(crate) groups: u32,
    pub(crate) seed: u64,
}

impl Size {
    /// A hundred thousand profiles, ten thousand users, five hundred groups.
    #[allow(dead_code, reason = "for figures, and not for tests")]
    pub(crate) const LARGE: Self = Self { profiles: 100_000, users: 10_000, groups: 500, seed: 1 };
}

/// What is where in a synthetic unload.
pub(crate) struct Names;

impl Names {
    pub(crate) fn user(number: u32) -> String {
        format!("U{number:06}")
    }

    pub(crate) fn group(number: u32) -> String {
        if number == 0 { "SYS1".to_owned() } else { format!("G{number:05}") }
    }

    /// One in two applications is of TSO, the others of CICS.
    pub(crate) fn application(number: u32) -> String {
        if number.is_multiple_of(2) { format!("TSO{number:05}") } else { format!("CIC{number:05}") }
    }
}

/// What the profile of a number is; there are ten in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An application, with its keys.
    Key,
    /// IRRPTAUTH.application.* of every application, and some that are more special.
    Generic,
    /// IRRPTAUTH.application.user.
    Discrete,
    /// APPL.
    Application,
    /// FACILITY and CSFSERV.
    Other,
}

impl Kind {
    pub(crate) const fn of(profile: u32) -> Self {
        match profile % 10 {
            0..=2 => Self::Key,
            3..=5 => Self::Generic,
            6 => Self::Discrete,
            7 | 8 => Self::Application,
            _ => Self::Other,
        }
    }
}

/// SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) % u64::from(bound)).unwrap()
    }
}

/// A record being written: text at columns, blanks between them.
struct Line(String);

impl Line {
    fn new(record: &str) -> Self {
        Self(record.to_owned())
    }

    fn at(mut self, column: usize, text: &str) -> Self {
        assert!(self.0.len() < column, "column {column} is written already");
        self.0.extend(std::iter::repeat_n(' ', column - 1 - self.0.len()));
        self.0.push_str(text);
        self
    }

    fn end(mut self, width: usize, out: &mut impl Write) -> io::Result<()> {
        self.0.extend(std::iter::repeat_n(' ', width - self.0.len()));
        self.0.push('\n');
        out.write_all(self.0.as_bytes())
    }
}

/// Writes an unload, and what a real one has beside what is kept: data sets, other classes, segments nobody asks for.
pub(crate) fn write(size: Size, out: &mut impl Write) -> io::Result<()> {
    let mut numbers = Numbers(size.seed);
    for group in 0..size.groups {
        let name = Names::group(group);
        let superior = if group == 0 { "" } else { "SYS1" };
        Line::new("0100")
            .at(6, &name)
            .at(15, superior)
            .at(24, "1999-12-31")
            .at(35, "IBMUSER")
            .at(44, "NONE")
            .end(362, out)?;
        if group > 0 {
            Line::new("0101").at(6, "SYS1").at(15, &name).end(22, out)?;
        }
    }
    for user in 0..size.users {
        let (id, group) = (Names::user(user), Names::group(numbers.below(size.groups)));
        let name = format!("USER {user:06}");
        let revoked = if numbers.below(20) == 0 { "YES" } else { "NO" };
        let password = if numbers.below(10) == 0 { "PRO" } else { "NO" };
        Line::new("0200")
            .at(6, &id)
            .at(15, "2004-02-29")
            .at(26, "IBMUSER")
            .at(40, "NO")
            .at(45, "NO")
            .at(50, revoked)
            .at(75, &name)
            .at(96, &group)
            .at(386, "NO")
            .at(391, password)
            .at(405, "000")
            .end(641, out)?;
        Line::new("0102").at(6, &group).at(15, &id).at(24, "USE").end(31, out)?;
        Line::new("0203").at(6, &id).at(15, &group).end(22, out)?;
        Line::new("0205")
            .at(6, &id)
            .at(15, &group)
            .at(24, "2004-02-29")
            .at(35, "IBMUSER")
            .at(94, "NO")
            .end(134, out)?;
        Line::new("0220").at(6, &id).at(15, "ACCT").end(100, out)?;
    }
    Line::new("0400").at(6, "SYS1.**").at(74, "SYS1").end(400, out)?;
    Line::new("0500").at(6, "ANY.DFSMS").at(253, "STARTED").at(262, "NO").at(282, "SYS1").end(1017, out)?;
    for profile in 0..size.profiles {
        write_profile(size, profile, &mut numbers, out)?;
    }
    Ok(())
}

fn write_profile(size: Size, profile: u32, numbers: &mut Numbers, out: &mut impl Write) -> io::Result<()> {
    let (kind, application) = (Kind::of(profile), Names::application(profile / 10 * 3 + profile % 3));
    let (name, class, generic) = match kind {
        Kind::Key => (Names::application(profile / 10 * 3 + profile % 10), "PTKTDATA", "NO"),
        Kind::Generic => {
            let application = Names::application(profile / 10 * 3 + profile % 10 - 3);
            match profile % 100 {
                43 => (format!("IRRPTAUTH.{application}.U0%%00{:02}", profile / 100 % 100), "PTKTDATA", "YES"),
                53 => (format!("IRRPTAUTH.*.{}", Names::user(profile / 100)), "PTKTDATA", "YES"),
                _ => (format!("IRRPTAUTH.{application}.*"), "PTKTDATA", "YES"),
            }
        }
        Kind::Discrete => {
            (format!("IRRPTAUTH.{application}.{}", Names::user(numbers.below(size.users))), "PTKTDATA", "NO")
        }
        Kind::Application => (format!("A{profile:07}"), "APPL", "NO"),
        Kind::Other if profile % 20 == 9 => (format!("BPX.F{profile:06}"), "FACILITY", "NO"),
        Kind::Other => (format!("CSF{profile:05}.*"), "CSFSERV", "YES"),
    };
    let replay = if numbers.below(5) == 0 { "NO REPLAY PROTECTION" } else { "" };
    let appldata = if kind == Kind::Key { replay } else { "" };
    Line::new("0500")
        .at(6, &name)
        .at(253, class)
        .at(262, generic)
        .at(267, "000")
        .at(271, "2010-06-30")
        .at(282, "SYS1")
        .at(337, "NONE")
        .at(346, "FAIL")
        .at(355, "000")
        .at(359, "NONE")
        .at(368, "MADE UP")
        .at(633, "READ")
        .at(660, "NO")
        .at(754, appldata)
        .end(1017, out)?;
    let permits = if kind == Kind::Key { 0 } else { numbers.below(3) + 1 };
    for permit in 0..permits {
        let id = Names::user(numbers.below(size.users / 4) * 4 + permit);
        let level = if numbers.below(2) == 0 { "READ" } else { "UPDATE" };
        Line::new("0505").at(6, &name).at(253, class).at(262, &id).at(271, level).at(280, "00000").end(284, out)?;
    }
    if kind == Kind::Key {
        let label = format!("IRR.SSIGNON.SY1.11142025.090000.{profile:06}");
        let (protection, enhanced) = match numbers.below(10) {
            0..=3 => ("*MASKED*", String::new()),
            4..=7 => (label.as_str(), String::new()),
            8 => (label.as_str(), format!("EPTKT.{name}")),
            _ => ("*KEYTOKEN*", String::new()),
        };
        let kind = if enhanced.is_empty() { "" } else { "MIXED" };
        Line::new("0530")
            .at(6, &name)
            .at(253, class)
            .at(262, protection)
            .at(327, &enhanced)
            .at(392, kind)
            .at(405, "0000000060")
            .at(416, "NO")
            .end(419, out)?;
    }
    Ok(())
}
