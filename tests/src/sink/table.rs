//! Tables, and what they hold as texts that can be compared.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};

use crate::stack::{STACK, Stack};

/// The attributes of an item.
pub type Item = HashMap<String, AttributeValue>;

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    client: aws_sdk_dynamodb::Client,
    /// Its name.
    pub name: String,
}

impl Table {
    /// The stack's table of messages.
    #[must_use]
    pub fn messages(stack: &Stack) -> Self {
        Self { client: aws_sdk_dynamodb::Client::new(&stack.config), name: format!("{STACK}-messages") }
    }

    /// Makes one with the same key.
    ///
    /// # Errors
    /// If DynamoDB refuses it.
    pub async fn new(stack: &Stack, name: &str) -> Result<Self> {
        let text = ScalarAttributeType::S;
        Self::with_key(stack, name, &[("device", text.clone()), ("message", text)]).await
    }

    /// Makes one with another key, of one attribute or two.
    ///
    /// # Errors
    /// If DynamoDB refuses it.
    pub async fn with_key(stack: &Stack, name: &str, key: &[(&str, ScalarAttributeType)]) -> Result<Self> {
        let client = aws_sdk_dynamodb::Client::new(&stack.config);
        let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        for ((attribute, kind), role) in key.iter().zip([KeyType::Hash, KeyType::Range]) {
            let definition = AttributeDefinition::builder().attribute_name(*attribute).attribute_type(kind.clone());
            let element = KeySchemaElement::builder().attribute_name(*attribute).key_type(role);
            request = request.attribute_definitions(definition.build()?).key_schema(element.build()?);
        }
        request.send().await?;
        Ok(Self { client, name: name.to_owned() })
    }

    /// All items.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn all(&self) -> Result<Vec<Item>> {
        let pages = self.client.scan().table_name(&self.name).consistent_read(true).into_paginator().items();
        Ok(pages.send().collect::<Result<Vec<_>, _>>().await?)
    }

    /// The items of a device in the order of the messages.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn of(&self, device: &str) -> Result<Vec<Item>> {
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        let query = query.key_condition_expression("device = :device");
        let query = query.expression_attribute_values(":device", AttributeValue::S(device.to_owned()));
        Ok(query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?)
    }

    /// All items as texts of their attributes.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn contents(&self) -> Result<Vec<BTreeMap<String, String>>> {
        let attributes = |item: &Item| item.iter().map(|(name, value)| (name.clone(), content(value))).collect();
        Ok(self.all().await?.iter().map(attributes).collect())
    }
}

/// What an attribute holds, as a text that is the same only for the same: `21.5` and `21.50` are.
#[must_use]
pub fn content(value: &AttributeValue) -> String {
    match value {
        AttributeValue::B(data) => octets(data.as_ref()),
        AttributeValue::Bool(flag) => flag.to_string(),
        AttributeValue::L(elements) => format!("{:?}", elements.iter().map(content).collect::<Vec<_>>()),
        AttributeValue::M(members) => {
            let members = members.iter().map(|(name, value)| (name, content(value)));
            format!("{:?}", members.collect::<BTreeMap<_, _>>())
        }
        AttributeValue::N(number) => exact(number),
        AttributeValue::Null(_) => "null".to_owned(),
        AttributeValue::S(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}

/// Octets in the words of [`content`].
#[must_use]
pub fn octets(data: &[u8]) -> String {
    let mut text = "0x".to_owned();
    for octet in data {
        // Nothing can go wrong with a String.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

/// A decimal number as its digits and the exponent of ten: `21.50` is `215e-1`.
pub(super) fn exact(number: &str) -> String {
    read(number).unwrap_or_else(|_| format!("no number: {number:?}"))
}

fn read(number: &str) -> Result<String> {
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    anyhow::ensure!(!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()), "no digits");
    let significant = digits.trim_start_matches('0');
    let kept = significant.trim_end_matches('0');
    if kept.is_empty() {
        return Ok("0".to_owned());
    }
    let places = exponent.parse::<i64>().context("no exponent")? - i64::try_from(fraction.len())?;
    Ok(format!("{sign}{kept}e{}", places + i64::try_from(significant.len() - kept.len())?))
}
