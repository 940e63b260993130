//! A queue of the deployed stack.

use anyhow::{Context, Result};
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry};

use crate::stack::{STACK, Stack};

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Queue {
    /// The queue that the template calls so.
    ///
    /// # Errors
    /// If there is none.
    pub async fn of(stack: &Stack, name: &str) -> Result<Self> {
        let client = aws_sdk_sqs::Client::new(&stack.config);
        let queues = client.list_queues().queue_name_prefix(format!("{STACK}-{name}-")).send().await?;
        let url = queues.queue_urls().first().with_context(|| format!("no queue {name}"))?.clone();
        Ok(Self { client, url })
    }

    /// Sends messages.
    ///
    /// # Errors
    /// If one of them is refused.
    pub async fn send(&self, bodies: &[String]) -> Result<()> {
        for part in bodies.chunks(10) {
            let entry = |(n, body): (usize, &String)| {
                SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(body).build()
            };
            let entries = part.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
            let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = request.send().await?;
            anyhow::ensure!(answer.failed().is_empty(), "{:?}", answer.failed());
        }
        Ok(())
    }

    /// For how long a message that was not recorded stays hidden.
    ///
    /// # Errors
    /// If the queue refuses it.
    pub async fn hide_for(&self, seconds: u32) -> Result<()> {
        let request = self.client.set_queue_attributes().queue_url(&self.url);
        request.attributes(QueueAttributeName::VisibilityTimeout, seconds.to_string()).send().await?;
        Ok(())
    }

    /// How many messages there are, those that are being worked on included.
    ///
    /// # Errors
    /// If the queue does not tell.
    pub async fn len(&self) -> Result<u64> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request.set_attribute_names(Some(names.to_vec())).send().await?;
        let number = |name| answer.attributes().and_then(|all| all.get(name)?.parse::<u64>().ok()).unwrap_or_default();
        Ok(names.iter().map(number).sum())
    }

    /// Takes the messages that hold a text out of the queue, and leaves all others; tells bodies, and how often each had
    /// been received before.
    ///
    /// # Errors
    /// If a call fails.
    pub async fn take(&self, text: &str) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for _ in 0..3 {
            let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
            let request = request.visibility_timeout(0);
            let answer = request
                .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
                .send()
                .await?;
            for message in answer.messages() {
                let body = message.body().unwrap_or_default();
                if !body.contains(text) {
                    continue;
                }
                let receipt = message.receipt_handle().unwrap_or_default();
                self.client.delete_message().queue_url(&self.url).receipt_handle(receipt).send().await?;
                let count = message
                    .attributes()
                    .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount)?.parse().ok());
                found.push((body.to_owned(), count.unwrap_or_default()));
            }
        }
        Ok(found)
    }
}
