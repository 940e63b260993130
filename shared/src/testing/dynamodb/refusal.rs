//! Why a request is not carried out, as DynamoDB says it.

use serde_json::{Map, Value, json};

use super::Answer;
use super::attribute::{Item, to_json};

const DYNAMODB: &str = "com.amazonaws.dynamodb.v20120810#";
/// What the service itself is built on names the faults of the protocol.
const CORAL: &str = "com.amazon.coral.service#";
const CONDITION: &str = "The conditional request failed";

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    /// A transaction's actions, each with its own refusal if it had one.
    Canceled(Vec<Option<Self>>),
    /// The condition did not hold. With the item, if it exists and was asked for.
    ConditionFailed(Option<Item>),
    /// The request can't be right.
    Invalid(String),
    /// The request is not of the protocol's form.
    Shape(String),
    /// The request is larger than a request may be.
    TooLarge,
    /// A transaction's token came again with other content.
    TokenReused,
    /// There is no such operation here.
    UnknownOperation(String),
    /// There is no such table.
    UnknownTable,
}

impl Refusal {
    pub(super) fn invalid(problem: impl Into<String>) -> Self {
        Self::Invalid(problem.into())
    }

    pub(super) fn shape(expected: &str, found: &Value) -> Self {
        Self::Shape(format!("expected {expected}, found {found}"))
    }

    /// The status is the one of the HTTP standard for too much content: the service's own words for it are not known.
    fn status(&self) -> u16 {
        if *self == Self::TooLarge { 413 } else { 400 }
    }

    pub(super) fn answer(&self) -> Answer {
        let refused = |name: &str, message: &str| json!({"__type": format!("{DYNAMODB}{name}"), "message": message});
        let coral = |name: &str, message: &str| json!({"__type": format!("{CORAL}{name}"), "Message": message});
        let body = match self {
            Self::Canceled(reasons) => canceled(reasons),
            Self::ConditionFailed(item) => {
                let mut body = refused("ConditionalCheckFailedException", CONDITION);
                if let (Some(item), Some(body)) = (item, body.as_object_mut()) {
                    body.insert("Item".to_owned(), to_json(item));
                }
                body
            }
            Self::Invalid(problem) => refused("ValidationException", problem),
            Self::Shape(problem) => coral("SerializationException", problem),
            Self::TooLarge => coral("RequestEntityTooLargeException", "Request size has exceeded 16 MB"),
            Self::TokenReused => {
                refused("IdempotentParameterMismatchException", "The token was used with other actions")
            }
            Self::UnknownOperation(name) => coral("UnknownOperationException", name),
            Self::UnknownTable => refused("ResourceNotFoundException", "Requested resource not found"),
        };
        Answer { status: self.status(), body }
    }

    /// What a canceled transaction says of the action.
    fn reason(&self) -> Map<String, Value> {
        let (code, message) = match self {
            Self::ConditionFailed(_) => ("ConditionalCheckFailed", CONDITION.to_owned()),
            Self::Invalid(problem) => ("ValidationError", problem.clone()),
            other => ("ValidationError", format!("{other:?}")),
        };
        let mut reason = Map::from_iter([("Code".to_owned(), json!(code)), ("Message".to_owned(), json!(message))]);
        if let Self::ConditionFailed(Some(item)) = self {
            reason.insert("Item".to_owned(), to_json(item));
        }
        reason
    }
}

fn canceled(reasons: &[Option<Refusal>]) -> Value {
    let none = || Map::from_iter([("Code".to_owned(), json!("None"))]);
    let reasons: Vec<_> = reasons.iter().map(|reason| reason.as_ref().map_or_else(none, Refusal::reason)).collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason.get("Code")?.as_str()).collect();
    let codes = codes.join(", ");
    json!({
        "__type": format!("{DYNAMODB}TransactionCanceledException"),
        "CancellationReasons": reasons,
        "Message": format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"),
    })
}
