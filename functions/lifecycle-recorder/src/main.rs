//! Start of the lifecycle recorder: settings and clients once, then events.

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use lifecycle_recorder::{Recorder, Settings};
use shared::aws::load_config;
use shared::aws::presence::PresenceTables;
use shared::batch::SqsEvent;
use shared::text::{EscapedLines, escape_panics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    escape_panics(EscapedLines::stderr);
    tracing::init_default_subscriber_with_writer(EscapedLines::stdout);
    let settings = Settings::from_env()?;
    let config = load_config().await;
    let retention = settings.event_retention.duration();
    let tables = PresenceTables::new(&config, settings.devices_table, settings.device_events_table, retention);
    let recorder = Recorder::new(tables);
    run(service_fn(|event: LambdaEvent<SqsEvent>| recorder.handle(event))).await
}
