//! The numbers a KRB-ERROR carries.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal $text:literal;)*) => {
        /// Why the KDC refuses. Source: RFC 4120, section 7.5.9, whose numbers and names these are; those above 60 but
        /// [`FieldTooLong`](Self::FieldTooLong) from RFC 6806.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[doc = $doc])* $name,)*
        }

        impl ErrorCode {
            /// All that this KDC sends.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number in the message.
            #[must_use]
            pub const fn number(self) -> i32 {
                match self {
                    $(Self::$name => $number,)*
                }
            }

            /// Its name in the RFC.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The client has expired.
    ClientExpired = 1 "KDC_ERR_NAME_EXP";
    /// The server has expired.
    ServerExpired = 2 "KDC_ERR_SERVICE_EXP";
    /// The protocol version is not 5.
    BadVersion = 3 "KDC_ERR_BAD_PVNO";
    /// No such client.
    ClientUnknown = 6 "KDC_ERR_C_PRINCIPAL_UNKNOWN";
    /// No such server.
    ServerUnknown = 7 "KDC_ERR_S_PRINCIPAL_UNKNOWN";
    /// The principal has no key.
    NullKey = 9 "KDC_ERR_NULL_KEY";
    /// The ticket may not be postdated.
    CannotPostdate = 10 "KDC_ERR_CANNOT_POSTDATE";
    /// The ticket would never be valid, or too short.
    NeverValid = 11 "KDC_ERR_NEVER_VALID";
    /// Policy is against it.
    Policy = 12 "KDC_ERR_POLICY";
    /// An option that cannot be granted.
    BadOption = 13 "KDC_ERR_BADOPTION";
    /// No encryption type in common.
    EtypeUnsupported = 14 "KDC_ERR_ETYPE_NOSUPP";
    /// No checksum type in common.
    ChecksumUnsupported = 15 "KDC_ERR_SUMTYPE_NOSUPP";
    /// No pre-authentication data that is understood.
    PadataUnsupported = 16 "KDC_ERR_PADATA_TYPE_NOSUPP";
    /// The client may not get tickets.
    ClientRevoked = 18 "KDC_ERR_CLIENT_REVOKED";
    /// The password has expired.
    KeyExpired = 23 "KDC_ERR_KEY_EXPIRED";
    /// The pre-authentication data is wrong.
    PreauthFailed = 24 "KDC_ERR_PREAUTH_FAILED";
    /// Pre-authentication is needed.
    PreauthRequired = 25 "KDC_ERR_PREAUTH_REQUIRED";
    /// The server is not that of the ticket.
    ServerNoMatch = 26 "KDC_ERR_SERVER_NOMATCH";
    /// The server can be reached user to user only.
    MustUseUserToUser = 27 "KDC_ERR_MUST_USE_USER2USER";
    /// Something the KDC needs is not available.
    ServiceUnavailable = 29 "KDC_ERR_SVC_UNAVAILABLE";
    /// What was decrypted is not what was encrypted.
    BadIntegrity = 31 "KRB_AP_ERR_BAD_INTEGRITY";
    /// The ticket has expired.
    TicketExpired = 32 "KRB_AP_ERR_TKT_EXPIRED";
    /// The ticket is not valid yet.
    TicketNotYetValid = 33 "KRB_AP_ERR_TKT_NYV";
    /// The request was seen before.
    Repeat = 34 "KRB_AP_ERR_REPEAT";
    /// The ticket is for another server.
    NotUs = 35 "KRB_AP_ERR_NOT_US";
    /// Ticket and authenticator name different clients.
    BadMatch = 36 "KRB_AP_ERR_BADMATCH";
    /// The clocks differ too much.
    ClockSkew = 37 "KRB_AP_ERR_SKEW";
    /// The ticket may not be used from this address.
    BadAddress = 38 "KRB_AP_ERR_BADADDR";
    /// The version in the AP-REQ or the ticket is not 5.
    ApBadVersion = 39 "KRB_AP_ERR_BADVERSION";
    /// The message type does not fit.
    MessageType = 40 "KRB_AP_ERR_MSG_TYPE";
    /// The request was changed on its way.
    Modified = 41 "KRB_AP_ERR_MODIFIED";
    /// There is no key of this version.
    BadKeyVersion = 44 "KRB_AP_ERR_BADKEYVER";
    /// There is no key of the server.
    NoKey = 45 "KRB_AP_ERR_NOKEY";
    /// The checksum does not protect what it should.
    InappropriateChecksum = 50 "KRB_AP_ERR_INAPP_CKSUM";
    /// The reply is too long for UDP.
    ResponseTooBig = 52 "KRB_ERR_RESPONSE_TOO_BIG";
    /// The reason is in the text.
    Generic = 60 "KRB_ERR_GENERIC";
    /// The length in front of a TCP message is not one.
    FieldTooLong = 61 "KRB_ERR_FIELD_TOOLONG";
}

/// Number and name, as `25 KDC_ERR_PREAUTH_REQUIRED`.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}
