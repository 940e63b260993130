//! Whoever fails to connect: what keeps failed attempts of one principal, under any number of client ids, in few rows.

use std::fmt;

use time::OffsetDateTime;

use crate::event::LifecycleEvent;
use crate::id::ClientId;

/// What the key of a principal's row begins with. AWS IoT sends no events of client ids with `#`, and an event of one that
/// begins so is none.
pub const PRINCIPAL_PREFIX: &str = "principal#";

/// Client ids without a row of their own for which the failed attempts of one principal make rows; and, in one batch, client
/// ids of a principal whose failed attempts are recorded one by one.
pub const MAX_FAILING_CLIENTS: usize = 8;

/// Whoever failed to authenticate or was not allowed to connect.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FailingPrincipal(String);

/// Failed attempts of one principal that are counted together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FailuresInBulk {
    /// The time of the last one.
    pub at: OffsetDateTime,
    /// How many.
    pub count: u64,
}

/// A principal whose failed attempts were counted together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FailingPrincipalRow {
    /// Attempts that were counted together: those under client ids beyond [`MAX_FAILING_CLIENTS`]. A repeated event may be
    /// counted again.
    pub attempts: u64,
    /// Client ids that got rows of their own, [`MAX_FAILING_CLIENTS`] at most.
    pub clients: Vec<String>,
    /// The time of the last attempt that was counted together.
    pub last: OffsetDateTime,
    /// The principal that failed.
    pub principal: FailingPrincipal,
}

impl FailingPrincipal {
    /// Whose attempt an event tells of. Sessions of one IAM role, whose names the caller makes up, are one principal, and so
    /// are all attempts of which AWS IoT does not tell whose they are.
    #[must_use]
    pub fn of(event: &LifecycleEvent) -> Self {
        let principal = event.principal.as_deref().unwrap_or("unknown");
        Self(principal.split_once(':').map_or(principal, |(role, _)| role).to_owned())
    }

    /// The principal of a row's key.
    #[must_use]
    pub fn from_key(key: &ClientId) -> Option<Self> {
        key.as_str().strip_prefix(PRINCIPAL_PREFIX).map(|principal| Self(principal.to_owned()))
    }

    /// The key of its row in the table of devices.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{PRINCIPAL_PREFIX}{self}")
    }

    /// The certificate id, the IAM id, or `unknown`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FailingPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
