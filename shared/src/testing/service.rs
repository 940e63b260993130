//! DynamoDB in memory behind the real client: an HTTP connection that ends in [`Tables`].

#![expect(clippy::expect_used, reason = "a request that is no JSON ends the test")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use serde_json::Value;

use super::InjectedFault;
use super::dynamodb::{Answer, Tables};
use super::wire::{self, Request, Response, Service};

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
    Struck(InjectedFault),
}

type Rule = Box<dyn FnMut(&Sent) -> Fate + Send>;
type Latency = Box<dyn FnMut() -> Duration + Send>;

/// The service.
#[derive(Clone)]
pub struct DynamoDb(Arc<Mutex<State>>);

struct State {
    /// Decides for how many turns of the others a request waits.
    chance: u64,
    latency: Latency,
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
        let (latency, rule): (Latency, Rule) = (Box::new(|| Duration::ZERO), Box::new(|_| Fate::CarriedOut));
        Self(Arc::new(Mutex::new(State { chance: 0, latency, rule, sent: Vec::new(), tables })))
    }

    /// Settings of clients that are connected with it. They try once.
    #[must_use]
    pub fn config(&self) -> SdkConfig {
        wire::config(self.clone())
    }

    /// Settings of clients that are connected with it. They try again as the clients of the functions do.
    #[must_use]
    pub fn config_with_retries(&self) -> SdkConfig {
        wire::config_with_retries(self.clone())
    }

    /// Decides from now on how long each request takes.
    pub fn set_latency(&self, latency: impl FnMut() -> Duration + Send + 'static) {
        self.state().latency = Box::new(latency);
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

    async fn carry_out(&self, sent: Sent) -> Option<Answer> {
        for _ in 0..self.turns_to_wait() {
            tokio::task::yield_now().await;
        }
        let latency = (self.state().latency)();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let fate = {
            let mut state = self.state();
            state.sent.push(sent.clone());
            (state.rule)(&sent)
        };
        let answer = || self.state().tables.answer(&sent.operation, &sent.body);
        match fate {
            Fate::Answered(answer) => Some(answer),
            Fate::CarriedOut => Some(answer()),
            Fate::PartlyTaken(left) => Some(self.state().tables.answer_in_part(&sent.operation, &sent.body, left)),
            Fate::Struck(InjectedFault::DiedBefore) => std::future::pending().await,
            Fate::Struck(InjectedFault::Refused) => None,
            Fate::Struck(InjectedFault::DiedAfter) => {
                answer();
                std::future::pending().await
            }
            Fate::Struck(InjectedFault::AnswerLost) => {
                answer();
                None
            }
            Fate::Struck(InjectedFault::Stalled) => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                Some(answer())
            }
        }
    }
}

impl Service for DynamoDb {
    async fn answer(self, request: Request) -> Option<Response> {
        self.carry_out(Sent::read(request)).await.map(Response::from)
    }
}

impl Sent {
    pub(super) fn read(request: Request) -> Self {
        let body = serde_json::from_slice(&request.body).expect("a request in JSON");
        Self { body, operation: request.operation }
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        Self { body: answer.body.to_string(), error: None, status: answer.status }
    }
}
