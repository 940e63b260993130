//! The configuration's JSON as routes, checked against DynamoDB's limits
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).

use std::collections::BTreeMap;

use super::key::{Key, KeyType};
use super::reader::{Faults, Members};
use super::ttl::{Expiry, Ttl, duration};
use super::{Binding, Choice, MAX_ITEM_BYTES, Operation, Payload, Route};
use crate::substitution::Template;

/// Octets of a key's name.
const LONGEST_KEY_NAME: usize = 255;
/// Octets of another attribute's name, of which there may be 64 KB.
const LONGEST_NAME: usize = 65_535;
/// What is the same for all messages, other than in the action.
const NO_TEMPLATE: &str = "must not be a template";
/// What names the device unless the route says otherwise.
const DEVICE: &str = "${topic(2)}";
/// Characters of a route's name, as of a rule's.
const LONGEST_ROUTE_NAME: usize = 128;

/// The routes in the order of the text, each with its name; none if so much of it is wrong that there is none.
pub(super) fn routes(json: &str, faults: &mut Faults<'_>) -> Vec<(String, Option<Route>)> {
    let named = Members::read("", json, faults).into_iter().flat_map(Members::into_all);
    let read = named.map(|(name, json)| {
        let is_of_a_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
        let is_sound = (1..=LONGEST_ROUTE_NAME).contains(&name.len()) && name.bytes().all(is_of_a_name);
        // The empty path is that of the whole configuration.
        let path = if is_sound {
            name.clone()
        } else {
            format!("{:?}", name.chars().take(LONGEST_ROUTE_NAME).collect::<String>())
        };
        if !is_sound {
            faults.add(&path, "a route's name is 1 to 128 characters of a-zA-Z0-9_-");
        }
        let route = Members::read(&path, json.get(), faults).and_then(|members| route(members, faults));
        (name, route.filter(|_| is_sound))
    });
    read.collect()
}

/// A route, or none if so much of it is wrong that there is none; its faults are told either way.
fn route(mut members: Members<'_>, faults: &mut Faults<'_>) -> Option<Route> {
    let table_name = table_name(&mut members, faults);
    let hash_key = key(&mut members, &KeyMembers::HASH, faults);
    let range_members = &KeyMembers::RANGE;
    let has_range_key = [range_members.field, range_members.kind, range_members.value].map(|name| members.has(name));
    let range_key = has_range_key.contains(&true).then(|| key(&mut members, range_members, faults));
    let payload = payload(&mut members, faults);
    let operation = operation(&mut members, faults);
    let unique = unique(&mut members, operation.as_ref(), faults);
    let ttl = members.has("ttl").then(|| ttl(&mut members, faults));
    let bind_to = bind_to(&mut members, faults);
    let max_item_bytes = max_item_bytes(&mut members, faults);
    let field = |name: &'static str, attribute: Option<&String>| attribute.map(|attribute| (name, attribute.clone()));
    let payload_field = payload.as_ref().and_then(|payload| match payload {
        Payload::Columns => None,
        Payload::Field(name) | Payload::Raw(name) => Some(name),
    });
    let range = range_key.as_ref().and_then(Option::as_ref);
    let attributes = [
        field("hashKeyField", hash_key.as_ref().map(|key| &key.name)),
        field("rangeKeyField", range.map(|key| &key.name)),
        field("payloadField", payload_field),
        field("ttl.field", ttl.iter().flatten().map(|ttl| &ttl.field).next()),
    ];
    distinct(&members, &attributes, faults);
    if members.raw("roleArn").is_some() {
        faults.add(&members.path_of("roleArn"), "is not needed: the function's own role writes");
    }
    members.finish(faults);
    Some(Route {
        bind_to,
        hash_key: hash_key?,
        max_item_bytes,
        operation: operation?,
        payload: payload?,
        range_key: match range_key {
            Some(key) => Some(key?),
            None => None,
        },
        table_name: table_name?,
        ttl: match ttl {
            Some(ttl) => Some(ttl?),
            None => None,
        },
        unique,
    })
}

fn table_name(members: &mut Members<'_>, faults: &mut Faults<'_>) -> Option<String> {
    let name = members.required("tableName", faults)?;
    let is_of_a_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.' | b'-');
    if (3..=255).contains(&name.len()) && name.bytes().all(is_of_a_name) {
        return Some(name);
    }
    if name.contains("${") {
        faults.add(&members.path_of("tableName"), NO_TEMPLATE);
        return None;
    }
    faults.add(&members.path_of("tableName"), "a table's name is 3 to 255 characters of a-zA-Z0-9_.-");
    None
}

/// The members of one key.
struct KeyMembers {
    field: &'static str,
    kind: &'static str,
    longest: usize,
    value: &'static str,
}

impl KeyMembers {
    const HASH: Self = Self { field: "hashKeyField", kind: "hashKeyType", longest: 2048, value: "hashKeyValue" };
    const RANGE: Self = Self { field: "rangeKeyField", kind: "rangeKeyType", longest: 1024, value: "rangeKeyValue" };
}

fn key(members: &mut Members<'_>, names: &KeyMembers, faults: &mut Faults<'_>) -> Option<Key> {
    let name = members.required(names.field, faults);
    let name = name.and_then(|name| attribute(name, LONGEST_KEY_NAME, &members.path_of(names.field), faults));
    let kind = match members.has(names.kind).then(|| members.text(names.kind, faults)) {
        None => Some(KeyType::default()),
        Some(kind) => kind.and_then(|kind| match kind.as_str() {
            "NUMBER" => Some(KeyType::Number),
            "STRING" => Some(KeyType::Text),
            _ => {
                faults.add(&members.path_of(names.kind), "must be STRING or NUMBER");
                None
            }
        }),
    };
    let path = members.path_of(names.value);
    let value = members.required(names.value, faults).and_then(|value| template(&value, &path, faults));
    let key = Key { longest: names.longest, name: name?, kind: kind?, value: value? };
    // What is the same for all messages can be checked before there is one.
    if let Some(text) = key.value.constant()
        && let Err(fault) = key.checked(text.to_owned())
    {
        faults.add(&path, fault.to_string());
    }
    Some(key)
}

fn payload(members: &mut Members<'_>, faults: &mut Faults<'_>) -> Option<Payload> {
    let path = members.path_of("payloadField");
    let columns = members.flag("columns", faults);
    let raw = members.flag("raw", faults);
    if columns && raw {
        faults.add(&members.path_of("raw"), "must not be there with columns");
    }
    let written = |name| match (columns, raw) {
        (true, _) => Payload::Columns,
        (false, true) => Payload::Raw(name),
        (false, false) => Payload::Field(name),
    };
    if !members.has("payloadField") {
        return Some(written("payload".to_owned()));
    }
    if columns {
        faults.add(&path, "must not be there with columns");
    }
    attribute(members.text("payloadField", faults)?, LONGEST_NAME, &path, faults).map(written)
}

fn operation(members: &mut Members<'_>, faults: &mut Faults<'_>) -> Option<Choice> {
    if !members.has("operation") {
        return Some(Choice::Always(Operation::Insert));
    }
    let path = members.path_of("operation");
    let template = template(&members.text("operation", faults)?, &path, faults)?;
    let Some(name) = template.constant() else { return Some(Choice::Template(template)) };
    let operation = Operation::named(name);
    if operation.is_none() {
        faults.add(&path, "must be INSERT, UPDATE, DELETE or a template");
    }
    operation.map(Choice::Always)
}

fn unique(members: &mut Members<'_>, operation: Option<&Choice>, faults: &mut Faults<'_>) -> bool {
    let unique = members.flag("unique", faults);
    if unique && operation.is_some_and(|operation| *operation != Choice::Always(Operation::Insert)) {
        faults.add(&members.path_of("unique"), "is only for the operation INSERT");
    }
    unique
}

fn ttl(members: &mut Members<'_>, faults: &mut Faults<'_>) -> Option<Ttl> {
    let path = members.path_of("ttl");
    let mut ttl = Members::read(&path, members.raw("ttl")?, faults)?;
    let field = ttl.required("field", faults);
    let field = field.and_then(|field| attribute(field, LONGEST_NAME, &ttl.path_of("field"), faults));
    let expiry = match (ttl.has("after"), ttl.has("at")) {
        (true, false) => ttl.text("after", faults).and_then(|text| {
            let seconds = duration(&text);
            if seconds.is_none() {
                faults.add(&ttl.path_of("after"), "must be a time of 1s to 100 years as 90d, in s, m, h, d or w");
            }
            seconds.map(Expiry::After)
        }),
        (false, true) => {
            let path = ttl.path_of("at");
            ttl.text("at", faults).and_then(|text| template(&text, &path, faults)).and_then(|template| {
                if template.constant().is_some() {
                    faults.add(&path, "must have a ${ of the message: all items would expire at once");
                    return None;
                }
                Some(Expiry::At(template))
            })
        }
        (both, _) => {
            let found = if both { "both" } else { "neither" };
            faults.add(&path, format!("must have either after or at, has {found}"));
            let _ = (ttl.raw("after"), ttl.raw("at"));
            None
        }
    };
    ttl.finish(faults);
    Some(Ttl { expiry: expiry?, field: field? })
}

fn bind_to(members: &mut Members<'_>, faults: &mut Faults<'_>) -> Option<Binding> {
    let path = members.path_of("device");
    let is_bound = members.has("bindTo");
    if members.text("bindTo", faults).is_some_and(|to| to != "principal") {
        faults.add(&members.path_of("bindTo"), "must be principal");
    }
    let text = if members.has("device") {
        if !is_bound {
            faults.add(&path, "is only for bindTo");
        }
        members.text("device", faults)?
    } else {
        DEVICE.to_owned()
    };
    let device = template(&text, &path, faults)?;
    if device.constant() == Some("") {
        faults.add(&path, "names no device");
    }
    is_bound.then_some(Binding { device })
}

fn max_item_bytes(members: &mut Members<'_>, faults: &mut Faults<'_>) -> usize {
    let path = members.path_of("maxItemBytes");
    let Some(most) = members.whole("maxItemBytes", faults) else { return MAX_ITEM_BYTES };
    let most = usize::try_from(most).ok().filter(|most| (1..=MAX_ITEM_BYTES).contains(most));
    most.unwrap_or_else(|| {
        faults.add(&path, format!("must be 1 to {MAX_ITEM_BYTES}"));
        MAX_ITEM_BYTES
    })
}

fn template(text: &str, path: &str, faults: &mut Faults<'_>) -> Option<Template> {
    Template::parse(text).map_err(|fault| faults.add(path, fault.to_string())).ok()
}

/// An attribute's name, which is the same for all messages.
fn attribute(name: String, longest: usize, path: &str, faults: &mut Faults<'_>) -> Option<String> {
    if name.contains("${") {
        faults.add(path, NO_TEMPLATE);
    } else if !(1..=longest).contains(&name.len()) {
        faults.add(path, format!("an attribute's name here has 1 to {longest} octets, got {}", name.len()));
    } else {
        return Some(name);
    }
    None
}

/// Each attribute has one use.
fn distinct(members: &Members<'_>, attributes: &[Option<(&'static str, String)>], faults: &mut Faults<'_>) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (member, attribute) in attributes.iter().flatten() {
        match seen.get(attribute.as_str()) {
            Some(first) => faults.add(&members.path_of(member), format!("names the same attribute as {first}")),
            None => {
                seen.insert(attribute, member);
            }
        }
    }
}
