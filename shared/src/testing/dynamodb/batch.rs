//! Batches: many items in one request, each for itself.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Tables;
use super::attribute::{self, to_json};
use super::read::Projection;
use super::refusal::Refusal;
use super::request::{Members, elements, entries};
use super::write::Write;

const MAX_READ: usize = 100;
const MAX_WRITTEN: usize = 25;

/// Bytes of a request's JSON: what is known is that 16 MB are too many, not how they are counted.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Puts and deletes items, but for the last `left`.
pub(super) fn write(tables: &mut Tables, request: &Value, left: usize) -> Result<Value, Refusal> {
    let members = Members::new(request, &["RequestItems"])?;
    let mut placed = BTreeMap::new();
    let mut order = Vec::new();
    for (name, requests) in entries(members.required("RequestItems")?)? {
        let table = tables.named(name)?;
        for request in elements(requests)? {
            let write = read(name, request)?;
            write.check(table)?;
            let key = write.key_in_batch(table)?;
            let outcome = write.outcome(table, &key)?;
            if placed.insert((name, key.clone()), outcome).is_some() {
                return Err(Refusal::invalid("Provided list of item keys contains duplicates"));
            }
            order.push((name, key, write));
        }
    }
    sized("BatchWriteItem", placed.len(), MAX_WRITTEN)?;
    if request.to_string().len() > MAX_BYTES {
        return Err(Refusal::TooLarge);
    }
    let mut unprocessed = Map::new();
    for (name, key, write) in order.split_off(order.len().saturating_sub(left)) {
        placed.remove(&(name, key));
        // As the service would write it, which need not be as it was asked.
        if let Value::Array(requests) = unprocessed.entry(name).or_insert_with(|| json!([])) {
            requests.push(write.to_request());
        }
    }
    for ((name, key), item) in placed {
        if let Some(table) = tables.changed(name) {
            table.store(key, item);
        }
    }
    Ok(json!({"UnprocessedItems": unprocessed}))
}

fn read(table: &str, request: &Value) -> Result<Write, Refusal> {
    let members = Members::new(request, &["DeleteRequest", "PutRequest"])?;
    let content = |request, name| Members::new(request, &[name])?.required(name).and_then(attribute::item);
    match (members.get("PutRequest"), members.get("DeleteRequest")) {
        (Some(put), None) => Ok(Write::put(table, content(put, "Item")?)),
        (None, Some(delete)) => Ok(Write::delete(table, content(delete, "Key")?)),
        _ => Err(Refusal::invalid("A request of a batch is either a PutRequest or a DeleteRequest")),
    }
}

/// Reads items by their keys, and gives them in the keys' order: the service promises none.
pub(super) fn get(tables: &Tables, request: &Value) -> Result<Value, Refusal> {
    let members = Members::new(request, &["RequestItems"])?;
    let mut responses = Map::new();
    let mut count = 0;
    for (name, request) in entries(members.required("RequestItems")?)? {
        let known = ["ConsistentRead", "ExpressionAttributeNames", "Keys", "ProjectionExpression"];
        let request = Members::new(request, &known)?;
        request.flag("ConsistentRead")?;
        let projection = Projection::read(request)?;
        let table = tables.named(name)?;
        let mut found = BTreeMap::new();
        for key in elements(request.required("Keys")?)? {
            count += 1;
            let key = table.key(&attribute::item(key)?)?;
            if found.insert(key.clone(), table.item(&key)).is_some() {
                return Err(Refusal::invalid("Provided list of item keys contains duplicates"));
            }
        }
        let items = found.into_values().flatten().map(|item| to_json(&projection.apply(item)));
        responses.insert(name.clone(), items.collect());
    }
    sized("BatchGetItem", count, MAX_READ)?;
    Ok(json!({"Responses": responses, "UnprocessedKeys": {}}))
}

fn sized(operation: &str, count: usize, most: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::invalid(
            "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        )),
        _ if count > most => Err(Refusal::invalid(format!("Too many items requested for the {operation} call"))),
        _ => Ok(()),
    }
}
