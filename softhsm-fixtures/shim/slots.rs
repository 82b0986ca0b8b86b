//! What the shim asks the module on its own account, uncounted.

#![allow(unsafe_code, reason = "these are calls into C")]

use std::ffi::c_void;
use std::ptr;

use crate::functions::{Bool, Pointer, Rv, Ulong};
use crate::real::{Real, call};

const TOKEN_PRESENT: Ulong = 1;
const REMOVABLE_DEVICE: Ulong = 2;

/// `CK_SLOT_INFO`.
#[repr(C)]
pub(crate) struct SlotInfo {
    description: [u8; 64],
    manufacturer: [u8; 32],
    flags: Ulong,
    hardware: [u8; 2],
    firmware: [u8; 2],
}

impl SlotInfo {
    /// As it is when the card is pulled.
    pub(crate) const fn take_card(&mut self) {
        self.flags &= !TOKEN_PRESENT;
    }
}

/// All slots, with or without a token.
pub(crate) fn all(real: &Real) -> Vec<Ulong> {
    let none = ptr::null_mut();
    let mut count: Ulong = 0;
    let counted = call!(real, GetSlotList(Bool, Pointer, Pointer), 0, none, address(&mut count));
    // Some to spare, for what is added between the calls.
    let mut slots = vec![0; usize::try_from(count).unwrap_or(0) + 8];
    count = slots.len() as Ulong;
    let list = slots.as_mut_ptr().cast::<c_void>();
    let listed = call!(real, GetSlotList(Bool, Pointer, Pointer), 0, list, address(&mut count));
    slots.truncate(if counted == 0 && listed == 0 { usize::try_from(count).unwrap_or(0) } else { 0 });
    slots
}

/// That the module has read our configuration, in which all slots are removable. Where it cannot read one it takes the
/// system's tokens and does not tell.
pub(crate) fn are_ours(real: &Real) -> bool {
    let ours = |slot: &Ulong| {
        let mut info =
            SlotInfo { description: [0; 64], manufacturer: [0; 32], flags: 0, hardware: [0; 2], firmware: [0; 2] };
        let answer = call!(real, GetSlotInfo(Ulong, Pointer), *slot, address(&mut info));
        answer == 0 && info.flags & REMOVABLE_DEVICE != 0
    };
    let slots = all(real);
    !slots.is_empty() && slots.iter().all(ours)
}

pub(crate) fn finalize(real: &Real) -> Rv {
    call!(real, Finalize(Pointer), ptr::null_mut())
}

fn address<T>(value: &mut T) -> Pointer {
    ptr::from_mut(value).cast()
}
