//! A queue of what can't be done.

use std::collections::BTreeSet;
use std::error::Error as _;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};

use super::error::fault;
use crate::fault::{Fault, FaultKind, chain};
use crate::port::DeadLetters;

const SEND: &str = "sqs:SendMessageBatch";

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

    async fn request(&self, bodies: &[String]) -> Result<Vec<(usize, Fault)>, Fault> {
        let entry = |(place, body): (usize, &String)| {
            SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(body).build()
        };
        let entries = bodies.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(|error| Fault::new(SEND, FaultKind::Invalid, error))?;
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = request.send().await.map_err(|error| fault(SEND, error))?;
        let taken: BTreeSet<&str> = answer.successful.iter().map(|entry| entry.id.as_str()).collect();
        let not_taken = |place: usize| {
            let id = place.to_string();
            // Only what SQS says it took is taken.
            let failed = || answer.failed.iter().find(|entry| entry.id == id).map_or_else(unmentioned, entry_fault);
            (!taken.contains(id.as_str())).then(|| (place, failed()))
        };
        Ok((0..bodies.len()).filter_map(not_taken).collect())
    }
}

impl DeadLetters for DeadLetterQueue {
    async fn send(&self, bodies: &[String]) -> Vec<(usize, Fault)> {
        if bodies.is_empty() {
            return Vec::new();
        }
        self.request(bodies).await.unwrap_or_else(|failed| {
            let cause = failed.source().map(chain).unwrap_or_default();
            (0..bodies.len()).map(|place| (place, Fault::new(SEND, failed.kind, cause.to_string()))).collect()
        })
    }
}

fn entry_fault(entry: &BatchResultErrorEntry) -> Fault {
    let kind = if entry.sender_fault { FaultKind::Invalid } else { FaultKind::Unavailable };
    Fault::new(SEND, kind, format!("{}: {}", entry.code, entry.message.as_deref().unwrap_or_default()))
}

fn unmentioned() -> Fault {
    Fault::new(SEND, FaultKind::Unavailable, "the answer does not tell what became of the message")
}
