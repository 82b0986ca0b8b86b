//! A loaded module and its function list.

#![allow(unsafe_code, reason = "loading a library and calling into it is a call into C")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::{self, NonNull};

use crate::functions::{Function, FunctionList, Rv, Ulong};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlclose(library: *mut c_void) -> c_int;
    fn dlerror() -> *const c_char;
}

const RTLD_NOW: c_int = 2;

pub(crate) const FUNCTION_NOT_SUPPORTED: Rv = 0x54;

/// A shared library; closed when dropped.
pub(crate) struct Opened(NonNull<c_void>);

// SAFETY: glibc takes a library's handle from any thread.
unsafe impl Send for Opened {}
// SAFETY: as above.
unsafe impl Sync for Opened {}

impl Opened {
    /// Loads a library, or one more time the same if it is loaded.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: the path ends with a zero byte. Running the library's own initializers is what loading is for.
        let library = unsafe { dlopen(path.as_ptr(), RTLD_NOW) };
        NonNull::new(library).map(Self).ok_or_else(last_error)
    }

    /// The address of a name it exports.
    pub(crate) fn symbol(&self, name: &CStr) -> Result<NonNull<c_void>, String> {
        // SAFETY: the library is open, the name ends with a zero byte.
        let symbol = unsafe { dlsym(self.0.as_ptr(), name.as_ptr()) };
        NonNull::new(symbol).ok_or_else(last_error)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: opened once for each `Opened`, and closed once.
        unsafe { dlclose(self.0.as_ptr()) };
    }
}

fn last_error() -> String {
    // SAFETY: no arguments; glibc keeps the text for each thread.
    let text = unsafe { dlerror() };
    if text.is_null() {
        return "unknown error".to_owned();
    }
    // SAFETY: not null, so a text that stays until the next call of this thread, and it is copied at once.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Calls a function of a module: `call!(real, CloseAllSessions(Ulong), slot)`.
macro_rules! call {
    ($real:expr, $function:ident($($type:ty),*) $(, $argument:expr)*) => {
        match $real.entry($crate::functions::Function::$function) {
            None => $crate::real::FUNCTION_NOT_SUPPORTED,
            Some(entry) => {
                type Signature = unsafe extern "C" fn($($type),*) -> $crate::functions::Rv;
                // SAFETY: what stands at this place of the list has this signature; a test compares the table with the
                // headers of the standard.
                let entry = unsafe { std::mem::transmute::<std::ptr::NonNull<()>, Signature>(entry) };
                // SAFETY: the arguments are plain numbers, or those of a caller who answers for them to the module.
                unsafe { entry($($argument),*) }
            }
        }
    };
}

#[allow(unused_imports, reason = "part of the fixtures as well, which call by name only")]
pub(crate) use call;

/// A PKCS#11 module.
pub(crate) struct Real {
    list: NonNull<FunctionList>,
    /// The list points into it.
    _library: Opened,
}

// SAFETY: the list is constant data of the module, and a module's functions may be called from any thread.
unsafe impl Send for Real {}
// SAFETY: as above.
unsafe impl Sync for Real {}

impl Real {
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let library = Opened::load(path)?;
        let get_list = library.symbol(c"C_GetFunctionList")?;
        // SAFETY: every PKCS#11 module exports this name with this signature.
        let get_list: unsafe extern "C" fn(*mut *mut FunctionList) -> Rv = unsafe { std::mem::transmute(get_list) };
        let mut list = ptr::null_mut();
        // SAFETY: the argument is the address of a pointer, as the call wants.
        let answer = unsafe { get_list(&raw mut list) };
        match NonNull::new(list) {
            Some(list) if answer == 0 => Ok(Self { list, _library: library }),
            _ => Err(format!("C_GetFunctionList answers {answer:#x}")),
        }
    }

    /// The address of a function, if the module has it.
    pub(crate) fn entry(&self, function: Function) -> Option<NonNull<()>> {
        // SAFETY: the module gave the list, and the library it lies in is open as long as `self` lives. A list of a
        // later version begins as this one does.
        let list = unsafe { self.list.as_ref() };
        let entry = list.entries.get(function as usize)?;
        NonNull::new(entry.cast_mut())
    }

    /// Ends all sessions with a token, and with them the login and the session objects.
    pub(crate) fn close_all_sessions(&self, slot: Ulong) -> Rv {
        call!(self, CloseAllSessions(Ulong), slot)
    }
}
