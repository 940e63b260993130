//! Lambda: an event source that hands batches of the queue to instances of the activator.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use activator::{Activator, Answer};
use actors::account;
use actors::activation::settings;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use serde_json::value::RawValue;
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::pace::{Paced, Quotas};
use shared::testing::FakeCloud;
use tokio::time::sleep;

use crate::queue::Message;
use crate::quota::Registry;
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

type Instance = Activator<Paced<Registry>, Authorities, Registrations, FakeCloud>;

fn start(world: &World, instances: u32) -> Instance {
    let quotas = quotas(instances);
    let registry = Registry { account: Arc::clone(&world.account), cloud: world.cloud.clone() };
    let settings = activator::Settings { quotas, ..settings(&account()) };
    let (authorities, registrations) = (world.cloud.authorities(), world.cloud.registrations());
    Activator::new(settings, Paced::new(registry, &quotas), authorities, registrations, world.cloud.clone())
}

/// One of the concurrent invocations, which goes on with the next batch when it is done with one.
pub(crate) async fn work(world: Arc<World>, instances: u32) {
    let mut instance = None;
    loop {
        let batch = world.registered_events.receive(BATCH).await;
        if instance.is_none() {
            sleep(COLD_START).await;
        }
        sleep(OVERHEAD).await;
        let instance: &Instance = instance.get_or_insert_with(|| start(&world, instances));
        for done in invoke(&world, instance, batch).await {
            world.registered_events.delete(done);
        }
    }
}

/// The messages of a batch that are done.
async fn invoke(world: &World, instance: &Instance, batch: Vec<Message>) -> Vec<u64> {
    let n = world.invocations.fetch_add(1, Ordering::Relaxed);
    let record = |message: &Message| json!({"messageId": message.id.to_string(), "body": message.body});
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
