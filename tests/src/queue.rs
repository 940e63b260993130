//! Queues: those of the deployed stack, and a test's own.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};

use crate::stack::{STACK, Stack};

/// Longer than any test works on a message, in seconds: what is given back is given back by hand.
const HIDDEN: i32 = 900;
/// What SQS takes and gives at once.
const AT_ONCE: usize = 10;

/// A message as a queue hands it over.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What was sent.
    pub body: String,
    /// The queue's name for it, the same at each delivery.
    pub message_id: String,
    /// What it is deleted by; another one at each delivery.
    pub receipt: String,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    /// Its URL.
    pub url: String,
}

impl Queue {
    /// Makes a queue of this name.
    ///
    /// # Errors
    /// If SQS refuses it.
    pub async fn new(stack: &Stack, name: &str) -> Result<Self> {
        let client = aws_sdk_sqs::Client::new(&stack.config);
        let request = client.create_queue().queue_name(name);
        let request = request.attributes(QueueAttributeName::VisibilityTimeout, HIDDEN.to_string());
        let url = request.send().await?.queue_url.context("no URL")?;
        Ok(Self { client, url })
    }

    /// The stack's queue with this name behind the stack's.
    ///
    /// # Errors
    /// If there is none.
    pub async fn of(stack: &Stack, name: &str) -> Result<Self> {
        let client = aws_sdk_sqs::Client::new(&stack.config);
        let queue = client.get_queue_url().queue_name(format!("{STACK}-{name}")).send().await?;
        let url = queue.queue_url.with_context(|| format!("no queue {name}"))?;
        Ok(Self { client, url })
    }

    /// Sends messages.
    ///
    /// # Errors
    /// If one of them is refused.
    pub async fn send(&self, bodies: &[String]) -> Result<()> {
        for part in bodies.chunks(AT_ONCE) {
            let entry = |(n, body): (usize, &String)| {
                SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(body).build()
            };
            let entries = part.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
            let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = request.send().await?;
            ensure!(answer.failed().is_empty(), "{:?}", answer.failed());
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
    pub async fn len(&self) -> Result<usize> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request.set_attribute_names(Some(names.to_vec())).send().await?;
        let number = |name| answer.attributes()?.get(name)?.parse::<usize>().ok();
        names.iter().map(|name| number(name).context("no number of messages")).sum()
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

    /// Up to so many messages that nobody works on; fewer only if there are no more.
    ///
    /// # Errors
    /// If a call fails.
    pub async fn receive(&self, most: usize) -> Result<Vec<Delivery>> {
        let mut received = Vec::new();
        while received.len() < most {
            let count = AT_ONCE.min(most - received.len());
            let request = self.client.receive_message().queue_url(&self.url).visibility_timeout(HIDDEN);
            let answer = request.max_number_of_messages(i32::try_from(count)?).send().await?;
            if answer.messages().is_empty() {
                break;
            }
            received.extend(answer.messages().iter().map(|message| Delivery {
                body: message.body().unwrap_or_default().to_owned(),
                message_id: message.message_id().unwrap_or_default().to_owned(),
                receipt: message.receipt_handle().unwrap_or_default().to_owned(),
            }));
        }
        Ok(received)
    }

    /// The bodies of all messages; the queue keeps them.
    ///
    /// # Errors
    /// If a call fails.
    pub async fn bodies(&self) -> Result<Vec<String>> {
        let mut seen = BTreeMap::new();
        // Somebody else may be looking, too, and hide some of them for a moment.
        while seen.len() < self.len().await? {
            let received = self.receive(usize::MAX).await?;
            self.give_back(&received).await?;
            seen.extend(received.into_iter().map(|delivery| (delivery.message_id, delivery.body)));
        }
        Ok(seen.into_values().collect())
    }

    /// Deletes messages.
    ///
    /// # Errors
    /// If one is not deleted.
    pub async fn delete(&self, messages: &[Delivery]) -> Result<()> {
        for part in messages.chunks(AT_ONCE) {
            let entry = |(n, message): (usize, &Delivery)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
                entry.receipt_handle(&message.receipt).build()
            };
            let entries = part.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
            let request = self.client.delete_message_batch().queue_url(&self.url);
            let answer = request.set_entries(Some(entries)).send().await?;
            ensure!(answer.failed().is_empty(), "{:?}", answer.failed());
        }
        Ok(())
    }

    /// Lets messages be received again at once, as it happens by itself when nobody has deleted them in time.
    ///
    /// # Errors
    /// If the queue refuses it.
    pub async fn give_back(&self, messages: &[Delivery]) -> Result<()> {
        for part in messages.chunks(AT_ONCE) {
            let entry = |(n, message): (usize, &Delivery)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(n.to_string());
                entry.receipt_handle(&message.receipt).visibility_timeout(0).build()
            };
            let entries = part.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
            let request = self.client.change_message_visibility_batch().queue_url(&self.url);
            let answer = request.set_entries(Some(entries)).send().await?;
            ensure!(answer.failed().is_empty(), "{:?}", answer.failed());
        }
        Ok(())
    }
}
