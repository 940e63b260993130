//! A queue of what can't be done.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::ops::Range;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};

use super::error::fault;
use crate::fault::{Fault, FaultKind, chain};
use crate::port::{DeadLetters, MAX_MESSAGE_BYTES};

const SEND: &str = "sqs:SendMessageBatch";
/// Messages of one request ("`SendMessageBatch`" in the Amazon SQS API reference).
const MOST: usize = 10;

/// A queue of SQS.
#[derive(Clone, Debug)]
pub struct DeadLetterQueue {
    client: Client,
    url: String,
}

impl DeadLetterQueue {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: impl Into<String>) -> Self {
        Self { client: Client::new(config), url: queue_url.into() }
    }

    /// Sends one request, and gives back which places it failed for.
    async fn send_batch(&self, batch: &[(usize, &String)]) -> Vec<(usize, Fault)> {
        match self.request(batch).await {
            Ok(not_taken) => not_taken,
            Err(failed) => {
                let cause = failed.source().map(chain).unwrap_or_default();
                let fault = || Fault::new(SEND, failed.kind, cause.to_string());
                batch.iter().map(|(place, _)| (*place, fault())).collect()
            }
        }
    }

    async fn request(&self, batch: &[(usize, &String)]) -> Result<Vec<(usize, Fault)>, Fault> {
        let entry = |(place, body): &(usize, &String)| {
            SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(*body).build()
        };
        let entries = batch.iter().map(entry).collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(|error| Fault::new(SEND, FaultKind::Invalid, error))?;
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = request.send().await.map_err(|error| fault(SEND, error))?;
        let taken: BTreeSet<&str> = answer.successful.iter().map(|entry| entry.id.as_str()).collect();
        let not_taken = |(place, _): &(usize, &String)| {
            let id = place.to_string();
            // Only what SQS says it took is taken.
            let failed = || answer.failed.iter().find(|entry| entry.id == id).map_or_else(unmentioned, entry_fault);
            (!taken.contains(id.as_str())).then(|| (*place, failed()))
        };
        Ok(batch.iter().filter_map(not_taken).collect())
    }
}

impl DeadLetters for DeadLetterQueue {
    async fn send(&self, bodies: &[String]) -> Vec<(usize, Fault)> {
        let (sendable, too_long): (Vec<_>, Vec<_>) =
            bodies.iter().enumerate().partition(|(_, body)| body.len() <= MAX_MESSAGE_BYTES);
        let mut not_taken: Vec<_> = too_long.into_iter().map(|(place, body)| (place, over_length(body))).collect();
        for batch in batches(&sendable).filter_map(|range| sendable.get(range)) {
            not_taken.extend(self.send_batch(batch).await);
        }
        not_taken.sort_unstable_by_key(|(place, _)| *place);
        not_taken
    }
}

/// The requests that messages are sent in: as many as one takes, in order.
fn batches(bodies: &[(usize, &String)]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let mut size = 0;
        let rest = bodies.get(start..)?.iter().take(MOST);
        let fitting = rest.take_while(|(_, body)| {
            size += body.len();
            size <= MAX_MESSAGE_BYTES
        });
        let end = start + fitting.count();
        let range = start..end;
        start = end;
        (!range.is_empty()).then_some(range)
    })
}

fn over_length(body: &str) -> Fault {
    let problem = format!("a message of {} octets, at most {MAX_MESSAGE_BYTES} are allowed", body.len());
    Fault::new(SEND, FaultKind::Invalid, problem)
}

fn entry_fault(entry: &BatchResultErrorEntry) -> Fault {
    let kind = if entry.sender_fault { FaultKind::Invalid } else { FaultKind::Unavailable };
    Fault::new(SEND, kind, format!("{}: {}", entry.code, entry.message.as_deref().unwrap_or_default()))
}

fn unmentioned() -> Fault {
    Fault::new(SEND, FaultKind::Unavailable, "the answer does not tell what became of the message")
}
