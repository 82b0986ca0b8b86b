//! KDC options, ticket flags and AP options: 32 bits, bit 0 the leftmost.
//!
//! The flag constructors of rasn-kerberos number the bits in other ways and write fewer than 32 of them, so the bits are
//! made here. Source: RFC 4120, sections 5.2.8, 5.3, 5.4.1, 5.5.1.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use rasn::types::BitString;

/// A bit by its number in the RFC.
const fn bit(number: u32) -> u32 {
    1 << (31 - number)
}

/// The first 32 bits; those that are not there are 0.
fn read(bits: &BitString) -> u32 {
    let bytes = bits.as_raw_slice().iter().chain(&[0; 4]).take(4);
    let all = bytes.fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    match bits.len() {
        0 => 0,
        // What lies behind the last bit is not part of the string.
        length @ 1..32 => all & !(u32::MAX >> length),
        _ => all,
    }
}

fn write(bits: u32) -> BitString {
    BitString::from_slice(&bits.to_be_bytes())
}

macro_rules! flags {
    ($(#[doc = $type_doc:literal])* $type:ident, $wire:path; $($(#[doc = $doc:literal])* $name:ident = $number:literal;)*) => {
        $(#[doc = $type_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $type(u32);

        impl $type {
            $($(#[doc = $doc])* pub const $name: Self = Self(bit($number));)*

            /// None set.
            pub const NONE: Self = Self(0);

            /// Whether all of `flags` are set.
            #[must_use]
            pub const fn has(self, flags: Self) -> bool {
                self.0 & flags.0 == flags.0
            }

            /// Whether one of `flags` is set.
            #[must_use]
            pub const fn has_any(self, flags: Self) -> bool {
                self.0 & flags.0 != 0
            }

            /// These without `flags`.
            #[must_use]
            pub const fn without(self, flags: Self) -> Self {
                Self(self.0 & !flags.0)
            }

            /// These and `flags`.
            #[must_use]
            pub const fn or(self, flags: Self) -> Self {
                Self(self.0 | flags.0)
            }

            /// `self` if `set`, else none.
            #[must_use]
            pub const fn when(self, set: bool) -> Self {
                if set { self } else { Self::NONE }
            }

            /// The bits, bit 0 the leftmost.
            #[must_use]
            pub const fn bits(self) -> u32 {
                self.0
            }
        }

        /// Those of a message, also of one that has too few bits.
        impl From<&$wire> for $type {
            fn from(wire: &$wire) -> Self {
                Self(read(&wire.0))
            }
        }

        /// As a message has them.
        impl From<$type> for $wire {
            fn from(flags: $type) -> Self {
                Self(write(flags.0))
            }
        }

        impl BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.or(other)
            }
        }

        impl BitOrAssign for $type {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }
    };
}

flags! {
    /// What a client asks of the KDC.
    KdcOptions, rasn_kerberos::KdcOptions;
    /// A forwardable ticket.
    FORWARDABLE = 1;
    /// A ticket for other addresses, from a forwardable one.
    FORWARDED = 2;
    /// A proxiable ticket.
    PROXIABLE = 3;
    /// A ticket for other addresses and one service, from a proxiable one.
    PROXY = 4;
    /// A ticket that postdated ones can be got with.
    ALLOW_POSTDATE = 5;
    /// A ticket that starts later.
    POSTDATED = 6;
    /// A renewable ticket.
    RENEWABLE = 8;
    /// Constrained delegation, as Microsoft has it: the client is that of the further ticket.
    CNAME_IN_ADDL_TKT = 14;
    /// A ticket that names nobody. Source: RFC 8062.
    REQUEST_ANONYMOUS = 16;
    /// The transited realms need not be checked.
    DISABLE_TRANSITED_CHECK = 26;
    /// A renewable ticket is acceptable instead of one that lives long enough.
    RENEWABLE_OK = 27;
    /// The ticket is to be encrypted in the session key of the further ticket.
    ENC_TKT_IN_SKEY = 28;
    /// The ticket of the request is to be renewed.
    RENEW = 30;
    /// The ticket of the request is to be made valid.
    VALIDATE = 31;
}

flags! {
    /// What a ticket is.
    TicketFlags, rasn_kerberos::TicketFlags;
    /// Forwarded ones can be got with it.
    FORWARDABLE = 1;
    /// It was forwarded, or got with one that was.
    FORWARDED = 2;
    /// Proxies can be got with it.
    PROXIABLE = 3;
    /// It is a proxy.
    PROXY = 4;
    /// Postdated ones can be got with it.
    MAY_POSTDATE = 5;
    /// It was asked for to start later.
    POSTDATED = 6;
    /// It must be validated before use.
    INVALID = 7;
    /// It can be renewed.
    RENEWABLE = 8;
    /// It was got with the client's own key.
    INITIAL = 9;
    /// The client was authenticated before it was issued.
    PRE_AUTHENT = 10;
    /// The same by a device.
    HW_AUTHENT = 11;
    /// The transited realms were checked.
    TRANSITED_POLICY_CHECKED = 12;
    /// The server is trusted with delegated rights.
    OK_AS_DELEGATE = 13;
}

flags! {
    /// What a client asks of a server.
    ApOptions, rasn_kerberos::ApOptions;
    /// The ticket is encrypted in the session key of the server's own ticket.
    USE_SESSION_KEY = 1;
    /// The server is to prove itself.
    MUTUAL_REQUIRED = 2;
}

/// The letters of klist -f, in its order.
impl fmt::Display for TicketFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(TicketFlags, char); 13] = [
            (TicketFlags::FORWARDABLE, 'F'),
            (TicketFlags::FORWARDED, 'f'),
            (TicketFlags::PROXIABLE, 'P'),
            (TicketFlags::PROXY, 'p'),
            (TicketFlags::MAY_POSTDATE, 'D'),
            (TicketFlags::POSTDATED, 'd'),
            (TicketFlags::INVALID, 'i'),
            (TicketFlags::RENEWABLE, 'R'),
            (TicketFlags::INITIAL, 'I'),
            (TicketFlags::HW_AUTHENT, 'H'),
            (TicketFlags::PRE_AUTHENT, 'A'),
            (TicketFlags::TRANSITED_POLICY_CHECKED, 'T'),
            (TicketFlags::OK_AS_DELEGATE, 'O'),
        ];
        let letters: String =
            LETTERS.into_iter().filter(|(flag, _)| self.has(*flag)).map(|(_, letter)| letter).collect();
        f.pad(&letters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4120, section 5.2.8: at least 32 bits, the first the leftmost of the first byte.
    #[test]
    fn bits_stand_where_the_rfc_has_them() {
        let wire = (KdcOptions::FORWARDABLE | KdcOptions::RENEWABLE_OK).into();
        assert_eq!(rasn::der::encode(&wire).unwrap(), [3, 5, 0, 0x40, 0, 0, 0x10]);
        assert_eq!(KdcOptions::from(&wire), KdcOptions::FORWARDABLE | KdcOptions::RENEWABLE_OK);
    }

    /// MIT's clients of old left trailing zeros off.
    #[test]
    fn short_strings_are_filled_up() {
        let short: rasn_kerberos::KdcOptions = rasn::der::decode(&[3, 2, 6, 0x40]).unwrap();
        assert_eq!(KdcOptions::from(&short), KdcOptions::FORWARDABLE);
        let none: rasn_kerberos::KdcOptions = rasn::der::decode(&[3, 1, 0]).unwrap();
        assert_eq!(KdcOptions::from(&none), KdcOptions::NONE);
        let long: rasn_kerberos::KdcOptions = rasn::der::decode(&[3, 6, 0, 0x40, 0, 0, 0, 0xff]).unwrap();
        assert_eq!(KdcOptions::from(&long), KdcOptions::FORWARDABLE);
    }

    #[test]
    fn letters_stand_in_the_order_of_klist() {
        let all = [TicketFlags::POSTDATED, TicketFlags::MAY_POSTDATE, TicketFlags::INVALID, TicketFlags::INITIAL]
            .into_iter()
            .fold(TicketFlags::PRE_AUTHENT | TicketFlags::RENEWABLE, BitOr::bitor);
        assert_eq!(all.to_string(), "DdiRIA");
    }
}
