//! DynamoDB in its wire form, as any service that speaks it takes it: signed requests with JSON in and out.

use std::time::SystemTime;

use anyhow::{Result, ensure};
use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::{Map, Value, json};
use shared::testing::dynamodb::cases::{Case, LAYOUTS, Layout};
use shared::testing::dynamodb::{Answer, ScalarType};
use tokio_rustls::rustls::crypto::aws_lc_rs;

use crate::environment::ROOT;
use crate::stack::setting;

/// The local cloud's DynamoDB with the tables of one case. In requests and answers their names have no prefix, so that
/// they read as if there were no others.
pub struct Tables {
    client: reqwest::Client,
    layouts: Vec<Layout>,
    prefix: String,
    url: String,
}

impl Tables {
    /// Creates the tables that the case uses.
    ///
    /// # Errors
    /// If a table can't be created.
    pub async fn create(client: reqwest::Client, prefix: String, case: &Case) -> Result<Self> {
        let layouts = LAYOUTS.into_iter().filter(|layout| case.uses(layout.name)).collect();
        let tables = Self { client, layouts, prefix, url: setting("AWS_ENDPOINT_URL") };
        for layout in &tables.layouts {
            let Answer { status, body } = tables.answer("CreateTable", &creation(layout)).await?;
            ensure!(status == 200, "table {}: {body}", layout.name);
        }
        Ok(tables)
    }

    /// Deletes the tables.
    ///
    /// # Errors
    /// If a table can't be deleted.
    pub async fn delete(self) -> Result<()> {
        for Layout { name, .. } in &self.layouts {
            let Answer { status, body } = self.answer("DeleteTable", &json!({"TableName": name})).await?;
            ensure!(status == 200, "table {name}: {body}");
        }
        Ok(())
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If it can't be signed or sent, or the answer is not JSON.
    pub async fn answer(&self, operation: &str, request: &Value) -> Result<Answer> {
        let body = renamed(request, &|name| format!("{}{name}", self.prefix)).to_string();
        let target = format!("DynamoDB_20120810.{operation}");
        let mut sent = self.client.post(&self.url).body(body.clone());
        for (name, value) in signed(&self.url, &target, body.as_bytes())? {
            sent = sent.header(name, value);
        }
        let answer = sent.send().await?;
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let body = renamed(&body, &|name| name.strip_prefix(&self.prefix).unwrap_or(name).to_owned());
        Ok(Answer { status, body })
    }
}

/// A client of the local cloud.
#[must_use]
pub fn client() -> reqwest::Client {
    // Nothing here speaks TLS, but a client can't be made without. Only the first one is installed.
    let _ = aws_lc_rs::default_provider().install_default();
    reqwest::Client::new()
}

/// The headers of a request.
#[expect(clippy::disallowed_methods, reason = "a signature is of the moment at which it is made")]
fn signed(url: &str, target: &str, body: &[u8]) -> Result<Vec<(String, String)>> {
    let (key, secret) = ROOT;
    let identity = Credentials::new(key, secret, None, None, "tests").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .name("dynamodb")
        .region("us-east-1")
        .settings(SigningSettings::default())
        .time(SystemTime::now())
        .build()?
        .into();
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
    let request = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body))?;
    let (instructions, _) = sign(request, &parameters)?.into_parts();
    let headers = headers.into_iter().chain(instructions.headers());
    Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The request that creates a table.
fn creation(layout: &Layout) -> Value {
    let mut types = Map::new();
    let mut keys = |hash: &str, range: Option<&str>| {
        for name in [Some(hash), range].into_iter().flatten() {
            types.entry(name).or_insert_with(|| json!(scalar_type(layout, name)));
        }
        let range = range.map(|name| json!({"AttributeName": name, "KeyType": "RANGE"}));
        [Some(json!({"AttributeName": hash, "KeyType": "HASH"})), range].into_iter().flatten().collect::<Value>()
    };
    let key_schema = keys(layout.hash.0, layout.range.map(|(name, _)| name));
    let index = layout.index.map(|(name, hash, range)| {
        json!({"IndexName": name, "KeySchema": keys(hash, range), "Projection": {"ProjectionType": "ALL"}})
    });
    let definition = |(name, kind): (&String, &Value)| json!({"AttributeName": name, "AttributeType": kind});
    let mut request = json!({
        "AttributeDefinitions": types.iter().map(definition).collect::<Value>(),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": key_schema,
        "TableName": layout.name,
    });
    if let (Some(index), Value::Object(members)) = (index, &mut request) {
        members.insert("GlobalSecondaryIndexes".to_owned(), json!([index]));
    }
    request
}

/// The value with other names of tables.
fn renamed(value: &Value, rename: &dyn Fn(&str) -> String) -> Value {
    let member = |(name, value): (&String, &Value)| {
        let value = match (name.as_str(), value) {
            ("TableName", Value::String(table)) => json!(rename(table)),
            ("RequestItems" | "Responses" | "UnprocessedItems" | "UnprocessedKeys", Value::Object(tables)) => {
                tables.iter().map(|(table, value)| (rename(table), value.clone())).collect::<Map<_, _>>().into()
            }
            _ => renamed(value, rename),
        };
        (name.clone(), value)
    };
    match value {
        Value::Object(members) => members.iter().map(member).collect(),
        Value::Array(elements) => elements.iter().map(|element| renamed(element, rename)).collect(),
        other => other.clone(),
    }
}

fn scalar_type(layout: &Layout, name: &str) -> &'static str {
    let is_number = |(key, kind): (&str, ScalarType)| key == name && kind == ScalarType::N;
    if is_number(layout.hash) || layout.range.is_some_and(is_number) { "N" } else { "S" }
}
