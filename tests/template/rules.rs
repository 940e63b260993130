//! Rules of AWS IoT, and what they hand over.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::route::Routes;
use tests::environment;
use tests::template::Template;

/// What the sink needs of a message, by their names in the envelope.
const ENVELOPE: &str = "encode(*, 'base64') AS payload, topic() AS topic, timestamp() AS timestamp, clientid() AS clientId, \
                        principal() AS principal, traceid() AS traceId, newuuid() AS id";

/// A rule's SQL as the template has it.
fn sql(rule: &Value) -> Result<&str> {
    let sql = &rule["TopicRulePayload"]["Sql"];
    sql.as_str().or_else(|| sql["Fn::Sub"].as_str()).context("no SQL")
}

/// What stands between SELECT and FROM, and what comes after.
fn selected(sql: &str) -> Result<(&str, &str)> {
    sql.strip_prefix("SELECT ").and_then(|rest| rest.split_once(" FROM ")).with_context(|| sql.to_owned())
}

/// The parts of a list, without looking into parentheses.
fn items(list: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = list.split(|character| {
        depth += i32::from(character == '(') - i32::from(character == ')');
        character == ',' && depth == 0
    });
    parts.map(str::trim).collect()
}

/// What a rule can't hand over is lost without an error action, and the local cloud can always hand it over.
#[test]
fn every_rule_keeps_what_it_cannot_hand_over() -> Result<()> {
    let rules = Template::transformed()?.properties("AWS::IoT::TopicRule")?;
    assert!(rules.len() >= 6, "{rules:?}");
    for (name, rule) in rules {
        let queue = &rule["TopicRulePayload"]["ErrorAction"]["Sqs"]["QueueUrl"];
        assert_eq!(*queue, json!({"Ref": "RuleErrors"}), "{name}");
    }
    Ok(())
}

/// A payload that is not JSON has no members, and a rule over it may select functions only ("Working with binary payloads"
/// in the AWS IoT Core developer guide). The other rules read events of AWS IoT.
#[test]
fn rules_over_any_payload_select_functions_only() -> Result<()> {
    let mut over_any = 0;
    for (name, rule) in Template::transformed()?.properties("AWS::IoT::TopicRule")? {
        let (list, from) = selected(sql(rule)?)?;
        if list == "*" {
            assert!(from.starts_with("'$aws/events/"), "{name}: {from}");
            continue;
        }
        assert!(!from.contains(" WHERE "), "{name}: {from}");
        over_any += 1;
        for item in items(list) {
            let (value, _) = item.split_once(" AS ").with_context(|| format!("{name}: {item} has no name"))?;
            let function = value.strip_suffix(')').and_then(|call| call.split_once('('));
            let is_name = |name: &str| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphabetic());
            assert!(function.is_some_and(|(function, _)| is_name(function)), "{name}: {value} is no function");
        }
    }
    assert!(over_any >= 3);
    Ok(())
}

/// What a rule calls a route has to be one, and the sink needs all of the envelope.
#[test]
fn rules_hand_over_envelopes_for_routes_that_there_are() -> Result<()> {
    let routes = Routes::parse(&environment::routes())?;
    let mut used = BTreeSet::new();
    for (name, rule) in Template::transformed()?.properties("AWS::IoT::TopicRule")? {
        if rule["TopicRulePayload"]["Actions"][0]["Sqs"]["QueueUrl"] != json!({"Ref": "DeviceMessages"}) {
            continue;
        }
        let (list, _) = selected(sql(rule)?)?;
        let route = list
            .strip_prefix(ENVELOPE)
            .and_then(|rest| rest.strip_prefix(", replace('")?.strip_suffix("', ' ', ' ') AS route"))
            .with_context(|| format!("{name}: {list}"))?;
        assert!(routes.route(route).is_some(), "{name}: {route}");
        used.insert(route);
    }
    assert_eq!(used, routes.iter().map(|(name, _)| name).collect());
    Ok(())
}

/// AWS IoT takes policies of 2048 characters, white space not counted ("AWS IoT Core thing and policy quotas").
#[test]
fn the_device_policy_is_not_too_long_in_any_region() -> Result<()> {
    for (name, policy) in Template::transformed()?.properties("AWS::IoT::Policy")? {
        let longest = [("Partition", "aws-us-gov"), ("Region", "ap-southeast-3"), ("AccountId", "123456789012")];
        let text = policy["PolicyDocument"].to_string();
        let text = longest.iter().fold(text, |text, (name, value)| text.replace(&format!("${{AWS::{name}}}"), value));
        // What stands for the function Sub makes it longer, never shorter.
        assert!(text.len() <= 2048, "{name}: {}", text.len());
    }
    Ok(())
}
