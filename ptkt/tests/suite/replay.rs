//! The replay register in memory.

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use ptkt::{Error, ErrorKind, MemoryRegister, ReplayRegister, TicketKind, TicketUse, Usage, Window};

const REACH: u64 = Window::MAX_SECONDS as u64;
const NOW: u64 = 1_700_000_000;

fn used_by(user: &str, second: u64) -> TicketUse {
    use_of(TicketKind::Legacy, user, "TSOR001", second, "ZVQLMCAN")
}

fn use_of(kind: TicketKind, user: &str, application: &str, second: u64, ticket: &str) -> TicketUse {
    let (user, application) = (user.parse().unwrap(), application.parse().unwrap());
    TicketUse::new(kind, user, application, second.into(), &ticket.parse().unwrap())
}

fn used_for(application: &str, second: u64) -> TicketUse {
    use_of(TicketKind::Legacy, "IBMUSER", application, second, "ZVQLMCAN")
}

fn used(second: u64) -> TicketUse {
    used_by("IBMUSER", second)
}

/// Uses a ticket at a time the register must know.
fn use_at(register: &dyn ReplayRegister, ticket: &TicketUse, now: u64) -> Usage {
    register.first_use(ticket, now.into()).unwrap()
}

#[test]
fn the_second_use_is_a_replay() {
    let register = MemoryRegister::new();
    assert_eq!(use_at(&register, &used(NOW), NOW), Usage::First);
    for now in NOW..NOW + 10 {
        assert_eq!(use_at(&register, &used(NOW), now), Usage::Replay);
    }
    assert_eq!(register.footprint().tickets, 1);
}

#[test]
fn every_part_of_the_identity_counts() {
    let register = MemoryRegister::new();
    for ticket in [
        use_of(TicketKind::Legacy, "IBMUSER", "TSOR001", NOW, "ZVQLMCAN"),
        use_of(TicketKind::Enhanced, "IBMUSER", "TSOR001", NOW, "ZVQLMCAN"),
        use_of(TicketKind::Legacy, "IBMUSE", "TSOR001", NOW, "ZVQLMCAN"),
        use_of(TicketKind::Legacy, "IBMUSER", "CICS", NOW, "ZVQLMCAN"),
        use_of(TicketKind::Legacy, "IBMUSER", "TSOR001", NOW - 1, "ZVQLMCAN"),
        use_of(TicketKind::Legacy, "IBMUSER", "TSOR001", (NOW - 2048).wrapping_add(1600), "ZVQLMCAN"),
        // Made with another key.
        use_of(TicketKind::Legacy, "IBMUSER", "TSOR001", NOW, "QHOAH1TV"),
    ] {
        assert_eq!(use_at(&register, &ticket, NOW), Usage::First, "{ticket:?}");
        assert_eq!(use_at(&register, &ticket, NOW), Usage::Replay, "{ticket:?}");
    }
}

#[test]
fn a_use_is_forgotten_at_the_second() {
    for second in [NOW - REACH, NOW, NOW + REACH] {
        let register = MemoryRegister::new();
        assert_eq!(use_at(&register, &used(second), NOW), Usage::First);
        assert_eq!(use_at(&register, &used(second), second + REACH), Usage::Replay);
        assert_eq!(register.footprint().tickets, 1);
        let error = register.first_use(&used(second), (second + REACH + 1).into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Register);
        let footprint = register.footprint();
        assert_eq!((footprint.tickets, footprint.applications), (0, 0));
    }
}

#[test]
fn out_of_reach_is_an_error_not_an_answer() {
    let register = MemoryRegister::new();
    for second in [NOW - REACH - 1, NOW + REACH + 1, 0, u64::MAX / 2] {
        let error = register.first_use(&used(second), NOW.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Register);
        assert_eq!(
            error.to_string(),
            format!(
                "the replay register does not cover ticket second {second}, only {} to {}",
                NOW - REACH,
                NOW + REACH
            )
        );
    }
    assert_eq!(register.footprint().tickets, 0);
}

/// Three turns of the wheel, tickets of every age in the window each second.
#[test]
fn the_wheel_turns() {
    let register = MemoryRegister::new();
    for now in NOW..NOW + 3 * 2048 {
        assert_eq!(use_at(&register, &used(now + REACH), now), Usage::First);
        for age in [0, 1, REACH, 2 * REACH] {
            let second = now + REACH - age;
            if second >= NOW + REACH {
                assert_eq!(use_at(&register, &used(second), now), Usage::Replay, "{now} {age}");
            }
        }
    }
    let footprint = register.footprint();
    assert_eq!((footprint.tickets, footprint.applications), (2 * 600 + 1, 1));
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let register = MemoryRegister::new();
    let tickets: Vec<_> = (NOW - REACH..=NOW + REACH).map(used).collect();
    for ticket in &tickets {
        assert_eq!(use_at(&register, ticket, NOW), Usage::First);
    }
    for now in [NOW - 1, NOW - 500, NOW - REACH, NOW] {
        for ticket in &tickets {
            match register.first_use(ticket, now.into()) {
                Ok(usage) => assert_eq!(usage, Usage::Replay),
                Err(_) => assert!(ticket.time().as_secs() > now + REACH),
            }
        }
    }
    assert_eq!(register.footprint().tickets, tickets.len());

    // What was dropped before the clock went back is unknown, and unknown is no.
    assert!(register.first_use(&used(NOW - REACH - 1), (NOW - 1).into()).is_err());
    // What was not is as good as ever.
    assert_eq!(use_at(&register, &used_by("OTHER", NOW - REACH), NOW - 1), Usage::First);
}

#[test]
fn a_clock_that_jumps_ahead_starts_afresh() {
    let register = MemoryRegister::new();
    let mut now = NOW;
    for jump in [1, REACH, 2 * REACH, 2 * REACH + 1, 2048, 2049, 1_000_000_007, 1 << 40] {
        assert_eq!(use_at(&register, &used(now), now), Usage::First);
        assert_eq!(use_at(&register, &used(now + REACH), now), Usage::First, "{jump}");
        let (before, after) = (now, now + jump);
        for second in [before, before + REACH] {
            let answer = register.first_use(&used(second), after.into());
            if second + REACH >= after {
                assert_eq!(answer.unwrap(), Usage::Replay, "{jump}");
            } else {
                assert!(answer.is_err(), "{jump}");
            }
        }
        now = after + 3 * REACH;
        // A use by another session, to move the clock.
        assert_eq!(use_at(&register, &used_by("OTHER", now), now), Usage::First);
        assert_eq!(register.footprint().tickets, 1, "{jump}");
    }
}

/// The first ten minutes of 1970 reach back before zero.
#[test]
fn seconds_before_1970_are_seconds() {
    let register = MemoryRegister::new();
    let before = used(5_u64.wrapping_sub(15));
    assert_eq!(use_at(&register, &before, 5), Usage::First);
    assert_eq!(use_at(&register, &before, 590), Usage::Replay);
    assert!(register.first_use(&before, 591.into()).is_err());
    assert_eq!(register.footprint().tickets, 0);
}

/// Every ticket for another application, for half a day. Memory settles after the first window; later the hash table of
/// the applications may still double once, to make room for its own gaps.
#[test]
fn applications_are_reclaimed() {
    let register = MemoryRegister::new();
    let mut settled = 0;
    for second in 0..40_000 {
        let now = NOW + second;
        for number in 0..4 {
            let application = format!("A{:07}", second * 4 + number);
            assert_eq!(use_at(&register, &used_for(&application, now), now), Usage::First);
        }
        let footprint = register.footprint();
        assert_eq!(footprint.applications, footprint.tickets);
        assert!(footprint.tickets <= 4 * 601);
        if second < 2 * REACH {
            settled = settled.max(footprint.bytes);
        } else {
            assert!(footprint.bytes < settled + settled / 4, "{footprint:?} {settled}");
        }
    }
    let last = NOW + 100_000;
    assert_eq!(use_at(&register, &used(last), last), Usage::First);
    let footprint = register.footprint();
    assert_eq!((footprint.tickets, footprint.applications), (1, 1));
    assert!(footprint.bytes < settled, "{footprint:?}");
}

/// The last application of all has two uses in the second that goes.
#[test]
fn tickets_of_two_keys_in_one_second_are_forgotten_together() {
    let register = MemoryRegister::new();
    for ticket in ["ZVQLMCAN", "QHOAH1TV"] {
        let used = use_of(TicketKind::Legacy, "IBMUSER", "TSOR001", NOW, ticket);
        assert_eq!(use_at(&register, &used, NOW), Usage::First);
    }
    let footprint = register.footprint();
    assert_eq!((footprint.tickets, footprint.applications), (2, 1));
    let later = NOW + 2 * REACH;
    assert_eq!(use_at(&register, &used(later), later), Usage::First);
    let footprint = register.footprint();
    assert_eq!((footprint.tickets, footprint.applications), (1, 1));
}

/// An application used at a later second first and an older one then lives to the later one: its number must not go to
/// another application while a slot still holds it.
#[test]
fn tickets_may_come_in_any_order() {
    let register = MemoryRegister::new();
    assert_eq!(use_at(&register, &used(NOW + 10), NOW), Usage::First);
    assert_eq!(use_at(&register, &used(NOW), NOW), Usage::First);
    let now = NOW + REACH + 1;
    assert_eq!(use_at(&register, &used_for("OTHER", NOW + 10), now), Usage::First);
    assert_eq!(use_at(&register, &used(NOW + 10), now), Usage::Replay);
    let footprint = register.footprint();
    assert_eq!((footprint.tickets, footprint.applications), (2, 2));
}

/// A number is free once its last use is, of many in one second, and free once only: or two applications would share it.
#[test]
fn applications_of_many_users_are_reclaimed() {
    let register = MemoryRegister::new();
    let user = |n: u64| format!("U{n}").parse().unwrap();
    for (turn, clock) in (NOW..).step_by(400).take(5).enumerate() {
        for number in 0..10 {
            let application = format!("A{}", turn * 5 + number).parse().unwrap();
            for n in 0..20 {
                let used = TicketUse::marked(TicketKind::Enhanced, user(n), application, clock.into(), 7);
                assert_eq!(use_at(&register, &used, clock), Usage::First, "{used:?}");
                let later = TicketUse::marked(TicketKind::Enhanced, user(n), application, (clock + n % 2).into(), 7);
                let expected = if n % 2 == 0 { Usage::Replay } else { Usage::First };
                assert_eq!(use_at(&register, &later, clock), expected, "{later:?}");
            }
        }
        let turns_before = turn.min(1);
        let footprint = register.footprint();
        assert_eq!(footprint.tickets, 300 + 300 * turns_before);
        assert_eq!(footprint.applications, 10 + 5 * turns_before);
    }
    assert!(register.first_use(&used(NOW), (NOW + 10_000).into()).is_err());
    let footprint = register.footprint();
    assert_eq!((footprint.tickets, footprint.applications), (0, 0));
}

/// All tickets of three seconds, each by another user: half of them at once, the others minutes later.
#[test]
fn a_crowd_takes_16_bytes_each() {
    const EACH: u32 = 20_000;
    let register = MemoryRegister::new();
    let tickets = |half: u32| {
        let of = move |second| (0..EACH).filter(move |n| n % 2 == half).map(move |n| used_by(&format!("U{n}"), second));
        (NOW..NOW + 3).flat_map(of)
    };
    for (half, now) in [(0, NOW + 2), (1, NOW + 300)] {
        for ticket in tickets(half) {
            assert_eq!(use_at(&register, &ticket, now), Usage::First, "{ticket:?}");
        }
    }
    for ticket in tickets(0).chain(tickets(1)) {
        assert_eq!(use_at(&register, &ticket, NOW + 301), Usage::Replay, "{ticket:?}");
    }
    let footprint = register.footprint();
    assert_eq!((footprint.tickets, footprint.applications), (3 * 20_000, 1));
    assert!(footprint.bytes < 16 * footprint.tickets + 50_000, "{footprint:?}");
}

#[test]
fn of_four_threads_one_wins() {
    let register = MemoryRegister::new();
    let barrier = Barrier::new(4);
    let wins: Vec<_> = (0..2_000).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (second, wins) in (NOW..).zip(&wins) {
                    barrier.wait();
                    if use_at(&register, &used(second), second) == Usage::First {
                        wins.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(wins.iter().all(|wins| wins.load(Ordering::Relaxed) == 1));
}

#[test]
fn the_debug_text_has_counts_and_no_names() {
    let register = MemoryRegister::new();
    assert_eq!(use_at(&register, &used(NOW), NOW), Usage::First);
    let text = format!("{register:?}");
    assert!(text.contains("tickets: 1, applications: 1") && !text.contains("IBMUSER"), "{text}");
}

/// A register that keeps its uses elsewhere tells its troubles through the same error.
#[test]
fn other_registers_have_causes() {
    let error = Error::register(std::io::Error::other("connection lost"));
    assert_eq!(error.kind(), ErrorKind::Register);
    assert_eq!(error.to_string(), "the replay register gave no answer");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "connection lost");
}

proptest! {
    /// Against a set that never forgets, with a clock that wanders both ways.
    #[test]
    fn answers_like_a_plain_set(
        steps in prop::collection::vec((-300_i64..400, -700_i64..700, 0..4_u32), 1..400),
    ) {
        let register = MemoryRegister::new();
        let (mut now, mut latest, mut known) = (NOW, 0, HashSet::new());
        for (step, delta, user) in steps {
            now = now.wrapping_add_signed(step);
            latest = latest.max(now);
            let second = now.wrapping_add_signed(-delta);
            let ticket = used_by(&format!("USER{user}"), second);
            let answer = register.first_use(&ticket, now.into());
            if second < latest - REACH || second > now + REACH {
                prop_assert!(answer.is_err());
            } else {
                let expected = if known.insert(ticket) { Usage::First } else { Usage::Replay };
                prop_assert_eq!(answer.unwrap(), expected);
            }
            let live = known.iter().filter(|ticket| ticket.time().as_secs() + REACH >= latest);
            prop_assert_eq!(register.footprint().tickets, live.count());
        }
    }
}
