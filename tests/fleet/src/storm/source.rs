//! Lambda: an event source that hands batches of a queue to instances of a function.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use shared::batch::{BatchResponse, SqsEvent};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::queue::{Delivery, Queue};
use super::world::{Clock, chance, up_to};
use crate::settings::Source;

/// Messages of one `ReceiveMessage` at most, and the time that Lambda's pollers of one batch need for them.
const RECEIVED_AT_ONCE: usize = 10;
const RECEIVING: Duration = Duration::from_millis(4);
/// Start of an instance.
const COLD_START: Duration = Duration::from_millis(300);
/// Time that Lambda needs for an invocation besides.
const OVERHEAD: Duration = Duration::from_millis(10);
/// Of the invocations of a mortal function, those in which the instance dies, and how long after their beginning.
const DEATHS: f64 = 0.05;
const DEATH: Duration = Duration::from_secs(1);

/// An instance of a function that a queue invokes.
pub(super) trait Function: Send + Sync {
    /// Time that a message takes of a whole processor.
    const PROCESSOR: Duration;

    fn invoke(
        &self,
        event: LambdaEvent<SqsEvent>,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<BatchResponse, Diagnostic>> + Send;
}

/// The event source of one function.
pub(super) struct EventSource<S> {
    pub(super) clock: Clock,
    pub(super) invocations: Arc<AtomicU64>,
    pub(super) is_mortal: bool,
    pub(super) queue: Arc<Queue>,
    pub(super) settings: Source,
    /// Starts an instance.
    pub(super) start: S,
}

impl<F: Function, S: Fn() -> F> EventSource<S> {
    /// One of the concurrent invocations, which goes on with the next batch when it is done with one.
    pub(super) async fn work(&self) {
        let mut instance = None;
        loop {
            let batch = self.gather().await;
            if instance.is_none() {
                sleep(COLD_START).await;
            }
            let running = instance.get_or_insert_with(&self.start);
            match self.invoke(running, &batch).await {
                Some(Ok(response)) => self.delete(&batch, &response),
                // An invocation that fails brings all its messages back.
                Some(Err(_)) => {}
                None => instance = None,
            }
        }
    }

    /// Receives messages until a batch is complete, or the window is over.
    async fn gather(&self) -> Vec<Delivery> {
        let mut batch = self.queue.receive(RECEIVED_AT_ONCE.min(self.settings.batch_size)).await;
        let end = Instant::now() + self.settings.window;
        while batch.len() < self.settings.batch_size {
            let most = RECEIVED_AT_ONCE.min(self.settings.batch_size - batch.len());
            let Ok(more) = timeout_at(end, self.queue.receive(most)).await else { break };
            batch.extend(more);
            sleep(RECEIVING).await;
        }
        batch
    }

    /// The answer of an invocation, if the instance survives it.
    async fn invoke(&self, instance: &F, batch: &[Delivery]) -> Option<Result<BatchResponse, Diagnostic>> {
        let n = self.invocations.fetch_add(1, Ordering::Relaxed);
        let dies_at = (self.is_mortal && chance(DEATHS)).then(|| Instant::now() + up_to(DEATH));
        let mut context = Context::default();
        context.request_id = format!("00000000-0000-4000-8000-{n:012}");
        let deadline = (self.clock.now() + self.settings.time_out).unix_timestamp_nanos() / 1_000_000;
        context.deadline = u64::try_from(deadline).expect("a time after 1970");
        let records = batch.iter().map(|delivery| delivery.record.clone()).collect();
        let event = LambdaEvent::new(SqsEvent { records }, context);
        let messages = u32::try_from(batch.len()).expect("no batch is so large");
        let invocation = async {
            sleep(OVERHEAD + self.settings.working(F::PROCESSOR * messages)).await;
            instance.invoke(event, self.clock.now()).await
        };
        tokio::select! {
            biased;
            answer = timeout(self.settings.time_out, Box::pin(invocation)) => answer.ok(),
            () = until(dies_at) => None,
        }
    }

    fn delete(&self, batch: &[Delivery], response: &BatchResponse) {
        let failed: Vec<&str> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        for delivery in batch.iter().filter(|delivery| !failed.contains(&delivery.record.message_id.as_str())) {
            self.queue.delete(delivery.handle);
        }
    }
}

/// Waits until this time; for ever if there is none.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
