//! What is done to a site, beside what is done to its card.

use std::fmt;

use icsf_core::KeyLabel;
use icsf_core::kds::KdsFormat;

use crate::file::Skew;

/// A change of ICSF, key store, security database, name or clock.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    IcsfStop,
    IcsfStart,
    KerberosStop,
    KerberosStart,
    /// An IPL with another SMF ID.
    Smfid(String),
    Skew(Skew),
    Deactivate(String),
    Activate(String),
    /// A profile of the shared security database is changed, and every site but this one refreshes.
    Stale {
        profile: String,
        operands: Vec<String>,
    },
    /// The profile gets another key here.
    KeysDiffer {
        profile: String,
    },
    /// The profile is left with a key token in the place of its key: of this site, or of another one, whose master keys it
    /// is under.
    KeyToken {
        profile: String,
        from: Option<String>,
    },
    /// An empty CKDS in the place of what there was.
    CkdsDetach,
    CkdsDropLabels(Vec<KeyLabel>),
    CkdsRestore(Restore),
    /// A CKDS of this format, with what it takes of what there was.
    CkdsFormat(KdsFormat),
}

/// What comes back from a copy of a CKDS.
#[derive(Debug, Clone)]
pub(crate) struct Restore {
    /// Whose copy; the own one where it is left out.
    pub(crate) from: Option<String>,
    /// As it was when this step began; else as it was before it was changed here, or as it is at the other site.
    pub(crate) as_of: Option<String>,
    /// These alone, in the form in which they lie there; else everything.
    pub(crate) labels: Vec<KeyLabel>,
}

impl Change {
    /// Whether something breaks by it, or else is mended.
    pub(crate) const fn is_fault(&self) -> bool {
        match self {
            Self::IcsfStart | Self::KerberosStart | Self::Activate(_) => false,
            Self::CkdsRestore(restore) => restore.from.is_some() || restore.as_of.is_some(),
            Self::Skew(skew) => skew.0 != 0,
            _ => true,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IcsfStop => f.write_str("stop ICSF"),
            Self::IcsfStart => f.write_str("start ICSF"),
            Self::KerberosStop => f.write_str("stop SKRBKDC"),
            Self::KerberosStart => f.write_str("start SKRBKDC"),
            Self::Smfid(smfid) => write!(f, "IPL with SMF ID {smfid}"),
            Self::Skew(skew) => write!(f, "set the clock {skew} off"),
            Self::Deactivate(class) => write!(f, "deactivate class {class}"),
            Self::Activate(class) => write!(f, "activate class {class}"),
            Self::Stale { profile, .. } => {
                write!(f, "change profile {profile} in the shared database, and refresh everywhere but here")
            }
            Self::KeysDiffer { profile } => write!(f, "give profile {profile} another key here"),
            Self::KeyToken { profile, from } => {
                write!(f, "leave a key token in profile {profile}")?;
                from.iter().try_for_each(|from| write!(f, ", under the master key of site {from}"))
            }
            Self::CkdsDetach => f.write_str("put an empty CKDS in the place of the CKDS"),
            Self::CkdsDropLabels(labels) => write!(f, "delete {} from the CKDS here", list(labels)),
            Self::CkdsRestore(restore) => {
                match restore.labels.as_slice() {
                    [] => f.write_str("restore the CKDS")?,
                    labels => write!(f, "restore {} in the CKDS", list(labels))?,
                }
                if let Some(from) = &restore.from {
                    write!(f, " from site {from}")?;
                }
                restore.as_of.iter().try_for_each(|step| write!(f, " as of step {step}"))
            }
            Self::CkdsFormat(format) => write!(f, "convert the CKDS to the format {format}"),
        }
    }
}

fn list(labels: &[KeyLabel]) -> String {
    labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
