//! Start of the rule sink: settings and clients once, then messages.

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use rule_sink::{Settings, Sink};
use shared::aws::dead_letters::DeadLetterQueue;
use shared::aws::items::Items;
use shared::aws::load_config;
use shared::aws::registrations::Registrations;
use shared::batch::SqsEvent;
use shared::text::{EscapedLines, escape_panics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    escape_panics(EscapedLines::stderr);
    tracing::init_default_subscriber_with_writer(EscapedLines::stdout);
    let settings = Settings::from_env()?;
    let config = load_config().await;
    let rejected = DeadLetterQueue::new(&config, settings.rejected_queue_url);
    let registrations = Registrations::new(&config, settings.registrations_table);
    let sink = Sink::new(settings.account_id, settings.routes, Items::new(&config), rejected, registrations);
    run(service_fn(|event: LambdaEvent<SqsEvent>| sink.handle(event))).await
}
