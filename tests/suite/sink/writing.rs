//! The other ways of writing: parts of an item, no item any more, and only the first.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::ScalarAttributeType;
use serde_json::{Value, json};
use tests::lambda::Function;
use tests::sink::{Table, deliver, deliveries, envelope};
use tests::stack::Stack;

use super::Sink;
use crate::unique;

/// A table with one item of each device, and the function with a route into it.
async fn start(stack: &Stack, name: &str, members: Value) -> Result<(Table, Function)> {
    let table = Table::with_key(stack, name, &[("device", ScalarAttributeType::S)]).await?;
    let mut route = json!({"tableName": name, "hashKeyField": "device", "hashKeyValue": "${topic(2)}"});
    route.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let function = Sink::new(stack, &stack.url, name, &json!({"way": route})).await?.start().await?;
    Ok((table, function))
}

/// Gives messages to the function, each with the place in which it happened.
async fn say(function: &mut Function, messages: &[(&str, u32, &str)]) -> Result<()> {
    let body = |(device, n, payload): &(&str, u32, &str)| {
        envelope("way", &format!("dt/{device}"), *n, payload.as_bytes()).to_string()
    };
    assert_eq!(deliver(function, &deliveries(&messages.iter().map(body).collect::<Vec<_>>())).await?, BTreeSet::new());
    Ok(())
}

/// Each device's item, without the device.
async fn items(table: &Table) -> Result<BTreeMap<String, String>> {
    let item = |mut item: BTreeMap<String, String>| {
        let device = item.remove("device").unwrap_or_default();
        let rest: Vec<String> = item.iter().map(|(name, content)| format!("{name}={content}")).collect();
        (device.trim_matches('"').to_owned(), rest.join(" "))
    };
    Ok(table.contents().await?.into_iter().map(item).collect())
}

fn expected<const N: usize>(items: [(&str, &str); N]) -> BTreeMap<String, String> {
    items.map(|(device, item)| (device.to_owned(), item.to_owned())).into()
}

#[tokio::test]
async fn an_update_sets_what_the_message_has_and_leaves_the_rest() -> Result<()> {
    let stack = Stack::connect().await;
    let members = json!({"columns": true, "operation": "UPDATE"});
    let (table, mut function) = start(&stack, &unique("update"), members).await?;
    say(&mut function, &[("a", 1, r#"{"t":21.50,"on":true}"#), ("b", 2, r#"{"t":1}"#)]).await?;
    // Not in the order in which they happened.
    say(&mut function, &[("a", 4, r#"{"t":23}"#), ("a", 3, r#"{"t":22,"h":[1e-3]}"#), ("a", 5, r#"{"x":null}"#)])
        .await?;
    let all = expected([("a", r#"h=["1e-3"] on=true t=23e0 x=null"#), ("b", "t=1e0")]);
    assert_eq!(items(&table).await?, all);
    Ok(())
}

#[tokio::test]
async fn a_template_chooses_the_operation_of_each_message() -> Result<()> {
    let stack = Stack::connect().await;
    let members = json!({"columns": true, "operation": "${op}"});
    let (table, mut function) = start(&stack, &unique("operations"), members).await?;
    let message = |op: &str, rest: &str| format!(r#"{{"op":"{op}"{rest}}}"#);
    let (insert, update) = (message("INSERT", r#","t":1"#), message("UPDATE", r#","h":2"#));
    let delete = message("DELETE", "");
    let all = [("a", 1, &insert), ("a", 2, &update), ("b", 3, &insert), ("c", 4, &insert)];
    say(&mut function, &all.map(|(device, n, text)| (device, n, text.as_str()))).await?;
    let stored =
        expected([("a", r#"h=2e0 op="UPDATE" t=1e0"#), ("b", r#"op="INSERT" t=1e0"#), ("c", r#"op="INSERT" t=1e0"#)]);
    assert_eq!(items(&table).await?, stored);
    // One that is there, one that is not, one that comes back, one that is written over.
    let all = [
        ("b", 5, &delete),
        ("nobody", 6, &delete),
        ("c", 9, &update),
        ("c", 8, &delete),
        ("c", 7, &insert),
        ("a", 10, &insert),
    ];
    say(&mut function, &all.map(|(device, n, text)| (device, n, text.as_str()))).await?;
    let stored = expected([("a", r#"op="INSERT" t=1e0"#), ("c", r#"h=2e0 op="UPDATE""#)]);
    assert_eq!(items(&table).await?, stored);
    Ok(())
}

#[tokio::test]
async fn where_items_are_unique_the_first_one_stays() -> Result<()> {
    let stack = Stack::connect().await;
    let (table, mut function) = start(&stack, &unique("once"), json!({"unique": true})).await?;
    say(&mut function, &[("a", 2, "\"second\""), ("a", 1, "\"first\""), ("b", 3, "\"only\"")]).await?;
    let metrics = function.metrics().await.context("no metrics")?;
    assert_eq!((&metrics["MessagesWritten"], &metrics["MessagesRepeated"]), (&2.into(), &1.into()), "{metrics}");
    say(&mut function, &[("a", 4, "\"third\""), ("b", 3, "\"only\""), ("c", 5, "\"new\"")]).await?;
    let metrics = function.metrics().await.context("no metrics")?;
    assert_eq!((&metrics["MessagesWritten"], &metrics["MessagesRepeated"]), (&1.into(), &2.into()), "{metrics}");
    let all = expected([("a", r#"payload="first""#), ("b", r#"payload="only""#), ("c", r#"payload="new""#)]);
    assert_eq!(items(&table).await?, all);
    Ok(())
}
