//! The octets of an answer, counted and timed.

use std::future::Future;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::{CrlBody, FetchFault, Limits, TimeLimit};

/// Longest time that a fetch may be given; keeps the deadline within what the clock can express.
const DAY: Duration = Duration::from_hours(24);

/// The limits of one fetch, and when it ends.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    deadline: Instant,
    pub(super) limits: Limits,
}

impl Clock {
    /// Starts the time that a fetch has in all.
    pub(super) fn start(limits: &Limits) -> Self {
        Self { deadline: Instant::now() + limits.total.min(DAY), limits: limits.clone() }
    }

    /// Waits for the start of an answer, a new connection included.
    pub(super) async fn head<T>(&self, url: &str, answer: impl Future<Output = T>) -> Result<T, FetchFault> {
        self.wait(self.limits.connect.saturating_add(self.limits.idle), url, answer).await
    }

    async fn wait<T>(&self, patience: Duration, url: &str, event: impl Future<Output = T>) -> Result<T, FetchFault> {
        let until = Instant::now() + patience.min(DAY);
        timeout_at(until.min(self.deadline), event).await.map_err(|_| {
            let (limit, after) =
                if until < self.deadline { (TimeLimit::Idle, patience) } else { (TimeLimit::Total, self.limits.total) };
            FetchFault::TimedOut { after, limit, source: None, url: url.to_owned() }
        })
    }

    /// Refuses an answer whose announced length is over the limit.
    pub(super) fn check_length(&self, url: &str, octets: u64) -> Result<(), FetchFault> {
        let max_octets = self.limits.max_octets;
        if octets > max_octets { Err(FetchFault::TooLarge { max_octets, url: url.to_owned() }) } else { Ok(()) }
    }
}

/// Where the octets come from.
#[derive(Debug)]
pub(super) enum Chunks {
    Bucket(ByteStream),
    Web(reqwest::Response),
}

/// The octets of a CRL from S3 or the web.
#[derive(Debug)]
pub struct Body {
    announced: Option<u64>,
    /// None after the end and after a fault.
    chunks: Option<Chunks>,
    clock: Clock,
    complete: bool,
    received: u64,
    url: String,
}

impl Body {
    /// The body of an answer, refused if its announced length is over the limit.
    pub(super) fn new(clock: Clock, url: String, announced: Option<u64>, chunks: Chunks) -> Result<Self, FetchFault> {
        clock.check_length(&url, announced.unwrap_or(0))?;
        Ok(Self { announced, chunks: Some(chunks), clock, complete: false, received: 0, url })
    }

    async fn read(&self, chunks: &mut Chunks) -> Result<Option<Bytes>, FetchFault> {
        let idle = self.clock.limits.idle;
        let chunk = match chunks {
            Chunks::Bucket(stream) => {
                self.clock.wait(idle, &self.url, stream.next()).await?.transpose().map_err(Into::into)
            }
            Chunks::Web(response) => self
                .clock
                .wait(idle, &self.url, response.chunk())
                .await?
                .map_err(|error| Box::from(error.without_url())),
        };
        chunk.map_err(|source| FetchFault::Read { received: self.received, source, url: self.url.clone() })
    }

    fn incomplete(&self) -> FetchFault {
        FetchFault::Incomplete { received: self.received, url: self.url.clone() }
    }
}

impl CrlBody for Body {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchFault> {
        if self.complete {
            return Ok(None);
        }
        // Put back only after a good read, so that nobody takes the silence after a fault for the end of the CRL.
        let mut chunks = self.chunks.take().ok_or_else(|| self.incomplete())?;
        let Some(chunk) = self.read(&mut chunks).await? else {
            if self.announced.is_some_and(|octets| octets != self.received) {
                return Err(self.incomplete());
            }
            self.complete = true;
            return Ok(None);
        };
        self.received = self.received.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        self.clock.check_length(&self.url, self.received)?;
        self.chunks = Some(chunks);
        Ok(Some(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HTTP's framing finds most early ends; this is what is left if a client lets one pass.
    #[tokio::test]
    async fn a_body_other_than_announced_is_incomplete() {
        for (announced, good) in [(None, true), (Some(5), true), (Some(4), false), (Some(6), false)] {
            let chunks = Chunks::Bucket(ByteStream::from_static(b"hello"));
            let clock = Clock::start(&Limits::new(10));
            let mut body = Body::new(clock, "s3://bucket/key".to_owned(), announced, chunks).unwrap();
            assert_eq!(body.next().await.unwrap(), Some(Bytes::from_static(b"hello")));
            match body.next().await {
                Ok(end) => assert!(good && end.is_none(), "{announced:?}"),
                Err(fault) => {
                    assert!(!good, "{announced:?}: {fault}");
                    assert_eq!(fault.to_string(), "s3://bucket/key ended after 5 octets, before its end");
                    assert!(matches!(body.next().await, Err(FetchFault::Incomplete { .. })));
                }
            }
        }
    }

    #[tokio::test]
    async fn limits_beyond_the_clock_are_none() {
        let limits = Limits { connect: Duration::MAX, idle: Duration::MAX, total: Duration::MAX, ..Limits::new(10) };
        assert_eq!(Clock::start(&limits).head("a", async { 5 }).await.unwrap(), 5);
    }
}
