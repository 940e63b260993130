//! Writes as DynamoDB takes them, and back.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};

use crate::aws::batch_write::{Requests, WRITE};
use crate::aws::row::Item;
use crate::fault::{Fault, FaultKind};
use crate::item::{Attribute, Attributes, Effect, Expired, ItemKey, KeyAttribute, Write};
use crate::route::KeyValue;
use crate::substitution::{Number, Value};

/// The writes of a batch by table.
pub(super) fn batch(writes: &[&Write]) -> Result<Requests, Fault> {
    let mut requests = Requests::with_capacity(1);
    for write in writes {
        let request = request(write)?;
        match requests.get_mut(&write.table) {
            Some(others) => others.push(request),
            None => {
                requests.insert(write.table.clone(), vec![request]);
            }
        }
    }
    Ok(requests)
}

fn request(write: &Write) -> Result<WriteRequest, Fault> {
    let request = WriteRequest::builder();
    let request = match &write.effect {
        Effect::Delete => {
            let delete = DeleteRequest::builder().set_key(Some(key(&write.key))).build();
            delete.map(|delete| request.delete_request(delete))
        }
        Effect::Put(attributes) => {
            let put = PutRequest::builder().set_item(Some(item(&write.key, attributes))).build();
            put.map(|put| request.put_request(put))
        }
        Effect::PutNew(..) | Effect::Update(_) => {
            return Err(Fault::new(WRITE, FaultKind::Invalid, "a batch takes only writes that replace"));
        }
    };
    match request {
        Ok(request) => Ok(request.build()),
        Err(error) => Err(Fault::new(WRITE, FaultKind::Invalid, error)),
    }
}

/// The places of the writes that requests are for, in order. If one of the requests is for none of the writes, these are
/// all places: to write again is harmless, to take for written what is not would lose it.
pub(super) fn places(writes: &[&Write], requests: &Requests) -> Vec<usize> {
    let place = |(table, request): (&String, &WriteRequest)| {
        let item = match (&request.put_request, &request.delete_request) {
            (Some(put), _) => &put.item,
            (None, Some(delete)) => &delete.key,
            (None, None) => return None,
        };
        let is_of =
            |attribute: &KeyAttribute| item.get(&attribute.name).is_some_and(|value| is_same(&attribute.value, value));
        writes.iter().position(|write| write.table == *table && write.key.attributes().all(is_of))
    };
    let requests = requests.iter().flat_map(|(table, requests)| requests.iter().map(move |request| (table, request)));
    let places: Option<Vec<usize>> = requests.map(place).collect();
    let Some(mut places) = places else { return (0..writes.len()).collect() };
    places.sort_unstable();
    places
}

/// Whether an attribute is the value of a key. DynamoDB may write a number differently: 1 for 1.0.
fn is_same(value: &KeyValue, attribute: &AttributeValue) -> bool {
    match (value, attribute) {
        (KeyValue::Number(number), AttributeValue::N(text)) => {
            number.as_str() == text || Number::parse(text).is_ok_and(|other| other == *number)
        }
        (KeyValue::Text(text), AttributeValue::S(other)) => text == other,
        _ => false,
    }
}

/// A whole item.
pub(super) fn item(key: &ItemKey, attributes: &Attributes) -> Item {
    let mut item = Item::with_capacity(attributes.len() + 2);
    item.extend(attributes.iter().map(|(name, attribute)| (name.clone(), value(attribute))));
    item.extend(key.attributes().map(key_attribute));
    item
}

/// A put on the condition that there is no item, or one that has expired.
pub(super) fn if_new(put: PutItemFluentBuilder, key: &ItemKey, expired: Option<&Expired>) -> PutItemFluentBuilder {
    let put = put.expression_attribute_names("#hash", &key.hash.name);
    match expired {
        None => put.condition_expression("attribute_not_exists(#hash)"),
        Some(Expired { at, field }) => put
            .condition_expression("attribute_not_exists(#hash) OR #expiry <= :at")
            .expression_attribute_names("#expiry", field)
            .expression_attribute_values(":at", AttributeValue::N(at.to_string())),
    }
}

/// The key alone.
pub(super) fn key(key: &ItemKey) -> Item {
    key.attributes().map(key_attribute).collect()
}

fn key_attribute(attribute: &KeyAttribute) -> (String, AttributeValue) {
    let value = match &attribute.value {
        KeyValue::Number(number) => AttributeValue::N(number.as_str().to_owned()),
        KeyValue::Text(text) => AttributeValue::S(text.clone()),
    };
    (attribute.name.clone(), value)
}

fn value(attribute: &Attribute) -> AttributeValue {
    match attribute {
        Attribute::Binary(octets) => AttributeValue::B(octets.clone().into()),
        Attribute::Json(value) => json(value),
    }
}

fn json(value: &Value) -> AttributeValue {
    match value {
        Value::Array(elements) => AttributeValue::L(elements.iter().map(json).collect()),
        Value::Boolean(value) => AttributeValue::Bool(*value),
        Value::Null | Value::Undefined => AttributeValue::Null(true),
        Value::Number(number) => AttributeValue::N(number.as_str().to_owned()),
        Value::Object(members) => {
            AttributeValue::M(members.iter().map(|(name, value)| (name.clone(), json(value))).collect())
        }
        Value::Text(text) => AttributeValue::S(text.clone()),
    }
}

/// An update that sets attributes; nothing at all if there are none, for an empty expression is refused.
#[derive(Default)]
pub(super) struct Setting {
    pub(super) expression: Option<String>,
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

/// The placeholders are short: an expression has at most 4 KB.
pub(super) fn setting(attributes: &Attributes) -> Setting {
    if attributes.is_empty() {
        return Setting::default();
    }
    let mut expression = String::from("SET ");
    let mut names = HashMap::with_capacity(attributes.len());
    let mut values = HashMap::with_capacity(attributes.len());
    for (at, (name, attribute)) in attributes.iter().enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        // Writing to a text does not fail.
        let _ = write!(expression, "{separator}#{at} = :{at}");
        names.insert(format!("#{at}"), name.clone());
        values.insert(format!(":{at}"), value(attribute));
    }
    Setting { expression: Some(expression), names: Some(names), values: Some(values) }
}
