//! One message as one write: the route's templates filled, the payload as attributes, everything checked that can be
//! checked before DynamoDB is asked.

use shared::item::{Attribute, Attributes, Effect, Expired, ItemKey, KeyAttribute, MAX_UPDATED, Write, unfit_name};
use shared::route::{Expiry, Key, KeyValue, Operation, Payload, Route, Routes, Ttl};
use shared::substitution::{JsonFault, Message, Value};
use time::OffsetDateTime;

use crate::binding::Claim;
use crate::envelope::Envelope;
use crate::refusal::{Reason, Refusal};

/// Seconds that a message may be ahead of now if an item expires by its time: a day, more than clocks differ by.
const MAX_AHEAD: u64 = 86_400;

/// What a message comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    /// Whose message it says it is, if the route wants to know.
    pub claim: Option<Claim>,
    /// The write.
    pub write: Write,
}

/// What the route of a message makes of it.
///
/// # Errors
/// Why it can't be written.
pub fn translate(
    routes: &Routes,
    envelope: &Envelope<'_>,
    account_id: &str,
    message_id: &str,
    now: OffsetDateTime,
) -> Result<Translated, Refusal> {
    let name = envelope.route();
    let unknown = || Refusal::new(Reason::RouteUnknown, format!("there is no route {name:?}"));
    let route = routes.route(name).ok_or_else(unknown)?;
    check_time(route, envelope, now)?;
    let raw = envelope.payload().map_err(|fault| Refusal::new(Reason::Envelope, fault.to_string()))?;
    let payload = read(route, &raw)?;
    let Filled { claim, expires, key, operation } =
        Filled::new(route, &envelope.message(account_id, message_id, &raw, payload.as_ref()))?;
    let attributes = || attributes(route, &key, expires, raw, payload);
    let effect = match operation {
        Operation::Delete => Effect::Delete,
        Operation::Insert if route.unique => Effect::PutNew(attributes()?, expired(route, envelope)),
        Operation::Insert => Effect::Put(attributes()?),
        Operation::Update => Effect::Update(updated(attributes()?)?),
    };
    let write = Write { effect, key, table: route.table_name.clone() };
    let size = write.size();
    if size > route.max_item_bytes {
        let detail = format!("the item has {size} octets, at most {} are allowed", route.max_item_bytes);
        return Err(Refusal::new(Reason::ItemSize, detail));
    }
    Ok(Translated { claim, write })
}

/// Refuses a message that is far ahead of now if it rests on its time when items expire.
fn check_time(route: &Route, envelope: &Envelope<'_>, now: OffsetDateTime) -> Result<(), Refusal> {
    let rests_on_it = |ttl: &Ttl| route.unique || matches!(ttl.expiry, Expiry::After(_));
    let now = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    let ahead = (envelope.timestamp() / 1000).saturating_sub(now);
    if ahead <= MAX_AHEAD || !route.ttl.as_ref().is_some_and(rests_on_it) {
        return Ok(());
    }
    let detail = format!("ttl: the message's timestamp is {ahead} s ahead of now, at most {MAX_AHEAD} s are allowed");
    Err(Refusal::new(Reason::Ttl, detail))
}

/// The payload as JSON; none if it is none.
fn read(route: &Route, raw: &[u8]) -> Result<Option<Value>, Refusal> {
    let keeps_octets = matches!(route.payload, Payload::Raw(_));
    let value = match Value::from_json(raw) {
        Ok(value) => value,
        Err(JsonFault::NotJson(_)) => return Ok(None),
        // What JSON can't tell exactly, its octets do.
        Err(_) if keeps_octets => return Ok(None),
        Err(fault @ (JsonFault::NotANumber(_) | JsonFault::Number(_))) => {
            return Err(Refusal::new(Reason::PayloadNumber, fault.to_string()));
        }
        Err(fault @ JsonFault::TooDeep) => return Err(Refusal::new(Reason::PayloadDepth, fault.to_string())),
    };
    match unfit_name(&value).filter(|_| !keeps_octets) {
        Some(fault) => Err(Refusal::new(Reason::AttributeName, fault.to_string())),
        None => Ok(Some(value)),
    }
}

/// A route's templates, filled from a message.
struct Filled {
    claim: Option<Claim>,
    /// Seconds since 1970.
    expires: Option<u64>,
    key: ItemKey,
    operation: Operation,
}

impl Filled {
    fn new(route: &Route, message: &Message<'_>) -> Result<Self, Refusal> {
        let key = |key: &Key| match key.of(message) {
            Ok(value) => Ok(KeyAttribute { name: key.name.clone(), value }),
            Err(fault) => Err(Refusal::new(Reason::Key, fault.to_string())),
        };
        let key = ItemKey { hash: key(&route.hash_key)?, range: route.range_key.as_ref().map(key).transpose()? };
        let operation =
            route.operation.operation(message).map_err(|fault| Refusal::new(Reason::Operation, fault.to_string()))?;
        let expires = route.ttl.as_ref().map(|ttl| ttl.seconds(message)).transpose();
        let expires = expires.map_err(|fault| Refusal::new(Reason::Ttl, fault.to_string()))?;
        let claim = route.bind_to.as_ref().map(|binding| Claim::new(binding, message)).transpose()?;
        Ok(Self { claim, expires, key, operation })
    }
}

/// The attributes besides the key's.
fn attributes(
    route: &Route,
    key: &ItemKey,
    expires: Option<u64>,
    raw: Vec<u8>,
    payload: Option<Value>,
) -> Result<Attributes, Refusal> {
    let mut attributes = match (&route.payload, payload) {
        (Payload::Columns, Some(Value::Object(members))) => {
            members.into_iter().map(|(name, value)| (name, Attribute::Json(value))).collect()
        }
        (Payload::Columns, other) => {
            let found = other.as_ref().map_or("not JSON", Value::type_name);
            let detail = format!("columns: the payload must be a JSON object, is {found}");
            return Err(Refusal::new(Reason::PayloadNotObject, detail));
        }
        (Payload::Field(name), Some(value)) => Attributes::from([(name.clone(), Attribute::Json(value))]),
        (Payload::Field(name), None) | (Payload::Raw(name), _) => {
            Attributes::from([(name.clone(), Attribute::Binary(raw))])
        }
    };
    for KeyAttribute { name, value } in key.attributes() {
        if attributes.remove(name).is_some_and(|member| !is_key(&member, value)) {
            return Err(conflict(name));
        }
    }
    if let (Some(ttl), Some(seconds)) = (&route.ttl, expires) {
        let expiry = Attribute::Json(Value::Number(seconds.into()));
        if attributes.get(&ttl.field).is_some_and(|member| *member != expiry) {
            return Err(conflict(&ttl.field));
        }
        attributes.insert(ttl.field.clone(), expiry);
    }
    Ok(attributes)
}

/// What has expired for a message. That goes by the message's time, so that the message does the same whenever it is
/// delivered.
fn expired(route: &Route, envelope: &Envelope<'_>) -> Option<Expired> {
    let ttl = route.ttl.as_ref()?;
    Some(Expired { at: envelope.timestamp() / 1000, field: ttl.field.clone() })
}

fn updated(attributes: Attributes) -> Result<Attributes, Refusal> {
    let count = attributes.len();
    if count <= MAX_UPDATED {
        return Ok(attributes);
    }
    let detail = format!("the UPDATE would set {count} attributes, at most {MAX_UPDATED} are allowed");
    Err(Refusal::new(Reason::AttributeCount, detail))
}

/// Whether an attribute holds what the key holds.
fn is_key(attribute: &Attribute, key: &KeyValue) -> bool {
    match (attribute, key) {
        (Attribute::Json(Value::Number(number)), KeyValue::Number(key)) => number == key,
        (Attribute::Json(Value::Text(text)), KeyValue::Text(key)) => text == key,
        _ => false,
    }
}

fn conflict(name: &str) -> Refusal {
    Refusal::new(Reason::AttributeConflict, format!("{name}: the payload has another value than the route"))
}
