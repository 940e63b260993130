//! The far end: a server that sends what a test says, octet for octet, and notes what it was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use crl_checker::fetch::{Body, CrlBody, CrlFetch, FetchFault, Fetched, Fetcher, Limits};
use shared::revocation::Validators;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// Time after which a fetch counts as one that does not end by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A limit that no test reaches.
pub(crate) const FAR: Duration = Duration::from_mins(1);

/// What a server does with a connection once it has read the head of the request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends the same again and again, with pauses, until the client leaves.
    Repeat(&'static str, Duration),
    /// Sends this.
    Send(String),
    /// Says nothing until the client leaves.
    Wait,
}

/// An answer and the end of the connection.
pub(crate) fn answer(text: impl Into<String>) -> Vec<Step> {
    vec![Step::Send(text.into())]
}

/// A redirect and the end of the connection.
pub(crate) fn redirect(location: &str) -> Vec<Step> {
    answer(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"))
}

/// One connection after the other gets its own steps; those after the last are closed without an answer.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<VecDeque<Vec<Step>>>>,
}

impl Server {
    pub(crate) async fn start(script: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self::new(listener.local_addr().unwrap(), script);
        let far_end = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                far_end.serve(stream).await;
            }
        });
        server
    }

    /// A server whose connections come from elsewhere.
    pub(crate) fn new(address: SocketAddr, script: impl IntoIterator<Item = Vec<Step>>) -> Self {
        Self { address, asked: Arc::default(), script: Arc::new(Mutex::new(script.into_iter().collect())) }
    }

    /// Serves one connection.
    pub(crate) async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(octet) => head.push(octet),
                Err(_) => return,
            }
        }
        self.asked.lock().unwrap().push(String::from_utf8(head).unwrap());
        let steps = self.script.lock().unwrap().pop_front().unwrap_or_default();
        for step in steps {
            match step {
                Step::Repeat(text, pause) => {
                    while stream.write_all(text.as_bytes()).await.is_ok() && stream.flush().await.is_ok() {
                        tokio::time::sleep(pause).await;
                    }
                }
                Step::Send(text) => {
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.flush().await;
                }
                Step::Wait => while stream.read_u8().await.is_ok() {},
            }
        }
        let _ = stream.shutdown().await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// A client of S3 that takes this server for S3.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .endpoint_url(self.url(""))
            .force_path_style(true)
            .region(Region::new("eu-west-1"))
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// A fetcher that may ask 127.0.0.1, with limits that no good answer reaches.
    pub(crate) fn fetcher(&self) -> Fetcher {
        self.fetcher_within(limits())
    }

    pub(crate) fn fetcher_within(&self, limits: Limits) -> Fetcher {
        self.fetcher_of("127.0.0.1/32", limits)
    }

    pub(crate) fn fetcher_of(&self, private: &str, limits: Limits) -> Fetcher {
        Fetcher::new(self.s3(), private.parse().unwrap(), limits, vec!["my-crls".to_owned()]).unwrap()
    }
}

/// 1000 octets, three redirects, and more time than any test takes.
pub(crate) fn limits() -> Limits {
    Limits { connect: FAR, idle: FAR, max_octets: 1000, redirects: 3, total: FAR }
}

/// What a fetch came to, the body read to its end.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Got {
    Content(String, Validators),
    NotModified,
}

pub(crate) fn content(text: &str, etag: Option<&str>, last_modified: Option<&str>) -> Got {
    Got::Content(text.to_owned(), validators(etag, last_modified))
}

pub(crate) fn validators(etag: Option<&str>, last_modified: Option<&str>) -> Validators {
    Validators::new(etag.map(ToOwned::to_owned), last_modified.map(ToOwned::to_owned))
}

/// Fetches and reads to the end, within [`PATIENCE`].
pub(crate) async fn get(
    fetcher: &Fetcher,
    url: &str,
    hosts: &[&str],
    validators: &Validators,
) -> Result<Got, FetchFault> {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let all = async {
        match fetcher.fetch(&url.parse().unwrap(), &hosts, validators).await? {
            Fetched::Content { mut body, validators } => Ok(Got::Content(read(&mut body).await?, validators)),
            Fetched::NotModified => Ok(Got::NotModified),
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the fetch ends by itself")
}

/// Reads to the end. After the end there is nothing more, and after a fault only faults.
async fn read(body: &mut Body) -> Result<String, FetchFault> {
    let mut octets = Vec::new();
    loop {
        match body.next().await {
            Ok(Some(chunk)) => octets.extend_from_slice(&chunk),
            Ok(None) => {
                assert!(matches!(body.next().await, Ok(None)));
                return Ok(String::from_utf8(octets).unwrap());
            }
            Err(fault) => {
                assert!(matches!(body.next().await, Err(FetchFault::Incomplete { .. })));
                return Err(fault);
            }
        }
    }
}

/// The fault of fetching from a server that gives `script`, asked without anything special.
pub(crate) async fn fault(script: Vec<Step>, limits: Limits) -> FetchFault {
    let server = Server::start([script]).await;
    get(&server.fetcher_within(limits), &server.url("/a.crl"), &[], &Validators::default()).await.unwrap_err()
}
