//! Files of a system cut short: refused by name, or their errors say so, and never a wrong answer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use icsf_saf::codes::Code;
use softicsf::System;

use crate::support::{admin, create, define, request};

/// A copy of a system, closed, with one file cut to this length.
fn cut(from: &Path, to: &Path, file: &str, length: usize) {
    fs::create_dir_all(to.join("engine")).unwrap();
    fs::create_dir_all(to.join("replay")).unwrap();
    for name in
        ["softicsf.toml", "control.toml", "epoch", "ckds.db", "racf.db", "engine/software.state", "engine/unlock.key"]
    {
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
    for (file, pieces) in [
        ("ckds.db", 24),
        ("racf.db", 24),
        ("engine/software.state", 16),
        ("engine/unlock.key", 8),
        ("softicsf.toml", 12),
        ("control.toml", 8),
        ("epoch", 8),
    ] {
        let length = fs::read(whole.join(file)).unwrap().len();
        for piece in 0..pieces {
            let length = length * piece / pieces;
            let place = directory.path().join(format!("copy{copies}"));
            copies += 1;
            cut(&whole, &place, file, length);
            let context = format!("{file} cut to {length} bytes");
            let name = file.rsplit('/').next().unwrap();
            let system = match System::open(&place) {
                Ok(system) => system,
                Err(error) => {
                    assert!(error.to_string().contains(name), "{context}: {error}");
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
                        assert!(cause.contains(name), "{context}: {cause}");
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
