//! When an item expires.

use crate::substitution::{EvaluationFault, Message, Template};

/// The last second of the year 9999. What is later was hardly meant as seconds, and DynamoDB would never delete the item.
const LATEST: i64 = 253_402_300_799;

/// A hundred years: longer than anybody keeps an item that is to expire.
const LONGEST: u64 = 100 * 366 * 86_400;

/// The attribute that DynamoDB's Time To Live looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Ttl {
    /// When it is.
    pub expiry: Expiry,
    /// The attribute.
    pub field: String,
}

/// When an item expires.
#[derive(Clone, Debug, PartialEq)]
pub enum Expiry {
    /// So many seconds after the time of the message.
    After(u64),
    /// At the second since 1970 that the template yields.
    At(Template),
}

/// Why an item has no time to expire.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TtlFault {
    /// The template has no value for the message.
    #[error("ttl: {0}")]
    Evaluation(#[from] EvaluationFault),
    /// It is no number, or no second between the years 1970 and 9999: milliseconds, perhaps.
    #[error("ttl: the value is no time in seconds since 1970")]
    NoTime,
}

impl Ttl {
    /// The second since 1970, without a fraction.
    ///
    /// # Errors
    /// See [`TtlFault`].
    pub fn seconds(&self, message: &Message<'_>) -> Result<u64, TtlFault> {
        let seconds = match &self.expiry {
            Expiry::After(seconds) => i64::try_from((message.timestamp / 1000).saturating_add(*seconds)).ok(),
            Expiry::At(template) => template.value(message)?.to_index(),
        };
        let in_time = seconds.filter(|seconds| (0..=LATEST).contains(seconds));
        in_time.and_then(|seconds| seconds.try_into().ok()).ok_or(TtlFault::NoTime)
    }
}

/// Reads `90d` into seconds.
pub(super) fn duration(text: &str) -> Option<u64> {
    let unit = match text.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let (count, _) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !count.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let seconds = count.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=LONGEST).contains(&seconds).then_some(seconds)
}
