//! Units of work that cost each other nothing.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout_at};

use crate::fault::{Fault, chain};

/// Why a unit of work was not done.
#[derive(Debug)]
pub enum IsolationError {
    /// A call failed.
    Fault(Fault),
    /// It had not ended in time.
    OutOfTime,
    /// It panicked.
    Panic,
}

impl IsolationError {
    /// Whether another try can succeed without anybody's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Fault(fault) => fault.kind.is_retryable(),
            Self::OutOfTime => true,
            Self::Panic => false,
        }
    }

    /// The failure as logs, metrics and Lambda's error type carry it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.kind.as_str(),
            Self::OutOfTime => "out_of_time",
            Self::Panic => "panic",
        }
    }
}

impl fmt::Display for IsolationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => f.write_str(&chain(fault)),
            Self::OutOfTime => f.write_str("no time was left"),
            Self::Panic => f.write_str("the function panicked"),
        }
    }
}

/// Runs one unit of work so that it costs the others nothing: not their time, and not even if it panics.
///
/// # Errors
/// See [`IsolationError`].
pub async fn contained<T>(work: impl Future<Output = Result<T, Fault>>, until: Instant) -> Result<T, IsolationError> {
    match timeout_at(until, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => done.map_err(IsolationError::Fault),
        Ok(Err(_)) => Err(IsolationError::Panic),
        Err(_) => Err(IsolationError::OutOfTime),
    }
}
