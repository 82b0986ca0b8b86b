//! Databases of each format are read for ever, and each row is written as it always was. What is in the files is told in
//! `tests/golden/README.md`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use icsf_core::backend::{Etype, Mkvp};
use icsf_core::store::{Area, RowStore};
use icsf_saf::model::{
    Access, Audit, Authority, Class, Credential, EncryptionType, LegacyKey, MasterKeyVersion, PasswordPolicy,
    Principal, PrincipalFlag, PrincipalKey, TicketType, UsedPassword,
};
use icsf_saf::principals::RealmSettings;
use icsf_saf::replay::FileRegister;
use ptkt::{ReplayRegister, TicketKind, TicketUse, Timestamp, Usage};
use secrecy::SecretString;

use crate::support::{NOW, Site, admin, generate, request, run};

/// The commands that made the database of a version, taken from where they are told: the block with this word.
fn commands(word: &str) -> Vec<String> {
    let readme = fs::read_to_string(golden("README.md")).unwrap();
    let blocks: Vec<&str> = readme.split("```").collect();
    let made_by = blocks.iter().find(|block| block.contains(word)).unwrap();
    made_by.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

const ROWS: [(&str, &[u8]); 5] = [
    ("options", b"S"),
    ("masked", b"PPTKTDATAMASKED"),
    ("labels", b"PPTKTDATALABELS"),
    ("generic", b"PPTKTDATAIRRPTAUTH.**"),
    ("user", b"U\xe4\xf1\x40\x40\x40\x40\x40\x40"),
];

const REALM: &str = "PREALM   /.../KERB10.ENDICOTT.IBM.COM/KRBTGT/KER2000.ENDICOTT.IBM.COM";

/// What version 2 adds.
const ROWS_2: [(&str, &[u8]); 5] = [
    ("options", b"S"),
    ("facility", b"PFACILITYIRR.RTICKETSERV"),
    ("realm", REALM.as_bytes()),
    ("user", b"U\xe4\xf2\x40\x40\x40\x40\x40\x40"),
    ("group", b"G\xe3\xd7\xe7\x40\x40\x40\x40\x40"),
];

/// What version 3 adds.
const ROWS_3: [(&str, &[u8]); 3] =
    [("realm", b"PREALM   KERBDFLT"), ("principal", br"Khost/a\/b"), ("policy", b"Lstrict")];

/// The rows of version 3: there are no commands for all that is in them.
fn with_rows_of_version_3(site: &Site) {
    run(&site.saf, "RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM))");
    let mut settings = RealmSettings::default();
    settings.max_renewable_life = Some(Some(604_800));
    site.saf.alter_realm(&admin(), &settings).unwrap();
    site.saf.database().put_principal(&principal()).unwrap();
    let policy =
        PasswordPolicy { min_length: 8, history: 3, max_life: Some(90), ..PasswordPolicy::new("strict").unwrap() };
    site.saf.database().put_policy(&policy).unwrap();
}

fn principal() -> Principal {
    let key = |version, etype: Etype| PrincipalKey {
        version,
        etype,
        label: format!("SICKRB.GOLDEN.E{}.V{version}", etype.number()).parse().unwrap(),
        salt: "EXAMPLE.COMhosta/b".to_owned(),
        created: NOW,
    };
    Principal {
        user: Some("U1".parse().unwrap()),
        keys: vec![key(2, Etype::Aes256Sha2), key(2, Etype::Aes256Sha1), key(1, Etype::Aes128Sha1)],
        flags: PrincipalFlag::ALL.into(),
        max_ticket_life: Some(36_000),
        max_renewable_life: Some(604_800),
        expires: Some(NOW + 1),
        password_expires: Some(NOW + 2),
        policy: Some("strict".to_owned()),
        history: vec![UsedPassword { etype: Etype::Aes256Sha1, version: 1, salt: "salt".to_owned(), mac: [7; 16] }],
        password_changed: Some(NOW + 3),
        master_keys: vec![MasterKeyVersion { version: 1, pattern: Mkvp::new([8; 8]) }],
        ..Principal::new(r"host/a\/b".parse().unwrap(), NOW)
    }
}

#[test]
fn version_3_is_written_as_it_always_was() {
    let site = Site::bare();
    with_rows_of_version_3(&site);
    for (name, key) in ROWS_3 {
        assert_eq!(row(&*site.racf, key), read(&format!("row-v3-{name}")), "{name}");
    }
}

#[test]
fn rows_of_version_3_are_read() {
    let site = golden_site("racf-v3.db");
    let view = site.saf.database().view().unwrap();
    assert_eq!(view.damaged().count(), 0);
    assert_eq!(**view.principal(&r"host/a\/b".parse().unwrap()).unwrap(), principal());
    let policy = view.policy("strict").unwrap();
    assert_eq!((policy.min_length, policy.history, policy.max_life), (8, 3, Some(90)));
    let realm = view.local_realm().unwrap().kerb.as_ref().unwrap();
    assert_eq!((realm.name.as_str(), realm.max_renewable_life), ("EXAMPLE.COM", Some(604_800)));
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(golden(name)).unwrap()
}

fn row(store: &dyn RowStore, key: &[u8]) -> Vec<u8> {
    let bytes = store.get(Area::Disk, key).unwrap().unwrap().bytes;
    [&[u8::try_from(key.len()).unwrap()], key, &bytes].concat()
}

fn made_now(site: Site, word: &str) -> Site {
    for command in commands(word) {
        if cfg!(feature = "enhanced") || !command.contains("EPTKEYLABEL") {
            run(&site.saf, &command);
        }
    }
    site
}

#[test]
fn format_1_is_written_as_it_always_was() {
    let site = made_now(Site::bare(), "CLASSACT(PTKTDATA)");
    let mut compared = 0;
    for (name, key) in ROWS {
        // A password is hashed with another salt each time; without the feature there is no enhanced label.
        if name != "user" && (cfg!(feature = "enhanced") || name != "labels") {
            assert_eq!(row(&*site.racf, key), read(&format!("row-v1-{name}")), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, if cfg!(feature = "enhanced") { 4 } else { 3 });
}

#[test]
fn version_2_is_written_as_it_always_was() {
    let site = made_now(Site::bare(), "ADDGROUP");
    for (name, key) in ROWS_2 {
        assert_eq!(row(&*site.racf, key), read(&format!("row-v2-{name}")), "{name}");
    }
}

#[test]
fn rows_of_version_2_are_read() {
    let site = golden_site("racf-v2.db");
    let view = site.saf.database().view().unwrap();
    assert_eq!(view.damaged().count(), 0);
    assert_eq!(view.options().revoke_after, Some(3));
    let facility = view.profile(Class::Facility, &"IRR.RTICKETSERV".parse().unwrap()).unwrap();
    assert_eq!((facility.level, facility.warning), (7, true));
    assert_eq!(facility.audit, Audit { success: Some(Access::Update), failures: None });
    let realm = view.profile(Class::Realm, &REALM[9..].parse().unwrap()).unwrap().kerb.as_ref().unwrap();
    assert_eq!(realm.password.as_ref().unwrap().expose(), b"12345678");
    let lives = (realm.min_ticket_life, realm.default_ticket_life, realm.max_ticket_life);
    assert_eq!((lives, realm.key_version, realm.check_addresses), ((Some(15), Some(36_000), Some(86_400)), 1, true));
    assert!(!realm.encryption.contains(&EncryptionType::Des) && realm.encryption.len() == 6);
    let user = view.user(&"U2".parse().unwrap()).unwrap();
    assert_eq!((user.attributes.len(), user.created, user.protected), (2, Some(NOW), true));
    let connect = &user.connects[&"TPX".parse().unwrap()];
    assert_eq!((connect.authority, connect.revoked), (Authority::Join, true));
    assert_eq!(user.kerb.as_ref().unwrap().name, "U2");
    let group = view.group(&"TPX".parse().unwrap()).unwrap();
    assert_eq!((group.data.as_str(), group.superior.unwrap().to_string().as_str()), ("session managers", "SYS1"));
}

/// A system whose security database is the golden one: a copy, because the file must be its owner's alone and version
/// control does not keep that.
fn golden_site(name: &str) -> Site {
    Site::with_racf(|path| {
        fs::write(path, read(name)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    })
}

#[test]
fn a_database_of_format_1_is_opened_and_written_on() {
    let site = golden_site("racf-v1.db");
    let view = site.saf.database().view().unwrap();
    assert_eq!(view.damaged().count(), 0);
    let options = view.options();
    assert!(options.mixed_case);
    for classes in [&options.active, &options.raclisted, &options.generic] {
        assert_eq!(classes.iter().collect::<Vec<_>>(), [&Class::Ptktdata]);
    }
    let profile = |name: &str| view.profile(Class::Ptktdata, &name.parse().unwrap()).unwrap();
    let masked = profile("MASKED");
    assert_eq!((masked.uacc, masked.owner.to_string().as_str(), masked.generic), (Access::Alter, "IBMUSER", false));
    assert_eq!((masked.data.as_str(), masked.appldata.as_str()), ("installation data", "NO REPLAY PROTECTION"));
    let Some(LegacyKey::Masked(key)) = &masked.ssignon.as_ref().unwrap().legacy else { panic!("not masked") };
    assert_eq!(key.expose(), 0xe001_1935_1956_1977_u64.to_be_bytes());
    let in_storage = view.discrete(Class::Ptktdata, &"MASKED".parse().unwrap()).unwrap();
    assert_eq!((in_storage.uacc, view.stale(Class::Ptktdata)), (Access::Read, 1), "it waits for REFRESH");
    let labels = profile("LABELS").ssignon.as_ref().unwrap();
    assert!(matches!(&labels.legacy, Some(LegacyKey::Label(label)) if label.to_string() == "LEGACY.KEY"));
    assert_eq!(labels.enhanced.unwrap().to_string(), "HMAC.KEY");
    assert_eq!((labels.ticket_type, labels.timeout, labels.replay), (Some(TicketType::Upper), Some(600), Some(true)));
    let generic = profile("IRRPTAUTH.**");
    assert_eq!((generic.generic, generic.uacc), (true, Access::Update));
    assert_eq!(generic.access.values().copied().collect::<Vec<_>>(), [Access::None, Access::Control]);
    let user = view.user(&"U1".parse().unwrap()).unwrap();
    assert_eq!((user.name.as_str(), user.group.to_string().as_str()), ("A USER", "GRP"));
    assert_eq!((user.owner.to_string().as_str(), user.protected, user.revoked), ("SOMEONE", false, false));
    let typed = Credential::new(SecretString::from("Secret1")).unwrap();
    site.saf.sign_on(&request("U1", "MASKED"), &typed).unwrap();

    generate(&site.saf, &request("U1", "MASKED")).unwrap();
    run(&site.saf, "RDELETE PTKTDATA LABELS");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    generate(&site.another(), &request("U1", "MASKED")).unwrap();
}

#[test]
fn a_register_of_format_2_is_read() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(format!("{:010}", NOW / 64)), read("replay-v2")).unwrap();
    let register = FileRegister::open(directory.path()).unwrap();
    let used = |kind, application: &str, time| {
        let (user, application) = ("U1".parse().unwrap(), application.parse().unwrap());
        let used = TicketUse::new(kind, user, application, Timestamp::from_secs(time), &"ZVQLMCAN".parse().unwrap());
        register.first_use(&used, Timestamp::from_secs(NOW)).unwrap()
    };
    assert_eq!(used(TicketKind::Legacy, "MASKED", NOW), Usage::Replay);
    assert_eq!(used(TicketKind::Enhanced, "LABELS", NOW), Usage::Replay);
    assert_eq!(used(TicketKind::Enhanced, "MASKED", NOW), Usage::First);
    assert_eq!(used(TicketKind::Legacy, "MASKED", NOW + 1), Usage::First);
}

#[test]
#[ignore = "makes the golden files of a new version, into the directory for temporary files"]
fn make() {
    let to = |name: &str| std::env::temp_dir().join(name);
    let site = Site::bare_on_files();
    with_rows_of_version_3(&site);
    for (name, key) in ROWS_3 {
        fs::write(to(&format!("row-v3-{name}")), row(&*site.racf, key)).unwrap();
    }
    let path = site.directory.path().join("racf.db");
    // Closed, so that all of it is in the one file.
    let Site { directory: _kept, saf, racf, .. } = site;
    drop((saf, racf));
    fs::copy(path, to("racf-v3.db")).unwrap();
}
