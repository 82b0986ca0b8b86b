//! When a ticket starts, ends, and until when it can be renewed: pure rules, all in seconds since 1970 UTC.
//!
//! Source: RFC 4120, sections 3.1.3 (AS), 3.3.3 (TGS), 3.3.3.1 (renew, validate); the SEAM guide's figure 5-1, the life is
//! the smallest of what is asked for and what client, server and realm allow.

use crate::codes::ErrorCode;
use crate::flags::KdcOptions;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// The start; `None` is now.
    pub from: Option<u64>,
    /// The end; `None` leaves it to the KDC.
    pub till: Option<u64>,
    /// Until when it is to be renewable; `None` is as long as possible.
    pub renew_till: Option<u64>,
}

/// What the realm and the principals allow, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The shortest life.
    pub shortest: u32,
    /// The life of a ticket whose end is left to the KDC.
    pub usual: u32,
    /// The longest life.
    pub longest: u32,
    /// The longest life with all renewals.
    pub renewable: u32,
}

/// The times of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// From when on it is valid.
    pub start: u64,
    /// Until when.
    pub end: u64,
    /// Until when it can be renewed, if it can.
    pub renew_till: Option<u64>,
    /// It starts later and is invalid until it is validated.
    pub postdated: bool,
}

/// The times of an initial ticket.
///
/// The life left to the KDC is the usual one of the realm. RENEWABLE-OK makes the ticket renewable when the end asked for
/// cannot be had, RENEWABLE always; where no renewable life is allowed it is not renewable.
///
/// # Errors
/// [`CannotPostdate`](ErrorCode::CannotPostdate) for a start in the future without POSTDATED;
/// [`NeverValid`](ErrorCode::NeverValid) for a life shorter than the shortest, or none.
pub fn initial(now: u64, skew: u32, options: KdcOptions, asked: Asked, limits: Limits) -> Result<Times, ErrorCode> {
    let (start, postdated) = start(now, skew, options, asked)?;
    let most = start.saturating_add(limits.longest.into());
    let usual = start.saturating_add(limits.usual.into());
    let end = asked.till.unwrap_or(usual).min(most);
    alive(start, end, limits.shortest)?;
    let renew_till = renew_till(start, end, options, asked, start.saturating_add(limits.renewable.into()));
    Ok(Times { start, end, renew_till, postdated })
}

/// The times of a ticket got with another, `tgt`. `limits` are those of the server and the realm: that of the client
/// was applied when `tgt` was issued.
///
/// The longest life counts from the start of the new ticket. RFC 4120 counts it from that of the TGT; a server whose longest
/// life is half an hour could then be reached in the first half hour after logon only.
///
/// # Errors
/// As [`initial`]; the shortest life is not asked for here, since what is left of `tgt` may be shorter.
pub fn based_on(
    tgt: &Times,
    now: u64,
    skew: u32,
    options: KdcOptions,
    asked: Asked,
    limits: Limits,
) -> Result<Times, ErrorCode> {
    let (start, postdated) = start(now, skew, options, asked)?;
    let end = asked.till.unwrap_or(u64::MAX).min(tgt.end).min(start.saturating_add(limits.longest.into()));
    alive(start, end, 0)?;
    let renew_till = tgt.renew_till.and_then(|of_tgt| {
        renew_till(start, end, options, asked, of_tgt.min(start.saturating_add(limits.renewable.into())))
    });
    Ok(Times { start, end, renew_till, postdated })
}

/// The times of a renewed ticket: the same life from now on, within what it is renewable for.
///
/// # Errors
/// [`BadOption`](ErrorCode::BadOption) for one that is not renewable; [`TicketExpired`](ErrorCode::TicketExpired) after
/// that time.
pub fn renewed(old: &Times, now: u64) -> Result<Times, ErrorCode> {
    let renew_till = old.renew_till.ok_or(ErrorCode::BadOption)?;
    let end = renew_till.min(now.saturating_add(old.end.saturating_sub(old.start)));
    if end <= now {
        return Err(ErrorCode::TicketExpired);
    }
    Ok(Times { start: now, end, ..*old })
}

/// The times of a validated ticket: it starts now, all else stays.
///
/// # Errors
/// [`TicketNotYetValid`](ErrorCode::TicketNotYetValid) before its start, to the second: a postdated ticket is worth
/// nothing to a thief until then. [`TicketExpired`](ErrorCode::TicketExpired) after its end.
pub fn validated(old: &Times, now: u64) -> Result<Times, ErrorCode> {
    if now < old.start {
        return Err(ErrorCode::TicketNotYetValid);
    }
    if old.end <= now {
        return Err(ErrorCode::TicketExpired);
    }
    Ok(Times { start: now, postdated: false, ..*old })
}

fn start(now: u64, skew: u32, options: KdcOptions, asked: Asked) -> Result<(u64, bool), ErrorCode> {
    match asked.from {
        Some(from) if from > now && options.has(KdcOptions::POSTDATED) => Ok((from, true)),
        Some(from) if from > now.saturating_add(skew.into()) => Err(ErrorCode::CannotPostdate),
        // None, one in the past, or one that is now by a clock that runs ahead.
        _ => Ok((now, false)),
    }
}

fn alive(start: u64, end: u64, shortest: u32) -> Result<(), ErrorCode> {
    if end <= start || end - start < shortest.into() {
        return Err(ErrorCode::NeverValid);
    }
    Ok(())
}

fn renew_till(start: u64, end: u64, options: KdcOptions, asked: Asked, most: u64) -> Option<u64> {
    let wanted = if options.has(KdcOptions::RENEWABLE) {
        asked.renew_till.unwrap_or(u64::MAX)
    } else {
        asked.till.filter(|till| options.has(KdcOptions::RENEWABLE_OK) && *till > end)?
    };
    Some(wanted.min(most)).filter(|till| *till > start)
}
