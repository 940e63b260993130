//! A rule of a test's own.

use anyhow::{Context, Result, bail};
use aws_sdk_iot::types::{Action, SqsAction, TopicRulePayload};

use crate::queue::Queue;
use crate::stack::Stack;

/// Where the template's telemetry comes from, and where it is sent, as its rule says it.
const TELEMETRY: (&str, &str) = ("'dt/+/#'", "'telemetry'");

/// Makes a rule that puts into a queue what the template's rule for telemetry does, but of other topics, and for the route
/// that an expression of the rule's language names.
///
/// # Errors
/// If the template has no such rule, or AWS IoT refuses the new one.
pub async fn listen(queue: &Queue, stack: &Stack, filter: &str, route: &str) -> Result<()> {
    let (topics, sent_to) = TELEMETRY;
    let Telemetry { role, sql } = Box::pin(telemetry(stack)).await?;
    let action = SqsAction::builder().queue_url(&queue.url).role_arn(role).use_base64(false).build()?;
    let sql = sql.replace(topics, &format!("'{filter}'")).replace(sent_to, route);
    let payload = TopicRulePayload::builder().sql(sql).aws_iot_sql_version("2016-03-23");
    let payload = payload.actions(Action::builder().sqs(action).build()).build()?;
    // A rule's name has no dashes.
    let name: String = queue.url.rsplit('/').next().unwrap_or_default().replace('-', "_");
    let request = stack.iot.create_topic_rule().rule_name(name).topic_rule_payload(payload);
    Box::pin(request.send()).await?;
    Ok(())
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
