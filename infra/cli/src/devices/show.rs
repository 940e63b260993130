//! `jitr devices show`: what is known of one client.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::RangedI64ValueParser;
use shared::id::ClientId;
use shared::presence::TOLERANCE;
use time::OffsetDateTime;

use super::GraceArgs;
use super::report::Report;
use super::state::ago;
use crate::cloud::Cloud;
use crate::output::Format;
use crate::store::explain;

/// The most events that are shown: they come with one request, which reads a megabyte at most.
const MOST_EVENTS: i64 = 1000;

/// A client to be shown.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The MQTT client id.
    client_id: ClientId,
    /// How many events to show, the newest ones.
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = RangedI64ValueParser::<i32>::new().range(1..=MOST_EVENTS))]
    last: i32,
    /// How far to look back for events.
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    since: humantime::Duration,
    #[command(flatten)]
    grace: GraceArgs,
}

/// Shows a client.
pub(super) async fn run(args: &ShowArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let (client, since) = (&args.client_id, Duration::from(args.since));
    let device = cloud.devices.device(client).await.map_err(explain)?;
    let device = device.with_context(|| unknown(client))?;
    // Events may bear times ahead of this machine's.
    let (from, to) = (ago(now, since), now + TOLERANCE);
    let events = cloud.device_events.between(client, from, to, args.last).await.map_err(explain)?;
    let report = Report::new(device, events, args.grace.get(), now);
    format.print(&report, |report| report.text(since, now))
}

fn unknown(client: &ClientId) -> String {
    format!(
        "nothing is known of client {client}: it has not connected since the stack was deployed, or this is another \
         account or Region than its endpoint"
    )
}
