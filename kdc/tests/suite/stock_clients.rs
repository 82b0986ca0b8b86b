//! MIT's own clients over real sockets: the sites of the other tests, served.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use icsf_core::clock::{Clock, SystemClock};
use icsf_core::random::SystemRandom;
use icsf_kdc::codes::ErrorCode;
use icsf_kdc::kpasswd::{Change, PasswordRequest, PasswordService, Rejected, ResultCode};
use icsf_kdc::server::{Limits, Origin, Server, Service, loopback};
use icsf_kdc::{Acceptor, CkdsKeys, gss};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{PASSWORD, REALM, Site};

struct Kdc(Arc<Site>);

impl Service for Kdc {
    fn answer(&self, request: &[u8], origin: &Origin) -> Option<Vec<u8>> {
        let registry = self.0.saf.database().view().unwrap();
        let answer = self.0.kdc.handle(request, origin.peer.ip(), SystemClock.now(), &registry);
        answer.reply.map(|reply| reply.to_vec())
    }

    fn refuse(&self, code: ErrorCode) -> Vec<u8> {
        self.0.kdc.error(code, SystemClock.now(), &self.0.saf.database().view().unwrap())
    }
}

/// Takes every password but `short`, and takes note of it.
struct Kpasswd {
    site: Arc<Site>,
    service: PasswordService,
    set: Arc<Mutex<Vec<(String, String)>>>,
}

impl Service for Kpasswd {
    fn answer(&self, request: &[u8], origin: &Origin) -> Option<Vec<u8>> {
        let (icsf, registry) = (&self.site.icsf, self.site.saf.database().view().unwrap());
        let keys = CkdsKeys { icsf, registry: &registry };
        let (replays, numbering) = (self.site.kdc.replays(), icsf.reason_codes());
        let acceptor = Acceptor { realm: REALM, keys: &keys, replays, numbering, skew: 300 };
        let (peer, local) = (origin.peer.ip(), origin.local.ip());
        let request = PasswordRequest { bytes: request, peer, local, now: SystemClock.now() };
        let mut change = |change: &Change<'_>| {
            if change.password == "short" {
                let text = "a password has 8 characters or more".to_owned();
                return Err(Rejected { result: ResultCode::SoftError, text });
            }
            self.set.lock().unwrap().push((change.target.to_string(), change.password.to_owned()));
            Ok(())
        };
        let answer = self.service.handle(&acceptor, &SystemRandom, &request, &mut change);
        answer.reply.map(|reply| reply.to_vec())
    }

    fn refuse(&self, code: ErrorCode) -> Vec<u8> {
        Kdc(Arc::clone(&self.site)).refuse(code)
    }
}

/// A site served, and the folder of a user of it.
struct Served {
    site: Arc<Site>,
    kdc: Server,
    kpasswd: Server,
    set: Arc<Mutex<Vec<(String, String)>>>,
    folder: TempDir,
}

impl Served {
    fn new(site: Site, limits: Limits, only_tcp: bool) -> Self {
        let (site, set) = (Arc::new(site), Arc::new(Mutex::new(Vec::new())));
        let kdc = Server::start(loopback(0), Arc::new(Kdc(Arc::clone(&site))), limits).unwrap();
        let service = Kpasswd { site: Arc::clone(&site), service: PasswordService::new(), set: Arc::clone(&set) };
        let kpasswd = Server::start(loopback(0), Arc::new(service), limits).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let preference = if only_tcp { "udp_preference_limit = 1\n" } else { "" };
        let configuration = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n \
             rdns = false\n {preference}[realms]\n {REALM} = {{\n kdc = {}\n kpasswd_server = {}\n }}\n",
            kdc.address(),
            kpasswd.address()
        );
        std::fs::write(folder.path().join("krb5.conf"), configuration).unwrap();
        Self { site, kdc, kpasswd, set, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&self, command: &str, arguments: &[&str]) -> Child {
        Command::new(command)
            .args(arguments)
            .env("KRB5_CONFIG", self.file("krb5.conf"))
            .env("KRB5CCNAME", self.file("cache"))
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command}: {error}; install krb5-user and python3-gssapi"))
    }

    /// What a command prints, on both streams, and whether it ends well.
    fn run(&self, command: &str, arguments: &[&str], input: &str) -> (bool, String) {
        let mut child = self.spawn(command, arguments);
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }
}

fn well((ended, text): (bool, String)) -> String {
    assert!(ended, "{text}");
    text
}

#[test]
fn kinit_and_kvno_get_tickets_over_both_protocols() {
    for only_tcp in [false, true] {
        let served = Served::new(Site::new(), Limits::default(), only_tcp);
        well(served.run("kinit", &["-f", "-l", "1h", "alice"], &format!("{PASSWORD}\n")));
        well(served.run("kvno", &["host/boston.example.com"], ""));
        let listed = well(served.run("klist", &["-f"], ""));
        assert!(listed.contains("Default principal: alice@EXAMPLE.COM"), "{listed}");
        assert!(listed.contains("krbtgt/EXAMPLE.COM@EXAMPLE.COM"), "{listed}");
        assert!(listed.contains("host/boston.example.com@EXAMPLE.COM"), "{listed}");
        assert!(listed.contains("Flags: FIA") && listed.contains("Flags: FAT"), "{listed}");
        let counts = served.kdc.stop();
        let (udp, tcp) = (counts.udp_answered, counts.tcp_answered);
        assert_eq!((udp == 0, tcp == 0), (only_tcp, !only_tcp), "{counts:?}");
    }
}

#[test]
fn a_reply_too_big_for_a_datagram_sends_kinit_to_tcp() {
    let served = Served::new(Site::new(), Limits { datagram: 400, ..Limits::default() }, false);
    well(served.run("kinit", &["alice"], &format!("{PASSWORD}\n")));
    // A connection counts when it has ended.
    let counts = served.kdc.stop();
    assert!(counts.reply_too_big > 0 && counts.tcp_answered > 0, "{counts:?}");
}

/// At error 29 in a datagram it would wait for other KDCs.
#[test]
fn kinit_is_told_at_once_that_the_engine_is_gone() {
    let site = Site::new();
    site.icsf.engine_offline().unwrap();
    let served = Served::new(site, Limits::default(), false);
    let begun = Instant::now();
    let (ended, text) = served.run("kinit", &["alice"], &format!("{PASSWORD}\n"));
    assert!(!ended && text.contains("A service is not available that is required to process the request"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let counts = served.kdc.stop();
    assert!(counts.unavailable > 0 && counts.tcp_answered > 0 && counts.reply_too_big == 0, "{counts:?}");
}

#[test]
fn kpasswd_sets_a_password_over_both_protocols() {
    for only_tcp in [false, true] {
        let served = Served::new(Site::new(), Limits::default(), only_tcp);
        let text = well(served.run("kpasswd", &["alice"], &format!("{PASSWORD}\nnew secret\nnew secret\n")));
        assert!(text.contains("Password changed."), "{text}");
        assert_eq!(*served.set.lock().unwrap(), [("alice".to_owned(), "new secret".to_owned())]);
        let counts = served.kpasswd.stop();
        assert_eq!(counts.udp_answered + counts.tcp_answered, 1, "{counts:?}");
    }
}

#[test]
fn kpasswd_shows_why_a_password_is_not_set() {
    let served = Served::new(Site::new(), Limits::default(), false);
    let (ended, text) = served.run("kpasswd", &["alice"], &format!("{PASSWORD}\nshort\nshort\n"));
    assert!(!ended && text.contains("Password change rejected"), "{text}");
    assert!(text.contains("a password has 8 characters or more"), "{text}");
    assert_eq!(*served.set.lock().unwrap(), []);
}

/// MIT's GSS-API as the client: both sides agree on the key, the client believes the server, and what it delegates is a
/// forwarded ticket.
#[test]
fn gss_api_clients_are_accepted() {
    let served = Served::new(Site::new(), Limits::default(), false);
    well(served.run("kinit", &["-f", "alice"], &format!("{PASSWORD}\n")));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mit/initiator.py");
    for words in [&[][..], &["mutual"], &["mutual", "delegate"], &["spnego"], &["spnego", "mutual", "delegate"]] {
        // That of the system, for which the distribution has gssapi.
        let arguments = [&[script, "host/boston.example.com@EXAMPLE.COM"], words].concat();
        let mut child = served.spawn("/usr/bin/python3", &arguments);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let token = data_encoding::HEXLOWER.decode(line.trim().as_bytes()).unwrap();
        let registry = served.site.saf.database().view().unwrap();
        let keys = CkdsKeys { icsf: &served.site.icsf, registry: &registry };
        let (replays, numbering) = (served.site.kdc.replays(), served.site.icsf.reason_codes());
        let acceptor = Acceptor { realm: REALM, keys: &keys, replays, numbering, skew: 300 };
        let answer = gss::accept(&acceptor, &SystemRandom, &token, None, SystemClock.now());
        let reply = answer.as_ref().ok().and_then(|context| context.reply()).unwrap_or_default();
        writeln!(child.stdin.take().unwrap(), "{}", data_encoding::HEXLOWER.encode(reply)).unwrap();
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));

        let context = answer.unwrap();
        assert_eq!(context.accepted().client().to_string(), "alice");
        assert_eq!(context.flags().has(gss::ContextFlags::MUTUAL), words.contains(&"mutual"));
        let key = data_encoding::HEXLOWER.encode(&Sha256::digest(context.key().expose()));
        assert_eq!(said.lines().collect::<Vec<_>>(), ["complete", &key], "{words:?}");
        let delegated: Vec<String> = context.delegated().iter().map(|ticket| ticket.flags.to_string()).collect();
        assert_eq!(delegated, if words.contains(&"delegate") { vec!["FfRAT"] } else { vec![] }, "{words:?}");
        let again = gss::accept(&acceptor, &SystemRandom, &token, None, SystemClock.now()).unwrap_err();
        assert_eq!(again.code(), ErrorCode::Repeat);
    }
}
