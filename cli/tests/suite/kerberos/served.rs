//! A system whose realm is served, and what its clients need.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::tickets::{Ticket, without_prompts};
use crate::support::{Place, program, softicsf};
use crate::transcripts::{Steady, check_file, replay_in, run};

/// The password of alice.
pub(super) const PASSWORD: &str = "alicepw";

/// A system PRD1 with realm EXAMPLE.COM, 10 hours at most and renewable for 7 days, at work; principals alice,
/// host/boston.example.com and nfs/boston.example.com.
pub(super) struct Served {
    pub(super) place: Place,
    kdc: Child,
    /// Where the KDC listens.
    pub(super) port: u16,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Served {
    /// With more options of `kdc serve`.
    pub(super) fn new(options: &[&str]) -> Self {
        Self::serve(Self::realm(), options)
    }

    /// The system, and nothing at work.
    pub(super) fn realm() -> Place {
        let place = Place::new();
        place.run(&["init", "prd1", "--sysname", "PRD1", "--generate-master-keys"]).ok();
        let lives = ["--max-life", "10h", "--max-renewable-life", "7d"];
        place.prd1(&[["realm", "create", "EXAMPLE.COM"].as_slice(), &lives].concat()).ok();
        let password = place.secret("alice.pw", &format!("{PASSWORD}\n"));
        place.prd1(&["principal", "add", "alice", "--password-file", &password]).ok();
        for service in ["host/boston.example.com", "nfs/boston.example.com"] {
            place.prd1(&["principal", "add", service, "--random-key"]).ok();
        }
        place
    }

    /// Has it served.
    pub(super) fn serve(place: Place, options: &[&str]) -> Self {
        let mut serve = softicsf(place.path());
        serve.args(["-C", "prd1", "kdc", "serve", "--listen", "127.0.0.1:0", "--kpasswd", "127.0.0.1:0"]).args(options);
        serve.stdout(Stdio::piped()).stderr(fs::File::create(place.join("kdc.log")).unwrap());
        let mut kdc = serve.spawn().unwrap();
        // What is printed first is the realm as krb5.conf has it.
        let mut printed = BufReader::new(kdc.stdout.take().unwrap());
        let mut realm = String::new();
        while !realm.ends_with("}\n") {
            assert_ne!(printed.read_line(&mut realm).unwrap(), 0, "kdc serve ended: {realm}");
        }
        let address = realm.lines().find_map(|line| line.trim().strip_prefix("kdc = ")).unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let settings = "[libdefaults]\ndefault_realm = EXAMPLE.COM\ndns_lookup_kdc = false\ndns_lookup_realm = false\n\
                        dns_canonicalize_hostname = false\nrdns = false\n";
        let rest = "[domain_realm]\nlocalhost = EXAMPLE.COM\n";
        fs::write(place.join("krb5.conf"), format!("{settings}[realms]\n{realm}{rest}")).unwrap();
        Self { place, kdc, port }
    }

    /// Ends the KDC.
    pub(super) fn stop(&mut self) {
        let _gone = self.kdc.kill();
        let _gone = self.kdc.wait();
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.place.join(name).display().to_string();
        let path = std::env::var("PATH").unwrap();
        vec![
            ("PATH", format!("{}:{}:{path}", program().parent().unwrap().display(), scripts().display())),
            ("SOFTICSF_SYSTEM", file("prd1")),
            ("XDG_STATE_HOME", file(".state")),
            ("KRB5_CONFIG", file("krb5.conf")),
            ("KRB5CCNAME", format!("FILE:{}", file("cache"))),
            ("KRB5RCACHEDIR", file("")),
            ("TZ", "UTC".to_owned()),
            ("KDC_PORT", self.port.to_string()),
        ]
    }

    /// Plays a session with clients.
    pub(super) fn play(&self, name: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
        check_file(&file, |session| {
            let mut steady = Steady::new(&self.place);
            let mut answer = |_: &str, answer: &str| steady.text(&Ticket::list(&without_prompts(answer)));
            replay_in(&self.place, &self.environment(), session, &mut answer)
        });
    }

    /// One of the scripts, as a process of its own.
    pub(super) fn script(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(scripts().join(name));
        command.args(arguments).current_dir(self.place.path()).envs(self.environment());
        command
    }

    /// Runs a command of a shell; what it says, and its exit status.
    pub(super) fn run(&self, command: &str) -> (String, String) {
        let (said, status) = run(&self.place, &self.environment(), &[command]).remove(0);
        (without_prompts(&said), status)
    }

    /// Runs one that is to end well.
    #[track_caller]
    pub(super) fn well(&self, command: &str) -> String {
        let (said, status) = self.run(command);
        assert_eq!(status, "0", "{command}: {said}\n{}", fs::read_to_string(self.place.join("kdc.log")).unwrap());
        said
    }
}

/// The folder of scripts that run other clients.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kerberos").canonicalize().unwrap()
}
