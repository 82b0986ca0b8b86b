//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// How often what happened since the server was started.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Counts {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: Counter,)*
        }

        impl Counters {
            pub(super) fn read(&self) -> Counts {
                Counts { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Datagrams that were answered.
    udp_answered,
    /// Messages over TCP that were answered.
    tcp_answered,
    /// TCP connections that were accepted.
    connections,
    /// Requests that are none, to which there is no answer: the datagram is dropped, the connection closed.
    garbage,
    /// Requests longer than allowed, or with the reserved bit of the length set: answered with 61 over TCP, dropped over UDP.
    too_long,
    /// Replies too long for a datagram: 52 was sent instead.
    reply_too_big,
    /// Datagrams that would have been answered with error 29: 52 was sent instead.
    unavailable,
    /// Connections that ended within a message.
    cut_off,
    /// Connections whose client took too long to send a message or to take the reply.
    timed_out,
    /// Connections closed to make room for another one.
    displaced,
    /// Connections closed at once, as all others were at work.
    turned_away,
    /// Times the system failed to receive, accept or send.
    failed,
    /// Requests at which the service panicked; they have no answer.
    panicked,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
