//! The example of a server with this library in it does what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use softicsf::icsf_kdc::server::loopback;
use softicsf::{Caller, KerberosOptions, KerberosTask, NoSecrets};
use tempfile::TempDir;

#[path = "../../examples/rse_daemon.rs"]
#[allow(dead_code, reason = "a program, of which the test runs the day")]
mod rse_daemon;

#[test]
fn a_day_of_the_daemon() {
    let mut log = Vec::new();
    rse_daemon::a_day(&mut log).unwrap();
    assert_eq!(
        String::from_utf8(log).unwrap().lines().collect::<Vec<_>>(),
        [
            "wrong password: FAILED SAF 8/8/20",
            "connected; submit: OK SUBMIT",
            "card pulled; submit: FAILED SAF 8/16/28",
            "card back; submit: OK SUBMIT",
        ]
    );
}

/// A client of MIT's Kerberos: a ticket of the daemon's own KDC, and a token for the daemon.
struct Client {
    folder: TempDir,
}

impl Client {
    fn new(kdc: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = format!(
            "[libdefaults]\n default_realm = EXAMPLE.COM\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n \
             [realms]\n EXAMPLE.COM = {{\n kdc = {kdc}\n }}\n"
        );
        std::fs::write(folder.path().join("krb5.conf"), configuration).unwrap();
        Self { folder }
    }

    fn spawn(&self, command: &str, arguments: &[&str]) -> Child {
        Command::new(command)
            .args(arguments)
            .env("KRB5_CONFIG", self.folder.path().join("krb5.conf"))
            .env("KRB5CCNAME", self.folder.path().join("cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command}: {error}; install krb5-user and python3-gssapi"))
    }

    fn kinit(&self, password: &str) {
        let mut child = self.spawn("kinit", &["anna"]);
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Logs on to the daemon with a token; answers what the daemon said, and whether the client believes it.
    fn log_on(&self, port: u16) -> (String, bool) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../kdc/tests/mit/initiator.py");
        let mut child = self.spawn("/usr/bin/python3", &[script, "rse/localhost@EXAMPLE.COM", "mutual"]);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut token = String::new();
        out.read_line(&mut token).unwrap();
        let answer = rse_daemon::Workbench::to(port).unwrap().say(&format!("TOKEN {}", token.trim())).unwrap();
        let reply = answer.split(' ').nth(3).filter(|_| answer.starts_with("OK")).unwrap_or_default();
        writeln!(child.stdin.take().unwrap(), "{reply}").unwrap();
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        child.wait().unwrap();
        (answer, said.starts_with("complete"))
    }
}

#[test]
fn a_kerberos_ticket_logs_on_to_the_daemon() {
    let (system, operator) = rse_daemon::system().unwrap();
    let system = Arc::new(system);
    let kerberos = KerberosTask::start(&system, KerberosOptions::at(loopback(0))).unwrap();
    let (listener, address) = rse_daemon::listener(loopback(0)).unwrap();
    let daemon = Arc::new(rse_daemon::Daemon::new(Arc::clone(&system)));
    thread::spawn(move || rse_daemon::serve(&listener, &daemon));
    let client = Client::new(kerberos.kdc().address());
    client.kinit("SECRET1");

    let (answer, believed) = client.log_on(address.port());
    let words: Vec<&str> = answer.split(' ').collect();
    let ["OK", id, port, _] = words.as_slice() else { panic!("{answer}") };
    assert!(believed, "the daemon proved that it has the key");
    let mut server = rse_daemon::Workbench::to(port.parse().unwrap()).unwrap();
    assert_eq!(server.say(&format!("CLIENT {id}")).unwrap(), "OK");
    assert_eq!(server.say("ACTION SUBMIT").unwrap(), "OK SUBMIT");

    let admin = Caller::user("IBMUSER".parse().unwrap());
    let run = |command: &str| drop(system.racf(&admin, command, &NoSecrets).unwrap());
    let refused = |codes: &str| assert_eq!(client.log_on(address.port()), (format!("FAILED SAF {codes}"), false));
    run("ALTUSER U000001 REVOKE");
    refused("8/8/28");
    run("ALTUSER U000001 RESUME");
    system.icsf().run_kerberos(false).unwrap();
    refused("8/12/16");
    system.icsf().run_kerberos(true).unwrap();
    // The client has its ticket for the daemon; the daemon cannot open it without the engine.
    operator.slot.remove();
    refused("8/16/X'96C73A1D'");
    operator.slot.insert(&operator.card);
    assert!(client.log_on(address.port()).1);
    assert_eq!(
        rse_daemon::Workbench::to(address.port()).unwrap().say("TOKEN 00").unwrap(),
        "FAILED SAF 8/16/X'96C73A28'"
    );
    for nonsense in ["TOKEN 0", "TOKEN 0G"] {
        let answer = rse_daemon::Workbench::to(address.port()).unwrap().say(nonsense).unwrap();
        assert_eq!(answer, "FAILED no user ID, no password, or no token");
    }
}
