//! Processor time per request beside MIT's KDC: both at work on this machine, asked in turns over UDP by one sender.
//!
//! ```text
//! apt install krb5-kdc krb5-admin-server softhsm2
//! cargo build --release -p softicsf-cli
//! cargo bench -p icsf-kdc --bench peers
//! ```
//!
//! The sender has 16 requests on their way at a time. All differ and are made before the clock starts; etype 18
//! throughout. Processor time is what the system counts for a server's process, in user mode and in the kernel.
//!
//! | server | what |
//! |---|---|
//! | softicsf | `softicsf kdc serve` on a system directory, as shipped: a line of log for each request, and a journal |
//! | softicsf --quiet | the same without the lines |
//! | softicsf, SoftHSM | as shipped, its keys in a token; left out where there is no SoftHSM |
//! | MIT | krb5kdc as shipped: it writes to its database for each AS exchange |
//! | MIT, no updates | with `disable_last_success` and `disable_lockout` |
//!
//! Figures are medians of the rounds; nothing fails, as times are not to be relied on where others work.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise"
)]
#![allow(dead_code, reason = "the client of the tests can do more")]

#[path = "../tests/suite/client.rs"]
mod client;
#[path = "../tests/suite/support.rs"]
mod support;

use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use client::{Ask, ask, tgs};
use icsf_kdc::server::loopback;
use support::{PASSWORD, REALM};

const ROUNDS: usize = 5;
const REQUESTS: usize = 10_000;
/// Of a server that writes to disk for each.
const REQUESTS_WRITTEN: usize = 1000;
const WINDOW: usize = 16;
const AS_REP: u8 = 0x6b;
const TGS_REP: u8 = 0x6d;
const KRB_ERROR: u8 = 0x7e;
const HOST: &str = "host/boston.example.com";
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A KDC at work, until it is dropped.
struct Peer {
    name: &'static str,
    child: Child,
    socket: UdpSocket,
    /// How many AS exchanges make a round.
    initial: usize,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Runs a command to its end.
fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn free_port() -> u16 {
    UdpSocket::bind(loopback(0)).unwrap().local_addr().unwrap().port()
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

impl Peer {
    /// Starts it, and waits until it answers. What it writes goes to a file.
    fn start(name: &'static str, server: &mut Command, log: &Path, port: u16, initial: usize) -> Self {
        let log = File::create(log).unwrap();
        let to_log = || Stdio::from(log.try_clone().unwrap());
        let child = server.stdin(Stdio::null()).stdout(to_log()).stderr(to_log()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{server:?}: {error}"));
        let socket = UdpSocket::bind(loopback(0)).unwrap();
        socket.connect(loopback(port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let peer = Self { name, child, socket, initial };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !matches!(peer.socket.send(&ask().as_req(now())).and_then(|_| peer.socket.recv(&mut [0; 4096])), Ok(1..))
        {
            assert!(Instant::now() < deadline, "{name} does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        // What was asked in vain may be answered yet.
        while peer.socket.recv(&mut [0; 4096]).is_ok() {}
        peer.socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        peer
    }

    /// Sends all, each of which gets a reply of this kind. The last reply.
    fn serve(&self, requests: &[Vec<u8>], kind: u8) -> Vec<u8> {
        let (mut buffer, mut length, mut waiting) = ([0; 4096], 0, requests.iter());
        for request in waiting.by_ref().take(WINDOW) {
            self.socket.send(request).unwrap();
        }
        for _ in requests {
            length = self.socket.recv(&mut buffer).unwrap();
            let reply = buffer.get(..length).unwrap();
            let refused = || rasn::der::decode::<rasn_kerberos::KrbError>(reply).map(|error| error.error_code);
            assert_eq!(reply.first(), Some(&kind), "{}: {:?}", self.name, refused());
            if let Some(request) = waiting.next() {
                self.socket.send(request).unwrap();
            }
        }
        buffer.get(..length).unwrap().to_vec()
    }

    /// Processor time so far, in user mode and in the kernel.
    fn used(&self) -> Duration {
        // Source: proc(5); the name, in parentheses, is the second field, and a tick is 10 ms on every Linux.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Microseconds of the processor for each of these requests.
    fn cost(&self, requests: &[Vec<u8>], kind: u8) -> f64 {
        let before = self.used();
        self.serve(requests, kind);
        (self.used() - before).as_secs_f64() * 1e6 / requests.len() as f64
    }

    /// What an AS exchange, one that is refused since it lacks pre-authentication, and a TGS exchange cost.
    fn round(&self) -> [f64; 3] {
        let now = now();
        let many = |count, request: &dyn Fn() -> Vec<u8>| (0..count).map(|_| request()).collect::<Vec<_>>();
        let initial = self.cost(&many(self.initial, &|| ask().as_req(now)), AS_REP);
        let refused = Ask { preauth: false, ..ask() };
        let refused = self.cost(&many(REQUESTS, &|| refused.as_req(now)), KRB_ERROR);
        let granting = ask().read_as_rep(&self.serve(&[ask().as_req(now)], AS_REP));
        let further = self.cost(&many(REQUESTS, &|| tgs().tgs_req(now, &granting, None).0), TGS_REP);
        [initial, refused, further]
    }

    /// MiB that are resident now.
    fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

/// The program, built as it is shipped: beside the folder of this one.
fn softicsf() -> PathBuf {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("softicsf");
    assert!(program.is_file(), "{} is missing: cargo build --release -p softicsf-cli", program.display());
    program
}

/// A system directory with the realm and its principals.
fn system(folder: &Path, init: &[&str]) -> PathBuf {
    let (system, password) = (folder.join("system"), folder.join("password"));
    secret(&password, PASSWORD);
    let cli = |arguments: &[&str]| {
        let mut command = Command::new(softicsf());
        run(command.env("SOFTHSM2_CONF", folder.join("softhsm2.conf")).arg("-C").arg(&system).args(arguments));
    };
    let mut make = Command::new(softicsf());
    make.env("SOFTHSM2_CONF", folder.join("softhsm2.conf"));
    run(make.arg("init").arg(&system).args(init).arg("--generate-master-keys"));
    cli(&["realm", "create", REALM, "--max-life", "10h"]);
    cli(&["racf", "RALTER REALM KERBDFLT KERB(ENCRYPT(NOAES128 NOAES128SHA2 NOAES256SHA2 AES256))"]);
    cli(&["principal", "passwd", "krbtgt/EXAMPLE.COM", "--random-key"]);
    cli(&["principal", "add", HOST, "--random-key"]);
    cli(&["principal", "add", "alice", "--password-file", password.to_str().unwrap()]);
    system
}

fn ours(name: &'static str, system: &Path, more: &[&str], log: &str) -> Peer {
    let port = free_port();
    let mut server = Command::new(softicsf());
    server.env("SOFTHSM2_CONF", system.with_file_name("softhsm2.conf"));
    server.arg("-C").arg(system).args(["kdc", "serve", "--listen", &loopback(port).to_string()]).args(more);
    Peer::start(name, &mut server, &system.with_file_name(log), port, REQUESTS)
}

/// A token in a folder, and what names it to `softicsf init`.
fn token(folder: &Path) -> Vec<String> {
    let (tokens, pin, configuration) = (folder.join("tokens"), folder.join("pin"), folder.join("softhsm2.conf"));
    fs::create_dir(&tokens).unwrap();
    secret(&pin, "7777");
    fs::write(&configuration, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
    let mut make = Command::new("softhsm2-util");
    make.env("SOFTHSM2_CONF", &configuration);
    run(make.args(["--init-token", "--free", "--label", "bench", "--so-pin", "88888888", "--pin", "7777"]));
    let named = ["--backend", "pkcs11", "--module", SOFTHSM, "--token", "bench", "--accept-weak-token", "--pin-file"];
    named.into_iter().chain([pin.to_str().unwrap()]).map(str::to_owned).collect()
}

fn secret(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// MIT's KDC, with these relations for its database.
fn mit(name: &'static str, folder: &Path, database: &str, initial: usize) -> Peer {
    let (at, address) = (folder.display(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let configuration = format!(
        "[libdefaults]\n default_realm = {REALM}\n[dbmodules]\n {REALM} = {{\n  db_library = db2\n  \
         database_name = {at}/principal\n  {database}\n }}\n[logging]\n kdc = FILE:{at}/krb5kdc.log\n[realms]\n \
         {REALM} = {{\n  key_stash_file = {at}/stash\n  max_life = 10h\n  kdc_listen = {address}\n  \
         kdc_tcp_listen = {address}\n  supported_enctypes = aes256-cts:normal\n }}\n"
    );
    fs::write(folder.join("krb5.conf"), configuration).unwrap();
    let command = |program: &str| {
        let mut command = Command::new(program);
        for variable in ["KRB5_CONFIG", "KRB5_KDC_PROFILE"] {
            command.env(variable, folder.join("krb5.conf"));
        }
        command
    };
    run(command("/usr/sbin/kdb5_util").args(["create", "-s", "-P", "master"]));
    for query in [format!("addprinc -pw {PASSWORD} +requires_preauth alice"), format!("addprinc -randkey {HOST}")] {
        run(command("/usr/sbin/kadmin.local").args(["-q", &query]));
    }
    let mut server = command("/usr/sbin/krb5kdc");
    Peer::start(name, server.arg("-n"), &folder.join("output.log"), address.port(), initial)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let folder = folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        folder
    };
    let plain = system(&at("softicsf"), &[]);
    let no_updates = "disable_last_success = true\n  disable_lockout = true";
    let mut peers = vec![
        ours("softicsf", &plain, &[], "log"),
        ours("softicsf --quiet", &plain, &["--quiet"], "log-quiet"),
        mit("MIT", &at("mit"), "", REQUESTS_WRITTEN),
        mit("MIT, no updates", &at("mit-no-updates"), no_updates, REQUESTS),
    ];
    if Path::new(SOFTHSM).exists() {
        let folder = at("softhsm");
        let named = token(&folder);
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        peers.push(ours("softicsf, SoftHSM", &system(&folder, &named), &[], "log"));
    }
    for peer in &peers {
        peer.round();
    }
    let mut rounds = vec![Vec::new(); peers.len()];
    for _ in 0..ROUNDS {
        for (peer, costs) in peers.iter().zip(&mut rounds) {
            costs.push(peer.round());
        }
    }
    println!("processor time per request in microseconds: median (least)");
    println!("{:<20}{:>18}{:>18}{:>18}{:>10}", "server", "AS", "AS, refused", "TGS", "resident");
    for (peer, costs) in peers.iter().zip(&rounds) {
        print!("{:<20}", peer.name);
        for which in 0..3 {
            let of: Vec<f64> = costs.iter().filter_map(|round| round.get(which).copied()).collect();
            let least = of.iter().copied().fold(f64::INFINITY, f64::min);
            print!("{:>18}", format!("{:.1} ({least:.1})", median(of)));
        }
        println!("{:>10}", format!("{:.1} MiB", peer.resident()));
    }
    println!("\nover MIT's in the same round: median");
    for (peer, costs) in peers.iter().zip(&rounds).filter(|(peer, _)| peer.name.starts_with("softicsf")) {
        for (mit, theirs) in peers.iter().zip(&rounds).filter(|(peer, _)| peer.name.starts_with("MIT")) {
            print!("{:<36}", format!("{} / {}", peer.name, mit.name));
            for which in 0..3 {
                let of = costs.iter().zip(theirs).filter_map(|(ours, mits)| Some(ours.get(which)? / mits.get(which)?));
                print!("{:>10.2}", median(of.collect()));
            }
            println!();
        }
    }
}
