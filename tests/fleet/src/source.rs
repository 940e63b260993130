//! Lambda: event sources that hand batches of their queues to instances of the activator.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use activator::{Activator, Answer, Handler, Queues};
use actors::account;
use actors::activation::settings;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use serde_json::value::RawValue;
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::event::RegisteredEvent;
use shared::fault::Fault;
use shared::id::CertificateId;
use shared::pace::{Paced, Quotas};
use shared::port::{OverflowQueue, WaitingEvent};
use shared::testing::FakeCloud;
use tokio::time::sleep;

use crate::queue::{Message, Queue};
use crate::quota::{Registry, TABLE_LATENCY};
use crate::world::World;

/// Start of an instance.
const COLD_START: Duration = Duration::from_millis(300);
/// Time that Lambda needs for an invocation besides.
const OVERHEAD: Duration = Duration::from_millis(10);
/// Time that an event takes of a whole processor which the tables answer, or which is sent on: three to five requests of
/// 0.25 ms.
const EVENT: Duration = Duration::from_millis(1);
/// The same of an event from the overflow queue: ten requests, and a millisecond for the certificates and their signatures.
const DECISION: Duration = Duration::from_micros(3500);

type Instance = Handler<Paced<Registry>, Authorities, Registrations, FakeCloud, Sender>;

/// Sends to the overflow queue.
struct Sender(Arc<World>);

impl OverflowQueue for Sender {
    async fn send_on(&self, event: &WaitingEvent) -> Result<(), Fault> {
        sleep(TABLE_LATENCY).await;
        self.0.overflow.send(event.body.clone(), event.ca_certificate_id.as_str());
        Ok(())
    }
}

/// The instances of the function that no invocation has, the one that was used last first to be used again.
pub(crate) struct Function {
    idle: Mutex<Vec<Instance>>,
    quotas: Quotas,
    world: Arc<World>,
}

impl Function {
    /// The function, which knows these quotas.
    pub(crate) fn new(world: &Arc<World>, quotas: Quotas) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), quotas, world: Arc::clone(world) })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> Instance {
        let world = &self.world;
        let registry = Registry { account: Arc::clone(&world.account), cloud: world.cloud.clone() };
        let settings = settings(&account());
        let batch_size = world.registered_events.source.batch_size.try_into().expect("batches that are not empty");
        let events_arn = world.registered_events.arn.clone();
        let queues = Queues { batch_size, events_arn, ..settings.queues };
        let settings = activator::Settings { queues, quotas: self.quotas, ..settings };
        let (authorities, registrations) = (world.cloud.authorities(), world.cloud.registrations());
        let registry = Paced::new(registry, &self.quotas);
        let activator = Activator::new(settings, registry, authorities, registrations, world.cloud.clone());
        Handler::new(activator, Sender(Arc::clone(world)))
    }

    /// The event source of a queue begins to hand over its batches.
    pub(crate) fn serve(self: &Arc<Self>, queue: fn(&World) -> &Queue) {
        for _ in 0..queue(&self.world).source.concurrency {
            tokio::spawn(Arc::clone(self).work(queue));
        }
    }

    /// One of the concurrent invocations, which goes on with the next batch when it is done with one.
    async fn work(self: Arc<Self>, queue: fn(&World) -> &Queue) {
        let queue = queue(&self.world);
        loop {
            let batch = queue.receive(queue.source.batch_size).await;
            let idle = self.idle().pop();
            let instance = if let Some(instance) = idle {
                instance
            } else {
                sleep(COLD_START).await;
                self.start()
            };
            sleep(OVERHEAD + queue.source.working(self.processor_time(queue, &batch))).await;
            for done in invoke(&self.world, &instance, queue, batch).await {
                queue.delete(done);
            }
            self.idle().push(instance);
        }
    }

    /// Time that a batch takes of a whole processor. A certificate is handled once.
    fn processor_time(&self, queue: &Queue, batch: &[Message]) -> Duration {
        let certificates: BTreeSet<_> = batch.iter().map(|message| certificate(&message.body)).collect();
        let each = if queue.arn == self.world.overflow.arn { DECISION } else { EVENT };
        each * u32::try_from(certificates.len()).expect("no batch is so large")
    }
}

/// Whose event it is.
fn certificate(event: &str) -> CertificateId {
    RegisteredEvent::decode(event).expect("an event").certificate_id
}

/// The messages of a batch that are done.
async fn invoke(world: &World, instance: &Instance, queue: &Queue, batch: Vec<Message>) -> Vec<u64> {
    let n = world.invocations.fetch_add(1, Ordering::Relaxed);
    let record = |message: &Message| json!({"body": message.body, "eventSourceARN": queue.arn, "messageId": message.id.to_string()});
    let payload = json!({"Records": batch.iter().map(record).collect::<Vec<_>>()}).to_string();
    let mut context = Context::default();
    context.request_id = format!("00000000-0000-4000-8000-{n:012}");
    let now = world.now();
    let time_out = queue.source.time_out;
    let deadline = (now + time_out).unix_timestamp_nanos() / 1_000_000;
    context.deadline = u64::try_from(deadline).expect("a time after 1970");
    let event = LambdaEvent::new(RawValue::from_string(payload).expect("JSON"), context);
    // An invocation that ends as a whole brings all its messages back.
    let Ok(Ok(Answer::Batch(response))) =
        tokio::time::timeout(time_out, Box::pin(instance.handle_at(event, now))).await
    else {
        return Vec::new();
    };
    let failed: Vec<_> = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    batch.iter().map(|message| message.id).filter(|id| !failed.contains(&id.to_string())).collect()
}
