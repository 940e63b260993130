//! Transactions: all of their actions, or none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Tables;
use super::attribute;
use super::refusal::Refusal;
use super::request::{Members, elements, entries};
use super::write::Write;

const MAX_ACTIONS: usize = 100;
/// Bytes of all items together.
const MAX_BYTES: usize = 4 * 1024 * 1024;
const MAX_TOKEN: usize = 36;

/// Carries out a transaction, once for each token.
pub(super) fn write(tables: &mut Tables, request: &Value) -> Result<Value, Refusal> {
    let members = Members::new(request, &["ClientRequestToken", "TransactItems"])?;
    let actions = members.required("TransactItems")?;
    let token = members.text("ClientRequestToken")?;
    if let Some(token) = token.filter(|token| token.is_empty() || token.len() > MAX_TOKEN) {
        let constraint = if token.is_empty() { "greater than or equal to 1" } else { "less than or equal to 36" };
        return Err(Refusal::invalid(format!(
            "1 validation error detected: Value '{token}' at 'clientRequestToken' failed to satisfy constraint: Member \
             must have length {constraint}"
        )));
    }
    let writes = elements(actions)?;
    if writes.len() > MAX_ACTIONS {
        return Err(Refusal::invalid(
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have \
             length less than or equal to 100",
        ));
    }
    let writes = writes.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if let Some(done) = token.and_then(|token| tables.transactions.get(token)) {
        return if done == actions { Ok(json!({})) } else { Err(Refusal::TokenReused) };
    }

    for write in &writes {
        write.check(tables.named(&write.table)?)?;
    }
    let mut placed = Vec::new();
    for write in &writes {
        let table = tables.named(&write.table)?;
        match write.key(table) {
            Ok(key) => placed.push((write, table, key)),
            // The actions are checked before any condition, up to the first that is not sound.
            Err(refusal) => {
                let mut reasons = vec![None; writes.len()];
                if let Some(reason) = reasons.get_mut(placed.len()) {
                    *reason = Some(refusal);
                }
                return Err(Refusal::Canceled(reasons));
            }
        }
    }
    let items: BTreeSet<_> = placed.iter().map(|(write, _, key)| (&write.table, key)).collect();
    if items.len() < placed.len() {
        return Err(Refusal::invalid("Transaction request cannot include multiple operations on one item"));
    }
    let outcomes: Vec<_> =
        placed.into_iter().map(|(write, table, key)| (write.outcome(table, &key), write, key)).collect();
    if outcomes.iter().any(|(outcome, ..)| outcome.is_err()) {
        return Err(Refusal::Canceled(outcomes.into_iter().map(|(outcome, ..)| outcome.err()).collect()));
    }
    let items = outcomes.iter().filter_map(|(outcome, ..)| outcome.as_ref().ok()?.as_ref());
    if items.map(attribute::size).sum::<usize>() > MAX_BYTES {
        return Err(Refusal::invalid("Transaction request exceeds the 4 MB limit of its items"));
    }
    for (outcome, write, key) in outcomes {
        if let (Ok(item), Some(table)) = (outcome, tables.changed(&write.table)) {
            table.store(key, item);
        }
    }
    if let Some(token) = token {
        tables.transactions.insert(token.to_owned(), actions.clone());
    }
    Ok(json!({}))
}

fn read(action: &Value) -> Result<Write, Refusal> {
    let mut actions = entries(action)?;
    let (Some((name, content)), None) = (actions.next(), actions.next()) else {
        return Err(Refusal::invalid(
            "TransactItems can only contain one of Check, Put, Update or Delete in each of its elements",
        ));
    };
    let (write, members) = Write::read(name, content, &[])?;
    match name.as_str() {
        "ConditionCheck" => members.required("ConditionExpression")?,
        "Update" => members.required("UpdateExpression")?,
        _ => content,
    };
    Ok(write)
}
