//! Reads: of an item, of the items under a hash key, of all items.

use serde_json::{Map, Value, json};

use super::Tables;
use super::attribute::{self, Item, to_json};
use super::condition::{Comparator, Condition, Function, Operand};
use super::path::{Path, distinct, project, projection};
use super::refusal::Refusal;
use super::request::Members;
use super::table::Schema;
use super::tokens::Placeholders;
use super::walk::{Page, Walk};

/// What of an item is given.
#[derive(Debug)]
pub(super) struct Projection(Option<Vec<Path>>);

impl Projection {
    /// Reads the projection of a request that has no other expression.
    pub(super) fn read(request: Members<'_>) -> Result<Self, Refusal> {
        let mut placeholders = Placeholders::read(request)?;
        let projection = Self::of(request, &mut placeholders)?;
        placeholders.all_used().map(|()| projection)
    }

    fn of(request: Members<'_>, placeholders: &mut Placeholders) -> Result<Self, Refusal> {
        placeholders.expression(request, "ProjectionExpression", projection, |paths| distinct(paths)).map(Self)
    }

    pub(super) fn apply(&self, item: &Item) -> Item {
        self.0.as_ref().map_or_else(|| item.clone(), |paths| project(item, paths))
    }
}

/// Reads one item.
pub(super) fn get(tables: &Tables, request: &Value) -> Result<Value, Refusal> {
    let known = ["ConsistentRead", "ExpressionAttributeNames", "Key", "ProjectionExpression", "TableName"];
    let members = Members::new(request, &known)?;
    members.flag("ConsistentRead")?;
    let projection = Projection::read(members)?;
    let table = tables.named(members.table()?)?;
    let key = table.key(&attribute::item(members.required("Key")?)?)?;
    Ok(table.rows.get(&key).map_or_else(|| json!({}), |item| json!({"Item": to_json(&projection.apply(item))})))
}

const PAGED: [&str; 9] = [
    "ConsistentRead",
    "ExclusiveStartKey",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "FilterExpression",
    "Limit",
    "ProjectionExpression",
    "Select",
    "TableName",
];

/// Reads a page of all items.
pub(super) fn scan(tables: &Tables, request: &Value) -> Result<Value, Refusal> {
    let members = Members::new(request, &PAGED)?;
    let view = View::read(members, &mut Placeholders::read(members)?)?;
    let walk = Walk { condition: None, forward: true, index: None, table: tables.named(members.table()?)? };
    members.flag("ConsistentRead")?;
    Ok(view.answer(walk.page(members)?))
}

/// Reads a page of the items under a hash key.
pub(super) fn query(tables: &Tables, request: &Value) -> Result<Value, Refusal> {
    let known = [&PAGED[..], &["IndexName", "KeyConditionExpression", "ScanIndexForward"]].concat();
    let members = Members::new(request, &known)?;
    let mut placeholders = Placeholders::read(members)?;
    let condition = placeholders
        .expression(members, "KeyConditionExpression", Condition::parse, Condition::check)?
        .ok_or_else(|| {
            let problem =
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.";
            Refusal::invalid(problem)
        })?;
    let view = View::read(members, &mut placeholders)?;
    let table = tables.named(members.table()?)?;
    let named = |name| {
        let unknown = || Refusal::invalid(format!("The table does not have the specified index: {name}"));
        table.indexes.get(name).ok_or_else(unknown)
    };
    let index = members.text("IndexName")?.map(named).transpose()?;
    if members.flag("ConsistentRead")? == Some(true) && index.is_some() {
        return Err(Refusal::invalid("Consistent reads are not supported on global secondary indexes"));
    }
    let schema = index.unwrap_or(&table.schema);
    check_key_condition(&condition, schema).map_err(Refusal::Invalid)?;
    let filtered = view.filter.iter().flat_map(Condition::attributes).collect::<Vec<_>>();
    if let Some(name) = schema.attributes().find(|name| filtered.contains(&name.as_str())) {
        return Err(Refusal::invalid(format!(
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
        )));
    }
    let forward = members.flag("ScanIndexForward")?.unwrap_or(true);
    let walk = Walk { condition: Some(condition), forward, index, table };
    Ok(view.answer(walk.page(members)?))
}

/// Which of the items that were read are given, and what of them.
#[derive(Debug)]
struct View {
    counts: bool,
    filter: Option<Condition>,
    projection: Projection,
}

impl View {
    fn read(request: Members<'_>, placeholders: &mut Placeholders) -> Result<Self, Refusal> {
        let projection = Projection::of(request, placeholders)?;
        let filter = placeholders.expression(request, "FilterExpression", Condition::parse, Condition::check)?;
        placeholders.all_used()?;
        let select = request.text("Select")?;
        match (select, &projection.0) {
            (None | Some("COUNT" | "ALL_ATTRIBUTES"), None) | (None | Some("SPECIFIC_ATTRIBUTES"), Some(_)) => {}
            (Some("COUNT"), Some(_)) => {
                return Err(Refusal::invalid(
                    "Cannot specify the ProjectionExpression when choosing to get only the Count",
                ));
            }
            (select, _) => {
                let select = select.unwrap_or_default();
                return Err(Refusal::invalid(format!(
                    "Select {select} does not fit the ProjectionExpression, or is unknown"
                )));
            }
        }
        Ok(Self { counts: select == Some("COUNT"), filter, projection })
    }

    fn answer(&self, page: Page<'_>) -> Value {
        let is_given = |item: &&&Item| self.filter.as_ref().is_none_or(|filter| filter.holds(item));
        let items: Vec<_> =
            page.items.iter().filter(is_given).map(|item| to_json(&self.projection.apply(item))).collect();
        let mut answer = Map::new();
        answer.insert("Count".to_owned(), json!(items.len()));
        answer.insert("ScannedCount".to_owned(), json!(page.items.len()));
        if !self.counts {
            answer.insert("Items".to_owned(), Value::Array(items));
        }
        if let Some(last) = page.last {
            answer.insert("LastEvaluatedKey".to_owned(), to_json(&last));
        }
        Value::Object(answer)
    }
}

fn check_key_condition(condition: &Condition, schema: &Schema) -> Result<(), String> {
    let parts = match condition {
        Condition::And(one, other) => vec![&**one, &**other],
        other => vec![other],
    };
    let mut names = Vec::new();
    for part in parts {
        let (operand, values) = match part {
            Condition::Between(operand, low, high) => (operand, vec![low, high]),
            Condition::Compare(operand, is, value) if *is != Comparator::NotEqual => (operand, vec![value]),
            Condition::Function(Function::BeginsWith, operands) => match operands.as_slice() {
                [operand, value] => (operand, vec![value]),
                _ => return Err(unsupported()),
            },
            _ => return Err("Invalid operator used in KeyConditionExpression".to_owned()),
        };
        let Operand::Path(Path { attribute, steps }) = operand else { return Err(unsupported()) };
        if !steps.is_empty()
            || (*attribute == schema.hash && !matches!(part, Condition::Compare(_, Comparator::Equal, _)))
        {
            return Err(unsupported());
        }
        for value in values {
            let Operand::Value(value) = value else { return Err(unsupported()) };
            if schema.attributes().any(|name| name == attribute) && !schema.admits(attribute, value) {
                let problem = "Condition parameter type does not match schema type";
                return Err(format!("One or more parameter values were invalid: {problem}"));
            }
            if value.as_text() == Some("") {
                let problem = "The AttributeValue for a key attribute cannot contain an empty string value";
                return Err(format!("One or more parameter values are not valid. {problem}. Key: {attribute}"));
            }
        }
        names.push(attribute);
    }
    match names.as_slice() {
        [one, other] if one == other => {
            Err("KeyConditionExpressions must only contain one condition per key".to_owned())
        }
        names if !names.contains(&&schema.hash) => {
            Err(format!("Query condition missed key schema element: {}", schema.hash))
        }
        names if names.iter().all(|name| schema.attributes().any(|key| key == *name)) => Ok(()),
        _ => match &schema.range {
            Some(range) => Err(format!("Query condition missed key schema element: {range}")),
            None => Err(unsupported()),
        },
    }
}

fn unsupported() -> String {
    "Query key condition not supported".to_owned()
}
