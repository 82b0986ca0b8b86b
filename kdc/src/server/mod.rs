//! UDP and TCP on one port, with limits: everything a client may do wrong is counted, and costs no more than is allowed.
//!
//! The idea: threads that block, some for datagrams and one for each connection, of which there is a bounded number. A
//! [`Service`] turns the bytes of a request into those of a reply, and knows nothing of all this.
//!
//! Over TCP a message follows its length in 4 bytes, big-endian, whose highest bit is reserved; a connection may carry
//! several messages, one after another.
//!
//! Source: RFC 4120, section 7.2; RFC 3244, section 2.
//!
//! ```
//! use std::net::UdpSocket;
//! use std::sync::Arc;
//!
//! use icsf_kdc::codes::ErrorCode;
//! use icsf_kdc::server::{Limits, Origin, Server, Service, loopback};
//!
//! struct Echo;
//!
//! impl Service for Echo {
//!     fn answer(&self, request: &[u8], _origin: &Origin) -> Option<Vec<u8>> {
//!         Some(request.to_vec())
//!     }
//!
//!     fn refuse(&self, _code: ErrorCode) -> Vec<u8> {
//!         b"too long".to_vec()
//!     }
//! }
//!
//! let server = Server::start(loopback(0), Arc::new(Echo), Limits::default())?;
//! let client = UdpSocket::bind(loopback(0))?;
//! client.send_to(b"hello", server.address())?;
//! let mut reply = [0; 16];
//! assert_eq!(client.recv(&mut reply)?, 5);
//! server.stop();
//! # Ok::<(), std::io::Error>(())
//! ```

mod connection;
mod counters;
mod places;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use counters::Counts;

use counters::Counters;
use places::Places;

use rasn_kerberos::KrbError;

use crate::codes::ErrorCode;
use crate::messages::decode;

/// What a server serves.
///
/// # Contract
/// Calls overlap, as many as there are threads. A call ends: a server that is stopped waits for it.
pub trait Service: Send + Sync {
    /// The reply to a request; none if it is not a request at all.
    fn answer(&self, request: &[u8], origin: &Origin) -> Option<Vec<u8>>;

    /// A KRB-ERROR: [`FieldTooLong`](ErrorCode::FieldTooLong) for a request that is too long,
    /// [`ResponseTooBig`](ErrorCode::ResponseTooBig) for a reply that a datagram does not hold, or that is error
    /// [`ServiceUnavailable`](ErrorCode::ServiceUnavailable): its client then comes again over TCP.
    fn refuse(&self, code: ErrorCode) -> Vec<u8>;
}

/// Where a request came from, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The client.
    pub peer: SocketAddr,
    /// Where it came to. For a datagram to a server of all addresses, its address is none in particular.
    pub local: SocketAddr,
    /// In what.
    pub transport: Transport,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// What clients may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request.
    pub request: usize,
    /// Bytes of a reply in a datagram.
    pub datagram: usize,
    /// Connections at a time.
    pub connections: usize,
    /// How long a connection waits for a whole message, from its start or from the last reply, and for the client to take
    /// a reply.
    pub idle: Duration,
    /// Threads that answer datagrams.
    pub workers: usize,
}

impl Default for Limits {
    /// Requests of 64 KiB, 256 connections, 10 seconds, a worker for each processor; datagrams of 4096 bytes, as MIT's KDC.
    fn default() -> Self {
        let workers = thread::available_parallelism().map_or(1, Into::into);
        Self { request: 65_536, datagram: 4096, connections: 256, idle: Duration::from_secs(10), workers }
    }
}

/// Whether a reply is a KRB-ERROR with error 29.
fn is_unavailable(reply: &[u8]) -> bool {
    /// The tag of KRB-ERROR, APPLICATION 30.
    const KRB_ERROR: u8 = 0x7e;
    reply.first() == Some(&KRB_ERROR)
        && decode::<KrbError>(reply).is_ok_and(|error| error.error_code == ErrorCode::ServiceUnavailable.number())
}

/// This port, for clients on this machine alone; 0 for any that is free.
#[must_use]
pub const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// A server at work, until it is [stopped](Self::stop) or dropped.
pub struct Server {
    shared: Arc<Shared>,
    udp: UdpSocket,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads of a server share.
struct Shared {
    service: Arc<dyn Service>,
    limits: Limits,
    counters: Counters,
    places: Places,
    address: SocketAddr,
    stopping: AtomicBool,
}

impl Server {
    /// Serves at `address`, the same port for UDP and TCP.
    ///
    /// # Errors
    /// What the system says when the port cannot be had, or no thread can be started.
    pub fn start(address: SocketAddr, service: Arc<dyn Service>, limits: Limits) -> io::Result<Self> {
        let (tcp, udp) = bind(address)?;
        let address = tcp.local_addr()?;
        let shared = Arc::new(Shared {
            service,
            limits,
            counters: Counters::default(),
            places: Places::new(limits.connections),
            address,
            stopping: AtomicBool::new(false),
        });
        // From here on, what goes wrong is undone by dropping the server.
        let mut server = Self { shared, udp, threads: Vec::new() };
        server.spawn("kdc-tcp", move |shared| shared.accept(&tcp))?;
        for _ in 0..limits.workers.max(1) {
            let udp = server.udp.try_clone()?;
            server.spawn("kdc-udp", move |shared| shared.datagrams(&udp))?;
        }
        Ok(server)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce(&Arc<Shared>) + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(move || work(&shared))?);
        Ok(())
    }

    /// Where it serves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What it has counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counters.read()
    }

    /// Stops: requests that are being answered get their reply, nothing more is taken, and the port is free again. What it
    /// has counted.
    pub fn stop(mut self) -> Counts {
        self.end();
        self.counts()
    }

    fn end(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Each thread that blocks is given something to wake up for, after which it sees that it is to end. Where that
        // fails, there is enough waiting already.
        let here = reachable(self.shared.address);
        for _ in &self.threads {
            let _sent = self.udp.send_to(&[], here);
        }
        let _connected = TcpStream::connect_timeout(&here, Duration::from_secs(1));
        self.shared.places.close();
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
        self.shared.places.wait_empty();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.shared.address).field("counts", &self.counts()).finish()
    }
}

/// The same port for both; where any will do, one that is free for both.
fn bind(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    const TRIES: usize = 32;
    let mut tries = if address.port() == 0 { TRIES } else { 1 };
    loop {
        let tcp = TcpListener::bind(address)?;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 1 => tries -= 1,
            Err(error) => return Err(error),
        }
    }
}

/// How this machine reaches its own server.
const fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// The reply of the service, with what has no reply counted.
    fn answer(&self, request: &[u8], origin: &Origin) -> Option<Vec<u8>> {
        // A request that trips over a defect must not take a worker with it.
        let Ok(reply) = catch_unwind(AssertUnwindSafe(|| self.service.answer(request, origin))) else {
            self.counters.panicked.add();
            return None;
        };
        if reply.is_none() {
            self.counters.garbage.add();
        }
        reply
    }

    /// Answers datagrams.
    fn datagrams(&self, socket: &UdpSocket) {
        // One byte more than allowed shows that there is one more.
        let mut buffer = vec![0; self.limits.request + 1];
        while !self.stopping() {
            match socket.recv_from(&mut buffer) {
                Ok(_) if self.stopping() => break,
                Ok((length, peer)) => match buffer.get(..length).filter(|_| length <= self.limits.request) {
                    Some(request) => self.datagram(socket, request, peer),
                    None => self.counters.too_long.add(),
                },
                Err(_) => self.failed(),
            }
        }
    }

    fn datagram(&self, socket: &UdpSocket, request: &[u8], peer: SocketAddr) {
        let origin = Origin { peer, local: self.address, transport: Transport::Udp };
        let Some(mut reply) = self.answer(request, &origin) else { return };
        if reply.len() > self.limits.datagram {
            self.counters.reply_too_big.add();
            reply = self.service.refuse(ErrorCode::ResponseTooBig);
        } else if is_unavailable(&reply) {
            // At 29 MIT's clients wait for the datagram of another KDC, 17 seconds in all. The end of a connection tells them
            // at once that there is none.
            self.counters.unavailable.add();
            reply = self.service.refuse(ErrorCode::ResponseTooBig);
        }
        match socket.send_to(&reply, peer) {
            Ok(_) => self.counters.udp_answered.add(),
            Err(_) => self.counters.failed.add(),
        }
    }

    /// Accepts connections, each of which gets a thread.
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while !self.stopping() {
            match listener.accept() {
                Ok(_) if self.stopping() => break,
                Ok((stream, peer)) => self.connected(stream, peer),
                Err(_) => self.failed(),
            }
        }
    }

    fn connected(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.counters.connections.add();
        let place = match self.places.take(&stream) {
            Ok(place) => place,
            Err(places::Full) => return self.counters.turned_away.add(),
        };
        if place.displaced {
            self.counters.displaced.add();
        }
        let occupied = Occupied(Arc::clone(self), place.id);
        let connection = thread::Builder::new().name("kdc-connection".to_owned());
        let started = connection.spawn(move || {
            let Occupied(shared, id) = &occupied;
            connection::serve(shared, &stream, peer, *id);
        });
        if started.is_err() {
            self.counters.failed.add();
        }
    }

    /// A call of the system failed: memory or descriptors may be short, and come back.
    fn failed(&self) {
        self.counters.failed.add();
        thread::sleep(Duration::from_millis(10));
    }
}

/// The place of a connection, given back however its thread ends.
struct Occupied(Arc<Shared>, u64);

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.places.leave(self.1);
    }
}
