//! No text that this crate makes holds a secret.

use std::fs;

use icsf_backends::Software;
use icsf_backends::software::Unlock;
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, Etype, HashAlgorithm, KeySpec, MasterKeyKind, Part, RegisterChange};

use crate::support::{cheap, engine_file, load, phrase, set};

/// The ways in which bytes are usually printed.
fn prints(bytes: &[u8]) -> Vec<String> {
    let list = format!("{bytes:?}");
    vec![
        data_encoding::HEXUPPER.encode(bytes),
        data_encoding::HEXLOWER.encode(bytes),
        data_encoding::BASE64.encode(bytes),
        list.trim_matches(['[', ']']).to_owned(),
        String::from_utf8_lossy(bytes).into_owned(),
    ]
}

#[test]
fn no_text_holds_a_secret() {
    let secrets: [&[u8]; 5] = [&[0x5a; 8], &[0xc3; 32], &[0x71; 32], b"correct horse", b"battery staple"];
    let (directory, path, engine) = engine_file();
    let mut texts = Vec::new();
    let mut add = |text: String| texts.push(text);

    for kind in MasterKeyKind::ALL {
        load(&engine, kind, Part::First, 0xc3);
        load(&engine, kind, Part::Middle, 0x71);
        add(format!("{engine:?} {:?}", engine.master_keys()));
        load(&engine, kind, Part::Final, 0);
        set(&engine, kind);
    }
    let part = ClearKey::new(vec![0xc3; 32]);
    let set = engine.master_keys().unwrap().des.current.unwrap();
    for change in [RegisterChange::Load(Part::Final, &part), RegisterChange::Set(set)] {
        let error = engine.change_register(MasterKeyKind::Des, change).unwrap_err();
        add(format!("{change:?} {error} {error:?}"));
    }
    let kerberos = KeySpec::kerberos(Etype::Aes256Sha1);
    for (spec, byte) in [(KeySpec::DES, 0x5a), (KeySpec::hmac(32).unwrap(), 0x71), (kerberos, 0xc3)] {
        let clear = ClearKey::new(vec![byte; spec.length()]);
        let wrapped = engine.wrap(spec, &clear).unwrap();
        let handle = engine.open(&wrapped).unwrap();
        let wrong = handle.hmac(HashAlgorithm::Sha512, &[], &mut [[0; 64]; 1]).unwrap_err();
        let short = engine.wrap(spec, &ClearKey::from_slice(&clear.expose()[1..])).unwrap_err();
        let cut = engine.add_part(&wrapped, &ClearKey::from_slice(&clear.expose()[1..])).unwrap_err();
        add(format!("{wrapped:?} {handle:?} {wrong} {wrong:?} {short} {short:?} {cut} {cut:?}"));
    }

    let key_file = directory.path().join("key");
    fs::write(&key_file, [0xc3; 32]).unwrap();
    let unlocks = [phrase("battery staple"), Unlock::KeyFile(key_file.clone())];
    for unlock in unlocks {
        add(format!("{unlock:?}"));
        let refused = Software::open(&path, Some(unlock)).unwrap_err();
        add(format!("{refused} {refused:?}"));
    }
    let lax = Software::create(directory.path().join("new"), &Unlock::KeyFile(key_file), cheap()).unwrap_err();
    add(format!("{lax} {lax:?}"));

    for text in &texts {
        for print in secrets.iter().flat_map(|secret| prints(secret)) {
            assert!(!text.contains(&print), "{print} in {text}");
        }
    }
    assert_eq!(texts.len(), 12);
}

#[test]
fn the_engine_file_holds_no_secret_in_clear() {
    let (_directory, path, engine) = engine_file();
    load(&engine, MasterKeyKind::Des, Part::First, 0xc3);
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(4).any(|window| window == [0xc3; 4]));
    assert!(!bytes.windows(5).any(|window| window == b"horse"));
}
