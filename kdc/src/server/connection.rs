//! One connection over TCP: messages, each after its length.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Origin, Shared, Transport};
use crate::codes::ErrorCode;

/// What comes of reading.
enum End {
    /// The client has nothing more to say.
    Closed,
    /// It ended, or failed, within a message.
    CutOff,
    /// It took too long.
    TimedOut,
}

/// Serves a connection until it ends, from either side.
pub(super) fn serve(shared: &Shared, stream: &TcpStream, peer: SocketAddr, id: u64) {
    let _slower_without = stream.set_nodelay(true);
    let local = stream.local_addr().unwrap_or(shared.address);
    let origin = Origin { peer, local, transport: Transport::Tcp };
    loop {
        let request = match read_request(shared, stream) {
            Ok(Some(request)) => request,
            Ok(None) => return refuse(shared, stream),
            // A connection that the server itself ends is none of the client's faults.
            Err(_) if shared.places.ended(id) => return,
            Err(End::Closed) => return,
            Err(End::CutOff) => return shared.counters.cut_off.add(),
            Err(End::TimedOut) => return shared.counters.timed_out.add(),
        };
        if !shared.places.begin(id) {
            return;
        }
        let Some(reply) = shared.answer(&request, &origin) else { return };
        if let Err(error) = write_reply(stream, &reply, shared.limits.idle) {
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => shared.counters.timed_out.add(),
                _ => shared.counters.failed.add(),
            };
        }
        shared.counters.tcp_answered.add();
        // A client whose KDC has nothing for it asks the next one; MIT's waits for the end of the connection before.
        if !more_waits(stream) {
            return;
        }
        shared.places.wait(id);
    }
}

/// Whether the client has sent more already. RFC 4120, section 7.2.2, lets a KDC close a connection after a reply.
fn more_waits(stream: &TcpStream) -> bool {
    let waits = stream.set_nonblocking(true).is_ok() && matches!(stream.peek(&mut [0]), Ok(1));
    waits && stream.set_nonblocking(false).is_ok()
}

/// A whole request; `None` for one that is too long.
fn read_request(shared: &Shared, stream: &TcpStream) -> Result<Option<Vec<u8>>, End> {
    let deadline = Instant::now() + shared.limits.idle;
    let mut length = [0; 4];
    read(stream, &mut length, deadline, true)?;
    // With the reserved bit set it is far above any limit.
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > shared.limits.request {
        return Ok(None);
    }
    let mut request = vec![0; length];
    read(stream, &mut request, deadline, false)?;
    Ok(Some(request))
}

/// Fills `place`. At the start of a message the client may end the connection.
fn read(mut stream: &TcpStream, place: &mut [u8], deadline: Instant, start: bool) -> Result<(), End> {
    let mut filled = 0;
    while let Some(rest) = place.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return Err(End::TimedOut);
        }
        match stream.read(rest) {
            Ok(0) if start && filled == 0 => return Err(End::Closed),
            Ok(0) => return Err(End::CutOff),
            Ok(count) => filled += count,
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Err(End::TimedOut),
                _ if start && filled == 0 => return Err(End::Closed),
                _ => return Err(End::CutOff),
            },
        }
    }
    Ok(())
}

fn write_reply(mut stream: &TcpStream, reply: &[u8], within: Duration) -> io::Result<()> {
    let length = u32::try_from(reply.len()).map_err(io::Error::other)?;
    stream.set_write_timeout(Some(within))?;
    stream.write_all(&[&length.to_be_bytes(), reply].concat())
}

/// Says that the request is too long, and ends. What is still coming is read for a moment: a connection that is closed with
/// something unread is reset, and the client would lose the reply.
fn refuse(shared: &Shared, mut stream: &TcpStream) {
    const AT_MOST: usize = 65_536;
    shared.counters.too_long.add();
    let reply = shared.service.refuse(ErrorCode::FieldTooLong);
    if write_reply(stream, &reply, shared.limits.idle).is_err() || stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let deadline = Instant::now() + shared.limits.idle.min(Duration::from_secs(1));
    let (mut place, mut total) = ([0; 4096], 0);
    while total < AT_MOST {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match stream.read(&mut place) {
            Ok(0) | Err(_) => return,
            Ok(count) => total += count,
        }
    }
}
