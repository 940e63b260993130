//! Start of the CRL checker: settings and clients once, then events.

use crl_checker::fetch::{self, Fetcher};
use crl_checker::{Checker, Limits, Parts, Portions, Settings};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::value::RawValue;
use shared::aws::authorities::Authorities;
use shared::aws::iot::Iot;
use shared::aws::load_config;
use shared::aws::registrations::Registrations;
use shared::aws::sessions::LiveSessions;
use shared::aws::snapshots::{self, SnapshotBucket};
use shared::pace::Paced;
use shared::snapshot::Scratch;
use shared::text::{EscapedLines, escape_panics};

/// Part of the function's share of the quotas that is for the comparison of all registrations: another run may be carrying out
/// changes meanwhile.
const COMPARISONS: f64 = 0.1;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    escape_panics(EscapedLines::stderr);
    tracing::init_default_subscriber_with_writer(EscapedLines::stdout);
    let settings = Settings::from_env()?;
    let config = load_config().await;
    let limits = fetch::Limits::new(settings.max_octets.get());
    let (networks, buckets) = (settings.private_networks, settings.crl_buckets.0);
    let registry = Iot::for_pace(&config);
    let checker = Checker::new(Parts {
        authorities: Authorities::new(&config, settings.authorities_table),
        bucket: SnapshotBucket::new(snapshots::client(&config), settings.revocation_bucket),
        fetcher: Fetcher::new(snapshots::client(&config), networks, limits, buckets)?,
        limits: Limits {
            minimum_share: settings.minimum_share.0,
            portions: Portions::default(),
            scratch: Scratch::new(std::env::temp_dir(), settings.scratch.bytes()),
        },
        registrations: Registrations::new(&config, settings.registrations_table),
        registry: Paced::new(registry.clone(), &settings.quotas.part(1.0 - COMPARISONS)),
        registry_of_comparisons: Paced::new(registry, &settings.quotas.part(COMPARISONS)),
        sessions: LiveSessions::new(&config, settings.devices_table),
    });
    run(service_fn(|event: LambdaEvent<Box<RawValue>>| checker.handle(event))).await
}
