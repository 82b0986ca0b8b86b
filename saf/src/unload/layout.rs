//! Where the fields of an unload record stand: tables of columns, and nothing else.
//!
//! Columns are counted from 1, as in the manual; between two fields stands a blank. A record of an older release ends
//! earlier, and what it does not have counts as blank.

use icsf_core::fidelity::{Fact, Provenance};

/// A field: its name in the manual, its first and its last column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, as `GRSIGN_PROTECTION`.
    pub name: &'static str,
    /// The first column.
    pub first: usize,
    /// The last one.
    pub last: usize,
}

impl Column {
    const fn new(name: &'static str, first: usize, last: usize) -> Self {
        Self { name, first, last }
    }

    /// How many columns it has.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.last + 1 - self.first
    }
}

/// A type of record.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Columns 1 to 4.
    pub record: &'static str,
    /// What it holds.
    pub what: &'static str,
    /// The fields that are read and written here.
    pub columns: &'static [Column],
    /// The last column of a record that is written.
    pub width: usize,
}

macro_rules! layouts {
    ($($module:ident $record:literal $what:literal $width:literal { $($const:ident $name:literal $first:literal $last:literal,)* })*) => {
        $(
            #[doc = concat!("Record ", $record, ": ", $what, ".")]
            pub(super) mod $module {
                use super::{Column, Layout};

                $(pub(in crate::unload) const $const: Column = Column::new($name, $first, $last);)*

                pub(in crate::unload) const LAYOUT: Layout =
                    Layout { record: $record, what: $what, columns: &[$($const),*], width: $width };
            }
        )*

        /// The records that are read and written, in the order in which they are written.
        pub const LAYOUTS: &[Layout] = &[$($module::LAYOUT),*];
    };
}

layouts! {
    group "0100" "groups" 362 {
        NAME "GPBD_NAME" 6 13,
        SUPERIOR "GPBD_SUPGRP_ID" 15 22,
        CREATED "GPBD_CREATE_DATE" 24 33,
        OWNER "GPBD_OWNER_ID" 35 42,
        DATA "GPBD_INSTALL_DATA" 58 312,
    }
    member "0102" "members of groups" 31 {
        GROUP "GPMEM_NAME" 6 13,
        USER "GPMEM_MEMBER_ID" 15 22,
        AUTHORITY "GPMEM_AUTH" 24 31,
    }
    user "0200" "users" 641 {
        NAME "USBD_NAME" 6 13,
        CREATED "USBD_CREATE_DATE" 15 24,
        OWNER "USBD_OWNER_ID" 26 33,
        SPECIAL "USBD_SPECIAL" 40 43,
        OPERATIONS "USBD_OPER" 45 48,
        REVOKED "USBD_REVOKE" 50 53,
        PROGRAMMER "USBD_PROGRAMMER" 75 94,
        GROUP "USBD_DEFGRP_ID" 96 103,
        DATA "USBD_INSTALL_DATA" 125 379,
        AUDITOR "USBD_AUDITOR" 386 389,
        NO_PASSWORD "USBD_NOPWD" 391 394,
        FAILED "USBD_REVOKE_CNT" 405 407,
        ROAUDIT "USBD_ROAUDIT" 634 637,
    }
    user_group "0203" "groups of users" 22 {
        USER "USGCON_NAME" 6 13,
        GROUP "USGCON_GRP_ID" 15 22,
    }
    connect "0205" "connections of users to groups" 134 {
        USER "USCON_NAME" 6 13,
        GROUP "USCON_GRP_ID" 15 22,
        CREATED "USCON_CONNECT_DATE" 24 33,
        OWNER "USCON_OWNER_ID" 35 42,
        REVOKED "USCON_REVOKE" 94 97,
    }
    user_kerb "02D0" "KERB segments of users" 358 {
        USER "USKERB_NAME" 6 13,
        PRINCIPAL "USKERB_KERBNAME" 15 254,
        MAX_LIFE "USKERB_MAX_LIFE" 256 265,
        DES "USKERB_ENCRYPT_DES" 271 274,
        DES3 "USKERB_ENCRYPT_DES3" 276 279,
        DESD "USKERB_ENCRYPT_DESD" 281 284,
        AES128 "USKERB_ENCRPT_A128" 286 289,
        AES256 "USKERB_ENCRPT_A256" 291 294,
        AES128_SHA2 "USKERB_ENCRPT_A128SHA2" 296 299,
        AES256_SHA2 "USKERB_ENCRPT_A256SHA2" 301 304,
    }
    resource "0500" "profiles" 1017 {
        NAME "GRBD_NAME" 6 251,
        CLASS "GRBD_CLASS_NAME" 253 260,
        GENERIC "GRBD_GENERIC" 262 265,
        OWNER "GRBD_OWNER_ID" 282 289,
        UACC "GRBD_UACC" 337 344,
        AUDIT "GRBD_AUDIT_LEVEL" 346 353,
        LEVEL "GRBD_LEVEL" 355 357,
        DATA "GRBD_INSTALL_DATA" 368 622,
        AUDIT_SUCCESS "GRBD_AUDIT_OKQUAL" 624 631,
        AUDIT_FAILURES "GRBD_AUDIT_FAQUAL" 633 640,
        WARNING "GRBD_WARNING" 660 663,
        APPLDATA "GRBD_APPL_DATA" 754 1008,
    }
    access "0505" "access lists" 284 {
        NAME "GRACC_NAME" 6 251,
        CLASS "GRACC_CLASS_NAME" 253 260,
        ID "GRACC_AUTH_ID" 262 269,
        ACCESS "GRACC_ACCESS" 271 278,
    }
    ssignon "0530" "SSIGNON segments" 419 {
        NAME "GRSIGN_NAME" 6 251,
        CLASS "GRSIGN_CLASS_NAME" 253 260,
        PROTECTION "GRSIGN_PROTECTION" 262 325,
        ENHANCED "GRSIGN_KEY_LABEL" 327 390,
        TYPE "GRSIGN_TYPE" 392 403,
        TIMEOUT "GRSIGN_TIMEOUT" 405 414,
        REPLAY "GRSIGN_REPLAY" 416 419,
    }
    realm_kerb "0580" "KERB segments of realms" 623 {
        NAME "GRKERB_NAME" 6 251,
        CLASS "GRKERB_CLASS_NAME" 253 260,
        REALM "GRKERB_KERBNAME" 262 501,
        MIN_LIFE "GRKERB_MIN_LIFE" 503 512,
        MAX_LIFE "GRKERB_MAX_LIFE" 514 523,
        DEFAULT_LIFE "GRKERB_DEF_LIFE" 525 534,
        KEY_VERSION "GRKERB_KEY_VERS" 536 538,
        DES "GRKERB_ENCRYPT_DES" 540 543,
        DES3 "GRKERB_ENCRYPT_DES3" 545 548,
        DESD "GRKERB_ENCRYPT_DESD" 550 553,
        AES128 "GRKERB_ENCRPT_A128" 555 558,
        AES256 "GRKERB_ENCRPT_A256" 560 563,
        AES128_SHA2 "GRKERB_ENCRPT_A128SHA2" 565 568,
        AES256_SHA2 "GRKERB_ENCRPT_A256SHA2" 570 573,
        CHECK_ADDRESSES "GRKERB_CHECK_ADDRS" 620 623,
    }
}

/// Where the columns and values come from.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "IRRDBU00",
        what: "columns of records 0100, 0102, 0200, 0203, 0205, 02D0, 0500, 0505, 0530, 0580",
        provenance: Provenance::Documented(
            "RACF Macros and Interfaces, record formats produced by the database unload utility, as tools that read \
             unloads have extracted them (mfpandas, pyracf)",
        ),
    },
    Fact {
        topic: "IRRDBU00",
        what: "GRSIGN_PROTECTION is *MASKED*, *KEYTOKEN*, *UNKNOWN* or the label of the legacy key",
        provenance: Provenance::Documented("z/OS 2.4 education deck on PassTickets; the column follows from its width"),
    },
    Fact {
        topic: "IRRDBU00",
        what: "blanks in GRSIGN_PROTECTION: no legacy key; in GRSIGN_TYPE, GRSIGN_TIMEOUT, GRSIGN_REPLAY: the default",
        provenance: Provenance::Assumed("SIC2500", "no unload of such a profile was seen"),
    },
    Fact {
        topic: "IRRDBU00",
        what: "a record 0530 of a release before enhanced PassTickets ends after GRSIGN_PROTECTION",
        provenance: Provenance::Assumed("SIC2501", "the fields after it came with APAR OA59196"),
    },
    Fact {
        topic: "IRRDBU00",
        what: "names of the fields of record 0580 and of the SHA-2 flags of 02D0",
        provenance: Provenance::Assumed("SIC2502", "their columns were found, and their names were not"),
    },
    Fact {
        topic: "IRRDBU00",
        what: "fields of which nothing is kept here are written as blanks",
        provenance: Provenance::Assumed("SIC2503", "a real unload has dates, counts and flags there"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_one_after_the_other_with_a_blank_between_them() {
        for layout in LAYOUTS {
            assert_eq!(layout.record.len(), 4);
            let mut end = 4;
            for column in layout.columns {
                assert!(column.first >= end + 2, "{}: {}", layout.record, column.name);
                assert!(column.last >= column.first, "{}: {}", layout.record, column.name);
                end = column.last;
            }
            assert!(end <= layout.width, "{}", layout.record);
        }
        assert!(LAYOUTS.is_sorted_by(|a, b| a.record < b.record));
    }
}
