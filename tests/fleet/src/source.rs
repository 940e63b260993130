//! Lambda: event sources that hand batches of their queues to instances of the activator.

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
use shared::fault::Fault;
use shared::pace::{Paced, Quotas};
use shared::port::{OverflowQueue, WaitingEvent};
use shared::testing::FakeCloud;
use tokio::time::sleep;

use crate::queue::{Message, Queue};
use crate::quota::{Registry, TABLE_LATENCY};
use crate::world::World;

/// Records of a batch at most.
const BATCH: usize = 10;
/// Start of an instance.
const COLD_START: Duration = Duration::from_millis(300);
/// Time that Lambda needs for an invocation besides.
const OVERHEAD: Duration = Duration::from_millis(10);
/// The function's timeout.
const TIME_OUT: Duration = Duration::from_secs(30);

/// The quotas as the template tells them to so many instances.
fn quotas(instances: u32) -> Quotas {
    let share = 0.6 / f64::from(instances);
    Quotas { attach_policy: 15.0, describe_certificate: 10.0, share, update_certificate: 10.0 }
}

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
    concurrency: u32,
    idle: Mutex<Vec<Instance>>,
    world: Arc<World>,
}

impl Function {
    /// The function, with so many invocations at once of each event source.
    pub(crate) fn new(world: &Arc<World>, concurrency: u32) -> Arc<Self> {
        Arc::new(Self { concurrency, idle: Mutex::default(), world: Arc::clone(world) })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> Instance {
        let world = &self.world;
        let quotas = quotas(self.concurrency);
        let registry = Registry { account: Arc::clone(&world.account), cloud: world.cloud.clone() };
        let settings = settings(&account());
        let queues = Queues { events_arn: world.registered_events.arn.clone(), ..settings.queues };
        let settings = activator::Settings { queues, quotas, ..settings };
        let (authorities, registrations) = (world.cloud.authorities(), world.cloud.registrations());
        let registry = Paced::new(registry, &quotas);
        let activator = Activator::new(settings, registry, authorities, registrations, world.cloud.clone());
        Handler::new(activator, Sender(Arc::clone(world)))
    }

    /// The event source of a queue begins to hand over its batches.
    pub(crate) fn serve(self: &Arc<Self>, queue: fn(&World) -> &Queue) {
        for _ in 0..self.concurrency {
            tokio::spawn(Arc::clone(self).work(queue));
        }
    }

    /// One of the concurrent invocations, which goes on with the next batch when it is done with one.
    async fn work(self: Arc<Self>, queue: fn(&World) -> &Queue) {
        let queue = queue(&self.world);
        loop {
            let batch = queue.receive(BATCH).await;
            let idle = self.idle().pop();
            let instance = if let Some(instance) = idle {
                instance
            } else {
                sleep(COLD_START).await;
                self.start()
            };
            sleep(OVERHEAD).await;
            for done in invoke(&self.world, &instance, &queue.arn, batch).await {
                queue.delete(done);
            }
            self.idle().push(instance);
        }
    }
}

/// The messages of a batch that are done.
async fn invoke(world: &World, instance: &Instance, arn: &str, batch: Vec<Message>) -> Vec<u64> {
    let n = world.invocations.fetch_add(1, Ordering::Relaxed);
    let record =
        |message: &Message| json!({"body": message.body, "eventSourceARN": arn, "messageId": message.id.to_string()});
    let payload = json!({"Records": batch.iter().map(record).collect::<Vec<_>>()}).to_string();
    let mut context = Context::default();
    context.request_id = format!("00000000-0000-4000-8000-{n:012}");
    let now = world.now();
    let deadline = (now + TIME_OUT).unix_timestamp_nanos() / 1_000_000;
    context.deadline = u64::try_from(deadline).expect("a time after 1970");
    let event = LambdaEvent::new(RawValue::from_string(payload).expect("JSON"), context);
    // An invocation that ends as a whole brings all its messages back.
    let Ok(Ok(Answer::Batch(response))) =
        tokio::time::timeout(TIME_OUT, Box::pin(instance.handle_at(event, now))).await
    else {
        return Vec::new();
    };
    let failed: Vec<_> = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    batch.iter().map(|message| message.id).filter(|id| !failed.contains(&id.to_string())).collect()
}
