//! The rule sink's fixtures. Each one's devices are its own; the routes are those of `events/rule-sink/settings`, into
//! tables that the test makes.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate,
    KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use shared::testing::{Fixture, fixtures};
use tests::environment::{self, ROOT};
use tests::lambda::{Function, rule_sink};
use tests::queue::Queue;
use tests::roll::Roll;
use tests::sink::{Table, content, given_back};
use tests::stack::Stack;

use crate::unique;

/// The certificate that a fixture's principal is; the roll writes it in as `device-f1c7f1c7f1c7`.
const BOUND: u64 = 0xf1c7_f1c7_f1c7;

/// Items as texts, by the tables that hold them, which fixtures call by other names.
type Items = BTreeMap<String, Vec<String>>;

/// The tables of the rule sink's routes, their names with another prefix, and the routes for them.
struct Routes {
    routes: Value,
    /// By the names in the fixtures.
    tables: BTreeMap<String, Table>,
}

impl Routes {
    async fn new(stack: &Stack) -> Result<Self> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/rule-sink/settings/routes.json");
        let mut routes: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let (prefix, mut tables) = (unique("fixture"), BTreeMap::new());
        for route in routes.as_object_mut().context("no routes")?.values_mut() {
            let name = route["tableName"].as_str().context("no table")?.to_owned();
            let own = format!("{prefix}-{name}");
            if let Entry::Vacant(entry) = tables.entry(name) {
                let mut key = vec![(route["hashKeyField"].as_str().unwrap(), ScalarAttributeType::S)];
                if let Some(range) = route["rangeKeyField"].as_str() {
                    let is_number = route["rangeKeyType"] == "NUMBER";
                    key.push((range, if is_number { ScalarAttributeType::N } else { ScalarAttributeType::S }));
                }
                entry.insert(Table::with_key(stack, &own, &key).await?);
            }
            route["tableName"] = own.into();
        }
        Ok(Self { routes, tables })
    }

    /// What the tables hold of a fixture's devices. `ours` tells these.
    async fn held(&self, ours: impl Fn(&str) -> bool) -> Result<Items> {
        let mut held = BTreeMap::new();
        for (name, table) in &self.tables {
            let is_ours = |item: &BTreeMap<String, String>| ours(item["device"].trim_matches('"'));
            let items = table.contents().await?.into_iter().filter(is_ours);
            let mut items: Vec<String> = items.map(|item| format!("{item:?}")).collect();
            items.sort_unstable();
            if !items.is_empty() {
                held.insert(name.clone(), items);
            }
        }
        Ok(held)
    }
}

/// An attribute in DynamoDB's JSON.
fn attribute(value: &Value) -> Result<AttributeValue> {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).context("no attribute")?;
    let text = || value.as_str().map(ToOwned::to_owned).with_context(|| format!("{kind}: {value}"));
    Ok(match kind.as_str() {
        "B" => AttributeValue::B(Blob::new(BASE64_STANDARD.decode(text()?)?)),
        "BOOL" => AttributeValue::Bool(value.as_bool().context("BOOL")?),
        "L" => AttributeValue::L(value.as_array().context("L")?.iter().map(attribute).collect::<Result<_>>()?),
        "M" => {
            let members = value.as_object().context("M")?.iter();
            AttributeValue::M(
                members.map(|(name, value)| Ok((name.clone(), attribute(value)?))).collect::<Result<_>>()?,
            )
        }
        "N" => AttributeValue::N(text()?),
        "NULL" => AttributeValue::Null(true),
        "S" => AttributeValue::S(text()?),
        other => anyhow::bail!("{other} is no type of a fixture"),
    })
}

/// What a fixture expects the tables to hold, as [`Routes::held`] tells it, and its devices.
fn expected_items(expected: &Value) -> Result<(Items, Vec<String>)> {
    let (mut tables, mut devices) = (BTreeMap::new(), Vec::new());
    for (table, items) in expected["items"].as_object().context("no items")? {
        let mut all = Vec::new();
        for item in items.as_array().context("no array of items")? {
            devices.push(item.pointer("/device/S").and_then(Value::as_str).context("no device")?.to_owned());
            let attributes = item.as_object().context("no item")?.iter();
            let attributes = attributes
                .map(|(name, value)| Ok((name.clone(), content(&attribute(value)?))))
                .collect::<Result<_>>()?;
            let item: BTreeMap<String, String> = attributes;
            all.push(format!("{item:?}"));
        }
        all.sort_unstable();
        tables.insert(table.clone(), all);
    }
    Ok((tables, devices))
}

/// What was refused since the last call; it is taken out of the queue.
async fn refused(rejected: &Queue) -> Result<Vec<Value>> {
    let messages = rejected.receive(usize::MAX).await?;
    rejected.delete(&messages).await?;
    Ok(messages.iter().map(|message| serde_json::from_str(&message.body)).collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn every_batch_of_the_rule_sink_leads_to_the_items_beside_it() -> Result<()> {
    let stack = Stack::connect().await;
    let routes = Routes::new(&stack).await?;
    Roll::new(&stack).await?.fill(BOUND..BOUND + 1).await?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&stack.config);
    let kind = AttributeDefinition::builder().attribute_name("kind").attribute_type(ScalarAttributeType::S).build()?;
    let element = KeySchemaElement::builder().attribute_name("kind").key_type(KeyType::Hash).build()?;
    let index = CreateGlobalSecondaryIndexAction::builder().index_name("byKind").key_schema(element);
    let index = index.projection(Projection::builder().projection_type(ProjectionType::All).build()).build()?;
    let request = dynamodb.update_table().table_name(&routes.tables["fixture-indexed"].name);
    let request = request.attribute_definitions(kind);
    request.global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(index).build()).send().await?;
    let rejected = Queue::new(&stack, &unique("fixtures-rejected")).await?;
    let mut variables = environment::rule_sink(&stack.url, ROOT);
    variables.push(("MORE_ROUTES".to_owned(), routes.routes.to_string()));
    variables.push(("REJECTED_QUEUE_URL".to_owned(), rejected.url.clone()));
    let mut function = Function::start(&rule_sink(), &variables).await?;

    let (accepted, fixtures_of_rejected) = (fixtures("rule-sink"), fixtures("rule-sink/rejected"));
    assert!(accepted.len() >= 14 && fixtures_of_rejected.len() >= 15);
    for Fixture { expected, name, payload } in &accepted {
        // Whatever a batch does, its second delivery changes nothing.
        for delivery in ["first", "second"] {
            let answer = function.answer(payload).await?;
            assert_eq!(answer["batchItemFailures"], expected["batchItemFailures"], "{name}, {delivery}: {answer}");
            let (items, devices) = expected_items(expected)?;
            let ours = |device: &str| {
                devices.iter().any(|own| own == device) || device.starts_with(&format!("fixture-{name}"))
            };
            assert_eq!(routes.held(ours).await?, items, "{name}, {delivery}");
            let reasons: Vec<Value> =
                refused(&rejected).await?.iter().map(|refused| refused["rejected"]["reason"].clone()).collect();
            assert_eq!(reasons, expected["rejected"].as_array().cloned().unwrap_or_default(), "{name}, {delivery}");
        }
    }
    let before = routes.held(|_| true).await?;
    let mut reasons = BTreeSet::new();
    for Fixture { expected, name, payload } in &fixtures_of_rejected {
        assert_eq!(given_back(&function.answer(payload).await?)?, BTreeSet::new(), "{name}");
        let refused = refused(&rejected).await?;
        let [only] = refused.as_slice() else { panic!("{name}: {refused:?}") };
        let told = &only["rejected"];
        assert_eq!(told["reason"], expected["reason"], "{name}: {told}");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(expected["detail"].as_str().unwrap()), "{name}: {detail}");
        let batch: Value = serde_json::from_slice(payload)?;
        assert_eq!(only["original"], batch["Records"][0]["body"], "{name}");
        assert_eq!(told["messageId"], batch["Records"][0]["messageId"], "{name}");
        reasons.insert(told["reason"].as_str().unwrap().to_owned());
    }
    assert_eq!(routes.held(|_| true).await?, before);
    assert_eq!(reasons.len(), 15, "a reason has no fixture: {reasons:?}");
    Ok(())
}
