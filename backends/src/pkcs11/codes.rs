//! What a module answers, and what that means: one table by function and return value.
//!
//! The same value means different things from different functions, and some values mean nothing by themselves: a wrapped
//! key that was changed and a card that breaks are both `CKR_GENERAL_ERROR` in SoftHSM. Such values are
//! [`Ambiguous`](Class::Ambiguous), and a call whose answer is known decides.

use std::fmt;

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The module answered.
    #[error("{} answered {}", name_of(*.0), Value(*.1))]
    Answer(Function, RvError),
    /// The file could not be loaded as a library.
    #[error("{0}")]
    Load(String),
    /// It is a library, and not a PKCS#11 module.
    #[error("it has no {0}")]
    NoModule(&'static str),
    /// The connection was given up meanwhile, and there is another one.
    #[error("the connection to the token was replaced")]
    Retired,
    /// What was wrapped with a master key is not what it was.
    #[error("a master key in the token is another one than before")]
    Changed,
    /// The answer cannot be what the standard says; what was asked.
    #[error("{0} answered what it must not")]
    Nonsense(&'static str),
    /// What was to be found out of the token, and the answer that says nothing of it.
    #[error("it cannot be told {0}: {1}")]
    Undecided(&'static str, Box<Self>),
}

/// What a failure means for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The token or the module is not there.
    Absent,
    /// Session, login or object went; connecting anew brings them back.
    Lost,
    /// The module or the token may be broken, or the input may be: a call with a known answer decides.
    Ambiguous,
    /// The wrapped key is not what was wrapped.
    Damaged,
    /// The token will not take the PIN; it is not tried again.
    Pin,
    /// The token does not do this, or not with this key.
    Unsupported,
    /// The token is full.
    Full,
    /// What we asked makes no sense to it: our mistake, or the token's.
    Mistake,
}

/// Functions that are alike for this table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Any function without rows of its own for a value.
    Any,
    /// `C_Initialize`.
    Initialize,
    /// `C_Login`.
    Login,
    /// `C_UnwrapKey`.
    Unwrap,
    /// `C_WrapKey`.
    Wrap,
    /// `C_EncryptInit` and what follows, also for decrypting and signing.
    Use,
}

impl Step {
    const fn of(function: Function) -> Self {
        match function {
            Function::Initialize => Self::Initialize,
            Function::Login => Self::Login,
            Function::UnwrapKey => Self::Unwrap,
            Function::WrapKey => Self::Wrap,
            Function::EncryptInit
            | Function::Encrypt
            | Function::DecryptInit
            | Function::Decrypt
            | Function::SignInit
            | Function::Sign => Self::Use,
            _ => Self::Any,
        }
    }
}

/// A row of the table.
pub(super) type Row = (Step, RvError, Class);

/// `CKR_TOKEN_NOT_INITIALIZED`, which cryptoki 0.12 does not know.
pub(super) const TOKEN_NOT_INITIALIZED: RvError = RvError::UnknownErrorCode(0x208);

/// Rows of one function come before those of any.
pub(super) const TABLE: &[Row] = &[
    // A module that cannot find its configuration, or its tokens, says no more than this.
    (Step::Initialize, RvError::GeneralError, Class::Absent),
    (Step::Initialize, RvError::FunctionFailed, Class::Absent),
    (Step::Login, RvError::PinIncorrect, Class::Pin),
    (Step::Login, RvError::PinInvalid, Class::Pin),
    (Step::Login, RvError::PinLenRange, Class::Pin),
    (Step::Login, RvError::PinExpired, Class::Pin),
    (Step::Login, RvError::PinLocked, Class::Pin),
    (Step::Login, RvError::UserPinNotInitialized, Class::Pin),
    (Step::Login, RvError::UserAnotherAlreadyLoggedIn, Class::Absent),
    (Step::Unwrap, RvError::WrappedKeyInvalid, Class::Damaged),
    (Step::Unwrap, RvError::WrappedKeyLenRange, Class::Damaged),
    (Step::Unwrap, RvError::EncryptedDataInvalid, Class::Damaged),
    (Step::Unwrap, RvError::EncryptedDataLenRange, Class::Damaged),
    (Step::Unwrap, RvError::DataInvalid, Class::Damaged),
    (Step::Unwrap, RvError::DataLenRange, Class::Damaged),
    // Some tokens see only now that what came out is no key of this type.
    (Step::Unwrap, RvError::KeySizeRange, Class::Damaged),
    (Step::Unwrap, RvError::AttributeValueInvalid, Class::Ambiguous),
    (Step::Unwrap, RvError::TemplateInconsistent, Class::Ambiguous),
    (Step::Any, RvError::SlotIdInvalid, Class::Absent),
    (Step::Any, RvError::TokenNotPresent, Class::Absent),
    (Step::Any, RvError::TokenNotRecognized, Class::Absent),
    (Step::Any, RvError::DeviceRemoved, Class::Absent),
    (Step::Any, TOKEN_NOT_INITIALIZED, Class::Absent),
    // The security officer is logged in, and nobody else can be then.
    (Step::Any, RvError::SessionReadWriteSoExists, Class::Absent),
    (Step::Any, RvError::CryptokiNotInitialized, Class::Lost),
    (Step::Any, RvError::SessionHandleInvalid, Class::Lost),
    (Step::Any, RvError::SessionClosed, Class::Lost),
    (Step::Any, RvError::UserNotLoggedIn, Class::Lost),
    (Step::Any, RvError::ObjectHandleInvalid, Class::Lost),
    (Step::Any, RvError::KeyHandleInvalid, Class::Lost),
    (Step::Any, RvError::WrappingKeyHandleInvalid, Class::Lost),
    (Step::Any, RvError::UnwrappingKeyHandleInvalid, Class::Lost),
    // Another call was interrupted in this session; a new one has none.
    (Step::Any, RvError::OperationActive, Class::Lost),
    (Step::Any, RvError::OperationNotInitialized, Class::Lost),
    (Step::Any, RvError::GeneralError, Class::Ambiguous),
    (Step::Any, RvError::FunctionFailed, Class::Ambiguous),
    (Step::Any, RvError::FunctionCanceled, Class::Ambiguous),
    (Step::Any, RvError::DeviceError, Class::Ambiguous),
    (Step::Any, RvError::DeviceMemory, Class::Ambiguous),
    (Step::Any, RvError::HostMemory, Class::Ambiguous),
    (Step::Any, RvError::SessionCount, Class::Full),
    (Step::Any, RvError::TokenWriteProtected, Class::Full),
    (Step::Any, RvError::MechanismInvalid, Class::Unsupported),
    (Step::Any, RvError::MechanismParamInvalid, Class::Unsupported),
    (Step::Any, RvError::FunctionNotSupported, Class::Unsupported),
    (Step::Any, RvError::KeySizeRange, Class::Unsupported),
    (Step::Any, RvError::KeyTypeInconsistent, Class::Unsupported),
    (Step::Any, RvError::KeyFunctionNotPermitted, Class::Unsupported),
    (Step::Any, RvError::KeyUnextractable, Class::Unsupported),
    (Step::Any, RvError::KeyNotWrappable, Class::Unsupported),
    (Step::Any, RvError::AttributeValueInvalid, Class::Unsupported),
    (Step::Any, RvError::AttributeTypeInvalid, Class::Unsupported),
    (Step::Any, RvError::AttributeReadOnly, Class::Unsupported),
    (Step::Any, RvError::AttributeSensitive, Class::Unsupported),
    (Step::Any, RvError::ActionProhibited, Class::Unsupported),
    (Step::Any, RvError::TemplateIncomplete, Class::Unsupported),
    (Step::Any, RvError::TemplateInconsistent, Class::Unsupported),
];

impl Failure {
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Answer(function, value) => {
                let step = Step::of(*function);
                let of = |wanted| TABLE.iter().find(|(step, v, _)| *step == wanted && v == value);
                // A vendor's own code says nothing to us.
                of(step).or_else(|| of(Step::Any)).map_or(
                    if matches!(value, RvError::VendorDefined(_)) { Class::Ambiguous } else { Class::Mistake },
                    |(_, _, class)| *class,
                )
            }
            Self::Load(_) | Self::NoModule(_) => Class::Absent,
            Self::Retired | Self::Changed => Class::Lost,
            Self::Nonsense(_) => Class::Mistake,
            Self::Undecided(_, answer) => answer.class(),
        }
    }

    /// Whether sessions of before are surely gone, so that closing them could only hit somebody else's.
    pub(super) fn ends_sessions(&self) -> bool {
        matches!(
            self,
            Self::Answer(
                _,
                RvError::SessionHandleInvalid
                    | RvError::SessionClosed
                    | RvError::CryptokiNotInitialized
                    | RvError::DeviceRemoved
                    | RvError::TokenNotPresent
                    | RvError::SlotIdInvalid
            )
        )
    }

    pub(super) fn is(&self, wanted: RvError) -> bool {
        matches!(self, Self::Answer(_, value) if *value == wanted)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Pkcs11(value, function) => Self::Answer(function, value),
            Error::LibraryLoading(error) => Self::Load(error.to_string()),
            Error::MissingSymbol(symbol) => Self::NoModule(symbol),
            Error::NullFunctionPointer => Self::Nonsense("the list of functions"),
            _ => Self::Nonsense("a call"),
        }
    }
}

/// `C_UnwrapKey`.
pub(super) fn name_of(function: Function) -> String {
    format!("C_{function:?}")
}

/// A return value by the name it has in the standard, which cryptoki writes in its own way.
struct Value(RvError);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            TOKEN_NOT_INITIALIZED => f.write_str("CKR_TOKEN_NOT_INITIALIZED"),
            RvError::UnknownErrorCode(value) | RvError::VendorDefined(value) => write!(f, "CKR {value:#x}"),
            value => {
                f.write_str("CKR")?;
                for c in format!("{value:?}").chars() {
                    if c.is_ascii_uppercase() {
                        f.write_str("_")?;
                    }
                    write!(f, "{}", c.to_ascii_uppercase())?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_row_for_a_function() {
        for (at, (step, value, _)) in TABLE.iter().enumerate() {
            let again = TABLE.iter().skip(at + 1).any(|(s, v, _)| s == step && v == value);
            assert!(!again, "{step:?} {value:?} has two rows");
        }
    }

    #[test]
    fn failures_are_told_in_the_words_of_the_standard() {
        for (failure, text) in [
            (Failure::Answer(Function::UnwrapKey, RvError::GeneralError), "C_UnwrapKey answered CKR_GENERAL_ERROR"),
            (
                Failure::Answer(Function::OpenSession, TOKEN_NOT_INITIALIZED),
                "C_OpenSession answered CKR_TOKEN_NOT_INITIALIZED",
            ),
            (Failure::Answer(Function::Sign, RvError::VendorDefined(0x8000_0001)), "C_Sign answered CKR 0x80000001"),
        ] {
            assert_eq!(failure.to_string(), text);
        }
    }

    #[test]
    fn a_value_means_what_its_function_makes_it_mean() {
        let class = |function, value| Failure::Answer(function, value).class();
        assert_eq!(class(Function::UnwrapKey, RvError::KeySizeRange), Class::Damaged);
        assert_eq!(class(Function::SignInit, RvError::KeySizeRange), Class::Unsupported);
        assert_eq!(class(Function::Sign, RvError::VendorDefined(0x8000_0001)), Class::Ambiguous);
        assert_eq!(class(Function::Sign, RvError::NoEvent), Class::Mistake);
    }
}
