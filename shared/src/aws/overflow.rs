//! The queue of new certificates that wait, each CA a message group ("Amazon SQS fair queues" in the Amazon SQS developer
//! guide).

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;

use super::error::fault;
use crate::fault::Fault;
use crate::port::{OverflowQueue, WaitingEvent};

/// A queue of SQS that is fair between CAs.
#[derive(Clone, Debug)]
pub struct FairQueue {
    client: Client,
    url: String,
}

impl FairQueue {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: impl Into<String>) -> Self {
        Self { client: Client::new(config), url: queue_url.into() }
    }
}

impl OverflowQueue for FairQueue {
    async fn send_on(&self, event: &WaitingEvent) -> Result<(), Fault> {
        let request = self.client.send_message().queue_url(&self.url).message_body(&event.body);
        let request = request.message_group_id(event.ca_certificate_id.as_str());
        request.send().await.map(|_| ()).map_err(|error| fault("sqs:SendMessage", error))
    }
}
