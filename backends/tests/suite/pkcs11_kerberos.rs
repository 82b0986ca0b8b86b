//! Keys of Kerberos principals in a token: what is done in it, what is let out of it, and what goes wrong meanwhile.

use std::sync::Arc;
use std::time::Duration;

use icsf_backends::faulty::Plan;
use icsf_backends::pkcs11::{HostKeys, Options, Pkcs11};
use icsf_backends::{Faulty, Metered, Slot, conformance};
use icsf_core::backend::{Backend, Derivation, DerivedUse, EngineErrorKind, Etype, KeyHandle, KeyPlace, KeySpec};
use icsf_core::codes::{Code, ReasonCodes};
use icsf_core::{ClearKey, Error, KeyLabel};
use softhsm_fixtures::{Card, Ckr, Fault, Function, Token};
use tempfile::TempDir;

use crate::pkcs11_support::{NO_ENGINE, Rig, card_options, options, pin};
use crate::support::{in_memory, set_master_keys};

const IN_TOKEN: Etype = Etype::Aes256Sha1;
const BLOCKS: [u8; 32] = *b"\0\0\0\x02\xAA: any constant of two block";

fn label() -> KeyLabel {
    "SICKRB.TEST.E18.V1".parse().unwrap()
}

fn quick(card: &Card, host_keys: HostKeys) -> Options {
    card_options(card).with_proof_every(Duration::ZERO).host_keys(host_keys)
}

/// An ICSF on a card with the key of a principal.
fn rig(card: &Card, etype: Etype) -> Rig {
    let host_keys = if etype == IN_TOKEN { HostKeys::Forbid } else { HostKeys::Allow };
    let rig = Rig::new(quick(card, host_keys), pin(card.user_pin()));
    rig.icsf.add_kerberos_key(&label(), etype, None).unwrap();
    rig
}

/// What is derived from, in the way of the etype.
fn how(etype: Etype) -> Derivation<'static> {
    match etype {
        Etype::Aes128Sha1 => Derivation::AesCbc(&BLOCKS[..16]),
        Etype::Aes256Sha1 => Derivation::AesCbc(&BLOCKS),
        _ => Derivation::Hmac(etype.hash(), &BLOCKS),
    }
}

/// A ticket: both keys derived, a text enciphered and authenticated.
fn ticket(rig: &Rig) -> Result<Vec<u8>, Error> {
    let key = rig.icsf.kerberos_key(&label())?;
    let etype = key.etype();
    let mut text = *b"the text of a ticket, 48 bytes, and no more of..";
    key.derive(&how(etype), DerivedUse::Cipher(etype.key_length()))?.encipher_cbc(&[0; 16], &mut text)?;
    let mut mac = [0; 64];
    key.derive(&how(etype), DerivedUse::Mac(etype.mac_key_length()))?.hmac(etype.hash(), &text, &mut mac)?;
    Ok([text.as_slice(), &mac].concat())
}

fn engine(token: &Token, host_keys: HostKeys) -> (TempDir, Pkcs11) {
    let directory = TempDir::new().unwrap();
    let options = options(token).host_keys(host_keys);
    let engine = Pkcs11::create(directory.path().join("registers"), options, pin(token.user_pin())).unwrap();
    set_master_keys(&engine);
    (directory, engine)
}

#[test]
fn etype_18_is_done_in_the_token_and_the_others_only_where_they_may_leave_it() {
    let token = Token::shared();
    for (host_keys, others) in [(HostKeys::Forbid, KeyPlace::None), (HostKeys::Allow, KeyPlace::Host)] {
        let (_directory, engine) = engine(&token, host_keys);
        let info = engine.info();
        let places = Etype::ALL.map(|etype| info.capabilities.kerberos(etype));
        assert_eq!(places, [others, KeyPlace::Inside, others, others]);
        let weak: Vec<_> = info.quirks.iter().filter(|quirk| quirk.weak).map(ToString::to_string).collect();
        let told = "WEAK: Kerberos keys of aes128-cts-hmac-sha1-96, aes128-cts-hmac-sha256-128, \
                    aes256-cts-hmac-sha384-192 are used in this process (host_keys = allow)";
        assert_eq!(weak, if host_keys == HostKeys::Allow { vec![told] } else { vec![] });
    }
}

#[test]
fn what_the_policy_forbids_is_refused_in_its_name() {
    let token = Token::shared();
    let ((_one, strict), (_other, lax)) = (engine(&token, HostKeys::Forbid), engine(&token, HostKeys::Allow));
    for etype in [Etype::Aes128Sha1, Etype::Aes128Sha2, Etype::Aes256Sha2] {
        let spec = KeySpec::kerberos(etype);
        let clear = ClearKey::new(vec![1; spec.length()]);
        lax.open(&lax.wrap(spec, &clear).unwrap()).unwrap();
        for error in [strict.wrap(spec, &clear).unwrap_err(), strict.generate(spec).unwrap_err()] {
            assert_eq!(*error.kind(), EngineErrorKind::Unsupported(spec));
            assert!(error.to_string().contains("host_keys = forbid"), "{error}");
            assert!(error.remedy().unwrap().contains("softicsf engine configure --host-keys allow"), "{error:?}");
        }
    }
    // A caller of ICSF gets the same cause, and the remedy; a key from before the policy changed is refused alike.
    let card = Card::new();
    let rig = rig(&card, Etype::Aes128Sha2);
    let before = ticket(&rig).unwrap();
    let rig = rig.reopened(quick(&card, HostKeys::Forbid), pin(card.user_pin()));
    let error = ticket(&rig).unwrap_err();
    assert_eq!((error.code(), error.cause().service()), (Code::NotOnThisEngine, Some("CSNBDKG2")), "{error}");
    assert!(error.cause().why().contains("the policy host_keys = forbid"), "{}", error.cause().why());
    assert!(error.cause().remedies().iter().any(|remedy| remedy.contains("--host-keys allow")), "{error:?}");
    let rig = rig.reopened(quick(&card, HostKeys::Allow), pin(card.user_pin()));
    assert_eq!(ticket(&rig).unwrap(), before);
}

#[test]
fn keys_that_are_let_out_do_what_they_do_in_software() {
    let (token, directory) = (Token::shared(), TempDir::new().unwrap());
    let number = std::cell::Cell::new(0);
    let fresh = || -> Arc<dyn Backend> {
        number.set(number.get() + 1);
        let path = directory.path().join(number.get().to_string());
        Arc::new(Pkcs11::create(path, options(&token).host_keys(HostKeys::Allow), pin(token.user_pin())).unwrap())
    };
    let report = conformance::compare(&|| in_memory(), &fresh);
    report.assert();
    assert_eq!(report.tally().1, 1, "only the check value is skipped: {report}");
}

#[test]
fn a_card_that_is_pulled_takes_derived_keys_with_it_wherever_they_are() {
    let card = Card::new();
    for etype in Etype::ALL {
        let rig = rig(&card, etype);
        let right = ticket(&rig).unwrap();
        let derive = || {
            let key = rig.icsf.kerberos_key(&label()).unwrap();
            key.derive(&how(etype), DerivedUse::Cipher(etype.key_length())).unwrap()
        };
        let kept = derive();
        for _ in 0..2 {
            card.pull();
            let late = kept.encipher_cbc(&[0; 16], &mut [0; 16]).unwrap_err();
            assert_eq!((late.code(), late.cause().service()), (Code::EngineUnavailable, Some("CSNBSYE")), "{late}");
            for _ in 0..2 {
                let error = ticket(&rig).unwrap_err();
                assert_eq!((error.return_code(), error.reason_code(ReasonCodes::Icsf)), NO_ENGINE, "{etype}: {error}");
                assert!(error.cause().engine().is_some_and(|(_, state)| state == "offline"), "{error:?}");
            }
            card.put_back();
            assert_eq!(ticket(&rig).unwrap(), right, "{etype}");
        }
    }
}

#[test]
fn a_card_pulled_at_any_call_fails_one_ticket_and_no_more() {
    let card = Card::new();
    for etype in [IN_TOKEN, Etype::Aes256Sha2] {
        let rig = rig(&card, etype);
        let right = ticket(&rig).unwrap();
        let mut met = 0;
        for call in 1..=40 {
            // Cold, so that opening and deriving are among the calls.
            card.context().finalize().unwrap();
            ticket(&rig).unwrap();
            card.pull_at(call);
            let failed = ticket(&rig).is_err();
            assert_eq!(failed, card.is_pulled(), "{etype}, call {call}");
            met += u32::from(failed);
            card.heal();
            card.put_back();
            assert_eq!(ticket(&rig).unwrap(), right, "{etype}, call {call}");
        }
        assert!(met > 2, "{etype}: the card was pulled {met} times");
    }
}

#[test]
fn a_single_failure_is_not_noticed_at_any_call_of_a_ticket() {
    let card = Card::new();
    for etype in [IN_TOKEN, Etype::Aes128Sha2] {
        let rig = rig(&card, etype);
        let right = ticket(&rig).unwrap();
        for ckr in [Ckr::GENERAL_ERROR, Ckr::DEVICE_ERROR, Ckr::SESSION_HANDLE_INVALID] {
            for call in 1..=12 {
                card.inject(Fault::answer(ckr).from(call).times(1));
                assert_eq!(ticket(&rig).unwrap(), right, "{etype}: {ckr} at call {call}");
                card.heal();
            }
        }
        for function in [Function::DeriveKey, Function::UnwrapKey] {
            // A new key, so that it is opened and derived now.
            rig.icsf.csnbkrd(&["LABEL-DL"], &label()).unwrap();
            rig.icsf.add_kerberos_key(&label(), etype, None).unwrap();
            card.inject(Fault::answer(Ckr::GENERAL_ERROR).on(function).times(1));
            let made = ticket(&rig).unwrap();
            card.heal();
            assert_eq!(ticket(&rig).unwrap(), made, "{etype}: {function}");
        }
    }
}

#[test]
fn a_warm_ticket_derives_nothing_and_takes_two_calls() {
    let card = Card::new();
    let rig = rig(&card, IN_TOKEN);
    let right = ticket(&rig).unwrap();
    let before = card.calls();
    assert_eq!(ticket(&rig).unwrap(), right);
    let calls = card.calls().since(&before);
    let seen = [Function::UnwrapKey, Function::DeriveKey, Function::EncryptInit, Function::SignInit];
    assert_eq!(seen.map(|function| calls.of(function)), [0, 0, 1, 1]);
}

/// In the token keys are derived as sensitive ones that never leave it.
#[test]
fn no_key_of_a_ticket_can_be_read_in_the_token() {
    use cryptoki::object::{Attribute, AttributeType, ObjectClass};
    let card = Card::new();
    let rig = rig(&card, IN_TOKEN);
    ticket(&rig).unwrap();
    let session = card.session();
    let mut seen = 0;
    for key in session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(false)]).unwrap() {
        let asked = [AttributeType::Private, AttributeType::Sensitive, AttributeType::Extractable];
        let found = session.get_attributes(key, &asked).unwrap();
        if found.contains(&Attribute::Private(false)) {
            // The public constants of the patterns.
            continue;
        }
        seen += 1;
        assert!(found.contains(&Attribute::Sensitive(true)) && found.contains(&Attribute::Extractable(false)));
        assert!(session.get_attributes(key, &[AttributeType::Value]).map_or(true, |found| found.is_empty()));
    }
    // The key of the principal, the two derived from it, those that authenticate records, and the key of the rig.
    assert!(seen >= 4, "{seen} keys were seen");
}

fn derived(engine: &dyn Backend) -> (Box<dyn KeyHandle>, Box<dyn KeyHandle>) {
    let base = engine.open(&engine.generate(KeySpec::kerberos(IN_TOKEN)).unwrap()).unwrap();
    let derived = base.derive(&how(IN_TOKEN), DerivedUse::Cipher(32)).unwrap();
    (base, derived)
}

#[test]
fn a_derived_key_goes_with_the_card_of_its_slot() {
    let card = in_memory();
    set_master_keys(card.as_ref());
    let slot = Slot::with(card);
    let (base, derived) = derived(&slot);
    let pulled = slot.remove().unwrap();
    slot.insert(pulled);
    for error in [
        derived.encipher_cbc(&[0; 16], &mut [0; 16]).unwrap_err(),
        derived.decipher_cbc(&[0; 16], &mut [0; 16]).unwrap_err(),
        base.derive(&how(IN_TOKEN), DerivedUse::Mac(32)).map(drop).unwrap_err(),
    ] {
        assert_eq!(*error.kind(), EngineErrorKind::Unavailable);
    }
}

#[test]
fn derivations_and_uses_of_derived_keys_are_calls_of_a_plan_and_of_a_meter() {
    let faulty = Arc::new(Faulty::new(in_memory(), Plan::new()));
    let engine = Metered::new(Arc::clone(&faulty) as Arc<dyn Backend>);
    set_master_keys(&engine);
    let meter = engine.meter();
    meter.take();
    let (base, derived) = derived(&engine);
    derived.encipher_cbc(&[0; 16], &mut [0; 16]).unwrap();
    derived.decipher_cbc(&[0; 16], &mut [0; 16]).unwrap();
    let counts = meter.counts();
    assert_eq!((counts.derivations, counts.cbc_calls, counts.handles_open, counts.errors), (1, 2, 2, 0));
    for call in 1..=3 {
        faulty.set_plan(Plan::new().fail_call(call, EngineErrorKind::Fault));
        let failed = [
            base.derive(&how(IN_TOKEN), DerivedUse::Mac(32)).is_err(),
            derived.encipher_cbc(&[0; 16], &mut [0; 16]).is_err(),
            derived.decipher_cbc(&[0; 16], &mut [0; 16]).is_err(),
        ];
        assert_eq!(failed, [1, 2, 3].map(|number| number == call));
    }
    assert_eq!(meter.counts().errors, 3);
    drop((base, derived));
    assert_eq!(meter.counts().handles_open, 0);
}
