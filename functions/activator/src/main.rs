//! Start of the activator: settings, clients and connections once, then events.

use std::time::Duration;

use activator::{Activator, Handler, Settings};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::value::RawValue;
use shared::aws::authorities::Authorities;
use shared::aws::iot::Iot;
use shared::aws::load_config;
use shared::aws::overflow::FairQueue;
use shared::aws::registrations::Registrations;
use shared::aws::snapshots::{SnapshotBucket, client};
use shared::pace::Paced;
use shared::text::{EscapedLines, escape_panics};

/// Longest time that opening connections may add to the start.
const PREWARM: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    escape_panics(EscapedLines::stderr);
    tracing::init_default_subscriber_with_writer(EscapedLines::stdout);
    let settings = Settings::from_env()?;
    let config = load_config().await;
    let registry = Iot::for_pace(&config);
    let authorities = Authorities::new(&config, settings.authorities_table.clone());
    let registrations = Registrations::new(&config, settings.registrations_table.clone());

    let snapshots = SnapshotBucket::new(client(&config), settings.revocation_bucket.clone());

    let (iot, dynamodb, s3) =
        tokio::join!(registry.prewarm(PREWARM), authorities.prewarm(PREWARM), snapshots.prewarm(PREWARM));
    for fault in [iot, dynamodb, s3].into_iter().filter_map(Result::err) {
        tracing::warn!(error = %shared::fault::chain(&fault), "a connection could not be opened at start");
    }

    let registry = Paced::new(registry, &settings.quotas);
    let overflow = FairQueue::new(&config, settings.queues.overflow_url.clone());
    let activator = Activator::new(settings, registry, authorities, registrations, snapshots);
    let handler = Handler::new(activator, overflow);
    run(service_fn(|event: LambdaEvent<Box<RawValue>>| Box::pin(handler.handle(event)))).await
}
