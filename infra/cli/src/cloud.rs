//! The way to AWS: one set of clients for the stack that a command works on.

use anyhow::{Result, bail};
use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};
use shared::aws::authorities::Authorities;
use shared::aws::iot::Iot;
use shared::aws::registrations::Registrations;

use crate::store::Store;

/// Clients and tables of one stack.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Profiles and announcements, as the activator reads them.
    pub authorities: Authorities,
    /// AWS IoT's control plane, for what only operators do.
    pub iot: aws_sdk_iot::Client,
    /// AWS IoT's registry, as the activator sees it.
    pub registry: Iot,
    /// Decisions, as the activator writes them.
    pub registrations: Registrations,
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
            bail!("no region is set: name it in AWS_REGION or in the profile of the aws configuration");
        }
        let (authorities, registrations) = (format!("{stack}-authorities"), format!("{stack}-registrations"));
        Ok(Self {
            authorities: Authorities::new(&config, &authorities),
            iot: aws_sdk_iot::Client::new(&config),
            registry: Iot::new(&config),
            registrations: Registrations::new(&config, &registrations),
            store: Store::new(&config, authorities, registrations),
        })
    }
}

/// Whether AWS IoT answered that there is no such thing.
pub(crate) fn is_not_found<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ResourceNotFoundException")
}
