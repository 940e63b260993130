//! Key conditions of queries.

use super::attribute::{Attribute, Item};
use super::condition::{Comparator, Condition, Operand};
use super::function::Function;
use super::path::Path;
use super::refusal::Refusal;
use super::table::{Scalar, Schema};

/// Which items a query reads: a condition of each of its key attributes.
#[derive(Debug)]
pub(super) struct KeyCondition {
    hash: Condition,
    /// The only hash key of the items.
    pub(super) hash_key: Scalar,
    range: Option<Condition>,
}

/// A condition of one attribute, and what it compares the attribute with.
struct Part<'a> {
    attribute: &'a str,
    condition: Condition,
    values: Vec<&'a Attribute>,
}

impl KeyCondition {
    pub(super) fn new(condition: &Condition, schema: &Schema) -> Result<Self, Refusal> {
        let mut parts = Vec::new();
        split(condition, &mut parts).map_err(Refusal::Invalid)?;
        Self::of(parts, schema).map_err(Refusal::Invalid)
    }

    fn of(parts: Vec<Part<'_>>, schema: &Schema) -> Result<Self, String> {
        let keys = schema.attributes().count();
        if parts.len() > keys {
            let conditions = format!("The number of query conditions ({})", parts.len());
            return Err(format!("{conditions} exceeds the number of key attributes defined in the schema ({keys})"));
        }
        let missed = |name: &str| format!("Query condition missed key schema element: {name}");
        let (mut hash, mut range): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.attribute == schema.hash);
        let hash = hash.pop().ok_or_else(|| missed(&schema.hash))?;
        let range = range.pop();
        if let Some(other) = range.iter().find(|part| schema.range.as_deref() != Some(part.attribute)) {
            return Err(missed(schema.range.as_deref().unwrap_or(other.attribute)));
        }
        for part in [&hash].into_iter().chain(&range) {
            part.check(schema)?;
        }
        if !matches!(hash.condition, Condition::Compare(_, Comparator::Equal, _)) {
            return Err("Query key condition not supported".to_owned());
        }
        let value = hash.values.first().and_then(|value| Scalar::of(value, schema.kind(&schema.hash)));
        let hash_key = value.ok_or_else(|| missed(&schema.hash))?;
        Ok(Self { hash: hash.condition, hash_key, range: range.map(|part| part.condition) })
    }

    /// Whether the query meets the item.
    pub(super) fn holds(&self, item: &Item) -> bool {
        self.hash.holds(item) && self.range.as_ref().is_none_or(|range| range.holds(item))
    }

    /// Refuses to start at a key that the query does not meet.
    pub(super) fn check_start(&self, start: &Item) -> Result<(), Refusal> {
        if self.range.as_ref().is_some_and(|range| !range.holds(start)) {
            return Err(Refusal::invalid("The provided starting key does not match the range key predicate"));
        }
        if !self.hash.holds(start) {
            let problem = "The provided starting key is outside query boundaries based on provided conditions";
            return Err(Refusal::invalid(problem));
        }
        Ok(())
    }
}

impl Part<'_> {
    fn check(&self, schema: &Schema) -> Result<(), String> {
        let name = self.attribute;
        if self.values.iter().any(|value| !schema.admits(name, value)) {
            let problem = "Condition parameter type does not match schema type";
            return Err(format!("One or more parameter values were invalid: {problem}"));
        }
        if self.values.iter().any(|value| value.as_text() == Some("")) {
            let problem = "The AttributeValue for a key attribute cannot contain an empty string value";
            return Err(format!("One or more parameter values are not valid. {problem}. Key: {name}"));
        }
        Ok(())
    }
}

/// Splits a condition at its ANDs.
fn split<'a>(condition: &'a Condition, parts: &mut Vec<Part<'a>>) -> Result<(), String> {
    let refused = |operator: &str| Err(format!("Invalid operator used in KeyConditionExpression: {operator}"));
    let part = match condition {
        Condition::And(one, other) => return split(one, parts).and_then(|()| split(other, parts)),
        Condition::Or(..) => return refused("OR"),
        Condition::Not(_) => return refused("NOT"),
        Condition::In(..) => return refused("IN"),
        Condition::Compare(_, comparator @ Comparator::NotEqual, _) => return refused(comparator.name()),
        Condition::Function(function, _) if *function != Function::BeginsWith => return refused(function.name()),
        Condition::Between(operand, low, high) => of_first("BETWEEN", condition, &[operand, low, high])?,
        Condition::Function(function, operands) => {
            of_first(function.name(), condition, &operands.iter().collect::<Vec<_>>())?
        }
        Condition::Compare(one, _, other) => of(condition, &[one, other])?,
    };
    if parts.iter().any(|other| other.attribute == part.attribute) {
        let problem = "KeyConditionExpressions must only contain one condition per key";
        return Err(format!("Invalid KeyConditionExpression: {problem}"));
    }
    parts.push(part);
    Ok(())
}

fn of_first<'a>(operator: &str, condition: &Condition, operands: &[&'a Operand]) -> Result<Part<'a>, String> {
    if !matches!(operands, [Operand::Path(_), ..]) {
        return Err(format!(
            "Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute as its first \
             operand"
        ));
    }
    of(condition, operands)
}

fn of<'a>(condition: &Condition, operands: &[&'a Operand]) -> Result<Part<'a>, String> {
    let mut attribute = None;
    let mut values = Vec::new();
    for operand in operands {
        match operand {
            Operand::Function(..) => return Err("KeyConditionExpressions cannot contain nested operations".to_owned()),
            Operand::Path(_) if attribute.is_some() => {
                let problem = "Multiple attribute names used in one condition";
                return Err(format!("Invalid condition in KeyConditionExpression: {problem}"));
            }
            Operand::Path(Path { steps, .. }) if !steps.is_empty() => {
                return Err("KeyConditionExpressions cannot have conditions on nested attributes".to_owned());
            }
            Operand::Path(path) => attribute = Some(path.attribute.as_str()),
            Operand::Value(value) => values.push(value),
        }
    }
    let none = || "Invalid condition in KeyConditionExpression: No key attribute specified".to_owned();
    Ok(Part { attribute: attribute.ok_or_else(none)?, condition: condition.clone(), values })
}
