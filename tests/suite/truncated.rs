//! Files of a system cut short: refused by name, or their errors say so, and never a wrong answer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use icsf_saf::codes::Code;
use softicsf::System;

use crate::support::{admin, create, define, request};

/// The files of a system, and at how many lengths each is cut.
const FILES: [(&str, usize); 7] = [
    ("ckds.db", 24),
    ("racf.db", 24),
    ("engine.state", 16),
    ("engine.key", 8),
    ("softicsf.toml", 12),
    ("control.toml", 8),
    ("epoch", 8),
];

/// A copy of a system, closed, with one file cut to this length.
fn cut(from: &Path, to: &Path, file: &str, length: usize) {
    fs::create_dir_all(to.join("replay")).unwrap();
    for (name, _) in FILES {
        let mut bytes = fs::read(from.join(name)).unwrap();
        if name == file {
            bytes.truncate(length);
        }
        fs::write(to.join(name), bytes).unwrap();
        fs::set_permissions(to.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_system_with_any_file_cut_short_says_which_and_makes_no_wrong_ticket() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    let system = create(&whole);
    define(&system);
    let who = request("IBMUSER", "TSOPRD1").at(1_700_000_000);
    let masked = request("IBMUSER", "MASKED").at(1_700_000_000);
    let right = system.generate(&admin(), &who).unwrap();
    let right_masked = system.generate(&admin(), &masked).unwrap();
    drop(system);
    let mut copies = 0;
    for entry in fs::read_dir(&whole).unwrap() {
        let (name, length) = entry.map(|e| (e.file_name(), e.metadata().unwrap().len())).unwrap();
        println!("{name:?}: {length}");
        let known = FILES.iter().any(|(file, _)| name == *file);
        assert!(known || name == "replay" || name == "journal" || length == 0, "{name:?} is cut by no test");
    }
    for (file, pieces) in FILES {
        let length = fs::read(whole.join(file)).unwrap().len();
        for piece in 0..pieces {
            let length = length * piece / pieces;
            let place = directory.path().join(format!("copy{copies}"));
            copies += 1;
            cut(&whole, &place, file, length);
            let context = format!("{file} cut to {length} bytes");
            let system = match System::open(&place) {
                Ok(system) => system,
                Err(error) => {
                    assert!(error.to_string().contains(file), "{context}: {error}");
                    continue;
                }
            };
            for (who, right, code) in
                [(&who, &right, Code::GenerationKey), (&masked, &right_masked, Code::InternalError)]
            {
                match system.generate(&admin(), who) {
                    Ok(ticket) => assert_eq!(&ticket, right, "{context}"),
                    Err(error) => {
                        let cause = format!("{} {:?}", error.cause(), error.cause().engine());
                        assert!(error.code() == code || error.code() == Code::InternalError, "{context}: {error:?}");
                        assert!(cause.contains(file), "{context}: {cause}");
                    }
                }
            }
            // The counter alone can be made anew without loss.
            if file == "epoch" {
                assert_eq!(system.generate(&admin(), &who).unwrap(), right, "{context}");
            }
        }
    }
    assert_eq!(copies, 100);
}
