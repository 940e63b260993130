//! What survives the stack, and what decides about it.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use tests::template::Template;

/// What can't be made again: decisions, histories, messages and events that wait, logs, and the devices' rights.
const RETAINED: [&str; 5] =
    ["AWS::DynamoDB::Table", "AWS::IoT::Policy", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SQS::Queue"];

/// `AWS::LanguageExtensions` refuses some deletion policies, and compares numbers with texts.
#[test]
fn no_transform_is_left_to_cloudformation_but_sams() -> Result<()> {
    assert_eq!(*Template::transformed()?.at("/Transform")?, json!([]));
    Ok(())
}

/// The deletion policies that CloudFormation takes from every template are literals ("`DeletionPolicy` attribute" in the
/// CloudFormation template reference).
#[test]
fn deletion_policies_are_literals() -> Result<()> {
    for (name, resource) in Template::transformed()?.resources()? {
        for attribute in ["DeletionPolicy", "UpdateReplacePolicy"] {
            let policy = &resource[attribute];
            assert!(policy.is_null() || policy.is_string(), "{name}: {policy}");
        }
    }
    Ok(())
}

/// `RetainExceptOnCreate` lets a first deployment that fails clean up after itself, so that it can be repeated.
#[test]
fn what_cannot_be_made_again_survives_the_stack() -> Result<()> {
    let mut kinds = BTreeSet::new();
    for (name, resource) in Template::transformed()?.resources()? {
        let kind = resource["Type"].as_str().unwrap_or_default();
        if RETAINED.contains(&kind) {
            assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
            kinds.insert(kind);
        } else {
            assert_eq!((&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]), (&Value::Null, &Value::Null));
        }
    }
    assert_eq!(kinds, BTreeSet::from(RETAINED));
    Ok(())
}

/// A parameter's value is a text in a condition, and a number there is a text or not, as the transform has it.
#[test]
fn conditions_compare_parameters_with_texts() -> Result<()> {
    for (name, condition) in Template::transformed()?.members("/Conditions")? {
        let equals = condition.pointer("/Fn::Not/0").unwrap_or(condition);
        let sides = (&equals["Fn::Equals"][0]["Ref"], &equals["Fn::Equals"][1]);
        assert!(sides.0.is_string() && sides.1.is_string(), "{name}: {condition}");
    }
    Ok(())
}
