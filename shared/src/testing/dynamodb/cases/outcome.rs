//! What an answer comes to, without what a service is free to answer as it likes.

use std::fmt;

use serde_json::{Value, json};

use crate::testing::dynamodb::Answer;

/// What a service did with a request: status, error code, body. Sets and what has no order are sorted, and the words of
/// messages don't count.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the service says of a refusal.
    pub message: Option<String>,
    content: Value,
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.content)?;
        self.message.as_ref().map_or(Ok(()), |message| write!(f, " ({message})"))
    }
}

impl Outcome {
    /// What an answer comes to.
    #[must_use]
    pub fn of(operation: &str, Answer { status, body }: &Answer) -> Self {
        if *status == 200 {
            return Self::carried_out(operation, body.clone());
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let code = text("__type").and_then(|code| code.rsplit('#').next()).unwrap_or_default();
        let members = ["CancellationReasons", "Item"].into_iter();
        let members = members.filter_map(|name| Some((name.to_owned(), body.get(name)?.clone())));
        let mut outcome = Self::refused_with(*status, code, members.collect());
        outcome.message = text("message").or_else(|| text("Message")).map(ToOwned::to_owned);
        outcome
    }

    /// What the pages of a `Query` or `Scan` come to.
    #[must_use]
    pub fn of_pages(operation: &str, answers: &[Answer]) -> Self {
        if let Some(refused) = answers.iter().find(|answer| answer.status != 200) {
            return Self::of(operation, refused);
        }
        let items = |answer: &Answer| answer.body.get("Items").and_then(Value::as_array).cloned().unwrap_or_default();
        let pages: Vec<Vec<Value>> = answers.iter().map(items).collect();
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        Self::pages(operation, &sizes, &pages.concat())
    }

    pub(super) fn pages(operation: &str, sizes: &[usize], items: &[Value]) -> Self {
        Self::carried_out(operation, json!({"Items": items, "PageSizes": sizes}))
    }

    pub(super) fn carried_out(operation: &str, mut body: Value) -> Self {
        sort_sets(&mut body);
        if operation == "Scan"
            && let Some(items) = body.get_mut("Items")
        {
            sort(items);
        }
        for items in body.get_mut("Responses").and_then(Value::as_object_mut).into_iter().flatten() {
            sort(items.1);
        }
        Self { message: None, content: json!({"status": 200, "body": body}) }
    }

    pub(super) fn refused(code: &str, members: Value) -> Self {
        Self::refused_with(400, code, members)
    }

    fn refused_with(status: u16, code: &str, mut members: Value) -> Self {
        for reason in members.get_mut("CancellationReasons").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(reason) = reason.as_object_mut() {
                reason.remove("Message");
            }
        }
        sort_sets(&mut members);
        Self { message: None, content: json!({"status": status, "code": code, "members": members}) }
    }
}

fn sort(list: &mut Value) {
    if let Some(list) = list.as_array_mut() {
        list.sort_by_key(ToString::to_string);
    }
}

fn sort_sets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if matches!(name.as_str(), "BS" | "NS" | "SS") {
                    sort(member);
                }
                sort_sets(member);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(sort_sets),
        _ => {}
    }
}
