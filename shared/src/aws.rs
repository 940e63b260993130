//! The ports on AWS: one adapter each, which makes requests, reads answers and classifies errors, and decides nothing.

mod error;

#[cfg(feature = "dynamodb")]
pub mod authorities;
#[cfg(any(feature = "dynamodb", feature = "s3"))]
mod backoff;
#[cfg(feature = "dynamodb")]
mod batch_write;
#[cfg(feature = "iot")]
mod certificates;
#[cfg(feature = "dynamodb")]
mod crl_states;
#[cfg(feature = "sqs")]
pub mod dead_letters;
#[cfg(feature = "dynamodb")]
pub mod device_events;
#[cfg(feature = "dynamodb")]
pub mod devices;
#[cfg(feature = "iot")]
pub mod iot;
#[cfg(feature = "dynamodb")]
pub mod items;
#[cfg(feature = "sqs")]
pub mod overflow;
#[cfg(feature = "dynamodb")]
pub mod presence;
#[cfg(feature = "dynamodb")]
pub mod registrations;
#[cfg(feature = "dynamodb")]
mod row;
#[cfg(all(feature = "dynamodb", feature = "iot-data"))]
pub mod sessions;
#[cfg(feature = "s3")]
pub mod snapshots;
#[cfg(feature = "iot")]
mod things;
#[cfg(feature = "dynamodb")]
mod update;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

pub use error::fault;

/// Loads Region, credentials and endpoint from the environment, for clients that are made once at start.
pub async fn load_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12()).retry_config(retries()).timeout_config(timeouts()).load().await
}

/// Retries of the functions' clients, the SDK's standard ones: up to five tries with jittered back-off, for throttling,
/// HTTP 5xx, timeouts and lost connections.
pub(crate) fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(5).with_initial_backoff(Duration::from_millis(200))
}

/// Timeouts of the functions' clients. A try ends after 5 s, so that one that hangs does not use up the invocation.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(5))
        .build()
}
