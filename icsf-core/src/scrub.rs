//! Wipes what work on a clear key leaves behind on the stack.
//!
//! Key schedules are computed on the stack before they are boxed, and libraries keep pieces of keys in local variables
//! that nobody wipes. So work that touches a clear key runs in a frame of its own, and afterwards zeros are written
//! over the place where that frame was.

use std::hint::black_box;

use zeroize::Zeroize;

/// Machine words that are wiped: 16 KiB. A search of the memory finds pieces of master keys 2 KiB deep and none 4 KiB
/// deep; without optimisation the same frames are some 17 KiB deep.
const WORDS: usize = if cfg!(debug_assertions) { 8192 } else { 2048 };

/// Does `work` and wipes the stack it used. What it returns must hold secrets only on the heap.
pub fn scrubbed<T>(work: impl FnOnce() -> T) -> T {
    let result = in_own_frame(work);
    wipe_stack();
    result
}

#[inline(never)]
fn in_own_frame<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Writes zeros over the unused stack below the caller.
#[inline(never)]
pub fn wipe_stack() {
    let mut words = [0_u64; WORDS];
    words.zeroize();
    black_box(&words);
}
