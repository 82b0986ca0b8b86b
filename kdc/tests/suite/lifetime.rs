//! The rules of times, whatever is asked.

use icsf_kdc::codes::ErrorCode;
use icsf_kdc::flags::KdcOptions as O;
use icsf_kdc::lifetime::{Asked, Limits, Times, based_on, initial, renewed, validated};
use proptest::prelude::*;

const NOW: u64 = 1_795_159_756;
const SKEW: u32 = 300;

/// Times near now, far away, and at the ends of what a number holds.
fn time() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        Just(None),
        (NOW - 100_000..NOW + 1_000_000).prop_map(Some),
        prop_oneof![Just(1), Just(u64::MAX), Just(NOW), Just(NOW + 300), Just(NOW + 301)].prop_map(Some),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    (time(), time(), time()).prop_map(|(from, till, renew_till)| Asked { from, till, renew_till })
}

fn limits() -> impl Strategy<Value = Limits> {
    let life = || prop_oneof![0..10_u32, 0..1_000_000_u32, Just(u32::MAX)];
    (0..1000_u32, life(), life(), life()).prop_map(|(shortest, usual, longest, renewable)| Limits {
        shortest,
        usual,
        longest,
        renewable,
    })
}

fn options() -> impl Strategy<Value = O> {
    let one = |option: O| any::<bool>().prop_map(move |set| option.when(set));
    (one(O::POSTDATED), one(O::RENEWABLE), one(O::RENEWABLE_OK)).prop_map(|(a, b, c)| a | b | c)
}

fn ticket() -> impl Strategy<Value = Times> {
    (NOW - 10_000..NOW + 1, 1..100_000_u64, proptest::option::of(0..1_000_000_u64)).prop_map(
        |(start, life, renewable)| Times {
            start,
            end: start + life,
            renew_till: renewable.map(|more| start + more),
            postdated: false,
        },
    )
}

fn sound(times: &Times, options: O, asked: Asked) -> Result<(), TestCaseError> {
    prop_assert!(times.start < times.end);
    prop_assert!(times.start >= NOW);
    prop_assert_eq!(times.postdated, times.start > NOW);
    prop_assert!(!times.postdated || (options.has(O::POSTDATED) && asked.from == Some(times.start)));
    prop_assert!(asked.till.is_none_or(|till| times.end <= till));
    if let Some(till) = times.renew_till {
        prop_assert!(till > times.start);
        prop_assert!(options.has_any(O::RENEWABLE | O::RENEWABLE_OK));
        if options.has(O::RENEWABLE) {
            prop_assert!(asked.renew_till.is_none_or(|asked| till <= asked));
        } else {
            prop_assert!(asked.till.is_some_and(|asked| times.end < asked && till <= asked));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn an_initial_ticket_keeps_within_what_is_asked_and_allowed(
        options in options(), asked in asked(), limits in limits(),
    ) {
        match initial(NOW, SKEW, options, asked, limits) {
            Ok(times) => {
                sound(&times, options, asked)?;
                let life = times.end - times.start;
                prop_assert!(life <= limits.longest.into() && life >= limits.shortest.into());
                prop_assert!(asked.till.is_some() || life <= limits.usual.into());
                prop_assert!(times.renew_till.is_none_or(|till| till - times.start <= limits.renewable.into()));
            }
            Err(ErrorCode::CannotPostdate) => {
                prop_assert!(!options.has(O::POSTDATED) && asked.from.is_some_and(|from| from > NOW + 300));
            }
            Err(code) => prop_assert_eq!(code, ErrorCode::NeverValid),
        }
    }

    #[test]
    fn a_further_ticket_keeps_within_the_one_it_is_based_on(
        tgt in ticket(), options in options(), asked in asked(), limits in limits(),
    ) {
        if let Ok(times) = based_on(&tgt, NOW, SKEW, options, asked, limits) {
            sound(&times, options, asked)?;
            prop_assert!(times.end <= tgt.end);
            prop_assert!(times.end - times.start <= limits.longest.into());
            match (times.renew_till, tgt.renew_till) {
                (None, _) => {}
                (Some(till), Some(of_tgt)) => prop_assert!(till <= of_tgt && till - times.start <= limits.renewable.into()),
                (Some(_), None) => prop_assert!(false, "renewable, and the ticket it is based on is not"),
            }
        }
    }

    #[test]
    fn renewal_gives_the_same_life_within_the_same_end(old in ticket(), later in 0..2_000_000_u64) {
        let now = NOW + later;
        match renewed(&old, now) {
            Ok(new) => {
                let till = old.renew_till.unwrap();
                prop_assert_eq!((new.start, new.renew_till), (now, Some(till)));
                prop_assert_eq!(new.end, till.min(now + (old.end - old.start)));
                prop_assert!(new.end > now);
            }
            Err(ErrorCode::BadOption) => prop_assert!(old.renew_till.is_none()),
            Err(code) => {
                prop_assert_eq!(code, ErrorCode::TicketExpired);
                prop_assert!(old.renew_till.unwrap() <= now);
            }
        }
    }

    #[test]
    fn validation_moves_the_start_alone(old in ticket(), now in NOW - 20_000..NOW + 200_000) {
        match validated(&Times { postdated: true, ..old }, now) {
            Ok(new) => prop_assert_eq!(new, Times { start: now, ..old }),
            Err(ErrorCode::TicketNotYetValid) => prop_assert!(now < old.start),
            Err(code) => {
                prop_assert_eq!(code, ErrorCode::TicketExpired);
                prop_assert!(now >= old.end);
            }
        }
    }
}

/// RENEWABLE-OK helps only where the end that is asked for cannot be had.
#[test]
fn renewable_ok_is_for_what_was_cut() {
    let limits = Limits { shortest: 0, usual: 100, longest: 100, renewable: 1000 };
    let renew_till = |till| {
        let asked = Asked { till, ..Asked::default() };
        initial(NOW, SKEW, O::RENEWABLE_OK, asked, limits).unwrap().renew_till
    };
    assert_eq!(renew_till(Some(NOW + 100)), None);
    assert_eq!(renew_till(Some(NOW + 101)), Some(NOW + 101));
    assert_eq!(renew_till(Some(NOW + 5000)), Some(NOW + 1000));
    assert_eq!(renew_till(None), None, "as long as possible is what it gets");
}
