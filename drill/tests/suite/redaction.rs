//! No form of a report shows a key, a PIN, a password or a ticket.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use icsf_drill::{CardKind, CardSource, Cards, Drill, Error, NoCard, PullableCard, Report, run, run_on};
use secrecy::{ExposeSecret, SecretString};
use softicsf::ptkt::software::DesKey;
use softicsf::ptkt::{Timestamp, legacy};

use crate::reports::{OUTAGE, story};
use crate::softhsm::SoftHsm;
use crate::support::drill;

/// Tokens whose PINs are written down.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<SecretString>>);

impl CardSource for Noted {
    fn card(&self) -> Result<Box<dyn PullableCard>, NoCard> {
        let card = SoftHsm.card()?;
        self.0.lock().unwrap().extend(card.secrets());
        Ok(card)
    }
}

const TSO_KEY: [u8; 8] = [0xe0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77];
const IMS_KEY: [u8; 8] = [0x13, 0x34, 0x57, 0x79, 0x9b, 0xbc, 0xdf, 0xf1];
const PASSWORD: &str = "Q7XKV2PW";
/// 2025-11-14T09:00:00Z.
const START: u64 = 1_763_110_800;

/// The ticket TPX makes for U1 so many seconds after the start.
fn ticket(key: [u8; 8], application: &str, after: u64) -> String {
    let key = DesKey::new(&key).unwrap();
    let Ok(session) = legacy::Session::prepare(&key, &"U1".parse().unwrap(), &application.parse().unwrap());
    session.generate(&key, Timestamp::from_secs(START + after)).unwrap().expose().to_owned()
}

#[cfg(feature = "enhanced")]
const CICS_KEY: [u8; 64] = [0x5a; 64];

/// The enhanced ticket TPX makes for U1.
#[cfg(feature = "enhanced")]
fn enhanced_ticket(after: u64) -> String {
    use softicsf::ptkt::enhanced::{Session, TicketType};
    let key = softicsf::ptkt::software::HmacKey::new(&CICS_KEY).unwrap();
    let (user, application) = ("U1".parse().unwrap(), "CICSP1".parse().unwrap());
    let Ok(session) = Session::prepare(&key, &user, &application, TicketType::Upper);
    session.generate(&key, Timestamp::from_secs(START + after)).unwrap().expose().to_owned()
}

/// A third session, with an enhanced key.
#[cfg(feature = "enhanced")]
fn with_enhanced(text: &str) -> String {
    let key = "[[key]]\nlabel = \"PTKT.CICSP1.HMAC\"\ntype = \"HMAC-MAC\"\nvalue = \"@secret:mac\"\n\n[[profile]]\n\
               class = \"PTKTDATA\"\nname = \"CICSP1\"\nssignon = [\"EPTKEYLABEL(PTKT.CICSP1.HMAC)\", \"TYPE(UPPER)\"]\n\n";
    text.replacen("[[profile]]", &format!("{key}[[profile]]"), 1)
        .replace("pw  =", "mac = { generate = \"hmac\" }\npw  =")
        .replace("{ name = \"IMS\",", "{ name = \"CICS\", applid = \"CICSP1\" }, { name = \"IMS\",")
}

/// The drill of the outage with keys and a password that are known here, and those of its secrets that may not come out.
fn known(directory: &Path) -> (String, Vec<String>) {
    let text = story(OUTAGE);
    let keys = [("tso = { generate = \"des\" }", TSO_KEY.to_vec()), ("ims = { generate = \"des\" }", IMS_KEY.to_vec())];
    #[cfg(feature = "enhanced")]
    let text = with_enhanced(&text);
    #[cfg(feature = "enhanced")]
    let keys = keys.into_iter().chain([("mac = { generate = \"hmac\" }", CICS_KEY.to_vec())]);
    let mut secrets = vec![PASSWORD.to_owned()];
    let mut text = from_file(&text, "pw  = { generate = \"password\" }", PASSWORD, directory);
    for (entry, key) in keys {
        let (hex, list) = (data_encoding::HEXUPPER.encode(&key), format!("{key:?}"));
        text = from_file(&text, entry, &hex, directory);
        secrets.extend([hex.to_lowercase(), hex, data_encoding::BASE64.encode(&key)]);
        secrets.push(list.trim_matches(['[', ']']).to_owned());
    }
    for after in [0, 1500] {
        secrets.extend([ticket(TSO_KEY, "TSOPRD1", after), ticket(IMS_KEY, "IMSP1", after)]);
        #[cfg(feature = "enhanced")]
        secrets.push(enhanced_ticket(after));
    }
    (text, secrets)
}

/// The drill with a secret from a file in the place of one that is made.
fn from_file(text: &str, entry: &str, secret: &str, directory: &Path) -> String {
    let name = entry.split(' ').next().unwrap();
    let path = directory.join(name);
    fs::write(&path, secret).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(text.contains(entry), "{text}");
    text.replace(entry, &format!("{name} = {{ file = {path:?} }}"))
}

#[test]
fn no_key_pin_password_or_ticket_is_in_any_form() {
    let directory = tempfile::tempdir().unwrap();
    let (text, mut secrets) = known(directory.path());
    let noted = Noted::default();
    for kind in [CardKind::Software, CardKind::Pkcs11] {
        let run = run_on(&drill(&text), &Cards::default().tokens(&noted).all(kind)).unwrap();
        assert_eq!(run.exit_status(), 0);
        secrets.extend(noted.0.lock().unwrap().iter().map(|pin| pin.expose_secret().to_owned()));
        let report = Report::of(&run);
        let value = report.value();
        let journal = value["evidence"]["journal"].as_array().unwrap();
        // The sign-ons that these tickets were made for are in the journal.
        let made = journal.iter().filter(|event| event["event"] == "generate" && event["outcome"] == "ok");
        assert_eq!(made.count(), if cfg!(feature = "enhanced") { 6 } else { 4 });
        assert!(journal.iter().any(|event| event["command"].to_string().contains("KEYMASKED(")), "{journal:#?}");
        assert!(value["evidence"]["searched"].as_u64().unwrap() >= 7, "{}", value["evidence"]["searched"]);
        let mut forms: Vec<(String, String)> = report.files().map(|(name, text)| (name.to_owned(), text)).to_vec();
        forms.push(("Debug".to_owned(), format!("{run:?} {report:?}")));
        for (name, form) in &forms {
            for secret in &secrets {
                assert!(!form.contains(secret.as_str()), "{kind} {name}: {secret}");
            }
        }
    }
    assert!(secrets.len() > 13, "the PINs of the tokens are among them: {}", secrets.len());
}

/// A secret that stands where only some of the forms show it is found too.
#[test]
fn a_report_with_a_secret_in_it_is_withheld() {
    let directory = tempfile::tempdir().unwrap();
    let (text, secrets) = known(directory.path());
    // All that are as they are used: it is the tickets of this run that are looked for above.
    let used =
        |secret: &&String| secret.len() == 8 || secret.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let used: Vec<&String> = secrets.iter().filter(used).collect();
    assert_eq!(used.len(), if cfg!(feature = "enhanced") { 10 } else { 7 });
    for shown in used {
        let titled = text.replace("a small drill", &format!("about {shown}"));
        assert!(matches!(run(&Drill::read("test.toml", &titled).unwrap()), Err(Error::Leak)), "{shown}");
    }
    // Only the evidence tells the names of users.
    let named = text.replace("id       = \"U1\"", &format!("id       = \"U1\"\nname     = \"{PASSWORD}\""));
    assert!(matches!(run(&Drill::read("test.toml", &named).unwrap()), Err(Error::Leak)));
}
