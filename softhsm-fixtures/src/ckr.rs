//! Answers of a module.

use std::fmt;

/// What a PKCS#11 function returns, a `CK_RV`. Any number will do; the usual ones have names.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ckr(u64);

impl Ckr {
    /// Any answer.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

macro_rules! names {
    ($($name:ident = $value:literal $constant:ident;)*) => {
        impl Ckr {
            $(#[doc = concat!("`CKR_", stringify!($name), "`")] pub const $name: Self = Self($value);)*

            /// The standard's name without its `CKR_`, if it is one of these.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        #[cfg(test)]
        #[test]
        fn the_numbers_are_those_of_the_standard() {
            $(assert_eq!(Ckr::$name.value(), u64::from(cryptoki_sys::$constant), stringify!($name));)*
        }
    };
}

names! {
    HOST_MEMORY = 0x02 CKR_HOST_MEMORY;
    SLOT_ID_INVALID = 0x03 CKR_SLOT_ID_INVALID;
    GENERAL_ERROR = 0x05 CKR_GENERAL_ERROR;
    FUNCTION_FAILED = 0x06 CKR_FUNCTION_FAILED;
    ARGUMENTS_BAD = 0x07 CKR_ARGUMENTS_BAD;
    DEVICE_ERROR = 0x30 CKR_DEVICE_ERROR;
    DEVICE_MEMORY = 0x31 CKR_DEVICE_MEMORY;
    DEVICE_REMOVED = 0x32 CKR_DEVICE_REMOVED;
    FUNCTION_NOT_SUPPORTED = 0x54 CKR_FUNCTION_NOT_SUPPORTED;
    KEY_HANDLE_INVALID = 0x60 CKR_KEY_HANDLE_INVALID;
    MECHANISM_INVALID = 0x70 CKR_MECHANISM_INVALID;
    OBJECT_HANDLE_INVALID = 0x82 CKR_OBJECT_HANDLE_INVALID;
    OPERATION_ACTIVE = 0x90 CKR_OPERATION_ACTIVE;
    PIN_INCORRECT = 0xa0 CKR_PIN_INCORRECT;
    PIN_LOCKED = 0xa4 CKR_PIN_LOCKED;
    SESSION_CLOSED = 0xb0 CKR_SESSION_CLOSED;
    SESSION_COUNT = 0xb1 CKR_SESSION_COUNT;
    SESSION_HANDLE_INVALID = 0xb3 CKR_SESSION_HANDLE_INVALID;
    TOKEN_NOT_PRESENT = 0xe0 CKR_TOKEN_NOT_PRESENT;
    TOKEN_NOT_RECOGNIZED = 0xe1 CKR_TOKEN_NOT_RECOGNIZED;
    USER_NOT_LOGGED_IN = 0x101 CKR_USER_NOT_LOGGED_IN;
    WRAPPED_KEY_INVALID = 0x110 CKR_WRAPPED_KEY_INVALID;
    BUFFER_TOO_SMALL = 0x150 CKR_BUFFER_TOO_SMALL;
    CRYPTOKI_NOT_INITIALIZED = 0x190 CKR_CRYPTOKI_NOT_INITIALIZED;
}

impl From<u64> for Ckr {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl fmt::Display for Ckr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "CKR_{name}"),
            None => write!(f, "CKR {:#x}", self.0),
        }
    }
}

impl fmt::Debug for Ckr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
