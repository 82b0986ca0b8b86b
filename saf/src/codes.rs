//! SAF return code, RACF return code and RACF reason code: one table.
//!
//! As with the codes of ICSF a row is a situation, and several share a triple: no caller can tell from 8/16/28 that an
//! engine is missing. The row and the [`Cause`](icsf_core::Cause) beside it can.

use std::fmt;

use icsf_core::fidelity::Provenance::{self, Assumed, Documented};

/// SAF return code, RACF return code, RACF reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    /// SAF return code.
    pub saf: u32,
    /// RACF return code.
    pub racf: u32,
    /// RACF reason code.
    pub reason: u32,
}

impl Triple {
    /// The reason as it is read: one that holds codes of ICSF or Kerberos in hexadecimal.
    #[must_use]
    pub fn shown_reason(&self) -> String {
        match self.reason {
            plain @ 0..=0xffff => plain.to_string(),
            detailed => format!("X'{detailed:06X}'"),
        }
    }
}

impl fmt::Display for Triple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}/{}", self.saf, self.racf, self.shown_reason()))
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The situation.
    pub code: Code,
    /// What callers see.
    pub triple: Triple,
    /// What happened, in our words.
    pub text: &'static str,
    /// Where triple and meaning come from.
    pub provenance: Provenance,
}

macro_rules! codes {
    ($($name:ident $saf:literal $racf:literal $reason:literal $text:literal, $provenance:expr;)*) => {
        /// What the PassTicket and sign-on services answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!($saf, "/", $racf, "/", $reason, ": ", $text, ".")] $name,)*
        }

        /// The whole table.
        pub const TABLE: &[Row] = &[$(Row {
            code: Code::$name,
            triple: Triple { saf: $saf, racf: $racf, reason: $reason },
            text: $text,
            provenance: $provenance,
        },)*];

        impl Code {
            /// Its row.
            #[must_use]
            #[expect(clippy::indexing_slicing, reason = "each code has a row, in the same order")]
            pub const fn row(self) -> &'static Row {
                &TABLE[self as usize]
            }
        }
    };
}

const TICKETSERV: Provenance = Documented("RACF Callable Services, R_ticketserv and R_GenSec, return and reason codes");
const INITACEE: Provenance = Documented("RACF Callable Services, initACEE, return and reason codes");

codes! {
    // situation           SAF RACF reason meaning, source
    BadFunction              8  8  0 "there is no such function, or the option word is not zero", TICKETSERV;
    ParameterList            8  8  4 "a parameter is not right: its length, what is in it, or how many there are", TICKETSERV;
    InternalError            8  8  8 "an internal error: the security database cannot be read", TICKETSERV;
    ClassInactive            8  8 16 "class PTKTDATA is not active or not RACLISTed", TICKETSERV;
    NotAuthorized            8  8 16 "the caller may not do this: no access to IRRPTAUTH.application.user", TICKETSERV;
    KerberosNotAuthorized    8  8 16 "the caller may not use the Kerberos functions: no access to IRR.RTICKETSERV or IRR.GSSERV", TICKETSERV;
    HighOrderBit             8  8 20 "the last address of the parameter list lacks the high-order bit", TICKETSERV;
    KerberosNotStarted       8 12 16 "the Kerberos task SKRBKDC is not started", TICKETSERV;
    KerberosArea             8 12  8 "the area for the principal or the reply is too small; the token is used up", Assumed("SIC2049", "the row says that a buffer is wrong, and not which");
    KerberosRefused          8 16 0x96c7_3a00 "Kerberos refuses the token: to the reason the number of its error is added, X'1D' without engine", Assumed("SIC2050", "the row says Kerberos return code; these are those of the library, where 0 of the protocol has this one");
    GenerationNoProfile      8 16 28 "PassTicket generation failed: there is no key profile", TICKETSERV;
    GenerationNoKey          8 16 28 "PassTicket generation failed: the key profile holds no key", TICKETSERV;
    GenerationKey            8 16 28 "PassTicket generation failed: the key cannot be used", TICKETSERV;
    EvaluationNoProfile      8 16 32 "PassTicket evaluation failed: there is no key profile", TICKETSERV;
    EvaluationNoKey          8 16 32 "PassTicket evaluation failed: the key profile holds no key", TICKETSERV;
    EvaluationKey            8 16 32 "PassTicket evaluation failed: the key cannot be used", TICKETSERV;
    EvaluationNotValid       8 16 32 "PassTicket evaluation failed: it is no ticket of this user and application, or not of this time", TICKETSERV;
    EvaluationReplayed       8 16 32 "PassTicket evaluation failed: the ticket was used before", TICKETSERV;
    EvaluationRegister       8 16 32 "PassTicket evaluation failed: whether the ticket was used before is not known", TICKETSERV;
    SignOnUnknownUser        8  8 16 "the user is not defined", Assumed("SIC2001", "initACEE's table, of which this row was not seen");
    SignOnNotValid           8  8 20 "the password or PassTicket is not valid", INITACEE;
    SignOnRevoked            8  8 28 "the user is revoked", INITACEE;
    SignOnApplication        8  8 32 "the user may not use the application", INITACEE;
}

impl Code {
    /// What callers see.
    #[must_use]
    pub const fn triple(self) -> Triple {
        self.row().triple
    }

    /// What happened, in our words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.row().text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_reachable_from_its_code() {
        for row in TABLE {
            assert_eq!(row.code.row(), row);
        }
        assert_eq!(Code::GenerationKey.triple().to_string(), "8/16/28");
        assert_eq!(Code::EvaluationReplayed.triple().to_string(), "8/16/32");
        assert_eq!(Code::KerberosRefused.triple().to_string(), "8/16/X'96C73A00'");
    }
}
