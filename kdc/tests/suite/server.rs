//! The server over real sockets: what is answered, what is refused, what is counted, and how it stops.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use icsf_kdc::codes::ErrorCode;
use icsf_kdc::server::{Counts, Limits, Origin, Server, Service, Transport, loopback};

/// Sends requests back with a letter for how they came. Some words do something else:
/// `where` is answered with the address of the server, `garbage` not at all, `long` with a long reply, `wait` when the
/// gate is open, `panic` never.
#[derive(Default)]
struct Echo {
    gate: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

impl Echo {
    fn open(&self) {
        *self.gate.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn until_waiting(&self, count: usize) {
        until(|| self.waiting.load(Ordering::SeqCst) == count);
    }
}

impl Service for Echo {
    fn answer(&self, request: &[u8], origin: &Origin) -> Option<Vec<u8>> {
        assert!(origin.peer.ip().is_loopback());
        let letter = match origin.transport {
            Transport::Udp => b'u',
            Transport::Tcp => b't',
        };
        match request {
            b"" | b"garbage" => return None,
            b"long" => return Some(vec![letter; 5000]),
            b"where" => return Some(origin.local.to_string().into_bytes()),
            b"panic" => panic!("a defect, on purpose"),
            b"wait" => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let closed = self.gate.lock().unwrap();
                drop(self.opened.wait_while(closed, |open| !*open).unwrap());
            }
            _ => {}
        }
        Some([&[letter], request].concat())
    }

    fn refuse(&self, code: ErrorCode) -> Vec<u8> {
        code.number().to_string().into_bytes()
    }
}

fn until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "it does not happen");
        thread::sleep(Duration::from_millis(2));
    }
}

fn start(limits: Limits) -> (Server, Arc<Echo>) {
    let echo = Arc::new(Echo::default());
    (Server::start(loopback(0), Arc::clone(&echo) as _, limits).unwrap(), echo)
}

fn patient() -> Limits {
    Limits { idle: Duration::from_secs(20), ..Limits::default() }
}

fn udp(server: &Server) -> UdpSocket {
    let socket = UdpSocket::bind(loopback(0)).unwrap();
    socket.connect(server.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn ask_udp(socket: &UdpSocket, request: &[u8]) -> Vec<u8> {
    socket.send(request).unwrap();
    let mut reply = vec![0; 65_536];
    let length = socket.recv(&mut reply).unwrap();
    reply.truncate(length);
    reply
}

fn tcp(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; u32::from_be_bytes(length).try_into().unwrap()];
    stream.read_exact(&mut reply).unwrap();
    reply
}

fn ask(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(&framed(request)).unwrap();
    receive(stream)
}

/// That the server has closed the connection, with nothing more said.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn both_protocols_answer_on_one_port() {
    let (server, _echo) = start(patient());
    let socket = udp(&server);
    for n in 0..20_u8 {
        assert_eq!(ask_udp(&socket, &[b'x', n]), [b'u', b'x', n]);
        assert_eq!(ask(&mut tcp(&server), &[b'y', n]), [b't', b'y', n]);
    }
    let mut expected = Counts::default();
    (expected.udp_answered, expected.tcp_answered, expected.connections) = (20, 20, 20);
    assert_eq!(server.stop(), expected);
}

#[test]
fn messages_may_come_in_pieces_and_together() {
    let (server, _echo) = start(patient());
    let mut stream = tcp(&server);
    stream.set_nodelay(true).unwrap();
    for byte in framed(b"in pieces") {
        stream.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(receive(&mut stream), b"tin pieces");
    assert!(is_closed(&mut stream), "there is nothing more to answer");
    let mut stream = tcp(&server);
    stream.write_all(&[framed(b"two"), framed(b"together")].concat()).unwrap();
    assert_eq!(receive(&mut stream), b"ttwo");
    assert_eq!(receive(&mut stream), b"ttogether");
    assert!(is_closed(&mut stream));
}

#[test]
fn a_reply_too_long_for_a_datagram_is_fetched_over_tcp() {
    let (server, _echo) = start(patient());
    assert_eq!(ask_udp(&udp(&server), b"long"), b"52");
    assert_eq!(ask(&mut tcp(&server), b"long").len(), 5000);
    assert_eq!(server.stop().reply_too_big, 1);
}

#[test]
fn requests_too_long_are_refused_with_61() {
    let (server, _echo) = start(Limits { request: 1000, ..patient() });
    let most = vec![b'm'; 1000];
    assert_eq!(ask(&mut tcp(&server), &most).len(), 1001);
    let refused: [Vec<u8>; 4] = [
        1001_u32.to_be_bytes().to_vec(),
        0x8000_0004_u32.to_be_bytes().to_vec(),
        [&u32::MAX.to_be_bytes()[..], &[0; 60_000]].concat(),
        b"GET / HTTP/1.1\r\nHost: kdc\r\n\r\n".to_vec(),
    ];
    for request in &refused {
        let mut stream = tcp(&server);
        stream.write_all(request).unwrap();
        assert_eq!(receive(&mut stream), b"61", "{:?}", &request[..4]);
        assert!(is_closed(&mut stream));
    }
    let socket = udp(&server);
    socket.send(&[b'x'; 1001]).unwrap();
    assert_eq!(ask_udp(&socket, &most).len(), 1001, "the datagram before has no reply");
    assert_eq!(server.stop().too_long, 5);
}

#[test]
fn garbage_closes_the_connection_and_drops_the_datagram() {
    let (server, _echo) = start(patient());
    for garbage in [&b""[..], b"garbage"] {
        let mut stream = tcp(&server);
        stream.write_all(&framed(garbage)).unwrap();
        assert!(is_closed(&mut stream));
    }
    let socket = udp(&server);
    socket.send(b"garbage").unwrap();
    socket.send(b"").unwrap();
    assert_eq!(ask_udp(&socket, b"next"), b"unext");
    assert_eq!(server.stop().garbage, 4);
}

#[test]
fn half_messages_are_counted_when_their_client_goes() {
    let (server, _echo) = start(patient());
    for half in [&[0][..], &[0, 0, 0], &[0, 0, 0, 9], b"\0\0\0\x09eight..."] {
        tcp(&server).write_all(&half[..half.len().min(12)]).unwrap();
    }
    drop(tcp(&server));
    until(|| server.counts().cut_off == 4);
    assert_eq!(server.counts().timed_out, 0);
}

#[test]
fn slow_clients_have_so_long_for_a_whole_message() {
    let (server, _echo) = start(Limits { idle: Duration::from_millis(300), ..Limits::default() });
    let begun = Instant::now();
    let mut silent = tcp(&server);
    let mut slow = tcp(&server);
    let mut dripping = slow.try_clone().unwrap();
    let drip = thread::spawn(move || {
        let _until_closed = framed(&[b'x'; 200]).iter().try_for_each(|byte| {
            thread::sleep(Duration::from_millis(20));
            dripping.write_all(&[*byte])
        });
    });
    assert!(is_closed(&mut silent));
    assert!(is_closed(&mut slow));
    assert!(begun.elapsed() < Duration::from_secs(3), "each byte would have begun the time anew");
    drip.join().unwrap();
    until(|| server.counts().timed_out == 2);
}

#[test]
fn who_waits_longest_makes_room_and_who_is_served_does_not() {
    let (server, echo) = start(Limits { connections: 3, ..patient() });
    let mut served = tcp(&server);
    served.write_all(&framed(b"wait")).unwrap();
    echo.until_waiting(1);
    let mut first = tcp(&server);
    let mut second = tcp(&server);
    let mut third = tcp(&server);
    assert_eq!(ask(&mut third, b"3"), b"t3");
    assert!(is_closed(&mut first) && is_closed(&mut third));
    third = tcp(&server);
    for stream in [&mut second, &mut third] {
        stream.write_all(&framed(b"wait")).unwrap();
    }
    echo.until_waiting(3);
    assert!(is_closed(&mut tcp(&server)), "all are at work");
    echo.open();
    for stream in [&mut served, &mut second, &mut third] {
        assert_eq!(receive(stream), b"twait");
    }
    let counts = server.stop();
    assert_eq!((counts.displaced, counts.turned_away, counts.connections), (1, 1, 6));
}

#[test]
fn many_connections_at_once_are_all_served() {
    let (server, _echo) = start(patient());
    let mut streams: Vec<TcpStream> = (0..200).map(|_| tcp(&server)).collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&framed(n.to_string().as_bytes())).unwrap();
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        assert_eq!(receive(stream), format!("t{n}").as_bytes());
    }
    // Those that say nothing do not keep others out, however many they are.
    let silent: Vec<TcpStream> = (0..400).map(|_| tcp(&server)).collect();
    assert_eq!(ask(&mut tcp(&server), b"still"), b"tstill");
    drop((streams, silent));
    let counts = server.stop();
    assert_eq!((counts.tcp_answered, counts.connections, counts.turned_away), (201, 601, 0));
    assert!(counts.displaced >= 401 - 256, "{counts:?}");
}

#[test]
fn a_panic_costs_its_request_alone() {
    let (server, _echo) = start(Limits { workers: 1, ..patient() });
    let socket = udp(&server);
    socket.send(b"panic").unwrap();
    assert_eq!(ask_udp(&socket, b"on"), b"uon");
    let mut stream = tcp(&server);
    stream.write_all(&framed(b"panic")).unwrap();
    assert!(is_closed(&mut stream));
    assert_eq!(server.stop().panicked, 2);
}

#[test]
fn a_stop_lets_requests_finish_and_frees_the_port() {
    let (server, echo) = start(patient());
    let address = server.address();
    let mut idle = tcp(&server);
    assert_eq!(ask(&mut idle, b"x"), b"tx");
    let mut half = tcp(&server);
    half.write_all(&[0, 0]).unwrap();
    let (mut busy, socket) = (tcp(&server), udp(&server));
    busy.write_all(&framed(b"wait")).unwrap();
    socket.send(b"wait").unwrap();
    echo.until_waiting(2);
    let begun = Instant::now();
    let stopping = thread::spawn(move || server.stop());
    assert!(is_closed(&mut idle));
    assert!(is_closed(&mut half));
    assert!(!stopping.is_finished());
    echo.open();
    assert_eq!(receive(&mut busy), b"twait");
    assert!(is_closed(&mut busy));
    let mut reply = [0; 16];
    assert_eq!(socket.recv(&mut reply).unwrap(), 5);
    let counts = stopping.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waited for the idle ones");
    assert_eq!((counts.udp_answered, counts.tcp_answered), (1, 2));
    assert_eq!((counts.cut_off, counts.timed_out, counts.garbage, counts.failed), (0, 0, 0, 0));
    let again = Server::start(address, echo, patient()).unwrap();
    assert_eq!(ask(&mut tcp(&again), b"again"), b"tagain");
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let (server, echo) = start(patient());
    let error = Server::start(server.address(), echo, patient()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn every_address_of_the_machine_can_be_served_and_stopped() {
    let echo = Arc::new(Echo::default());
    let server = Server::start(SocketAddr::from(([0, 0, 0, 0], 0)), echo, patient()).unwrap();
    let port = server.address().port();
    let mut stream = TcpStream::connect(loopback(port)).unwrap();
    assert_eq!(ask(&mut stream, b"where"), loopback(port).to_string().as_bytes());
    server.stop();
    assert!(TcpStream::connect(loopback(port)).is_err());
}
