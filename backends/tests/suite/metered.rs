use icsf_backends::Metered;
use icsf_backends::metered::Counts;
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, HashAlgorithm, KeySpec, Register, WrappedKey};

use crate::support::{in_memory, set_master_keys};

#[test]
fn everything_asked_is_counted() {
    let engine = Metered::new(in_memory());
    let meter = engine.meter();
    set_master_keys(&engine);
    assert_eq!(meter.take().register_changes, 4);
    let clear = ClearKey::new(vec![7; 8]);
    engine.attach().unwrap();
    engine.random(&mut [0; 24]).unwrap();
    engine.master_keys().unwrap();
    let des = engine.wrap(KeySpec::DES, &clear).unwrap();
    let des = engine.add_part(&des, &clear).unwrap();
    let des = engine.rewrap(&des, Register::Current).unwrap();
    let hmac = engine.generate(KeySpec::hmac(64).unwrap()).unwrap();
    {
        let (key, mac_key) = (engine.open(&des).unwrap(), engine.open(&hmac).unwrap());
        key.encipher_blocks(&mut [[0; 8]; 3]).unwrap();
        key.decipher_blocks(&mut [[0; 8]; 2]).unwrap();
        mac_key.hmac(HashAlgorithm::Sha512, &[b"a", b"b"], &mut [[0; 64]; 2]).unwrap();
        mac_key.key_check().unwrap();
        mac_key.encipher_blocks(&mut [[0; 8]]).unwrap_err();
        engine.open(&WrappedKey::new(KeySpec::DES, des.mkvp(), [])).unwrap_err();
        let _ = (engine.state(), engine.info());
        let mut expected = Counts::default();
        expected.attaches = 1;
        expected.randoms = 1;
        expected.random_bytes = 24;
        expected.master_keys = 1;
        expected.generates = 1;
        expected.wraps = 1;
        expected.add_parts = 1;
        expected.rewraps = 1;
        expected.opens = 3;
        expected.block_calls = 3;
        expected.blocks = 6;
        expected.hmac_calls = 1;
        expected.messages = 2;
        expected.key_checks = 1;
        expected.errors = 2;
        expected.handles_open = 2;
        assert_eq!(meter.take(), expected);
        assert_eq!(meter.counts().handles_open, 2);
    }
    assert_eq!(meter.counts(), Counts::default());
}
