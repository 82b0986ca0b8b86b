//! The control block: what a test orders, and what the shim has counted.
//!
//! It is a file mapped by the test and by every process that has loaded the shim. So a card can be pulled while the
//! program that uses it runs as a child, and nothing has to be called in the library to reach it. All of it is atomic,
//! and all zeros is a card that is there and works.

#![allow(unsafe_code, reason = "mapping a file is a call into C")]

use std::ffi::{c_int, c_long, c_void};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::functions::FUNCTIONS;

/// Says that the file is a control block of this layout.
pub(crate) const MAGIC: u64 = 0x5346_5843_5452_4c32;

/// How many orders can be in force at a time.
pub(crate) const ORDERS: usize = 16;

#[repr(C)]
pub(crate) struct Control {
    pub(crate) magic: AtomicU64,
    /// A [`Presence`].
    presence: AtomicU64,
    /// How much longer each call takes, in nanoseconds.
    pub(crate) delay: AtomicU64,
    /// Not 0 while each call that comes in hangs.
    pub(crate) hang: AtomicU64,
    /// Not 0 while unwrapped keys are left readable.
    pub(crate) readable: AtomicU64,
    /// How often hanging calls were let go.
    pub(crate) releases: AtomicU64,
    /// How many calls hang now.
    pub(crate) hanging: AtomicU64,
    pub(crate) calls: [AtomicU64; FUNCTIONS],
    pub(crate) orders: [Order; ORDERS],
}

/// One order: from which of the calls on, how often, and what.
///
/// `ticket` is 0 for no order, else the order's number in the upper half and in the lower half how many calls it has
/// seen. A call counts itself there only if the number is still the one under which it read the rest, so an order that
/// is replaced meanwhile is taken whole or not at all.
#[repr(C)]
pub(crate) struct Order {
    pub(crate) ticket: AtomicU64,
    /// The number of the function plus 1; 0 for all.
    pub(crate) function: AtomicU64,
    /// The first call meant, counted from 1.
    pub(crate) from: AtomicU64,
    /// How many calls are meant, `u64::MAX` for all that follow.
    pub(crate) times: AtomicU64,
    pub(crate) action: AtomicU64,
    /// The answer, or the delay in nanoseconds.
    pub(crate) value: AtomicU64,
    /// Not 0 if the module does the work and only its answer is replaced.
    pub(crate) late: AtomicU64,
}

/// The part of a ticket that counts calls.
pub(crate) const SEEN: u64 = 0xffff_ffff;

/// What an order does to a call.
pub(crate) mod action {
    pub(crate) const ANSWER: u64 = 0;
    pub(crate) const DELAY: u64 = 1;
    pub(crate) const HANG: u64 = 2;
    pub(crate) const REMOVE: u64 = 3;
}

/// Whether the card is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is.
    Present,
    /// It was pulled and may come back.
    Pulled,
    /// The fixture was dropped.
    Gone,
}

/// Whether the card is there, and how often it was pulled: sessions opened before a removal are dead though the card is
/// back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presence {
    pub(crate) state: State,
    pub(crate) removals: u64,
}

impl Presence {
    const fn decode(word: u64) -> Self {
        let state = match word & 3 {
            0 => State::Present,
            1 => State::Pulled,
            _ => State::Gone,
        };
        Self { state, removals: word >> 2 }
    }

    const fn encode(self) -> u64 {
        let state = match self.state {
            State::Present => 0,
            State::Pulled => 1,
            State::Gone => 2,
        };
        self.removals << 2 | state
    }
}

impl Control {
    /// Maps a control block that is there. It stays mapped for the rest of the process, as calls may hang in it.
    pub(crate) fn map(path: &Path) -> io::Result<&'static Self> {
        let file = File::options().read(true).write(true).open(path)?;
        if file.metadata()?.len() < size_of::<Self>() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the kernel chooses the address, and the file is as long as what is mapped.
        let address = unsafe {
            mmap(ptr::null_mut(), size_of::<Self>(), PROT_READ | PROT_WRITE, MAP_SHARED, file.as_raw_fd(), 0)
        };
        if address.addr() == usize::MAX {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the address is that of a mapping of this size, aligned to a page and never unmapped. Any bytes make a
        // `Control`, which is atomics only, so that others may write to it. Nobody shortens the file.
        Ok(unsafe { &*address.cast::<Self>() })
    }

    pub(crate) fn presence(&self) -> Presence {
        Presence::decode(self.presence.load(Ordering::Acquire))
    }

    /// Pulls the card; nothing happens if it is not there.
    pub(crate) fn pull(&self) {
        self.change(|Presence { state, removals }| {
            (state == State::Present).then_some(Presence { state: State::Pulled, removals: removals + 1 })
        });
    }

    /// From one presence to another, or not at all.
    pub(crate) fn change(&self, change: impl Fn(Presence) -> Option<Presence>) {
        let word = |word| change(Presence::decode(word)).map(Presence::encode);
        let _ = self.presence.fetch_update(Ordering::AcqRel, Ordering::Acquire, word);
    }
}

unsafe extern "C" {
    fn mmap(address: *mut c_void, size: usize, access: c_int, flags: c_int, file: c_int, offset: c_long)
    -> *mut c_void;
}

const PROT_READ: c_int = 1;
const PROT_WRITE: c_int = 2;
const MAP_SHARED: c_int = 1;
