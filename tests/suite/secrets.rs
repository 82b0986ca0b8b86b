//! No text that any public type makes holds a key, a master key, a password or a ticket.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use icsf_backends::Software;
use icsf_backends::software::{Cost, Unlock};
use icsf_core::backend::{Backend, HashAlgorithm, KeySpec, MasterKeyKind, Part, RegisterChange, StoredForm};
use icsf_core::clock::ManualClock;
use icsf_core::random::SystemRandom;
use icsf_core::store::{Area, RowStore};
use icsf_core::token::Material;
use icsf_core::{ClearKey, KeyIdentifier, KeyToken};
use icsf_saf::model::{Class, Credential};
use ptkt::software::DesKey;
use secrecy::SecretString;
use softicsf::{NoSecrets, Setup, System};

use crate::support::{admin, define, request};

/// Collects texts, in all the ways in which a value is printed.
#[derive(Default)]
struct Texts(Vec<String>);

impl Texts {
    fn debug(&mut self, value: &dyn Debug) {
        self.0.push(format!("{value:?}"));
        self.0.push(format!("{value:#?}"));
    }

    /// An error with all that is below it.
    fn error(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.debug(&error);
        let mut next = Some(error);
        while let Some(error) = next {
            self.0.push(format!("{error} {error:#}"));
            next = error.source();
        }
    }

    /// What a panic with this value would print.
    fn panic<T, E: Debug>(&mut self, result: Result<T, E>) {
        let payload = catch_unwind(AssertUnwindSafe(|| drop(result.unwrap()))).unwrap_err();
        self.0.push(payload.downcast_ref::<String>().unwrap().clone());
    }
}

/// The ways in which bytes are usually printed.
fn prints(secret: &[u8]) -> Vec<String> {
    let list = format!("{secret:?}");
    vec![
        HEXUPPER.encode(secret),
        HEXLOWER.encode(secret),
        BASE64.encode(secret),
        list.trim_matches(['[', ']']).to_owned(),
        String::from_utf8_lossy(secret).into_owned(),
    ]
}

const DES: [u8; 8] = [0xe0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77];
const PHRASE: &[u8] = b"correct horse battery";
const PASSWORD: &str = "hunTer2X";

fn hmac_key() -> Vec<u8> {
    (0..64).map(|n: u8| n.wrapping_mul(5).wrapping_add(0x9d)).collect()
}

fn master_key_part() -> Vec<u8> {
    (0..32).map(|n: u8| n.wrapping_mul(11).wrapping_add(0x47)).collect()
}

#[test]
fn no_text_holds_a_secret() {
    let mut texts = Texts::default();
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("sy1");
    let setup = Setup {
        engine: softicsf::Engine::Software { unlock: softicsf::UnlockBy::PassPhrase },
        pass_phrase: Some(ClearKey::from_slice(PHRASE)),
        ..Setup::default()
    };
    texts.debug(&setup);
    let system = System::create(&place, &setup).unwrap();
    let icsf = system.icsf();
    for kind in MasterKeyKind::ALL {
        let part = ClearKey::new(master_key_part());
        texts.debug(&RegisterChange::Load(Part::First, &part));
        icsf.load_master_key_part(kind, Part::First, &part).unwrap();
        texts.debug(&system);
        texts.error(&icsf.load_master_key_part(kind, Part::First, &part).unwrap_err());
        icsf.load_master_key_part(kind, Part::Final, &ClearKey::new(vec![0; 32])).unwrap();
        icsf.set_master_key(kind).unwrap();
    }
    texts.debug(&icsf.master_keys().unwrap());
    define(&system);

    // Keys, tokens, records, handles.
    let des = ClearKey::from_slice(&DES);
    texts.debug(&des);
    texts.debug(&StoredForm::of(KeySpec::DES, &des).unwrap());
    texts.error(&ClearKey::from_hex("E00119351956197G").unwrap_err());
    texts.error(&icsf.csnbcki(&ClearKey::from_slice(&[&DES[..], &DES].concat())).unwrap_err());
    let des = icsf.csnbcki(&des).unwrap();
    texts.debug(&des);
    let clear = ClearKey::new(hmac_key());
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    let clear = icsf.csnbktb2(&rules, Some(&clear), None).unwrap();
    texts.debug(&clear);
    let KeyToken::Variable(token) = &clear.value else { panic!("not variable") };
    texts.debug(token.material());
    texts.debug(&Material::Clear(ClearKey::new(hmac_key())));
    icsf.csnbkrc2(&"A.DES".parse().unwrap(), des.value).unwrap();
    icsf.csnbkrc2(&"CLEAR.HMAC".parse().unwrap(), clear.value).unwrap();
    texts.debug(&icsf.csnbkrr2(&"CLEAR.HMAC".parse().unwrap()).unwrap());
    texts.debug(&KeyIdentifier::Token(icsf.csnbkrr2(&"CLEAR.HMAC".parse().unwrap()).unwrap().value));
    texts.debug(&icsf.csnbenc_key(&"A.DES".parse().unwrap()).unwrap());
    texts.debug(&icsf.csnbhmg_key(&"CLEAR.HMAC".parse().unwrap(), HashAlgorithm::Sha512).unwrap());
    let view = icsf.view().unwrap();
    texts.debug(&view);
    texts.debug(&view.kds.find(&"CLEAR.HMAC".parse().unwrap()));
    let list = icsf.csfkdsl(&["CKDS", "DETAILED", "ALL"], &"*".parse().unwrap(), 99, None).unwrap();
    texts.debug(&list);
    icsf.key_data_set()
        .scan(None, &mut |_, record| {
            texts.debug(&record);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    texts.debug(icsf);
    let store = icsf_core::store::MemoryStore::default();
    let row = icsf_core::store::Op::Put(
        Area::Disk,
        b"K".as_slice().into(),
        hmac_key().into(),
        icsf_core::store::Expect::Absent,
    );
    texts.debug(&row);
    store.apply(std::slice::from_ref(&row)).unwrap();
    texts.debug(&store);
    texts.debug(&store.get(Area::Disk, b"K").unwrap());
    texts.error(&store.apply(&[row]).unwrap_err());

    // The security database, users, commands.
    let view = system.saf().database().view().unwrap();
    texts.debug(&view);
    for profile in view.profiles(Class::Ptktdata) {
        texts.debug(profile);
    }
    crate::support::racf(&system, &format!("ADDUSER U1 PASSWORD({PASSWORD})"));
    texts.debug(system.saf().database().view().unwrap().user(&"U1".parse().unwrap()).unwrap());
    for command in [
        "RDEFINE PTKTDATA MASKED SSIGNON(KEYMASKED(E001193519561977))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKD(E001193519561977))",
        "ADDUSER U1 PASSWORD(hunTer2X)",
    ] {
        let error = system.racf(&admin(), command, &NoSecrets).unwrap_err();
        texts.0.push(error.report());
        texts.error(&error);
        texts.panic(system.racf(&admin(), command, &NoSecrets));
    }
    let typed = || Credential::new(SecretString::from(PASSWORD)).unwrap();
    texts.debug(&typed());
    let who = request("U1", "MASKED");
    texts.debug(&system.sign_on(&who, &typed()).unwrap());
    texts.error(&system.sign_on(&request("NOBODY", "MASKED"), &typed()).unwrap_err());
    texts.panic(system.sign_on(&request("NOBODY", "MASKED"), &typed()));

    // Tickets.
    let ticket = system.generate(&admin(), &who).unwrap();
    texts.debug(&ticket);
    texts.debug(&Credential::from(&ticket));
    texts.debug(&system.evaluate(&admin(), &who, &ticket).unwrap());
    let replayed = system.evaluate(&admin(), &who, &ticket).unwrap_err();
    texts.0.push(format!("{} {:?}", replayed.cause(), replayed.cause().facts()));
    texts.error(&replayed);
    texts.panic(system.evaluate(&admin(), &who, &ticket));
    texts.error(&format!("{}X", ticket.expose()).parse::<ptkt::Ticket>().unwrap_err());
    texts.error(&format!("{}\u{7f}", &ticket.expose()[..7]).parse::<ptkt::Ticket>().unwrap_err());
    texts.debug(&DesKey::new(&DES).unwrap());
    texts.debug(&system.explain(&admin(), &who).unwrap());
    texts.debug(&system.status().unwrap());
    texts.debug(&system.engine().unwrap());

    // The engine and what opens it.
    let phrase = || Unlock::PassPhrase(ClearKey::from_slice(PHRASE));
    texts.debug(&phrase());
    let engine = Software::create(directory.path().join("engine"), &phrase(), Cost::new(8, 1, 1).unwrap()).unwrap();
    texts.debug(&engine);
    let wrong = Unlock::PassPhrase(ClearKey::from_slice(&[PHRASE, b"!"].concat()));
    texts.error(&Software::open(directory.path().join("engine"), Some(wrong)).unwrap_err());
    let memory: Arc<dyn Backend> = Arc::new(Software::in_memory(Arc::new(SystemRandom)));
    texts.debug(&memory);
    let in_memory = System::in_memory().engine(memory).clock(Arc::new(ManualClock::at(0))).build().unwrap();
    texts.debug(&in_memory);

    let hmac = hmac_key();
    let secrets: [&[u8]; 6] =
        [&DES, &hmac[..16], &master_key_part()[..16], PHRASE, PASSWORD.as_bytes(), ticket.expose().as_bytes()];
    assert!(texts.0.len() > 100, "{}", texts.0.len());
    for text in &texts.0 {
        for print in secrets.iter().flat_map(|secret| prints(secret)) {
            assert!(!text.contains(&print), "{print} in {text}");
        }
        assert!(!text.contains(&PASSWORD.to_ascii_uppercase()), "{text}");
    }
}
