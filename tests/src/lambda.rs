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
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{Mutex, mpsc};

/// How long a start may take before the test is told so.
const PATIENCE: Duration = Duration::from_mins(1);

/// A function's release binary.
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
    /// How long an invocation may take before the test is told so.
    patience: Duration,
    /// How long the template gives an invocation.
    time_out: Duration,
}

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
    time_out: Duration,
    events: Mutex<mpsc::Receiver<Vec<u8>>>,
    signals: mpsc::Sender<Signal>,
}

/// A running function. It is ended when dropped.
pub struct Function {
    // First, so that the process ends before its runtime API does.
    process: Child,
    events: mpsc::Sender<Vec<u8>>,
    metrics: mpsc::Receiver<Value>,
    patience: Duration,
    /// From the start of the process until it asked for its first event.
    pub ready: Duration,
    signals: mpsc::Receiver<Signal>,
}

impl Function {
    /// Starts a binary with these variables and nothing else of this process's environment.
    ///
    /// # Errors
    /// If it can't be started or does not ask for an event in time.
    pub async fn start(binary: &Binary, variables: &[(String, String)]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (events, received) = mpsc::channel(1);
        let (signal, mut signals) = mpsc::channel(16);
        let Binary { path, patience, time_out } = binary;
        let runtime = Arc::new(Runtime { time_out: *time_out, events: Mutex::new(received), signals: signal });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(returned))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(runtime);
        tokio::spawn(async move { axum::serve(listener, routes).await });

        let started = Instant::now();
        let mut process = Command::new(path)
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
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started; `make test` builds it", path.display()))?;
        let (found, metrics) = mpsc::channel(16);
        tokio::spawn(read_metrics(process.stdout.take().context("no standard output")?, found));
        match tokio::time::timeout(PATIENCE, signals.recv()).await {
            Ok(Some(Signal::Ready)) => {
                Ok(Self { process, events, metrics, patience: *patience, ready: started.elapsed(), signals })
            }
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
            match tokio::time::timeout(self.patience, self.signals.recv()).await {
                Ok(Some(Signal::Ended(outcome))) => return Ok(outcome),
                Ok(Some(Signal::Ready)) => {}
                Ok(None) | Err(_) => bail!("the function did not answer within {:?}", self.patience),
            }
        }
    }

    /// The same for an event that must not fail; gives the answer.
    ///
    /// # Errors
    /// The fault, or that there was no answer in time.
    pub async fn answer(&mut self, payload: &[u8]) -> Result<Value> {
        match self.invoke(payload).await? {
            Outcome::Returned(answer) => Ok(answer),
            Outcome::Failed(fault) => bail!("the function failed: {fault}"),
        }
    }

    /// The next line of metrics that the function has written; none if there is none within a second.
    pub async fn metrics(&mut self) -> Option<Value> {
        tokio::time::timeout(Duration::from_secs(1), self.metrics.recv()).await.ok()?
    }

    /// The most memory that the process has had at once, in octets (`VmHWM` of proc(5); Linux only).
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub fn peak_memory(&self) -> Result<u64> {
        let id = self.process.id().context("the function has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }
}

/// The activator: the release binary that `sam build` has left, or the one named by `ACTIVATOR_BINARY`.
///
/// # Panics
/// If there is neither.
#[must_use]
pub fn activator() -> Binary {
    Binary {
        path: built("activator", "ACTIVATOR_BINARY"),
        patience: Duration::from_mins(1),
        time_out: Duration::from_secs(30),
    }
}

/// The CRL checker, or the binary named by `CRL_CHECKER_BINARY`.
///
/// # Panics
/// If there is neither.
#[must_use]
pub fn crl_checker() -> Binary {
    Binary {
        path: built("crl-checker", "CRL_CHECKER_BINARY"),
        patience: Duration::from_mins(5),
        time_out: Duration::from_mins(15),
    }
}

/// The lifecycle recorder, or the binary named by `LIFECYCLE_RECORDER_BINARY`.
///
/// # Panics
/// If there is neither.
#[must_use]
pub fn lifecycle_recorder() -> Binary {
    Binary {
        path: built("lifecycle-recorder", "LIFECYCLE_RECORDER_BINARY"),
        patience: Duration::from_mins(1),
        time_out: Duration::from_secs(30),
    }
}

/// The rule sink, or the binary named by `RULE_SINK_BINARY`.
///
/// # Panics
/// If there is neither.
#[must_use]
pub fn rule_sink() -> Binary {
    Binary {
        path: built("rule-sink", "RULE_SINK_BINARY"),
        patience: Duration::from_secs(90),
        time_out: Duration::from_mins(1),
    }
}

fn built(name: &str, variable: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting")]
    let named = std::env::var_os(variable).map(PathBuf::from);
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/lambda/{name}/bootstrap"));
    let found = named.into_iter().chain([usual]).find(|path| path.is_file());
    #[expect(clippy::panic, reason = "without a binary there is nothing to test")]
    found.unwrap_or_else(|| panic!("target/lambda/{name}/bootstrap is not there; `make test` builds it"))
}

/// Reads what a function logs, and keeps the lines that CloudWatch takes for metrics.
async fn read_metrics(output: ChildStdout, found: mpsc::Sender<Value>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line = serde_json::from_str::<Value>(&line).unwrap_or_default();
        if line.get("_aws").is_some() {
            // Nobody has to want them.
            let _ = found.try_send(line);
        }
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Result<(HeaderMap, Bytes), StatusCode> {
    // Whoever asks has nothing in hand: it is ready.
    let _ = runtime.signals.send(Signal::Ready).await;
    let Some(payload) = runtime.events.lock().await.recv().await else { return Err(StatusCode::GONE) };
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let deadline = (since_1970 + runtime.time_out).as_millis().to_string();
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
