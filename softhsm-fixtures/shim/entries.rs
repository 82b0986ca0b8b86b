//! The entry points: one for each function of PKCS#11 2.40, in a list of our own.

#![allow(unsafe_code, reason = "the entry points are called from C")]
#![allow(non_snake_case, reason = "their names are the standard's")]
#![allow(clippy::too_many_arguments, reason = "so are their arguments")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr;
use std::slice;

use crate::card::{ARGUMENTS_BAD, About, CRYPTOKI_NOT_INITIALIZED, Card, GENERAL_ERROR, OK};
use crate::functions::{Bool, Function, FunctionList, Pointer, Rv, Ulong, for_each_function};
use crate::real::call;
use crate::slots::SlotInfo;

macro_rules! entry {
    (Own $($rest:tt)*) => {};
    ($about:ident $name:ident $c_name:ident ($($argument:ident: $type:ident),*)) => {
        unsafe extern "C" fn $c_name($($argument: $type),*) -> Rv {
            Card::answer(Function::$name, |card| {
                card.forward(About::$about, |real| call!(real, $name($($type),*) $(, $argument)*))
            })
        }
    };
}

macro_rules! entries {
    ($($name:ident $c_name:ident $about:ident ($($argument:ident: $type:ident),*);)*) => {
        $(entry! { $about $name $c_name ($($argument: $type),*) })*

        static LIST: List = List(FunctionList { version: [2, 40], entries: [$($c_name as *const ()),*] });
    };
}
for_each_function!(entries);

struct List(FunctionList);

// SAFETY: nobody writes to it.
unsafe impl Sync for List {}

/// The one name that PKCS#11 wants exported.
///
/// # Safety
///
/// As the standard says: `list` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: Pointer) -> Rv {
    if list.is_null() {
        return ARGUMENTS_BAD;
    }
    if Card::load(own_directory).is_none() {
        return GENERAL_ERROR;
    }
    // SAFETY: not null, so the caller's pointer to a pointer.
    unsafe { list.cast::<*const FunctionList>().write(&raw const LIST.0) };
    OK
}

/// For the fixture that is dropped: lets go of the module.
#[unsafe(no_mangle)]
pub extern "C" fn softhsm_shim_retire() {
    Card::retire();
}

unsafe extern "C" fn C_Initialize(arguments: Pointer) -> Rv {
    Card::answer(Function::Initialize, |card| card.initialize(|real| call!(real, Initialize(Pointer), arguments)))
}

unsafe extern "C" fn C_Finalize(reserved: Pointer) -> Rv {
    Card::answer(Function::Finalize, |card| card.finalize(|real| call!(real, Finalize(Pointer), reserved)))
}

unsafe extern "C" fn C_GetSlotList(present: Bool, slots: Pointer, count: Pointer) -> Rv {
    Card::answer(Function::GetSlotList, |card| {
        card.with(|real, pulled| {
            if !pulled || present == 0 {
                return call!(real, GetSlotList(Bool, Pointer, Pointer), present, slots, count);
            }
            if !card.is_initialized() {
                return CRYPTOKI_NOT_INITIALIZED;
            }
            if count.is_null() {
                return ARGUMENTS_BAD;
            }
            // SAFETY: not null, so the caller's pointer to the number of slots.
            unsafe { count.cast::<Ulong>().write(0) };
            OK
        })
    })
}

unsafe extern "C" fn C_GetSlotInfo(slot: Ulong, info: Pointer) -> Rv {
    Card::answer(Function::GetSlotInfo, |card| {
        card.with(|real, pulled| {
            let answer = call!(real, GetSlotInfo(Ulong, Pointer), slot, info);
            if pulled && answer == OK {
                // SAFETY: the module has just filled it, so it is the caller's slot information, and not null.
                unsafe { &mut *info.cast::<SlotInfo>() }.take_card();
            }
            answer
        })
    })
}

unsafe extern "C" fn C_UnwrapKey(
    session: Ulong,
    mechanism: Pointer,
    unwrapping_key: Ulong,
    wrapped: Pointer,
    wrapped_length: Ulong,
    template: Pointer,
    count: Ulong,
    key: Pointer,
) -> Rv {
    Card::answer(Function::UnwrapKey, |card| {
        let mut altered = Vec::new();
        if card.leaves_keys_readable() && !template.is_null() {
            let count = usize::try_from(count).unwrap_or_default();
            // SAFETY: not null, so the caller's template of so many attributes.
            altered.extend_from_slice(unsafe { slice::from_raw_parts(template.cast::<Attribute>(), count) });
            altered.iter_mut().for_each(Attribute::make_readable);
        }
        let template = if altered.is_empty() { template } else { altered.as_mut_ptr().cast() };
        card.forward(About::Session, |real| {
            call!(
                real,
                UnwrapKey(Ulong, Pointer, Ulong, Pointer, Ulong, Pointer, Ulong, Pointer),
                session,
                mechanism,
                unwrapping_key,
                wrapped,
                wrapped_length,
                template,
                count,
                key
            )
        })
    })
}

/// `CK_ATTRIBUTE`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Attribute {
    sort: Ulong,
    value: *const c_void,
    length: Ulong,
}

impl Attribute {
    /// As opencryptoki takes it: a key may be read and may leave, whatever is asked for.
    fn make_readable(&mut self) {
        const SENSITIVE: Ulong = 0x103;
        const EXTRACTABLE: Ulong = 0x162;
        static FALSE: Bool = 0;
        static TRUE: Bool = 1;
        match self.sort {
            SENSITIVE => self.value = (&raw const FALSE).cast(),
            EXTRACTABLE => self.value = (&raw const TRUE).cast(),
            _ => {}
        }
    }
}

/// Where this library lies, and with it all that belongs to it. It is asked for by an address inside the library.
fn own_directory() -> Result<PathBuf, String> {
    let mut found = Found { path: ptr::null(), base: ptr::null(), name: ptr::null(), address: ptr::null() };
    // SAFETY: any address may be asked for, and `found` is the structure wanted.
    let known = unsafe { dladdr((&raw const LIST).cast(), &raw mut found) };
    if known == 0 || found.path.is_null() {
        return Err("the library does not know where it lies".to_owned());
    }
    // SAFETY: a text that stays as long as the library is loaded.
    let path = unsafe { CStr::from_ptr(found.path) };
    let path = fs::canonicalize(OsStr::from_bytes(path.to_bytes())).map_err(|error| error.to_string())?;
    path.parent().map(Path::to_owned).ok_or_else(|| "the library lies in no directory".to_owned())
}

/// `Dl_info`.
#[repr(C)]
struct Found {
    path: *const c_char,
    base: *const c_void,
    name: *const c_char,
    address: *const c_void,
}

unsafe extern "C" {
    fn dladdr(address: *const c_void, found: *mut Found) -> c_int;
}
