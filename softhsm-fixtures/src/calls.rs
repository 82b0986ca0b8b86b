//! How often each function of a card was called.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::control::Control;
use crate::functions::{FUNCTIONS, Function, for_each_function};

macro_rules! names {
    ($($name:ident $c_name:ident $about:ident ($($argument:ident: $type:ident),*);)*) => {
        impl Function {
            /// All of them, in the standard's order.
            pub const ALL: [Self; FUNCTIONS] = [$(Self::$name),*];

            /// The standard's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($c_name),)*
                }
            }
        }
    };
}
for_each_function!(names);

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Counts of calls, as they were when [`Card::calls`](crate::Card::calls) was asked, or between two such moments.
///
/// Every call counts when it comes in, whether the module, an order or the lack of a card answers it. Many libraries
/// call a function twice, first to ask how long its output will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls([u64; FUNCTIONS]);

impl Calls {
    pub(crate) fn now(control: &Control) -> Self {
        Self(control.calls.each_ref().map(|count| count.load(Ordering::Acquire)))
    }

    /// Calls of one function.
    #[must_use]
    pub fn of(&self, function: Function) -> u64 {
        self.0.get(function as usize).copied().unwrap_or_default()
    }

    /// All calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// What was called after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.0;
        for (count, before) in counts.iter_mut().zip(earlier.0) {
            *count = count.saturating_sub(before);
        }
        Self(counts)
    }

    /// The functions that were called, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Function, u64)> {
        Function::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Display for Calls {
    /// `C_SignInit 1, C_Sign 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (function, count)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{function} {count}")?;
        }
        Ok(())
    }
}

/// The table of functions against the headers of the standard.
#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use cryptoki_sys::CK_FUNCTION_LIST;

    use crate::functions::{Bool, FUNCTIONS, Function, FunctionList, Pointer, Ulong, for_each_function};

    /// The sizes of a C function's arguments.
    trait Arguments {
        const SIZES: &'static [usize];
    }

    macro_rules! arguments {
        ($($argument:ident)*) => {
            impl<$($argument,)* R> Arguments for Option<unsafe extern "C" fn($($argument),*) -> R> {
                const SIZES: &'static [usize] = &[$(size_of::<$argument>()),*];
            }
        };
    }
    arguments!(A);
    arguments!(A B);
    arguments!(A B C);
    arguments!(A B C D);
    arguments!(A B C D E);
    arguments!(A B C D E F);
    arguments!(A B C D E F G);
    arguments!(A B C D E F G H);

    fn sizes<F: Arguments>(_: fn(&CK_FUNCTION_LIST) -> F) -> &'static [usize] {
        F::SIZES
    }

    macro_rules! rows {
        ($($name:ident $c_name:ident $about:ident ($($argument:ident: $type:ident),*);)*) => {
            [$((
                Function::$name,
                offset_of!(CK_FUNCTION_LIST, $c_name),
                sizes(|list| list.$c_name),
                &[$(size_of::<$type>()),*] as &[usize],
            )),*]
        };
    }

    #[test]
    fn every_function_stands_where_the_standard_has_it_and_takes_the_same_arguments() {
        for (function, offset, theirs, ours) in for_each_function!(rows) {
            let at = offset_of!(FunctionList, entries) + function as usize * size_of::<*const ()>();
            assert_eq!(at, offset, "{function}");
            assert_eq!(ours, theirs, "{function}");
        }
        assert_eq!(size_of::<FunctionList>(), size_of::<CK_FUNCTION_LIST>());
        assert_eq!(Function::ALL.len(), FUNCTIONS);
    }
}
