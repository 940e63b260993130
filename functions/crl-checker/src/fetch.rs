//! How a CRL is fetched from wherever it is published, safe against servers that mean harm.
//!
//! Whoever answers at a source is not trusted: the CRL is signed, and what can't be believed is refused by whoever
//! reads it. What a server could still do is bounded here: how much it sends and how slowly ([`Limits`]), where it
//! redirects to, and which addresses of the function's own network it makes the function ask ([`PrivateNetworks`]).
//! The addresses are checked where the connection is made, so that a name can't point elsewhere between check and use.
//!
//! Objects of S3 are read with the function's own permissions, also where a certificate names one by its web address
//! and the bucket is among those configured.

mod address;
mod body;
mod bucket;
mod fault;
mod hop;
mod object_url;
mod resolver;
mod web;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use shared::revocation::{CrlSource, Location, Validators};

pub use self::address::{AddressRefused, PrivateNetworks, PrivateNetworksError};
pub use self::body::Body;
pub use self::fault::{FetchFault, TimeLimit};

use self::body::Clock;

/// How much and for how long a source may send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// For name resolution, connection and TLS together.
    pub connect: Duration,
    /// Between two reads.
    pub idle: Duration,
    /// Largest CRL in octets.
    pub max_octets: u64,
    /// How many redirects are followed.
    pub redirects: usize,
    /// From the request to the end of the body, the time that the reader of the body takes included; at most a day.
    pub total: Duration,
}

impl Limits {
    /// 5 s to connect, 10 s between two reads, 120 s in all, 3 redirects.
    #[must_use]
    pub fn new(max_octets: u64) -> Self {
        Self {
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(10),
            max_octets,
            redirects: 3,
            total: Duration::from_mins(2),
        }
    }
}

/// What a source answered.
#[derive(Debug)]
pub enum Fetched<B> {
    /// The CRL, or what the source takes for one.
    Content {
        /// Its octets.
        body: B,
        /// What to send along the next time.
        validators: Validators,
    },
    /// Nothing has changed since the answer that the validators are of.
    NotModified,
}

/// The octets of a CRL as they arrive.
pub trait CrlBody {
    /// The next octets; none at the end, which is told only if everything announced has come.
    ///
    /// # Errors
    /// A [`FetchFault`] if the body is too large, too slow, or breaks off. The body has ended then: every further call
    /// is an error too.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, FetchFault>> + Send;
}

/// The way to the CRLs.
pub trait CrlFetch {
    /// The octets of a CRL.
    type Body: CrlBody;

    /// Asks a source for its CRL.
    ///
    /// `hosts` are the names, in lower case, that the source may redirect to besides its own. `validators` are what it
    /// said the last time, or empty.
    ///
    /// # Errors
    /// A [`FetchFault`] if there is no CRL to be had, or none within the limits.
    fn fetch(
        &self,
        source: &CrlSource,
        hosts: &[String],
        validators: &Validators,
    ) -> impl Future<Output = Result<Fetched<Self::Body>, FetchFault>> + Send;
}

/// Fetches CRLs from S3 and the web. Made once at start.
#[derive(Clone, Debug)]
pub struct Fetcher {
    buckets: Vec<String>,
    limits: Limits,
    private: PrivateNetworks,
    s3: aws_sdk_s3::Client,
    web: reqwest::Client,
}

impl Fetcher {
    /// Puts the parts together.
    ///
    /// `private` are the networks which are asked though they are not of the public internet; they don't matter to
    /// S3, which is asked wherever `s3` has its endpoint. `buckets` are the names of the buckets that are read through
    /// `s3` also where a source gives the web address of an object.
    ///
    /// # Errors
    /// `reqwest`'s error if TLS can't be set up, such as where the system has no root certificates.
    pub fn new(
        s3: aws_sdk_s3::Client,
        private: PrivateNetworks,
        limits: Limits,
        buckets: Vec<String>,
    ) -> Result<Self, reqwest::Error> {
        let web = web::client(&private, &limits)?;
        Ok(Self { buckets, limits, private, s3, web })
    }
}

impl CrlFetch for Fetcher {
    type Body = Body;

    async fn fetch(
        &self,
        source: &CrlSource,
        hosts: &[String],
        validators: &Validators,
    ) -> Result<Fetched<Body>, FetchFault> {
        let clock = Clock::start(&self.limits);
        match source.location() {
            Location::Bucket { bucket, key } => bucket::fetch(&self.s3, clock, bucket, key, validators).await,
            Location::Web { host, url } => {
                if let Some((bucket, key)) = object_url::object_of(url, &self.buckets) {
                    return bucket::fetch(&self.s3, clock, bucket, &key, validators).await;
                }
                let source = web::Source { host, hosts, private: &self.private, url };
                web::fetch(&self.web, clock, source, validators).await
            }
        }
    }
}
