//! AWS IoT Core's registry.

use std::error::Error;
use std::marker::PhantomData;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_iot::Client;
use aws_sdk_iot::config::Builder;
use aws_sdk_iot::config::retry::RetryConfig;
use aws_sdk_iot::operation::attach_policy::AttachPolicyError;
use aws_sdk_iot::operation::describe_certificate::DescribeCertificateError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::error::is_throttled;
use crate::fault::Fault;
use crate::id::ThingName;
use crate::port::ThingRegistry;

/// The control plane of AWS IoT Core as [`CertificateRegistry`](crate::port::CertificateRegistry) and
/// [`ThingRegistry`].
#[derive(Clone, Debug)]
pub struct Iot {
    pub(super) client: Client,
    /// How the SDK repeats `UpdateCertificate`, if not as other operations.
    pub(super) update_retries: Option<RetryConfig>,
}

impl Iot {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config), update_retries: None }
    }

    /// Makes the client for a registry that is [`Paced`](crate::pace::Paced); no request is sent. A call of an operation
    /// that is paced ends when it is throttled: it is made again there. One of `UpdateCertificate` ends at any failure: whoever
    /// has to tell its own change from another one's has to know of each try that may have been carried out.
    #[must_use]
    pub fn for_pace(config: &SdkConfig) -> Self {
        let config = Builder::from(config)
            .retry_classifier(LeaveThrottled::<AttachPolicyError>::default())
            .retry_classifier(LeaveThrottled::<DescribeCertificateError>::default());
        Self { client: Client::from_conf(config.build()), update_retries: Some(RetryConfig::disabled()) }
    }

    /// Opens the connection before the first event needs it, by reading a thing that need not exist: of all reads,
    /// `DescribeThing` has the widest quota. Bounded in time.
    ///
    /// # Errors
    /// A [`Fault`] if the read failed; the connection is then made later.
    pub async fn prewarm(&self, within: Duration) -> Result<(), Fault> {
        let Ok(name) = "prewarm".parse::<ThingName>() else { return Ok(()) };
        match tokio::time::timeout(within, self.thing(&name)).await {
            Ok(read) => read.map(|_| ()),
            Err(elapsed) => Err(Fault::new("iot:DescribeThing", crate::fault::FaultKind::Unavailable, elapsed)),
        }
    }
}

/// Keeps the SDK from repeating throttled calls of an operation, known by its error.
#[derive(Debug)]
struct LeaveThrottled<E>(PhantomData<E>);

impl<E> Default for LeaveThrottled<E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E> ClassifyRetry for LeaveThrottled<E>
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err).and_then(OrchestratorError::as_operation_error);
        match error.and_then(|error| error.downcast_ref::<E>()).and_then(ProvideErrorMetadata::code) {
            Some(code) if is_throttled(code) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "left to the pacer"
    }
}
