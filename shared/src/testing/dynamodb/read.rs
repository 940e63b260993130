//! Reads: of an item, of the items under a hash key, of all items.

use serde_json::{Map, Value, json};

use super::Tables;
use super::attribute::{self, Item, to_json};
use super::condition::Condition;
use super::key_condition::KeyCondition;
use super::path::{Path, distinct, project, projection};
use super::refusal::Refusal;
use super::request::Members;
use super::table::{Index, Table};
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
    Ok(table.item(&key).map_or_else(|| json!({}), |item| json!({"Item": to_json(&projection.apply(item))})))
}

const PAGED: [&str; 10] = [
    "ConsistentRead",
    "ExclusiveStartKey",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "FilterExpression",
    "IndexName",
    "Limit",
    "ProjectionExpression",
    "Select",
    "TableName",
];

/// Reads a page of all items.
pub(super) fn scan(tables: &Tables, request: &Value) -> Result<Value, Refusal> {
    let members = Members::new(request, &PAGED)?;
    let view = View::read(members, &mut Placeholders::read(members)?)?;
    let table = tables.named(members.table()?)?;
    let walk = Walk { condition: None, forward: true, index: index(table, members)?, table };
    Ok(view.answer(walk.page(members)?))
}

/// Reads a page of the items under a hash key.
pub(super) fn query(tables: &Tables, request: &Value) -> Result<Value, Refusal> {
    let known = [&PAGED[..], &["KeyConditionExpression", "ScanIndexForward"]].concat();
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
    let index = index(table, members)?;
    let schema = index.map_or(&table.schema, |index| &index.schema);
    let condition = KeyCondition::new(&condition, schema)?;
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

/// The index that a request reads, if it reads one.
fn index<'a>(table: &'a Table, request: Members<'_>) -> Result<Option<&'a Index>, Refusal> {
    let is_consistent = request.flag("ConsistentRead")? == Some(true);
    let Some(name) = request.text("IndexName")? else { return Ok(None) };
    let unknown = || Refusal::invalid(format!("The table does not have the specified index: {name}"));
    let index = table.indexes.get(name).ok_or_else(unknown)?;
    if is_consistent {
        return Err(Refusal::invalid("Consistent reads are not supported on global secondary indexes"));
    }
    Ok(Some(index))
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
        Ok(Self { counts: counts(request, &projection)?, filter, projection })
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

/// Whether only the number of items is selected.
fn counts(request: Members<'_>, projection: &Projection) -> Result<bool, Refusal> {
    const CHOICES: [&str; 4] = ["ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "COUNT", "SPECIFIC_ATTRIBUTES"];
    if request.get("Select").is_none() {
        return Ok(false);
    }
    let select = request.choice("Select", &CHOICES)?;
    let problem = match (select, &projection.0) {
        ("SPECIFIC_ATTRIBUTES", Some(_)) => return Ok(false),
        ("COUNT", Some(_)) => "Cannot specify the ProjectionExpression when choosing to get only the Count".to_owned(),
        (_, Some(_)) => format!("Cannot specify the ProjectionExpression when choosing to get {select}"),
        ("SPECIFIC_ATTRIBUTES", None) => {
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
                .to_owned()
        }
        ("ALL_PROJECTED_ATTRIBUTES", None) if request.get("IndexName").is_none() => {
            format!("{select} can be used only when Querying using an IndexName")
        }
        (_, None) => return Ok(select == "COUNT"),
    };
    Err(Refusal::Invalid(problem))
}
