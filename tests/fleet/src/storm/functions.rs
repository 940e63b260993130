//! The functions that ship, as the event sources start them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent};
use lifecycle_recorder::Recorder;
use rule_sink::Sink;
use shared::aws::items::Items;
use shared::aws::presence::PresenceTables;
use shared::aws::registrations::Registrations;
use shared::batch::{BatchResponse, SqsEvent};
use shared::route::Routes;
use time::OffsetDateTime;

use super::queue::Queue;
use super::settings::Settings;
use super::source::{EventSource, Function};
use super::world::{DEVICES, EVENTS, REGISTRATIONS, RETENTION, World, account};
use super::{TheRecorder, TheSink};
use crate::settings::Source;

impl Function for TheRecorder {
    // Two events need a request, which takes 0.25 ms.
    const PROCESSOR: Duration = Duration::from_micros(125);

    async fn invoke(&self, event: LambdaEvent<SqsEvent>, now: OffsetDateTime) -> Result<BatchResponse, Diagnostic> {
        self.handle_at(event, now).await
    }
}

impl Function for TheSink {
    // A certificate that is seen for the first time needs two requests of 0.25 ms.
    const PROCESSOR: Duration = Duration::from_micros(500);

    async fn invoke(&self, event: LambdaEvent<SqsEvent>, now: OffsetDateTime) -> Result<BatchResponse, Diagnostic> {
        self.handle_at(event, now).await
    }
}

/// Starts the event source of the recorder, and counts its invocations.
pub(super) fn start_recorder(world: &Arc<World>, settings: &Settings, is_mortal: bool) -> Arc<AtomicU64> {
    let of_instances = Arc::clone(world);
    work(world, &world.lifecycle_events, settings.recorder, is_mortal, move || recorder(&of_instances))
}

/// Starts the event source of the sink, and counts its invocations.
pub(super) fn start_sink(world: &Arc<World>, settings: &Settings, is_mortal: bool) -> Arc<AtomicU64> {
    let (of_instances, routes) = (Arc::clone(world), settings.routes.clone());
    work(world, &world.device_messages, settings.sink, is_mortal, move || sink(&of_instances, routes.clone()))
}

fn work<F: Function + 'static>(
    world: &World,
    queue: &Arc<Queue>,
    settings: Source,
    is_mortal: bool,
    start: impl Fn() -> F + Send + Sync + 'static,
) -> Arc<AtomicU64> {
    let (clock, invocations, queue) = (world.clock, Arc::new(AtomicU64::new(0)), Arc::clone(queue));
    let counted = Arc::clone(&invocations);
    let source = Arc::new(EventSource { clock, invocations, is_mortal, queue, settings, start });
    for _ in 0..settings.concurrency {
        let source = Arc::clone(&source);
        tokio::spawn(async move { source.work().await });
    }
    counted
}

/// An instance of the recorder.
pub(super) fn recorder(world: &World) -> TheRecorder {
    let config = world.dynamodb.config_with_retries();
    Recorder::new(PresenceTables::new(&config, DEVICES.to_owned(), EVENTS.to_owned(), RETENTION))
}

fn sink(world: &World, routes: Routes) -> TheSink {
    let config = world.dynamodb.config_with_retries();
    let registrations = Registrations::new(&config, REGISTRATIONS);
    Sink::new(account(), routes, Items::new(&config), world.rejected.clone(), registrations)
}
