//! Why a CRL can't be had from its source.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use shared::decision::Reason;

use super::AddressRefused;

/// Which of the times ran out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeLimit {
    /// For name resolution, connection and TLS.
    Connect,
    /// For the start of the answer, or between two reads.
    Idle,
    /// For everything.
    Total,
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "to connect",
            Self::Idle => "to go on",
            Self::Total => "in all",
        })
    }
}

/// Why a CRL can't be had from its source. `url` is the address that was asked, which a redirect may have named.
#[derive(Debug, thiserror::Error)]
pub enum FetchFault {
    /// The host's address is not of the public internet.
    #[error("{url} is not asked")]
    Address {
        /// The address that was to be asked.
        url: String,
        /// Which address it is.
        #[source]
        source: AddressRefused,
    },
    /// S3 does not give the object.
    #[error("s3://{bucket}/{key} is not given by S3 ({problem})")]
    Bucket {
        /// Name of the bucket.
        bucket: String,
        /// Key of the object.
        key: String,
        /// Status and code of the answer, or that there was none.
        problem: String,
        /// What the SDK says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server compressed the CRL without being asked to.
    #[error("{url} came in the content coding {coding:?}, which was not asked for")]
    Encoded {
        /// The coding, as the server names it.
        coding: String,
        /// The address that was asked.
        url: String,
    },
    /// The body ended before its end, or was read on after a fault.
    #[error("{url} ended after {received} octets, before its end")]
    Incomplete {
        /// Octets that came.
        received: u64,
        /// The address that was asked.
        url: String,
    },
    /// The connection was lost within the body, or the body is malformed.
    #[error("{url} broke off after {received} octets")]
    Read {
        /// Octets that came.
        received: u64,
        /// What the client says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
        /// The address that was asked.
        url: String,
    },
    /// The server redirects to where this function does not go.
    #[error("{url} redirects to {target:?}, which is not followed: {problem}")]
    Redirect {
        /// What is wrong with it.
        problem: &'static str,
        /// The redirect's target, shortened.
        target: String,
        /// The address that was asked.
        url: String,
    },
    /// The server can't be reached, its certificate is not trusted, or what it answers is not HTTP.
    #[error("{url} can't be asked")]
    Request {
        /// What the client says.
        #[source]
        source: reqwest::Error,
        /// The address that was asked.
        url: String,
    },
    /// The server answered neither 200 nor, where validators were sent, 304.
    #[error("{url} answered with status {status}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The address that was asked.
        url: String,
    },
    /// The server took too long.
    #[error("{url} took longer than {after:?} {limit}")]
    TimedOut {
        /// The time it had.
        after: Duration,
        /// Which time ran out.
        limit: TimeLimit,
        /// What the client says, where it was the client that gave up.
        #[source]
        source: Option<reqwest::Error>,
        /// The address that was asked.
        url: String,
    },
    /// The CRL has more octets than the limit.
    #[error("{url} is larger than {max_octets} octets")]
    TooLarge {
        /// The limit.
        max_octets: u64,
        /// The address that was asked.
        url: String,
    },
    /// The server redirects again and again.
    #[error("{url} redirects once more after {redirects} redirects")]
    TooManyRedirects {
        /// The limit.
        redirects: usize,
        /// The last address that was asked.
        url: String,
    },
    /// The source is no address of the web.
    #[error("{url} is not asked: {problem}")]
    Url {
        /// What is wrong with it.
        problem: &'static str,
        /// The source.
        url: String,
    },
}

impl FetchFault {
    /// The word for this fault in rows and metrics.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Address { .. }
            | Self::Bucket { .. }
            | Self::Encoded { .. }
            | Self::Incomplete { .. }
            | Self::Read { .. }
            | Self::Redirect { .. }
            | Self::Request { .. }
            | Self::Status { .. }
            | Self::TimedOut { .. }
            | Self::TooManyRedirects { .. }
            | Self::Url { .. } => Reason::CrlFetchFailed,
            Self::TooLarge { .. } => Reason::CrlTooLarge,
        }
    }
}
