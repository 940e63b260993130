//! The far end of the SDK's clients in memory: requests end in a [`Service`] instead of a network.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use crate::aws::{retries, timeouts};

/// A request as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) body: Vec<u8>,
    pub(super) method: String,
    /// The operation of services that name it in a header; empty for others.
    pub(super) operation: String,
    /// Address without scheme and host.
    pub(super) path: String,
}

/// An answer in JSON.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) body: String,
    /// Code of an error, for services that have it in a header.
    pub(super) error: Option<&'static str>,
    pub(super) status: u16,
}

/// Answers requests. Where it has no answer, the connection is lost.
pub(super) trait Service: Clone + Debug + Send + Sync + 'static {
    fn answer(self, request: Request) -> impl Future<Output = Option<Response>> + Send;
}

/// Settings of clients whose requests end in the service. They try once.
pub(super) fn config(service: impl Service) -> SdkConfig {
    connected(Connector(service))
}

/// Settings of clients whose requests end in the service. They try again as the clients of the functions do.
pub(super) fn config_with_retries(service: impl Service) -> SdkConfig {
    config(service).into_builder().retry_config(retries()).timeout_config(timeouts()).build()
}

/// Settings of clients with this connection. They try once.
pub fn connected(connector: impl HttpConnector + 'static) -> SdkConfig {
    let connector = SharedHttpConnector::new(connector);
    let credentials = Credentials::new("key", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .region(Region::new("us-east-1"))
        .retry_config(RetryConfig::disabled().with_initial_backoff(Duration::from_micros(1)))
        .build()
}

#[derive(Clone, Debug)]
struct Connector<S>(S);

impl<S: Service> HttpConnector for Connector<S> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = read(request).await?;
            let lost = || ConnectorError::io("the connection was lost".into());
            let Response { body, error, status } = service.answer(request).await.ok_or_else(lost)?;
            let status = status.try_into().map_err(|error| unreadable(&error))?;
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            if let Some(code) = error {
                response.headers_mut().insert("x-amzn-errortype", code);
            }
            Ok(response)
        })
    }
}

async fn read(mut request: HttpRequest) -> Result<Request, ConnectorError> {
    let content = ByteStream::new(request.take_body()).collect().await.map_err(|error| unreadable(&error))?;
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let address = request.uri();
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    Ok(Request {
        body: content.to_vec(),
        method: request.method().to_owned(),
        operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
        path: rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().to_owned(),
    })
}

fn unreadable(error: &dyn Display) -> ConnectorError {
    ConnectorError::other(error.to_string().into(), None)
}
