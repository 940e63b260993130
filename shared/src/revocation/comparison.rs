//! How far a comparison of all registrations with all CRLs has come.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, FaultKind};
use crate::port::{Continuation, CrlPublication};

/// Sort key of the comparison in the `Authorities` table.
pub const COMPARISON_RECORD: &str = "comparison";
/// Partition key of the comparison of all CAs.
pub const ALL_AUTHORITIES: &str = "all";

/// How often a comparison is asked for if others write it at the same time.
const TRIES: usize = 3;

/// Lets the next runs of the CRL checker compare all registrations: something has changed that no difference of lists tells.
///
/// # Errors
/// A [`Fault`] if a call to DynamoDB failed, or others wrote the comparison at the same time.
pub async fn request_comparison(authorities: &(impl CrlPublication + Sync)) -> Result<(), Fault> {
    for _ in 0..TRIES {
        let comparison = authorities.comparison(None).await?.requested();
        if authorities.record_comparison(None, &comparison).await? {
            return Ok(());
        }
    }
    let problem = "others wrote the comparison at the same time";
    Err(Fault::new("dynamodb:UpdateItem", FaultKind::Unavailable, problem))
}

/// A comparison of all registrations with all CRLs, which may take several runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Comparison {
    /// Whether it begins once more at its end: it was asked for when it was under way.
    pub again: bool,
    /// Whether one is asked for or under way.
    pub due: bool,
    /// Where it goes on; none at its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Continuation>,
    /// Counts the writes; the lock of whoever makes the next one.
    pub step: u64,
}

impl Comparison {
    /// Asks for a comparison of every row from now on.
    #[must_use]
    pub fn requested(self) -> Self {
        Self { again: self.due && self.from.is_some(), due: true, ..self }
    }

    /// The end of the walk has been reached.
    #[must_use]
    pub fn ended(self) -> Self {
        Self { again: false, due: self.again, from: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_under_way_is_done_from_the_beginning_afterwards() {
        let fresh = Comparison::default().requested();
        assert_eq!(fresh, Comparison { due: true, ..Comparison::default() });
        assert!(!fresh.clone().requested().again, "nothing has been compared yet");
        assert!(!fresh.clone().ended().due);
        let under_way = Comparison { from: Some(Continuation("a".to_owned())), ..fresh };
        let again = under_way.requested();
        assert!(again.again && again.from.is_some());
        let second = again.ended();
        assert_eq!(second, Comparison { due: true, ..Comparison::default() });
    }
}
