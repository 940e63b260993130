//! A queue of a test's own, and a rule that fills it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_iot::types::{Action, SqsAction, TopicRulePayload};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, QueueAttributeName,
};

use super::Delivery;
use crate::stack::{STACK, Stack};

/// Longer than any test works on a message, in seconds: what is given back is given back by hand.
const HIDDEN: i32 = 900;
/// What SQS takes and gives at once.
const AT_ONCE: usize = 10;
/// Where the template's telemetry comes from, and where it is sent, as its rule says it.
const TELEMETRY: (&str, &str) = ("'dt/+/#'", "'telemetry'");

/// The queue.
#[derive(Clone, Debug)]
pub struct Inbox {
    client: aws_sdk_sqs::Client,
    /// Its URL.
    pub url: String,
}

impl Inbox {
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

    /// Makes a rule that hands over what the template's rule for telemetry does, but of other topics, and for the route
    /// that an expression of the rule's language names.
    ///
    /// # Errors
    /// If the template has no such rule, or AWS IoT refuses the new one.
    pub async fn listen(&self, stack: &Stack, filter: &str, route: &str) -> Result<()> {
        let (topics, sent_to) = TELEMETRY;
        let Telemetry { role, sql } = Box::pin(telemetry(stack)).await?;
        let action = SqsAction::builder().queue_url(&self.url).role_arn(role).use_base64(false).build()?;
        let sql = sql.replace(topics, &format!("'{filter}'")).replace(sent_to, route);
        let payload = TopicRulePayload::builder().sql(sql).aws_iot_sql_version("2016-03-23");
        let payload = payload.actions(Action::builder().sqs(action).build()).build()?;
        // A rule's name has no dashes.
        let name: String = self.url.rsplit('/').next().unwrap_or_default().replace('-', "_");
        let request = stack.iot.create_topic_rule().rule_name(name).topic_rule_payload(payload);
        Box::pin(request.send()).await?;
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// If SQS refuses it.
    pub async fn send(&self, body: &str) -> Result<()> {
        self.client.send_message().queue_url(&self.url).message_body(body).send().await?;
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

/// What the template's rule for telemetry does, and in whose name.
struct Telemetry {
    role: String,
    sql: String,
}

async fn telemetry(stack: &Stack) -> Result<Telemetry> {
    let (topics, sent_to) = TELEMETRY;
    let rules = stack.iot.list_topic_rules().send().await?;
    for name in rules.rules().iter().filter_map(|rule| rule.rule_name()) {
        let found = stack.iot.get_topic_rule().rule_name(name).send().await?;
        let rule = found.rule().context("no rule")?;
        let sql = rule.sql().unwrap_or_default().to_owned();
        if sql.contains(topics) && sql.contains(sent_to) {
            let arn = rule.actions().iter().find_map(|action| Some(action.sqs()?.role_arn().to_owned()));
            return Ok(Telemetry { role: arn.context("no queue")?, sql });
        }
    }
    bail!("the template has no rule for telemetry")
}
