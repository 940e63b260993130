//! `UpdateItem` requests from plain lists of attributes.
//!
//! Every name goes through a placeholder, so that none can collide with DynamoDB's reserved words.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

/// An update under construction.
pub(super) struct Update {
    add: Vec<String>,
    remove: Vec<String>,
    request: UpdateItemFluentBuilder,
    set: Vec<String>,
}

impl Update {
    pub(super) fn new(client: &Client, table: &str) -> Self {
        let request = client
            .update_item()
            .table_name(table)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Self { add: Vec::new(), remove: Vec::new(), request, set: Vec::new() }
    }

    pub(super) fn key(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.key(name, AttributeValue::S(value.to_owned()));
        self
    }

    /// Sets a text.
    pub(super) fn set(self, name: &str, value: impl Into<String>) -> Self {
        self.set_value(name, AttributeValue::S(value.into()))
    }

    /// Sets a text if there is one.
    pub(super) fn set_some(self, name: &str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Sets a number.
    pub(super) fn set_number(self, name: &str, value: impl Into<i128>) -> Self {
        self.set_value(name, AttributeValue::N(value.into().to_string()))
    }

    /// Sets a value of any kind.
    pub(super) fn set_value(self, name: &str, value: AttributeValue) -> Self {
        self.value(name, value, |name| format!("#{name} = :{name}"))
    }

    /// Sets a text that stays once it is there.
    pub(super) fn set_once(self, name: &str, value: impl Into<String>) -> Self {
        self.set_value_once(name, AttributeValue::S(value.into()))
    }

    /// Sets a value of any kind that stays once it is there.
    pub(super) fn set_value_once(self, name: &str, value: AttributeValue) -> Self {
        self.value(name, value, |name| format!("#{name} = if_not_exists(#{name}, :{name})"))
    }

    /// Sets a number, or what another attribute holds, if it is there.
    pub(super) fn set_number_unless(self, name: &str, other: &str, value: impl Into<i128>) -> Self {
        let value = AttributeValue::N(value.into().to_string());
        self.value(name, value, |name| format!("#{name} = if_not_exists(#{other}, :{name})")).name(other)
    }

    fn value(mut self, name: &str, value: AttributeValue, clause: impl Fn(&str) -> String) -> Self {
        self.set.push(clause(name));
        self.request = self
            .request
            .expression_attribute_names(format!("#{name}"), name)
            .expression_attribute_values(format!(":{name}"), value);
        self
    }

    /// Sets a value within a map: `path` and `placeholder` are those that the condition may use.
    pub(super) fn set_path(mut self, path: &str, placeholder: &str, value: AttributeValue) -> Self {
        self.set.push(format!("{path} = :{placeholder}"));
        self.given_value(placeholder, value)
    }

    /// Removes a value from within a map.
    pub(super) fn remove_path(mut self, path: String) -> Self {
        self.remove.push(path);
        self
    }

    /// Counts one up.
    pub(super) fn count(mut self, name: &str) -> Self {
        self.add.push(format!("#{name} :one"));
        self.request = self
            .request
            .expression_attribute_names(format!("#{name}"), name)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        self
    }

    pub(super) fn remove(mut self, name: &str) -> Self {
        self.remove.push(format!("#{name}"));
        self.name(name)
    }

    /// Lets the condition use the placeholder `#name` of an attribute that is neither set, counted nor removed.
    pub(super) fn name(self, name: &str) -> Self {
        self.name_as(name, name)
    }

    /// The same with a placeholder that differs from the name.
    pub(super) fn name_as(mut self, placeholder: &str, name: &str) -> Self {
        self.request = self.request.expression_attribute_names(format!("#{placeholder}"), name);
        self
    }

    /// Lets the condition use a value that is not written, as `:placeholder`.
    pub(super) fn given(self, placeholder: &str, value: impl Into<String>) -> Self {
        self.given_value(placeholder, AttributeValue::S(value.into()))
    }

    /// The same with a number.
    pub(super) fn given_number(self, placeholder: &str, value: impl Into<i128>) -> Self {
        self.given_value(placeholder, AttributeValue::N(value.into().to_string()))
    }

    /// The same with a value of any kind.
    pub(super) fn given_value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.request = self.request.expression_attribute_values(format!(":{placeholder}"), value);
        self
    }

    /// Lets the answer hold the row as it is after the update.
    pub(super) fn returning_row(mut self) -> Self {
        self.request = self.request.return_values(ReturnValue::AllNew);
        self
    }

    /// The request. A condition may use the placeholders of the attributes that are set: `#name`, `:name`.
    pub(super) fn build(self, condition: Option<&str>) -> UpdateItemFluentBuilder {
        let clauses = [("SET", self.set, ", "), ("ADD", self.add, ", "), ("REMOVE", self.remove, ", ")];
        let expression: Vec<String> = clauses
            .into_iter()
            .filter(|(_, parts, _)| !parts.is_empty())
            .map(|(verb, parts, separator)| format!("{verb} {}", parts.join(separator)))
            .collect();
        self.request.update_expression(expression.join(" ")).set_condition_expression(condition.map(ToOwned::to_owned))
    }
}
