//! DynamoDB in memory behind the real client: an HTTP connection that ends in [`Tables`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use super::Mishap;
use super::dynamodb::{Answer, Tables};

/// A request as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The JSON.
    pub body: Value,
    /// The operation.
    pub operation: String,
}

/// What becomes of one request.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It has no effect, and this answer.
    Answered(Answer),
    /// It is carried out.
    CarriedOut,
    /// Of a `BatchWriteItem` so many of the last requests come back as `UnprocessedItems`, in the order that
    /// [`Tables::answer_in_part`] has, and the others are carried out.
    PartlyTaken(usize),
    /// Something happens to it.
    Struck(Mishap),
}

type Rule = Box<dyn FnMut(&Sent) -> Fate + Send>;

/// The service.
#[derive(Clone)]
pub struct DynamoDb(Arc<Mutex<State>>);

struct State {
    /// Decides for how many turns of the others a request waits.
    chance: u64,
    rule: Rule,
    sent: Vec<Sent>,
    tables: Tables,
}

impl std::fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DynamoDb").field(&self.state().tables).finish()
    }
}

impl DynamoDb {
    /// The service with these tables.
    #[must_use]
    pub fn new(tables: Tables) -> Self {
        let rule: Rule = Box::new(|_| Fate::CarriedOut);
        Self(Arc::new(Mutex::new(State { chance: 0, rule, sent: Vec::new(), tables })))
    }

    /// Settings of clients that are connected with it. They try once.
    #[must_use]
    pub fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(Connector(self.clone()));
        let credentials = Credentials::new("key", "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .region(Region::new("us-east-1"))
            .retry_config(RetryConfig::disabled().with_initial_backoff(std::time::Duration::from_micros(1)))
            .build()
    }

    /// Decides from now on what becomes of each request.
    pub fn when(&self, rule: impl FnMut(&Sent) -> Fate + Send + 'static) {
        self.state().rule = Box::new(rule);
    }

    /// From now on requests that are sent at the same time are carried out in an order that follows from `seed`.
    pub fn shuffle(&self, seed: u64) {
        self.state().chance = seed | 1;
    }

    /// The rows of a table, in the order of their keys.
    #[must_use]
    pub fn rows(&self, table: &str) -> Vec<Value> {
        self.state().tables.rows(table)
    }

    /// The requests since the last call.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.state().sent)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turns_to_wait(&self) -> u64 {
        let mut state = self.state();
        // xorshift64: from 0 comes 0.
        state.chance ^= state.chance << 13;
        state.chance ^= state.chance >> 7;
        state.chance ^= state.chance << 17;
        state.chance % 8
    }

    async fn carry_out(&self, sent: Sent) -> Result<Answer, ConnectorError> {
        for _ in 0..self.turns_to_wait() {
            tokio::task::yield_now().await;
        }
        let fate = {
            let mut state = self.state();
            state.sent.push(sent.clone());
            (state.rule)(&sent)
        };
        let answer = || self.state().tables.answer(&sent.operation, &sent.body);
        let lost = || ConnectorError::io("the connection was lost".into());
        match fate {
            Fate::Answered(answer) => Ok(answer),
            Fate::CarriedOut => Ok(answer()),
            Fate::PartlyTaken(left) => Ok(self.state().tables.answer_in_part(&sent.operation, &sent.body, left)),
            Fate::Struck(Mishap::DieBefore) => std::future::pending().await,
            Fate::Struck(Mishap::FailBefore) => Err(lost()),
            Fate::Struck(Mishap::DieAfter) => {
                answer();
                std::future::pending().await
            }
            Fate::Struck(Mishap::FailAfter) => {
                answer();
                Err(lost())
            }
            Fate::Struck(Mishap::Stall) => {
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                Ok(answer())
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Connector(DynamoDb);

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let service = self.0.clone();
        HttpConnectorFuture::new(async move {
            let unreadable = |error: &dyn std::fmt::Display| ConnectorError::other(error.to_string().into(), None);
            let content = ByteStream::new(request.take_body()).collect().await.map_err(|error| unreadable(&error))?;
            let body = serde_json::from_slice(&content.to_vec()).map_err(|error| unreadable(&error))?;
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let answer = service.carry_out(Sent { body, operation }).await?;
            let status = answer.status.try_into().map_err(|error| unreadable(&error))?;
            Ok(HttpResponse::new(status, SdkBody::from(answer.body.to_string())))
        })
    }
}
