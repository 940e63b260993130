//! A function's binary as a process, with this harness in the place of Lambda.
//!
//! The harness answers the Lambda runtime API ("Using the Lambda runtime API for custom runtimes"): one invocation at
//! a time, as Lambda does it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

/// How long a start or an invocation may take before the test is told so.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a function made of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The function failed; Lambda would try again. The error type and message.
    Failed(Value),
    /// The function's answer.
    Returned(Value),
}

enum Signal {
    Ended(Outcome),
    Ready,
}

struct Runtime {
    events: Mutex<mpsc::Receiver<Vec<u8>>>,
    signals: mpsc::Sender<Signal>,
}

/// A running function. It is ended when dropped.
pub struct Function {
    // First, so that the process ends before its runtime API does.
    _process: Child,
    events: mpsc::Sender<Vec<u8>>,
    /// From the start of the process until it asked for its first event.
    pub ready: Duration,
    signals: mpsc::Receiver<Signal>,
}

impl Function {
    /// Starts a binary with these variables and nothing else of this process's environment.
    ///
    /// # Errors
    /// If it can't be started or does not ask for an event in time.
    pub async fn start(binary: &Path, variables: &[(String, String)]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (events, received) = mpsc::channel(1);
        let (signal, mut signals) = mpsc::channel(16);
        let runtime = Arc::new(Runtime { events: Mutex::new(received), signals: signal });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(returned))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(runtime);
        tokio::spawn(async move { axum::serve(listener, routes).await });

        let started = Instant::now();
        let process = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "log")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "log")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .envs(variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started; `make test` builds it", binary.display()))?;
        match tokio::time::timeout(PATIENCE, signals.recv()).await {
            Ok(Some(Signal::Ready)) => Ok(Self { _process: process, events, ready: started.elapsed(), signals }),
            Ok(Some(Signal::Ended(outcome))) => bail!("the function failed at its start: {outcome:?}"),
            Ok(None) | Err(_) => bail!("the function did not ask for an event within {PATIENCE:?}"),
        }
    }

    /// Hands one event over and waits for what the function makes of it.
    ///
    /// # Errors
    /// If the function does not answer in time.
    pub async fn invoke(&mut self, payload: &[u8]) -> Result<Outcome> {
        self.events.send(payload.to_vec()).await.context("the function is gone")?;
        loop {
            match tokio::time::timeout(PATIENCE, self.signals.recv()).await {
                Ok(Some(Signal::Ended(outcome))) => return Ok(outcome),
                Ok(Some(Signal::Ready)) => {}
                Ok(None) | Err(_) => bail!("the function did not answer within {PATIENCE:?}"),
            }
        }
    }
}

/// The release binary that `sam build` has left, or the one named by `ACTIVATOR_BINARY`.
///
/// # Panics
/// If there is neither.
#[must_use]
pub fn activator() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting")]
    let named = std::env::var_os("ACTIVATOR_BINARY").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let found = named.into_iter().chain([root.join("target/lambda/activator/bootstrap")]).find(|path| path.is_file());
    #[expect(clippy::expect_used, reason = "without a binary there is nothing to test")]
    found.expect("target/lambda/activator/bootstrap is not there; `make test` builds it")
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Result<(HeaderMap, Bytes), StatusCode> {
    // Whoever asks has nothing in hand: it is ready.
    let _ = runtime.signals.send(Signal::Ready).await;
    let Some(payload) = runtime.events.lock().await.recv().await else { return Err(StatusCode::GONE) };
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let deadline = (since_1970 + Duration::from_secs(30)).as_millis().to_string();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000"),
        ("lambda-runtime-deadline-ms", deadline.as_str()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:function"),
    ] {
        let value = HeaderValue::from_str(value).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok((headers, payload.into()))
}

async fn returned(State(runtime): State<Arc<Runtime>>, body: Bytes) -> StatusCode {
    report(&runtime, Outcome::Returned(read(&body))).await
}

async fn failed(State(runtime): State<Arc<Runtime>>, _: Uri, body: Bytes) -> StatusCode {
    report(&runtime, Outcome::Failed(read(&body))).await
}

async fn report(runtime: &Runtime, outcome: Outcome) -> StatusCode {
    match runtime.signals.send(Signal::Ended(outcome)).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
