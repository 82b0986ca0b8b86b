//! Groups, and how users are connected to them.

use std::fmt;
use std::str::FromStr;

use ptkt::{GroupId, UserId};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub id: GroupId,
    /// SUPGROUP; none for the topmost group.
    pub superior: Option<GroupId>,
    /// OWNER: a user or a group.
    pub owner: UserId,
    /// DATA: installation data.
    pub data: String,
    /// When it was defined, in seconds since 1970 UTC, where that is known.
    pub created: Option<u64>,
}

impl Group {
    /// The name of the group at the top of every database.
    pub const TOP: &str = "SYS1";

    /// A group without installation data.
    #[must_use]
    pub const fn new(id: GroupId, superior: Option<GroupId>, owner: UserId) -> Self {
        Self { id, superior, owner, data: String::new(), created: None }
    }
}

/// How a user is connected to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// AUTHORITY.
    pub authority: Authority,
    /// OWNER: a user or a group.
    pub owner: UserId,
    /// REVOKE: what the group may do is not for this user.
    pub revoked: bool,
    /// When it was made, in seconds since 1970 UTC, where that is known.
    pub created: Option<u64>,
}

impl Connect {
    /// A connection with authority USE.
    #[must_use]
    pub const fn new(owner: UserId) -> Self {
        Self { authority: Authority::Use, owner, revoked: false, created: None }
    }
}

/// AUTHORITY: what a user may do in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub enum Authority {
    /// What the group may do.
    #[default]
    Use,
    /// Also define data set profiles for it.
    Create,
    /// Also connect users.
    Connect,
    /// Also define users and groups below it.
    Join,
}

impl Authority {
    /// All, lowest first.
    pub const ALL: [Self; 4] = [Self::Use, Self::Create, Self::Connect, Self::Join];

    /// As RACF writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Use => "USE",
            Self::Create => "CREATE",
            Self::Connect => "CONNECT",
            Self::Join => "JOIN",
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Authority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|authority| authority.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("a group authority is {}", Self::ALL.map(Self::name).join(", ")))
    }
}
