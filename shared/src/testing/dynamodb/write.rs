//! Writes of single items.

use serde_json::{Map, Value, json};

use super::Tables;
use super::attribute::{self, Item, to_json};
use super::condition::Condition;
use super::path::{Path, project};
use super::refusal::Refusal;
use super::request::Members;
use super::table::{Key, Table, check_shape, is_too_large, key_mismatch};
use super::tokens::Placeholders;
use super::update::Update;

const COMMON: [&str; 5] = [
    "TableName",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
];

/// A write that is to be.
#[derive(Debug)]
pub(super) struct Write {
    action: Action,
    condition: Option<Condition>,
    pub(super) table: String,
    tells_item: bool,
}

#[derive(Debug)]
enum Action {
    Check(Item),
    Delete(Item),
    Put(Item),
    Update(Item, Option<Update>),
}

impl Write {
    /// Reads a `Put`, an `Update`, a `Delete` or a `ConditionCheck`, and the members that only the caller knows.
    pub(super) fn read<'a>(
        action: &str,
        request: &'a Value,
        further: &[&'static str],
    ) -> Result<(Self, Members<'a>), Refusal> {
        let own: &[&str] = match action {
            "ConditionCheck" | "Delete" => &["Key"],
            "Put" => &["Item"],
            "Update" => &["Key", "UpdateExpression"],
            other => return Err(Refusal::Shape(format!("unexpected action {other}"))),
        };
        let members = Members::new(request, &[&COMMON, own, further].concat())?;
        let table = members.table()?.to_owned();
        let tells = members.choice("ReturnValuesOnConditionCheckFailure", &["NONE", "ALL_OLD"])?;
        let item = |name| members.required(name).and_then(attribute::item);
        let mut placeholders = Placeholders::read(members)?;
        let update = placeholders.expression(members, "UpdateExpression", Update::parse, Update::check)?;
        let condition = placeholders.expression(members, "ConditionExpression", Condition::parse, Condition::check)?;
        placeholders.all_used()?;
        let action = match action {
            "ConditionCheck" => Action::Check(item("Key")?),
            "Delete" => Action::Delete(item("Key")?),
            "Put" => Action::Put(item("Item")?),
            _ => Action::Update(item("Key")?, update),
        };
        Ok((Self { action, condition, table, tells_item: tells == "ALL_OLD" }, members))
    }

    /// A put without a condition.
    pub(super) fn put(table: &str, item: Item) -> Self {
        Self { action: Action::Put(item), condition: None, table: table.to_owned(), tells_item: false }
    }

    /// A deletion without a condition.
    pub(super) fn delete(table: &str, key: Item) -> Self {
        Self { action: Action::Delete(key), condition: None, table: table.to_owned(), tells_item: false }
    }

    /// The write as a request of a batch.
    pub(super) fn to_request(&self) -> Value {
        match &self.action {
            Action::Delete(key) => json!({"DeleteRequest": {"Key": to_json(key)}}),
            Action::Check(item) | Action::Put(item) | Action::Update(item, _) => {
                json!({"PutRequest": {"Item": to_json(item)}})
            }
        }
    }

    /// Refuses what can be told from the request: of a transaction, it is refused before anything is looked at.
    pub(super) fn check(&self, table: &Table) -> Result<(), Refusal> {
        match &self.action {
            Action::Check(key) | Action::Delete(key) | Action::Update(key, _) => table.check_filled(key),
            Action::Put(item) => {
                table.check_filled(item)?;
                check_shape(item)?;
                if is_too_large(item) {
                    return Err(Refusal::invalid("Item size has exceeded the maximum allowed size"));
                }
                table.check_indexes_filled(item)
            }
        }
    }

    /// The key of the item to which it goes, if the table accepts the write at all.
    pub(super) fn key(&self, table: &Table) -> Result<Key, Refusal> {
        match &self.action {
            Action::Check(key) | Action::Delete(key) => table.key(key),
            Action::Put(item) => {
                let key = table.key_of(item)?;
                table.check_indexes(item).map(|()| key)
            }
            Action::Update(key, update) => {
                let key = table.key(key)?;
                table.check_paths(update.iter().flat_map(Update::paths)).map(|()| key)
            }
        }
    }

    /// The same as a request of a batch, which refuses an item without the table's key like a key that is none.
    pub(super) fn key_in_batch(&self, table: &Table) -> Result<Key, Refusal> {
        match &self.action {
            Action::Put(item) if table.schema.key(item).is_none() => Err(key_mismatch()),
            _ => self.key(table),
        }
    }

    /// What is in the item's place afterwards.
    pub(super) fn outcome(&self, table: &Table, key: &Key) -> Result<Option<Item>, Refusal> {
        let before = table.item(key);
        let nothing = Item::new();
        if self.condition.as_ref().is_some_and(|condition| !condition.holds(before.unwrap_or(&nothing))) {
            return Err(Refusal::ConditionFailed(before.filter(|_| self.tells_item).cloned()));
        }
        match &self.action {
            Action::Check(_) => Ok(before.cloned()),
            Action::Delete(_) => Ok(None),
            Action::Put(item) => Ok(Some(item.clone())),
            // What only takes away does not create an item, and need not fit the one that isn't there.
            Action::Update(_, Some(update)) if before.is_none() && update.only_removes() => Ok(None),
            Action::Update(key, update) => {
                let item = before.unwrap_or(key);
                let item = update.as_ref().map_or_else(|| Ok(item.clone()), |update| update.apply(item));
                let item = item.map_err(Refusal::Invalid)?;
                check_shape(&item)?;
                if is_too_large(&item) {
                    return Err(Refusal::invalid("Item size to update has exceeded the maximum allowed size"));
                }
                table.check_indexes(&item).map(|()| Some(item))
            }
        }
    }

    fn paths(&self) -> Vec<Path> {
        let Action::Update(_, Some(update)) = &self.action else { return Vec::new() };
        update.paths().cloned().collect()
    }
}

/// Carries out a single write.
pub(super) fn single(tables: &mut Tables, action: &str, request: &Value) -> Result<Value, Refusal> {
    let (write, members) = Write::read(action, request, &["ReturnValues"])?;
    let returned = members.choice("ReturnValues", &["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])?;
    if action != "Update" && !matches!(returned, "NONE" | "ALL_OLD") {
        return Err(Refusal::invalid("ReturnValues can only be ALL_OLD or NONE"));
    }
    let table = tables.changed(&write.table).ok_or(Refusal::UnknownTable)?;
    write.check(table)?;
    let key = write.key(table)?;
    let after = write.outcome(table, &key)?;
    let before = table.item(&key).cloned();
    table.store(key, after.clone());
    let written = |item: Item| Some(project(&item, &write.paths())).filter(|item| !item.is_empty());
    let attributes = match returned {
        "ALL_NEW" => after,
        "ALL_OLD" => before,
        "UPDATED_NEW" => after.and_then(written),
        "UPDATED_OLD" => before.and_then(written),
        _ => None,
    };
    let answer = attributes.map(|item| ("Attributes".to_owned(), to_json(&item)));
    Ok(answer.map_or_else(|| json!({}), |answer| Value::Object(Map::from_iter([answer]))))
}
