//! Return and reason codes: one table, in both numberings, with the source of every row.
//!
//! A row is a *situation*. Several situations share one pair of numbers, as they do on z/OS, where 12/0 alone covers
//! "ICSF is stopped", "no engine" and "no master key": the row tells them apart, the numbers must not.

use std::fmt;
use std::str::FromStr;

use crate::fidelity::Provenance::{self, Assumed, Documented, Observed, Reported};

/// The installation option `REASONCODES`: which family of reason numbers callers get.
///
/// Source: ICSF System Programmer's Guide, installation options; ICSF is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ReasonCodes {
    /// The ICSF numbers.
    #[default]
    Icsf,
    /// The TSS numbers, which CCA on other systems gives.
    Tss,
}

impl fmt::Display for ReasonCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Icsf => "ICSF",
            Self::Tss => "TSS",
        })
    }
}

impl FromStr for ReasonCodes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "ICSF" => Ok(Self::Icsf),
            "TSS" => Ok(Self::Tss),
            _ => Err(format!("REASONCODES is ICSF or TSS, not {text:?}")),
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The situation.
    pub code: Code,
    /// Return code: 0, 4, 8, 12 or 16.
    pub rc: u8,
    /// Reason in ICSF numbering, where there is one.
    pub icsf: Option<u32>,
    /// Reason in TSS numbering, where there is one.
    pub tss: Option<u32>,
    /// What it means, in our words.
    pub text: &'static str,
    /// Where numbers and meaning come from.
    pub provenance: Provenance,
}

macro_rules! codes {
    ($($name:ident $rc:literal $icsf:tt $tss:tt $text:literal, $provenance:expr;)*) => {
        /// What a service answers: a return code, a reason code, and which of the situations behind them it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!("RC ", $rc, ": ", $text, ".")] $name,)*
        }

        /// The whole table, by return code.
        pub const TABLE: &[Row] = &[$(Row {
            code: Code::$name,
            rc: $rc,
            icsf: codes!(@number $icsf),
            tss: codes!(@number $tss),
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
    (@number -) => { None };
    (@number $number:literal) => { Some($number) };
}

const APG: Provenance = Documented("ICSF Application Programmer's Guide, return and reason codes");
const CCA: Provenance = Documented("CCA Basic Services, return and reason codes");
const APG_AND_LINUX: Provenance = Documented(
    "ICSF Application Programmer's Guide for the ICSF number; CCA for Linux on Z, return and reason codes, for the TSS one",
);
const EASY_AND_LINUX: Provenance =
    Reported("EasyICSF, codes met in practice, for the ICSF number; CCA for Linux on Z documents the TSS one");
const EASY: Provenance = Reported("EasyICSF, codes met in practice");
const THIRD: Provenance = Reported("third-party readers of the ICSF manuals");
const EDU25: Provenance = Documented("z/OS 2.5 ICSF education slides");

codes! {
    // situation            rc icsf  tss   meaning, source
    Success                  0 0     0     "the service ended normally", APG;
    KeyParityNotOdd          0 4     2     "done; a key used has bytes without odd parity", APG;
    NullRecordRead           0 8     -     "done; the record holds no key yet and a null token was returned", APG;
    WeakerWrappingKey        0 2146  2146  "done; a key is wrapped by a weaker one", APG;
    ArchivedKeyUsed          0 3423  -     "done; an archived key was used to decipher", EDU25;
    TokenUnderOldMasterKey   0 10000 10001 "done; the key was wrapped under the old master key", APG;
    PinDoesNotMatch          4 3028  19    "the trial PIN does not match", APG;
    OddTextLength            4 2000  20    "odd text length; the last half byte was padded", APG;
    VerificationFailed       4 -     1     "the verification failed", CCA;
    NoRecordProcessed        4 -     158   "no record was processed", CCA;
    ControlVectorParity      4 166   166   "the control vector is not valid", APG;
    ClearKeyReturned         4 2078  -     "done; the token returned holds a clear key", Observed("an IBM sample exec that reads key records");
    MacNotVerified           4 8004  429   "the MAC offered does not match the text", Observed("what opencryptoki takes for a failed HMAC verification, for the TSS number; the ICSF Application Programmer's Guide documents the other");
    SignatureNotVerified     4 11000 429   "the signature does not match", APG;
    KdsHasNoMetadata         4 3302  -     "the key data set is not in common record format", EASY;
    MoreEntries              4 3303  -     "there are more entries; call again with the same continuation area", EASY;
    TokenDamaged             8 12    29    "the token is damaged: its validation value does not fit", APG;
    RecordDamaged            8 12    29    "the record in the key data set is damaged or was not written by this system", Assumed("SIC0001", "the pair of a damaged token; what ICSF answers for a failed record authentication is not public");
    PanNotValid              8 22    22    "bad identification number or PAN", APG;
    DataAreaBoundary         8 23    23    "the offset of data to insert is outside the area", APG;
    MasterKeyMismatch        8 10004 24    "the key is wrapped under a master key that is neither the current nor the old one", APG;
    ParameterLengthNotValid  8 -     25    "a length parameter is not valid", CCA;
    PinNotValid              8 -     26    "the PIN is not valid", CCA;
    LabelNotFound            8 10012 30    "there is no record with this label", APG;
    NotADataKey              8 -     31    "the control vector does not say DATA", CCA;
    LabelNotValid            8 16032 32    "the key label is not valid", EASY_AND_LINUX;
    RuleKeywordNotValid      8 2016  33    "a rule array keyword is not valid", EASY_AND_LINUX;
    RuleCombinationNotValid  8 -     34    "the rule array keywords do not go together", CCA;
    RuleCountNotValid        8 2012  35    "the number of rule array keywords is not valid", EASY_AND_LINUX;
    KeyUsageViolation        8 -     39    "the key may not be used for this: control vector violation", CCA;
    RegisterRefused          8 -     39    "the master-key registers do not allow this", Assumed("SIC0004", "panels answer with messages; the pair of a usage violation stands in");
    KeyFormNotValid          8 -     41    "the key form is not valid", CCA;
    KeyLengthWordNotValid    8 -     43    "the key length keyword is not valid", CCA;
    LabelExists              8 16036 44    "a record with this label exists already", Observed("an IBM sample exec that creates key records, for the ICSF number; CCA Basic Services documents the TSS one");
    SourceTokenUnusable      8 -     47    "the source key token is not usable", CCA;
    TokenPatternNotValid     8 -     48    "the master-key verification pattern in the token is not valid", CCA;
    KeyTypeNotValid          8 10048 61    "the key type is not valid", THIRD;
    LengthNotValid           8 -     72    "the length of a token, key or text is not valid", THIRD;
    GeneratedKeyNotValid     8 -     155   "the generated-key identifier is not valid or not consistent with the key form", THIRD;
    KeyGenerationRule        8 -     181   "key type and rule array do not go together", THIRD;
    WrongTokenClass          8 2040  -     "wrong class of token, or wrong key type", THIRD;
    OaepNotValid             8 2054  -     "RSA-OAEP validation failed", THIRD;
    RsaKeyTooSmall           8 2055  -     "the RSA key is too small", THIRD;
    AlgorithmsDiffer         8 2089  -     "the algorithms of the two keys differ", THIRD;
    TokenSectionNotValid     8 2095  -     "a section of the variable-length token is not valid", EASY;
    TokenPayloadNotValid     8 2113  -     "the payload of the variable-length token is not valid", EASY;
    KeyUnwrapPattern         8 2141  -     "the verification pattern did not fit when the key was unwrapped", THIRD;
    WrongKeyType             8 2154  39    "the token does not have the key type this service needs", EASY;
    KeyNotComplete           8 2154  39    "the key is not complete: parts are still to be added", Assumed("SIC0002", "the pair of a wrong key type; the number for a partial key was not found");
    KeysDoNotMatch           8 2158  -     "public and private key do not match", THIRD;
    OutputTooShort           8 3003  -     "an output area is too short", THIRD;
    ProtectedUseByToken      8 3059  -     "the token does not allow use as a protected key", THIRD;
    TokenUseNotAuthorized    8 3063  -     "RACF does not allow the use of this token", APG;
    ProtectedUseByProfile    8 3067  -     "the CSFKEYS profile does not allow use as a protected key", THIRD;
    RecordNotYetActive       8 3342  -     "the record is not active yet", THIRD;
    RecordNoLongerActive     8 3343  -     "the record is no longer active", THIRD;
    RecordArchived           8 3344  -     "the record is archived", THIRD;
    KdsUpdatesPartlyFailed   8 3346  -     "some updates of the key data set failed; see the results list", EASY;
    ArchivedKeyRefused       8 3422  -     "an archived key may not encipher", EDU25;
    KeyNotValid              8 10036 -     "the key is not valid or of the wrong type for this service", THIRD;
    TokenVersionNotValid     8 10040 49    "the version of the token is not supported", THIRD;
    ExportProhibited         8 10124 -     "the key may not be exported", THIRD;
    ServiceNotAuthorized     8 16000 -     "RACF does not allow the use of this service: class CSFSERV", APG;
    LabelNotAuthorized       8 16004 -     "RACF does not allow the use of this label: class CSFKEYS", APG;
    TokenNotForKds           8 16024 -     "the key token cannot be written to the key data set", THIRD;
    CoprocessorFailed        8 16056 -     "the coprocessor failed", THIRD;
    IcsfStopped             12 0     338   "ICSF is not available: it is not started", APG_AND_LINUX;
    EngineUnavailable       12 0     338   "ICSF is not available for this: no crypto engine can be used", APG_AND_LINUX;
    MasterKeyNotSet         12 0     764   "ICSF is not available for this: the master key is not set", APG_AND_LINUX;
    VariableTokenRefused    12 0     -     "a variable-length token cannot be kept in a fixed-length key data set", APG;
    UpdatesDisallowed       12 4     -     "updates of the key data set are disallowed", APG;
    NotOnThisEngine         12 8     -     "the service or algorithm is not available on this engine", APG;
    ExitFailed              12 12    -     "the installation exit of the service failed before", APG;
    ServiceNotInstalled     12 16    -     "the installation-defined service was not found", APG;
    AsyncProcessorFailed    12 28    -     "the asynchronous processor failed", APG;
    NotForAmode64           12 40    -     "the service has no 64-bit callers", APG;
    Amode64Only             12 44    -     "the 64-bit entry was called by another caller", APG;
    KdsFull                 12 197   97    "the key data set is full: no space is left on its volume", Assumed("SIC0003", "the ICSF number of an I/O error on the key data set; TSS has one for a full key storage");
    KdsIoError              12 197   197   "the key data set could not be read or written", APG;
    DriverNotActive         12 -     196   "the driver or server is not active", CCA;
    KdsNotValid             12 -     206   "the key data set is not valid, or under another master key", CCA;
    NoMemory                12 -     324   "not enough memory", CCA;
    InternalFailure         16 4     336   "an internal error", Reported("memory of the ICSF number; CCA Basic Services for the other");
    ComponentFailed         16 -     336   "a crypto component failed", CCA;
}

impl Code {
    /// The return code.
    #[must_use]
    pub const fn rc(self) -> u8 {
        self.row().rc
    }

    /// The reason code in `numbering`. Where a row has no number of that family the other one is given, as ICSF
    /// does for what a coprocessor answered.
    #[must_use]
    pub const fn reason(self, numbering: ReasonCodes) -> u32 {
        let row = self.row();
        let (first, second) = match numbering {
            ReasonCodes::Icsf => (row.icsf, row.tss),
            ReasonCodes::Tss => (row.tss, row.icsf),
        };
        match (first, second) {
            (Some(number), _) | (None, Some(number)) => number,
            (None, None) => 0,
        }
    }

    /// What it means, in our words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.row().text
    }

    /// `RC/reason` in decimal, ICSF numbering: `12/0`, `8/10004`.
    #[must_use]
    pub fn pair(self) -> String {
        self.pair_in(ReasonCodes::Icsf)
    }

    /// `RC/reason` in decimal.
    #[must_use]
    pub fn pair_in(self, numbering: ReasonCodes) -> String {
        format!("{}/{}", self.rc(), self.reason(numbering))
    }

    /// `RC/reason` as session managers print them, in hexadecimal: `0C/0000`, `08/2714`.
    #[must_use]
    pub fn hex_pair(self) -> String {
        format!("{:02X}/{:04X}", self.rc(), self.reason(ReasonCodes::Icsf))
    }
}

/// The rows with this return code and, in either numbering, this reason.
pub fn rows_for(rc: u8, reason: u32) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.rc == rc && (row.icsf == Some(reason) || row.tss == Some(reason)))
}

/// The table as a Markdown page: `docs/codes.md`, and `softicsf about codes --markdown`.
#[must_use]
pub fn markdown() -> String {
    let number = |n: Option<u32>| n.map_or_else(|| "-".to_owned(), |n| format!("{n} (X'{n:X}')"));
    let mut page = String::from(
        "# Return and reason codes\n\n\
         Made from the table in `icsf-core/src/codes.rs` by `softicsf about codes --markdown`; do not edit.\n\n\
         ICSF and TSS are the two numberings of option REASONCODES; where one is missing the other number is returned.\n\
         Several rows share a pair: the numbers are what a caller sees, the row is what happened.\n\n\
         | RC | ICSF | TSS | what happened | name | source |\n|---|---|---|---|---|---|\n",
    );
    for row in TABLE {
        page += &format!(
            "| {} | {} | {} | {} | {:?} | {} |\n",
            row.rc,
            number(row.icsf),
            number(row.tss),
            row.text,
            row.code,
            row.provenance
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_reachable_from_its_code_and_has_a_number() {
        for row in TABLE {
            assert_eq!(row.code.row(), row);
            assert!(row.icsf.is_some() || row.tss.is_some(), "{row:?}");
            assert!([0, 4, 8, 12, 16].contains(&row.rc), "{row:?}");
        }
    }

    #[test]
    fn the_pairs_of_the_sources() {
        assert_eq!(Code::EngineUnavailable.hex_pair(), "0C/0000");
        assert_eq!(Code::MasterKeyMismatch.hex_pair(), "08/2714");
        assert_eq!(Code::LabelNotFound.hex_pair(), "08/271C");
        assert_eq!(Code::MasterKeyNotSet.reason(ReasonCodes::Tss), 764);
        assert_eq!(Code::KeyUsageViolation.reason(ReasonCodes::Icsf), 39, "a TSS number passes where ICSF has none");
        assert_eq!(Code::ServiceNotAuthorized.reason(ReasonCodes::Tss), 16000);
        assert_eq!(rows_for(12, 0).count(), 4);
    }
}
