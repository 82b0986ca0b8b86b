//! A server that signs its users on as RSE does, with this library in it.
//!
//! ```text
//! cargo run -p softicsf --example rse_daemon                  # goes through a day by itself
//! cargo run -p softicsf --example rse_daemon 127.0.0.1:4035   # listens, until it is interrupted
//! ```
//!
//! The seven steps of the RSE documentation, with real parts. The client connects to the daemon (1), which authenticates it
//! with what it presents (2), gives it an ID and starts a server thread for it (3). The thread makes a PassTicket and, with
//! it in the place of a password, a security environment for the client (4). The client connects to the port it was told
//! (5), and shows its ID (6). From then on every action has a new ticket (7): nobody keeps the password.
//!
//! What is spoken, line by line: `CONNECT USER PASSWORD` to the daemon, which answers `OK ID PORT`; then to that port
//! `CLIENT ID`, and `ACTION NAME` as often as wanted. Answers begin with `OK` or `FAILED`. Who has a Kerberos ticket for
//! rse/localhost logs on with `TOKEN HEX` instead, a token of GSS-API in hexadecimal, and is answered `OK ID PORT HEX`, the
//! server's token: no password crosses the wire, and the daemon has no keytab, as its key is in the CKDS. A password crosses the wire as it
//! is: nothing but the loopback interface is listened on, and a server of another sort puts TLS in front.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use icsf_core::random::{RandomSource, SystemRandom};
use softicsf::icsf_kdc::server::loopback;
use softicsf::{
    Applid, Caller, Card, CardSlot, ClearKey, Credential, KerberosOptions, KerberosTask, MasterKeyKind, NewKeys,
    NoSecrets, PrincipalSettings, RealmSettings, Request, SecretString, System, UserId,
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The user the daemon runs as, and the application name of its tickets.
const RUNS_AS: &str = "STCRSE";
const FEKAPPL: &str = "FEKAPPL";

/// The realm, and the principal of the daemon in it.
const REALM: &str = "EXAMPLE.COM";
const SERVICE: &str = "rse/localhost";

fn main() -> Outcome<()> {
    match std::env::args().nth(1) {
        Some(address) => {
            let (system, _) = system()?;
            let system = Arc::new(system);
            let kerberos = KerberosTask::start(&system, KerberosOptions::at(loopback(0)))?;
            writeln!(io::stdout(), "realm {REALM}, whose KDC is at {}", kerberos.kdc().address())?;
            let (listener, address) = listener(address.parse()?)?;
            writeln!(io::stdout(), "listening on {address}")?;
            serve(&listener, &Arc::new(Daemon::new(system)))
        }
        None => a_day(&mut io::stdout()),
    }
}

/// A system with a card, keys in the CKDS, and a user: what an installation has before the daemon starts.
pub(crate) fn system() -> Outcome<(System, Operator)> {
    let slot = CardSlot::empty();
    let card = Card::software(Arc::new(SystemRandom));
    for kind in MasterKeyKind::ALL {
        card.set_master_key(kind, &random(32)?, &random(32)?)?;
    }
    slot.insert(&card);
    let system = System::in_memory().names("PRD1", "PRD1").slot(&slot).build()?;
    let administrator = Caller::user("IBMUSER".parse()?);
    system.saf().create_realm(&administrator, REALM, &RealmSettings::default(), NewKeys::Random)?;
    let service = SERVICE.parse()?;
    system.saf().add_principal(&administrator, &service, NewKeys::Random, &PrincipalSettings::default())?;
    let key = data(8)?;
    for command in [
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)".to_owned(),
        // Several tickets of one second are one ticket, which the servers use more than once.
        format!("RDEFINE PTKTDATA {FEKAPPL} SSIGNON(KEYENCRYPTED({key})) APPLDATA('NO REPLAY PROTECTION')"),
        "RDEFINE PTKTDATA IRRPTAUTH.FEKAPPL.* UACC(NONE)".to_owned(),
        format!("PERMIT IRRPTAUTH.FEKAPPL.* CLASS(PTKTDATA) ID({RUNS_AS}) ACCESS(UPDATE)"),
        "ADDUSER U000001 PASSWORD(SECRET1) KERB(KERBNAME('anna'))".to_owned(),
        "SETROPTS RACLIST(PTKTDATA) REFRESH".to_owned(),
    ] {
        system.racf(&administrator, &command, &NoSecrets)?;
    }
    Ok((system, Operator { slot, card }))
}

fn random(length: usize) -> Outcome<ClearKey> {
    let mut bytes = vec![0; length];
    SystemRandom.fill(&mut bytes)?;
    Ok(ClearKey::new(bytes))
}

/// Hexadecimal digits, as a command takes a key.
fn data(length: usize) -> Outcome<String> {
    Ok(hexadecimal(random(length)?.expose()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

/// Whoever pulls the card.
pub(crate) struct Operator {
    pub(crate) slot: CardSlot,
    pub(crate) card: Card,
}

/// The daemon: the system it runs on, and the clients it has authenticated.
pub(crate) struct Daemon {
    system: Arc<System>,
    clients: Mutex<HashMap<String, UserId>>,
}

impl Daemon {
    pub(crate) fn new(system: Arc<System>) -> Self {
        Self { system, clients: Mutex::default() }
    }

    /// Steps 1 to 4, and the port for step 5.
    fn connect(self: &Arc<Self>, user: &str, password: &str) -> Outcome<(String, u16)> {
        let user: UserId = user.parse()?;
        let typed = Credential::new(SecretString::from(password))?;
        self.system.sign_on(&Request::new(user, application()?), &typed)?;
        self.server_for(user)
    }

    /// The same for a client that shows a Kerberos ticket; and the token that proves to it who this is.
    fn connect_by_token(self: &Arc<Self>, digits: &str) -> Outcome<(String, u16, String)> {
        let token = bytes(digits).ok_or("the token is not hexadecimal")?;
        let (user, client) = self.system.sign_on_kerberos(&SERVICE.parse()?, application()?, &token)?;
        let (id, port) = self.server_for(user)?;
        Ok((id, port, hexadecimal(&client.reply.unwrap_or_default())))
    }

    /// Steps 3 and 4.
    fn server_for(self: &Arc<Self>, user: UserId) -> Outcome<(String, u16)> {
        let id = data(8)?;
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), user);
        self.security_environment(user)?;
        let (listener, address) = listener(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let daemon = Arc::clone(self);
        thread::spawn(move || {
            // One client, one thread: it ends when the client does.
            if let Ok((stream, _)) = listener.accept() {
                let _ended = daemon.server(stream);
            }
        });
        Ok((id, address.port()))
    }

    /// Makes a ticket and signs on with it. The ticket is a password: it goes nowhere else, and is not kept.
    fn security_environment(&self, user: UserId) -> Outcome<()> {
        let request = Request::new(user, application()?);
        let ticket = self.system.generate(&Caller::user(RUNS_AS.parse()?), &request)?;
        self.system.sign_on(&request, &Credential::from(&ticket))?;
        Ok(())
    }

    /// Steps 6 and 7.
    fn server(&self, stream: TcpStream) -> io::Result<()> {
        let mut client: Option<UserId> = None;
        converse(stream, |line| match (line.split_once(' '), client) {
            (Some(("CLIENT", id)), None) => {
                client = self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
                if client.is_some() { "OK".to_owned() } else { "FAILED no such client".to_owned() }
            }
            (Some(("ACTION", name)), Some(user)) => match self.security_environment(user) {
                Ok(()) => format!("OK {name}"),
                Err(error) => format!("FAILED {}", codes(&*error)),
            },
            _ => "FAILED what is that?".to_owned(),
        })
    }
}

fn application() -> Outcome<Applid> {
    Ok(FEKAPPL.parse()?)
}

/// What a user may be told: the codes. The cause is for the log, where `softicsf::SafError::cause` has all of it.
fn codes(error: &(dyn Error + 'static)) -> String {
    let Some(error) = error.downcast_ref::<softicsf::SafError>() else {
        return "no user ID, no password, or no token".to_owned();
    };
    eprintln!("rse_daemon: {}", error.cause());
    format!("SAF {}", error.triple())
}

/// Listens on the loopback interface, and on no other.
pub(crate) fn listener(address: SocketAddr) -> Outcome<(TcpListener, SocketAddr)> {
    if !address.ip().is_loopback() {
        return Err(
            format!("{address} is not on the loopback interface, and passwords cross this port as they are").into()
        );
    }
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Answers line by line, until the other side ends.
fn converse(stream: TcpStream, mut answer: impl FnMut(&str) -> String) -> io::Result<()> {
    let mut out = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        writeln!(out, "{}", answer(line?.trim()))?;
    }
    Ok(())
}

pub(crate) fn serve(listener: &TcpListener, daemon: &Arc<Daemon>) -> Outcome<()> {
    for stream in listener.incoming() {
        let (stream, daemon) = (stream?, Arc::clone(daemon));
        thread::spawn(move || {
            converse(stream, |line| match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["CONNECT", user, password] => match daemon.connect(user, password) {
                    Ok((id, port)) => format!("OK {id} {port}"),
                    Err(error) => format!("FAILED {}", codes(&*error)),
                },
                ["TOKEN", digits] => match daemon.connect_by_token(digits) {
                    Ok((id, port, reply)) => format!("OK {id} {port} {reply}"),
                    Err(error) => format!("FAILED {}", codes(&*error)),
                },
                _ => "FAILED say CONNECT USER PASSWORD, or TOKEN HEX".to_owned(),
            })
        });
    }
    Ok(())
}

/// A client of the daemon.
pub(crate) struct Workbench(BufReader<TcpStream>);

impl Workbench {
    pub(crate) fn to(port: u16) -> io::Result<Self> {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(|stream| Self(BufReader::new(stream)))
    }

    pub(crate) fn say(&mut self, line: &str) -> io::Result<String> {
        writeln!(self.0.get_mut(), "{line}")?;
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }

    /// Steps 1 to 6.
    fn connected(port: u16, user: &str, password: &str) -> Outcome<Self> {
        let answer = Self::to(port)?.say(&format!("CONNECT {user} {password}"))?;
        let words: Vec<&str> = answer.split(' ').collect();
        let ["OK", id, port] = words.as_slice() else { return Err(answer.into()) };
        let mut server = Self::to(port.parse()?)?;
        let answer = server.say(&format!("CLIENT {id}"))?;
        if answer == "OK" { Ok(server) } else { Err(answer.into()) }
    }
}

/// A day: a client connects and works; the card is pulled, and it cannot; the card is back, and it can.
pub(crate) fn a_day(log: &mut dyn Write) -> Outcome<()> {
    let (system, operator) = system()?;
    let (listener, address) = listener(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let daemon = Arc::new(Daemon::new(Arc::new(system)));
    thread::spawn(move || serve(&listener, &daemon));
    let refused = Workbench::connected(address.port(), "U000001", "WRONG").err();
    writeln!(log, "wrong password: {}", refused.map_or_else(|| "it was let in".to_owned(), |error| error.to_string()))?;
    let mut client = Workbench::connected(address.port(), "U000001", "SECRET1")?;
    writeln!(log, "connected; submit: {}", client.say("ACTION SUBMIT")?)?;
    operator.slot.remove();
    writeln!(log, "card pulled; submit: {}", client.say("ACTION SUBMIT")?)?;
    operator.slot.insert(&operator.card);
    writeln!(log, "card back; submit: {}", client.say("ACTION SUBMIT")?)?;
    Ok(())
}
