//! Keys in an engine: the same answers as keys in the process, and none without the engine.

use std::sync::Arc;

use icsf_backends::{Slot, Software};
use icsf_core::backend::{Backend, Etype, MasterKeyKind, Part};
use icsf_core::clock::ManualClock;
use icsf_core::codes::{Code, ReasonCodes};
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::kds::KdsFormat;
use icsf_core::random::SeededRandom;
use icsf_core::store::MemoryStore;
use icsf_core::{ClearKey, Icsf, KeyLabel, Parts};
use icsf_kdc::crypto::{CryptoError, checksum, decrypt, encrypt, verify_checksum};

use super::session_key;

const NOW: u64 = 1_763_110_800;

fn icsf() -> (Icsf, Arc<Slot>) {
    let random = Arc::new(SeededRandom::new(6));
    let card: Arc<dyn Backend> = Arc::new(Software::in_memory(Arc::clone(&random) as _));
    let slot = Arc::new(Slot::with(card));
    let icsf = Icsf::new(Parts {
        backend: Arc::clone(&slot) as _,
        store: Arc::new(MemoryStore::default()),
        control: Arc::new(MemoryControl::default()),
        epoch: Arc::new(Epoch::in_memory()),
        clock: Arc::new(ManualClock::at(NOW)),
        random,
        reason_codes: ReasonCodes::Icsf,
    });
    icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
    for kind in MasterKeyKind::ALL {
        for part in [Part::First, Part::Final] {
            let byte = if part == Part::First { 0xe1 } else { 0xf0 };
            icsf.load_master_key_part(kind, part, &ClearKey::new(vec![byte; 32])).unwrap();
        }
        icsf.set_master_key(kind).unwrap();
    }
    (icsf, slot)
}

fn label(etype: Etype) -> KeyLabel {
    format!("SICKRB.TEST.E{}.V1", etype.number()).parse().unwrap()
}

fn clear(etype: Etype) -> ClearKey {
    ClearKey::new(vec![0x4b; etype.key_length()])
}

#[test]
fn a_key_in_the_engine_and_the_same_in_the_process_answer_alike() {
    let (icsf, _slot) = icsf();
    for etype in Etype::ALL {
        icsf.add_kerberos_key(&label(etype), etype, Some(&clear(etype))).unwrap();
        let held = icsf.kerberos_key(&label(etype)).unwrap();
        let here = session_key(etype, clear(etype).expose());
        for length in 0..70 {
            let plain: Vec<u8> = (0..length).collect();
            let cipher = encrypt(&held, 2, &[length; 16], &plain).unwrap();
            assert_eq!(cipher, encrypt(&here, 2, &[length; 16], &plain).unwrap(), "{etype}, {length} bytes");
            assert_eq!(*decrypt(&held, 2, &cipher).unwrap(), plain, "{etype}, {length} bytes");
            assert!(matches!(decrypt(&held, 3, &cipher), Err(CryptoError::Integrity)));
        }
        let sum = checksum(&held, 6, b"KDC-REQ-BODY").unwrap();
        assert_eq!(sum, checksum(&here, 6, b"KDC-REQ-BODY").unwrap(), "{etype}");
        verify_checksum(&held, 6, b"KDC-REQ-BODY", &sum).unwrap();
    }
}

#[test]
fn without_the_engine_nothing_is_decrypted_and_the_error_says_why() {
    let (icsf, slot) = icsf();
    icsf.add_kerberos_key(&label(Etype::Aes256Sha1), Etype::Aes256Sha1, None).unwrap();
    let key = icsf.kerberos_key(&label(Etype::Aes256Sha1)).unwrap();
    let cipher = encrypt(&key, 2, &[1; 16], b"ticket").unwrap();
    let card = slot.remove().unwrap();
    let error = icsf.kerberos_key(&label(Etype::Aes256Sha1)).map_err(CryptoError::from).unwrap_err();
    let CryptoError::Engine(cause) = &error else { panic!("{error}") };
    assert_eq!(cause.code(), Code::EngineUnavailable);
    slot.insert(card);
    let again = icsf.kerberos_key(&label(Etype::Aes256Sha1)).unwrap();
    assert_eq!(*decrypt(&again, 2, &cipher).unwrap(), b"ticket");
}
