//! A reverse proxy that writes down which operations a function asks of AWS, and can play a service that throttles.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use shared::testing::TokenBucket;
use tokio::net::TcpListener;
use tokio_rustls::rustls::crypto::aws_lc_rs;

struct Proxy {
    client: reqwest::Client,
    operations: Mutex<Vec<String>>,
    quotas: Mutex<BTreeMap<String, TokenBucket>>,
    /// Requests of AWS IoT that are still to be turned away, and of DynamoDB.
    throttled: [AtomicUsize; 2],
    upstream: String,
}

/// The proxy, listening on a port of its own.
pub struct Recorder {
    proxy: Arc<Proxy>,
    /// What `AWS_ENDPOINT_URL` has to be for the function under test.
    pub url: String,
}

impl Recorder {
    /// Starts to pass everything on to `upstream`.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        // Nothing here speaks TLS, but a client can't be made without: a function has reqwest built so. The second one
        // to install it fails, and finds what the first has installed.
        let _ = aws_lc_rs::default_provider().install_default();
        let proxy = Arc::new(Proxy {
            client: reqwest::Client::new(),
            operations: Mutex::new(Vec::new()),
            quotas: Mutex::default(),
            throttled: [AtomicUsize::new(0), AtomicUsize::new(0)],
            upstream: upstream.trim_end_matches('/').to_owned(),
        });
        // Snapshots are larger than axum's limit.
        let routes = Router::new().fallback(pass).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&proxy));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { proxy, url })
    }

    /// From now on an operation of AWS IoT, as IAM names it, has a quota of so many calls a second; what is beyond is answered
    /// with a `ThrottlingException`.
    pub fn limit(&self, operation: &str, per_second: u32) {
        if let Ok(mut quotas) = self.proxy.quotas.lock() {
            quotas.insert(operation.to_owned(), TokenBucket::new(f64::from(per_second)));
        }
    }

    /// Answers the next `requests` to AWS IoT with a `ThrottlingException`, which has status 400 there.
    pub fn throttle(&self, requests: usize) {
        self.proxy.throttled[0].store(requests, Ordering::SeqCst);
    }

    /// Answers the next `requests` to DynamoDB with a `ProvisionedThroughputExceededException`.
    pub fn throttle_dynamodb(&self, requests: usize) {
        self.proxy.throttled[1].store(requests, Ordering::SeqCst);
    }

    /// Takes the operations asked for since the last call, as IAM names their permissions.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.proxy.operations.lock().map(|mut operations| std::mem::take(&mut *operations)).unwrap_or_default()
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let operation = operation(&method, uri.path(), &headers);
    let has_room = || {
        let mut quotas = proxy.quotas.lock().ok()?;
        quotas.get_mut(&operation).map(TokenBucket::take)
    };
    let is_throttled = has_room() == Some(false);
    let (of_iot, of_dynamodb) = (operation.starts_with("iot:"), operation.starts_with("dynamodb:"));
    if let Ok(mut operations) = proxy.operations.lock() {
        operations.push(operation);
    }
    let one_less = |left: usize| left.checked_sub(1);
    let is_turned_away = |left: &AtomicUsize| left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
    if is_throttled || of_iot && is_turned_away(&proxy.throttled[0]) {
        let code = [("x-amzn-errortype", "ThrottlingException")];
        return (StatusCode::BAD_REQUEST, code, r#"{"message":"Rate exceeded"}"#).into_response();
    }
    if of_dynamodb && is_turned_away(&proxy.throttled[1]) {
        let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#;
        return (StatusCode::BAD_REQUEST, body).into_response();
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // The Host header goes along unchanged: it is part of what was signed.
    let request = proxy.client.request(method, format!("{}{path}", proxy.upstream)).headers(headers).body(body);
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    match answer.bytes().await {
        Ok(body) => (status, headers, body).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// The operation behind a request, after the API references of AWS IoT and S3, and the `X-Amz-Target` of DynamoDB and SQS.
fn operation(method: &Method, path: &str, headers: &HeaderMap) -> String {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let service = service(header("authorization"));
    let action = match (service, method.as_str(), parts.as_slice()) {
        ("dynamodb" | "sqs", ..) => header("x-amz-target").rsplit('.').next().unwrap_or_default(),
        ("iot", "GET", ["cacertificate", _]) => "DescribeCACertificate",
        ("iot", "GET", ["certificates", _]) => "DescribeCertificate",
        ("iot", "PUT", ["certificates", _]) => "UpdateCertificate",
        ("iot", "PUT", ["target-policies", _]) => "AttachPolicy",
        ("iot", "PUT", ["thing-groups", "addThingToThingGroup"]) => "AddThingToThingGroup",
        ("iot", "GET", ["things", _]) => "DescribeThing",
        ("iot", "PATCH", ["things", _]) => "UpdateThing",
        ("iot", "POST", ["things", _]) => "CreateThing",
        ("iot", "GET", ["things", _, "principals"]) => "ListThingPrincipals",
        ("iot", "POST", ["attached-policies", _]) => "ListAttachedPolicies",
        ("iot", "PUT", ["things", _, "principals"]) => "AttachThingPrincipal",
        // IAM knows the data plane by the same prefix.
        ("iotdata", "DELETE", ["connections", _]) => return "iot:DeleteConnection".to_owned(),
        ("s3", "DELETE", [_, _, ..]) => "DeleteObject",
        ("s3", "GET" | "HEAD", [_, _, ..]) => "GetObject",
        ("s3", "PUT", [_, _, ..]) => "PutObject",
        _ => return format!("{service} {method} {path}"),
    };
    format!("{service}:{action}")
}

/// The service out of the credential scope of a signature ("Signature Version 4" in the IAM user guide).
fn service(authorization: &str) -> &str {
    let scope = authorization.split("Credential=").nth(1).and_then(|rest| rest.split(',').next());
    scope.and_then(|scope| scope.split('/').nth(3)).unwrap_or_default()
}
