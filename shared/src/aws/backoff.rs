//! Waiting before what the SDK does not repeat by itself is tried again.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use backon::{BackoffBuilder, ExponentialBuilder};

/// Growing waits with jitter, from the SDK's own first wait to ten times of it, so many that there are `tries` tries.
pub(super) fn waits(config: Option<&RetryConfig>, tries: usize) -> impl Iterator<Item = Duration> + Send + use<> {
    let first = config.map_or(Duration::from_millis(200), RetryConfig::initial_backoff);
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(first)
        .with_max_delay(first.saturating_mul(10))
        .with_max_times(tries.saturating_sub(1))
        .build()
}
