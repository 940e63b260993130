//! Names of resources: several stacks have room in one account and Region, and a stack's name has its limit.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use jitr::stack::MAX_STACK_NAME_LENGTH;
use serde_json::Value;
use tests::template::Template;

/// The property that names a resource, and the longest name that the service takes, by types of resources. Without the
/// property CloudFormation makes up a name that nothing else has.
const NAMES: [(&str, &str, usize); 10] = [
    ("AWS::CloudWatch::Alarm", "AlarmName", 255),
    ("AWS::DynamoDB::Table", "TableName", 255),
    ("AWS::IAM::Role", "RoleName", 64),
    ("AWS::IoT::Policy", "PolicyName", 128),
    ("AWS::IoT::TopicRule", "RuleName", 128),
    ("AWS::Lambda::Function", "FunctionName", 64),
    ("AWS::Logs::LogGroup", "LogGroupName", 512),
    ("AWS::S3::Bucket", "BucketName", 63),
    ("AWS::SQS::Queue", "QueueName", 80),
    ("AWS::Scheduler::Schedule", "Name", 64),
];
/// Types of resources that belong to another one and have no name of their own.
const NAMELESS: [&str; 5] = [
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
];

/// The names that a stack on AWS gives to its resources, with the longest that the service takes.
fn names(stack: &str) -> Result<BTreeMap<(String, String), usize>> {
    let mut names = BTreeMap::new();
    for (name, resource) in Template::transformed()?.deployed(stack, &[])?.resources()? {
        let kind = resource["Type"].as_str().with_context(|| format!("{name} has no type"))?;
        if NAMELESS.contains(&kind) {
            continue;
        }
        let rule = NAMES.iter().find(|(named, ..)| *named == kind);
        let (_, property, longest) = rule.with_context(|| format!("{name}: nobody knows how a {kind} is named"))?;
        match &resource["Properties"][property] {
            Value::Null => {}
            Value::String(text) => {
                let former = names.insert((kind.to_owned(), text.clone()), *longest);
                assert_eq!(former, None, "{name}: the name {text} is there twice");
            }
            other => anyhow::bail!("{name}: {other} is no name"),
        }
    }
    Ok(names)
}

#[test]
fn two_stacks_of_one_account_and_region_share_no_name() -> Result<()> {
    let (one, other) = (names("fleet-a")?, names("fleet-b")?);
    let shared: BTreeSet<_> = one.keys().filter(|name| other.contains_key(name)).collect();
    assert_eq!(shared, BTreeSet::new());
    assert!(one.len() == other.len() && one.len() >= 20, "{one:?}");
    Ok(())
}

/// `jitr` refuses longer names, as CloudFormation does, but before anything has been deployed.
#[test]
fn the_longest_stack_name_is_the_documented_one() -> Result<()> {
    let stack = "s";
    let room = names(stack)?.iter().map(|((_, name), longest)| longest + stack.len() - name.len()).min();
    assert_eq!(room, Some(MAX_STACK_NAME_LENGTH));
    for (file, words) in [
        ("infra/RUNBOOK.md", format!("at most {MAX_STACK_NAME_LENGTH} characters")),
        ("infra/restore.py", format!("MAX_STACK_NAME_LENGTH = {MAX_STACK_NAME_LENGTH}\n")),
        ("samconfig.toml", format!("At most {MAX_STACK_NAME_LENGTH} characters")),
    ] {
        assert!(crate::file(file)?.contains(&words), "{file}: {words}");
    }
    Ok(())
}

/// CloudFormation shortens names that it makes up; those that the template gives have to fit.
#[test]
fn a_stack_with_the_longest_name_has_names_that_fit() -> Result<()> {
    for ((kind, name), longest) in names(&"s".repeat(MAX_STACK_NAME_LENGTH))? {
        assert!(name.len() <= longest, "{kind} {name}");
    }
    Ok(())
}
