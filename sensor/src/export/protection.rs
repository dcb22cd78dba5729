//! What keeps the process from doing harm, should somebody take it over.
//!
//! [`crate::app::rights`] puts protections in force; this says which of them are, for people and for
//! metrics.

use std::fmt;

/// One way in which the process is kept from doing harm.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Protection {
    /// It runs as a user without rights.
    User,
    /// It has no capabilities, and can get none.
    Capabilities,
    /// No program that it starts can have more rights than itself.
    NoNewPrivs,
    /// Its memory, which holds addresses of people's devices, is never written to a file.
    CoreDumps,
    /// It reads and writes its own folders only.
    Landlock,
    /// It opens no connection and no further listener over TCP.
    LandlockNetwork,
    /// It makes only the system calls that it is made of.
    Seccomp,
}

/// Whether a protection is in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is.
    InForce,
    /// It was switched off; holds by what.
    Off(String),
    /// The system has no such protection; holds what is missing.
    Unavailable(String),
    /// The system did not allow it; holds why.
    Refused(String),
}

impl Protection {
    /// All of them, in the order in which they are put in force.
    pub const ALL: [Self; 7] = [
        Self::User,
        Self::Capabilities,
        Self::NoNewPrivs,
        Self::CoreDumps,
        Self::Landlock,
        Self::LandlockNetwork,
        Self::Seccomp,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivs => "no-new-privs",
            Self::CoreDumps => "core-dumps",
            Self::Landlock => "landlock",
            Self::LandlockNetwork => "landlock-network",
            Self::Seccomp => "seccomp",
        }
    }

    /// What it does, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::User => "runs as a user without rights",
            Self::Capabilities => "has no capabilities",
            Self::NoNewPrivs => "cannot get rights back",
            Self::CoreDumps => "leaves no core dump",
            Self::Landlock => "reads and writes its own folders only",
            Self::LandlockNetwork => "opens no TCP connection",
            Self::Seccomp => "makes only the system calls that it needs",
        }
    }
}

impl Standing {
    /// Whether the protection is in force.
    #[must_use]
    pub const fn is_in_force(&self) -> bool {
        matches!(self, Self::InForce)
    }

    /// The word for it in documents.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Off(_) => "off",
            Self::Unavailable(_) => "unavailable",
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InForce => f.write_str("in force"),
            Self::Off(why) => write!(f, "switched off: {why}"),
            Self::Unavailable(why) => write!(f, "not available: {why}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}
