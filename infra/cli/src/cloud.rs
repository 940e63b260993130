//! The way to AWS: one set of clients for the stack that a command works on.

use std::time::Duration;

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::config::RequestChecksumCalculation;
use shared::aws::authorities::Authorities;
use shared::aws::device_events::DeviceEvents;
use shared::aws::devices::Devices;
use shared::aws::iot::Iot;
use shared::aws::registrations::Registrations;

use crate::store::Store;

/// Clients and tables of one stack.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Profiles and announcements, as the activator reads them.
    pub authorities: Authorities,
    /// What happened to clients, as events told.
    pub device_events: DeviceEvents,
    /// What is known of clients now.
    pub devices: Devices,
    /// Lambda, for what is told at once.
    pub functions: aws_sdk_lambda::Client,
    /// AWS IoT's control plane, for what only operators do.
    pub iot: aws_sdk_iot::Client,
    /// Lambda, patient enough for a function that takes its whole time.
    pub lambda: aws_sdk_lambda::Client,
    /// AWS IoT's registry, as the activator sees it.
    pub registry: Iot,
    /// Decisions, as the activator writes them.
    pub registrations: Registrations,
    /// S3, patient enough for large objects.
    pub s3: aws_sdk_s3::Client,
    /// Name of the stack.
    pub stack: String,
    /// The tables, for what only operators do.
    pub store: Store,
}

impl Cloud {
    /// Loads Region, credentials and endpoint from the environment and the shared configuration files, as the AWS CLI
    /// does; `AWS_ENDPOINT_URL` leads to the local cloud. No request is sent.
    ///
    /// # Errors
    /// No Region is set anywhere.
    pub async fn of_stack(stack: &str) -> Result<Self> {
        let config = shared::aws::load_config().await;
        if config.region().is_none() {
            bail!("no Region is set: name it in AWS_REGION or in the profile of the aws configuration");
        }
        let (authorities, registrations) = (format!("{stack}-authorities"), format!("{stack}-registrations"));
        Ok(Self {
            authorities: Authorities::new(&config, &authorities),
            device_events: DeviceEvents::new(&config, format!("{stack}-device-events")),
            devices: Devices::new(&config, format!("{stack}-devices")),
            functions: aws_sdk_lambda::Client::new(&config),
            iot: aws_sdk_iot::Client::new(&config),
            lambda: lambda(&config),
            registry: Iot::new(&config),
            registrations: Registrations::new(&config, &registrations),
            s3: s3(&config),
            stack: stack.to_owned(),
            store: Store::new(&config, authorities, registrations),
        })
    }
}

/// One try, as long as a function may run (15 minutes): a second one would start the function a second time.
fn lambda(config: &SdkConfig) -> aws_sdk_lambda::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(15 * 60 + 30))
        .build();
    let builder =
        aws_sdk_lambda::config::Builder::from(config).timeout_config(timeouts).retry_config(RetryConfig::disabled());
    aws_sdk_lambda::Client::from_conf(builder.build())
}

/// A local cloud has no host name for each bucket, so that the bucket goes into the path there; and knows few of the
/// SDK's checksums, which a CRL with its signature does without.
fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_mins(10))
        .build();
    let builder = aws_sdk_s3::config::Builder::from(config)
        .timeout_config(timeouts)
        .force_path_style(config.endpoint_url().is_some())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// Whether AWS IoT answered that there is no such thing.
pub(crate) fn is_not_found<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ResourceNotFoundException")
}
