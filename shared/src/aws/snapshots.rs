//! Revocation snapshots in an S3 bucket.

use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, Config, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::backoff::waits;
use super::error::fault;
use crate::fault::{Fault, FaultKind};
use crate::port::{SnapshotPages, SnapshotStore};
use crate::snapshot::{Chunks, ScratchFile};

const DELETE: &str = "s3:DeleteObject";
const GET: &str = "s3:GetObject";
const PUT: &str = "s3:PutObject";
/// How long one try at a whole object may take. A ranged read keeps the time of [`load_config`](super::load_config).
const WHOLE: Duration = Duration::from_mins(1);
/// How long the content of a ranged read may take, once its answer has begun.
const CONTENT: Duration = Duration::from_secs(5);
/// How often an object is written, and the content of a ranged read asked for: the SDK does not repeat those.
const TRIES: usize = 3;

/// Makes a client that also gets on with servers that merely speak S3's protocol; no request is sent.
///
/// The SDK's checksums are off where S3 does not demand them, since such servers know few of them. Nothing is lost:
/// every snapshot is checked against the SHA-256 in its state, and every CRL against its signature. With an endpoint of
/// its own the bucket is named in the path, not in the host.
#[must_use]
pub fn client(config: &SdkConfig) -> Client {
    let own = Builder::from(config)
        .force_path_style(config.endpoint_url().is_some())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    Client::from_conf(own.build())
}

/// The bucket.
#[derive(Clone, Debug)]
pub struct SnapshotBucket {
    bucket: String,
    client: Client,
}

impl SnapshotBucket {
    /// The bucket of this name, through a client that [`client`] made.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), client }
    }

    /// Opens the connection before the first event needs it, by reading an object that does not exist. Bounded in time.
    ///
    /// # Errors
    /// A [`Fault`] if the read failed; the connection is then made later.
    pub async fn prewarm(&self, within: Duration) -> Result<(), Fault> {
        let request = self.client.get_object().bucket(&self.bucket).key("snapshots/prewarm");
        match tokio::time::timeout(within, request.send()).await {
            Ok(Err(error)) if !is_missing(&error) => Err(fault(GET, error)),
            Ok(_) => Ok(()),
            Err(elapsed) => Err(Fault::new(GET, FaultKind::Unavailable, elapsed)),
        }
    }
}

impl SnapshotPages for SnapshotBucket {
    async fn read(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else { return Ok(Vec::new()) };
        let octets =
            usize::try_from(last - range.start + 1).map_err(|error| Fault::new(GET, FaultKind::Invalid, error))?;
        let mut waits = waits(self.client.config().retry_config(), TRIES);
        loop {
            let request = self.client.get_object().bucket(&self.bucket).key(key);
            let answer = request.range(format!("bytes={}-{last}", range.start)).send().await;
            let answer = answer.map_err(|error| reading(key, error))?;
            let broken = match tokio::time::timeout(CONTENT, exactly(octets, answer.body)).await {
                Ok(Ok(Some(content))) => return Ok(content),
                Ok(Ok(None)) => {
                    let problem = format!("{key}: not the {octets} octets from {} that were asked for", range.start);
                    return Err(Fault::new(GET, FaultKind::Missing, problem));
                }
                Ok(Err(error)) => Fault::new(GET, FaultKind::Unavailable, error),
                Err(elapsed) => Fault::new(GET, FaultKind::Unavailable, elapsed),
            };
            let Some(wait) = waits.next() else { return Err(broken) };
            tokio::time::sleep(wait).await;
        }
    }
}

impl SnapshotStore for SnapshotBucket {
    type Content = Content;

    async fn open(&self, key: &str) -> Result<Content, Fault> {
        let request = self.client.get_object().bucket(&self.bucket).key(key).customize().config_override(patient());
        let GetObjectOutput { body, .. } = request.send().await.map_err(|error| reading(key, error))?;
        Ok(Content { body })
    }

    async fn put(&self, key: &str, content: &Arc<ScratchFile>) -> Result<(), Fault> {
        let local = |error| Fault::new(PUT, FaultKind::Invalid, error);
        let mut waits = waits(self.client.config().retry_config(), TRIES);
        loop {
            // The SDK can't repeat a request whose content it has begun to read from an open file.
            let mut again = content.file().try_clone().map_err(local)?;
            again.seek(SeekFrom::Start(0)).map_err(local)?;
            let body = ByteStream::read_from().file(tokio::fs::File::from_std(again)).build().await;
            let body = body.map_err(|error| Fault::new(PUT, FaultKind::Invalid, error))?;
            let request = self.client.put_object().bucket(&self.bucket).key(key).body(body);
            let fault = match request.customize().config_override(patient()).send().await {
                Ok(_) => return Ok(()),
                Err(error) => fault(PUT, error),
            };
            match waits.next() {
                Some(wait) if fault.kind.is_retryable() => tokio::time::sleep(wait).await,
                _ => return Err(fault),
            }
        }
    }

    async fn remove(&self, key: &str) -> Result<(), Fault> {
        match self.client.delete_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(()),
            // S3 itself says 204 to that.
            Err(error) if error.code() == Some("NoSuchKey") => Ok(()),
            Err(error) => Err(fault(DELETE, error)),
        }
    }
}

/// The content of an object on its way.
#[derive(Debug)]
pub struct Content {
    body: ByteStream,
}

impl Chunks for Content {
    type Error = Fault;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let piece = self.body.try_next().await;
        piece.map(|piece| piece.map(Vec::from)).map_err(|error| Fault::new(GET, FaultKind::Unavailable, error))
    }
}

/// The whole content if it has so many octets. A server that overlooks the range can't fill the memory.
async fn exactly(
    octets: usize,
    mut body: ByteStream,
) -> Result<Option<Vec<u8>>, aws_sdk_s3::primitives::ByteStreamError> {
    let mut content = Vec::with_capacity(octets);
    while let Some(piece) = body.try_next().await? {
        if piece.len() > octets - content.len() {
            return Ok(None);
        }
        content.extend_from_slice(&piece);
    }
    Ok((content.len() == octets).then_some(content))
}

/// A snapshot that isn't there is no fault of the service: it has been superseded, or is lost.
fn reading(key: &str, error: SdkError<GetObjectError, HttpResponse>) -> Fault {
    if is_missing(&error) {
        return Fault::new(GET, FaultKind::Missing, format!("there is no object {key}"));
    }
    fault(GET, error)
}

fn is_missing(error: &SdkError<GetObjectError, HttpResponse>) -> bool {
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    // 416: the object has been cut off before the range.
    status == Some(416) || status == Some(404) && error.code() != Some("NoSuchBucket")
}

fn patient() -> Builder {
    Config::builder().timeout_config(TimeoutConfig::builder().operation_attempt_timeout(WHOLE).build())
}
