//! Routes: where messages go, in the words of AWS IoT's DynamoDB action
//! (<https://docs.aws.amazon.com/iot/latest/developerguide/dynamodb-rule-action.html>).
//!
//! The configuration is a JSON object of route names (1 to 128 characters of `a-zA-Z0-9_-`), each with an object:
//!
//! | member | meaning |
//! | --- | --- |
//! | `tableName` | the table |
//! | `hashKeyField`, `hashKeyType`, `hashKeyValue` | name, type (`STRING`, the default, or `NUMBER`) and template of the partition key |
//! | `rangeKeyField`, `rangeKeyType`, `rangeKeyValue` | the same of the sort key, if the table has one |
//! | `payloadField` | the attribute that holds the payload; `payload` by default |
//! | `columns` | `true`: each root member of the payload is an attribute of its own, and there is no `payloadField` |
//! | `raw` | `true`: the payload is written as it came, as binary, whether it is JSON or not; not with `columns` |
//! | `operation` | `INSERT` (the default), `UPDATE`, `DELETE`, or a template that yields one of them |
//! | `ttl` | `{"field": …, "after": "90d"}`: so long after the message's time (`s`, `m`, `h`, `d`, `w`); or `{"field": …, "at": "${…}"}`: seconds since 1970. Written in whole seconds |
//! | `unique` | `true`: an item that exists is never overwritten, unless it has a `ttl` and had expired at the message's time |
//! | `bindTo` | `"principal"`: the device must be the thing of the certificate that published |
//! | `device` | template that names the device, only with `bindTo`; `${topic(2)}` by default |
//! | `maxItemBytes` | greatest size of an item, at most and by default 409600 |
//!
//! Only `hashKeyValue`, `rangeKeyValue`, `operation`, `device` and `at` of `ttl` are templates
//! ([`crate::substitution`]): `tableName`, `payloadField` and the names of the keys are the same for all messages. A key
//! whose template is Null or Undefined for a message is a fault of that message ([`KeyFault`]); so is an empty one.
//! `unique` goes with an `operation` that is INSERT for all messages, and with no other.
//!
//! The action's `roleArn` is refused, since the function writes with its own role. Routes of one table must agree in the
//! names and types of its keys.

use std::collections::BTreeMap;

use crate::substitution::{EvaluationFault, Message, Template};

mod fault;
mod key;
mod layers;
mod read;
mod reader;
mod ttl;

pub use fault::{RouteFault, RouteFaults};
pub use key::{Key, KeyFault, KeyType, KeyValue};
pub use ttl::{Expiry, Ttl, TtlFault};

/// The greatest item of DynamoDB, in octets.
pub const MAX_ITEM_BYTES: usize = 409_600;

/// The routes of a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    routes: BTreeMap<String, Route>,
}

impl Routes {
    /// Reads a configuration. An object without members has no routes.
    ///
    /// # Errors
    /// [`RouteFaults`] with everything that is wrong.
    pub fn parse(json: &str) -> Result<Self, RouteFaults> {
        Self::parse_layers(&[("", json)])
    }

    /// Reads configurations that lie over each other, each with the name of its source, such as an environment
    /// variable's: a route of a later one takes the place of the route of that name in an earlier one.
    ///
    /// # Errors
    /// [`RouteFaults`] with everything that is wrong in any of them, also in routes that others take the place of. Each
    /// path begins with its source, as `MORE_ROUTES: telemetry.ttl`.
    pub fn parse_layers(layers: &[(&str, &str)]) -> Result<Self, RouteFaults> {
        layers::routes(layers).map(|routes| Self { routes })
    }

    /// The route of that name.
    #[must_use]
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.get(name)
    }

    /// All routes with their names, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Route)> {
        self.routes.iter().map(|(name, route)| (name.as_str(), route))
    }
}

/// Where the messages of a rule go.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// What binds a message to the principal that published it, if anything does.
    pub bind_to: Option<Binding>,
    /// The partition key.
    pub hash_key: Key,
    /// Greatest size of an item in octets, 1 to [`MAX_ITEM_BYTES`].
    pub max_item_bytes: usize,
    /// What happens to the item.
    pub operation: Choice,
    /// How the payload is written.
    pub payload: Payload,
    /// The sort key, if the table has one.
    pub range_key: Option<Key>,
    /// The table.
    pub table_name: String,
    /// When the item expires, if it does.
    pub ttl: Option<Ttl>,
    /// Whether an item that exists stays as it is. Then the operation is always [`Operation::Insert`].
    pub unique: bool,
}

/// The device that a message is of must be the thing of the certificate that published it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Names the device.
    pub device: Template,
}

/// How the payload is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Payload {
    /// Each root member is an attribute of its own, as in the action `DynamoDBv2`.
    Columns,
    /// The attribute that holds it whole: JSON as the types of DynamoDB, anything else as binary.
    Field(String),
    /// The attribute that holds it as it came, octet for octet, as binary.
    Raw(String),
}

/// What happens to an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// It is deleted.
    Delete,
    /// It is put in place of one that has its key.
    Insert,
    /// Its attributes are set, others of the same item stay.
    Update,
}

impl Operation {
    fn named(name: &str) -> Option<Self> {
        match name {
            "DELETE" => Some(Self::Delete),
            "INSERT" => Some(Self::Insert),
            "UPDATE" => Some(Self::Update),
            _ => None,
        }
    }
}

/// How the operation is found.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// The same for all messages.
    Always(Operation),
    /// What the template yields.
    Template(Template),
}

/// Why a message has no operation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OperationFault {
    /// The template has no text for the message.
    #[error("operation: {0}")]
    Evaluation(#[from] EvaluationFault),
    /// The template yielded something else.
    #[error("operation: {0:?} is none of INSERT, UPDATE and DELETE")]
    Unknown(String),
}

impl Choice {
    /// The operation for a message.
    ///
    /// # Errors
    /// See [`OperationFault`].
    pub fn operation(&self, message: &Message<'_>) -> Result<Operation, OperationFault> {
        match self {
            Self::Always(operation) => Ok(*operation),
            Self::Template(template) => {
                let name = template.text(message)?;
                // Somebody else chose the text.
                Operation::named(&name).ok_or_else(|| OperationFault::Unknown(name.chars().take(80).collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
