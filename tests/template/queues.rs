//! Queues and the functions that read them.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::template::Template;

use crate::number;

/// The longest time for which a queue keeps a message, in seconds ("Amazon SQS message quotas" in the Amazon SQS
/// developer guide).
const MAX_RETENTION: u64 = 1_209_600;
/// Concurrent executions that a new account has, of all its functions together.
const NEW_ACCOUNTS_CONCURRENCY: u64 = 10;
/// What revocation and other functions are to have of it.
const FOR_REVOCATION: u64 = 2;

/// The event sources of functions, each with the function's logical name.
fn mappings(template: &Template) -> Result<Vec<(&str, &Value)>> {
    let mappings = template.properties("AWS::Lambda::EventSourceMapping")?.into_values();
    mappings.map(|source| Ok((source["FunctionName"]["Ref"].as_str().context("no function")?, source))).collect()
}

/// The queues from which functions are invoked.
pub(crate) fn sources(template: &Template) -> Result<BTreeSet<&str>> {
    mappings(template)?.into_iter().map(|(_, source)| template.resource_of_arn(&source["EventSourceArn"])).collect()
}

fn properties<'a>(template: &'a Template, name: &str) -> Result<&'a Value> {
    template.at(&format!("/Resources/{name}/Properties"))
}

/// A message that is still being worked on must not be handed out again, one that fails must not bring the rest of its
/// batch back, and one that always fails must end where it can be found ("Using Lambda with Amazon SQS" in the AWS
/// Lambda developer guide).
#[test]
fn queues_of_functions_fit_them_and_lose_nothing() -> Result<()> {
    let template = Template::transformed()?;
    let sources = mappings(template)?;
    assert!(sources.len() >= 3);
    for (name, source) in sources {
        assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{name}");
        let longest_window = match source["MaximumBatchingWindowInSeconds"]["Ref"].as_str() {
            Some(window) => number(template.at(&format!("/Parameters/{window}/MaxValue"))?)?,
            None => 0,
        };
        let queue = properties(template, template.resource_of_arn(&source["EventSourceArn"])?)?;
        let time_out = number(&properties(template, name)?["Timeout"])?;
        assert!(number(&queue["VisibilityTimeout"])? >= 6 * time_out + longest_window, "{name}: {queue}");

        let redrive = &queue["RedrivePolicy"];
        assert!(number(&redrive["maxReceiveCount"])? >= 5, "{name}: {queue}");
        let dead_letters = properties(template, template.resource_of_arn(&redrive["deadLetterTargetArn"])?)?;
        assert_eq!(dead_letters["MessageRetentionPeriod"], MAX_RETENTION, "{name}: {dead_letters}");
    }
    Ok(())
}

/// What Lambda takes of an event source ("`CreateEventSourceMapping`" in the AWS Lambda API reference): nothing that a
/// parameter allows is refused, and nothing that Lambda takes is kept from operators but the longest windows.
#[test]
fn parameters_of_event_sources_are_what_lambda_takes() -> Result<()> {
    let template = Template::transformed()?;
    let range = |parameter: &Value| -> Result<(u64, u64)> {
        let parameter = template.at(&format!("/Parameters/{}", parameter["Ref"].as_str().context("no parameter")?))?;
        Ok((number(&parameter["MinValue"])?, number(&parameter["MaxValue"])?))
    };
    for (name, source) in mappings(template)? {
        // Batches of more than ten need one second.
        if source["MaximumBatchingWindowInSeconds"].is_null() {
            assert_eq!(range(&source["BatchSize"])?, (1, 10), "{name}");
        } else {
            let (shortest, longest) = range(&source["MaximumBatchingWindowInSeconds"])?;
            assert!(shortest == 1 && longest <= 300, "{name}");
            assert_eq!(range(&source["BatchSize"])?, (1, 10_000), "{name}");
        }
        assert_eq!(range(&source["ScalingConfig"]["Fn::If"][1]["MaximumConcurrency"])?, (2, 1000), "{name}");
    }
    Ok(())
}

/// However much waits in the queues, a revoked device is shut out.
#[test]
fn queues_leave_a_new_account_room_for_revocation() -> Result<()> {
    let deployed = Template::transformed()?.deployed("fleet", &[])?;
    let mut taken = 0;
    for (name, source) in deployed.properties("AWS::Lambda::EventSourceMapping")? {
        let concurrency = &source["ScalingConfig"]["MaximumConcurrency"];
        taken += concurrency.as_str().with_context(|| format!("{name} has no limit"))?.parse::<u64>()?;
    }
    assert!(taken + FOR_REVOCATION <= NEW_ACCOUNTS_CONCURRENCY, "{taken}");
    Ok(())
}

#[test]
fn every_queue_insists_on_tls() -> Result<()> {
    let template = Template::transformed()?;
    let policies = template.properties("AWS::SQS::QueuePolicy")?;
    for queue in template.properties("AWS::SQS::Queue")?.into_keys() {
        let policy = policies.values().find(|policy| policy["Queues"] == json!([{"Ref": queue}]));
        let statement = &policy.with_context(|| format!("{queue}: no policy"))?["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Resource"], json!({"Fn::GetAtt": [queue, "Arn"]}));
        assert_eq!(statement["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}), "{queue}");
        assert_eq!(statement["Effect"], "Deny", "{queue}");
    }
    Ok(())
}
