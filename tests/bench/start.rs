//! How long the activator takes to start and to answer.
//!
//! Fresh processes of the release binary, one after the other, against an endpoint that answers at once over TLS: what
//! is left is the function's own time. It prints, and never fails because of a figure. The harness is compiled without
//! optimisation and its share is in every figure, so they are upper bounds.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::serve::Listener;
use serde_json::Value;
use tempfile::NamedTempFile;
use tests::lambda::{Binary, Function, Outcome, activator};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

/// Fresh processes.
const STARTS: usize = 15;
/// Answers after the first, of each process.
const LATER: usize = 20;
/// What a start and the first answer may take together.
const BUDGET: Duration = Duration::from_millis(30);
/// Where Lambda's `provided.al2023` and Debian keep the public roots: the function reads them all at its start.
const PUBLIC_ROOTS: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

#[tokio::main]
async fn main() -> Result<()> {
    let endpoint = Endpoint::start().await?;
    let binary = activator();
    let event = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/activator/registered.json");
    let event = fs::read(event)?;

    // The first process brings the binary from the disk into memory.
    measure(&binary, &endpoint, &event).await?;
    let mut measured = Vec::new();
    for _ in 0..STARTS {
        measured.push(measure(&binary, &endpoint, &event).await?);
    }

    println!("activator, {STARTS} starts, TLS endpoint on this machine, {} roots; ms", endpoint.roots);
    println!("{:<16}{:>9}{:>9}{:>9}", "", "min", "median", "max");
    let column = |of: fn(&Start) -> Duration| measured.iter().map(of).collect::<Vec<_>>();
    print("ready", column(|start| start.ready));
    let first = print("first answer", column(|start| start.first));
    let both = print("ready + first", column(|start| start.ready + start.first));
    let later = print("later answers", column(|start| start.later));
    println!("later / first: {:.2}", later.as_secs_f64() / first.as_secs_f64());
    println!("ready + first <= {} ms: {}", BUDGET.as_millis(), if both <= BUDGET { "yes" } else { "no" });
    Ok(())
}

struct Start {
    first: Duration,
    /// Median.
    later: Duration,
    ready: Duration,
}

async fn measure(binary: &Binary, endpoint: &Endpoint, event: &[u8]) -> Result<Start> {
    let mut function = Function::start(binary, &endpoint.variables()?).await?;
    let first = answer(&mut function, event).await?;
    let mut later = Vec::new();
    for _ in 0..LATER {
        later.push(answer(&mut function, event).await?);
    }
    Ok(Start { first, later: median(&mut later), ready: function.ready })
}

async fn answer(function: &mut Function, event: &[u8]) -> Result<Duration> {
    let begun = Instant::now();
    let outcome = function.invoke(event).await?;
    let took = begun.elapsed();
    let gone = |answer: &Value| answer.get("reason").and_then(Value::as_str) == Some("certificate_gone");
    ensure!(matches!(&outcome, Outcome::Returned(answer) if gone(answer)), "not the answer to measure: {outcome:?}");
    Ok(took)
}

/// Prints a line of the table; gives the median.
fn print(name: &str, mut times: Vec<Duration>) -> Duration {
    let median = median(&mut times);
    let [min, median_ms, max] =
        [times.first(), Some(&median), times.last()].map(|time| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3));
    println!("{name:<16}{min:>9.2}{median_ms:>9.2}{max:>9.2}");
    median
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The part of AWS that the activator asks about a certificate that no longer exists.
struct Endpoint {
    /// How many root certificates the function reads.
    roots: usize,
    trust: NamedTempFile,
    url: String,
}

impl Endpoint {
    async fn start() -> Result<Self> {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];

        let mut roots: String = PUBLIC_ROOTS.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        roots.push_str(&certified.cert.pem());
        let trust = NamedTempFile::new()?;
        fs::write(trust.path(), &roots)?;

        let listener = TlsListener::bind(config).await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
        Ok(Self { roots: roots.matches("BEGIN CERTIFICATE").count(), trust, url })
    }

    fn variables(&self) -> Result<Vec<(String, String)>> {
        let trust = self.trust.path().to_str().context("a path that is not Unicode")?;
        let variables = [
            ("ACCOUNT_ID", "000000000000"),
            ("ADMIT_UNENROLLED_AUTHORITIES", "false"),
            ("AUTHORITIES_TABLE", "authorities"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_REGION", "us-east-1"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("DEFAULT_POLICY_NAME", "device"),
            ("DEFAULT_THING_NAME_TEMPLATE", "${CommonName}"),
            ("REGISTRATIONS_TABLE", "registrations"),
            ("REVOCATION_BUCKET", "revocation"),
            ("SSL_CERT_FILE", trust),
        ];
        Ok(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }
}

/// DynamoDB's rows do not exist, nor do AWS IoT's things and certificates, nor S3's objects.
async fn respond(headers: HeaderMap) -> (StatusCode, [(&'static str, &'static str); 2], &'static str) {
    if headers.contains_key("x-amz-target") {
        return (StatusCode::OK, [("content-type", "application/x-amz-json-1.0"), ("x-amzn-requestid", "0")], "{}");
    }
    let headers = [("content-type", "application/json"), ("x-amzn-errortype", "ResourceNotFoundException")];
    (StatusCode::NOT_FOUND, headers, r#"{"message":"there is none"}"#)
}

/// Connections whose TLS handshake is done. Handshakes overlap, as the function opens several connections at once.
struct TlsListener {
    address: SocketAddr,
    connections: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    async fn bind(config: ServerConfig) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (done, connections) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (acceptor, done) = (acceptor.clone(), done.clone());
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    match acceptor.accept(stream).await {
                        Ok(stream) => drop(done.send((stream, peer)).await),
                        Err(error) => eprintln!("the function's handshake failed: {error}"),
                    }
                });
            }
        });
        Ok(Self { address, connections })
    }
}

impl Listener for TlsListener {
    type Addr = SocketAddr;
    type Io = TlsStream<TcpStream>;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
