//! The functions' environments as the template makes them.

use serde_json::Value;
use shared::profile::PROFILE_VERSION;

use crate::crl::bucket;
use crate::stack::STACK;
use crate::template::Template;

/// Access key and secret of the local cloud's root.
pub const ROOT: (&str, &str) = ("test", "test");

/// The activator's, with an endpoint and an access key, and without quotas that would only take time.
#[must_use]
pub fn activator(endpoint: &str, identity: (&str, &str)) -> Vec<(String, String)> {
    let own = [
        ("EVENT_BATCH_SIZE", "10".to_owned()),
        ("EVENT_QUEUE_ARN", format!("arn:aws:sqs:us-east-1:000000000000:{STACK}-registered-events")),
        ("OVERFLOW_QUEUE_URL", queue_url(endpoint, "registered-events-overflow")),
        ("ACCOUNT_ID", "000000000000".to_owned()),
        ("ADMIT_UNENROLLED_AUTHORITIES", "false".to_owned()),
        ("AUTHORITIES_TABLE", format!("{STACK}-authorities")),
        ("CONCURRENCY", "1".to_owned()),
        ("DEFAULT_POLICY_NAME", format!("{STACK}-device")),
        ("DEFAULT_THING_NAME_TEMPLATE", "${CommonName}".to_owned()),
        ("PROFILE_VERSION", PROFILE_VERSION.to_string()),
        ("REGISTRATIONS_TABLE", format!("{STACK}-registrations")),
        ("REVOCATION_BUCKET", bucket()),
    ];
    with_identity(own.into_iter().chain(quotas()), endpoint, identity)
}

/// The CRL checker's, with an endpoint and an access key, and without quotas that would only take time.
#[must_use]
pub fn crl_checker(endpoint: &str, identity: (&str, &str)) -> Vec<(String, String)> {
    let own = [
        ("AUTHORITIES_TABLE", format!("{STACK}-authorities")),
        ("CRL_BUCKETS", bucket()),
        ("CRL_MAX_OCTETS", "268435456".to_owned()),
        ("CRL_MINIMUM_SHARE", "50".to_owned()),
        ("CRL_PRIVATE_NETWORKS", "127.0.0.1/32".to_owned()),
        ("DEVICES_TABLE", format!("{STACK}-devices")),
        ("REGISTRATIONS_TABLE", format!("{STACK}-registrations")),
        ("REVOCATION_BUCKET", bucket()),
        ("SCRATCH_MEGABYTES", "1024".to_owned()),
    ];
    with_identity(own.into_iter().chain(quotas()), endpoint, identity)
}

/// The lifecycle recorder's, with an endpoint and an access key.
#[must_use]
pub fn lifecycle_recorder(endpoint: &str, identity: (&str, &str)) -> Vec<(String, String)> {
    let own = [
        ("DEVICES_TABLE", format!("{STACK}-devices")),
        ("DEVICE_EVENTS_TABLE", format!("{STACK}-device-events")),
        ("EVENT_RETENTION_DAYS", "90".to_owned()),
    ];
    with_identity(own, endpoint, identity)
}

/// The rule sink's, with an endpoint and an access key, and with the template's routes.
#[must_use]
pub fn rule_sink(endpoint: &str, identity: (&str, &str)) -> Vec<(String, String)> {
    let own = [
        ("ACCOUNT_ID", "000000000000".to_owned()),
        ("MORE_ROUTES", "{}".to_owned()),
        ("REGISTRATIONS_TABLE", format!("{STACK}-registrations")),
        ("REJECTED_QUEUE_URL", queue_url(endpoint, "rejected-messages")),
        ("ROUTES", routes()),
    ];
    with_identity(own, endpoint, identity)
}

/// The template's routes as the stack's function gets them.
///
/// # Panics
/// If the template can't be transformed, or has no routes.
#[must_use]
#[expect(clippy::expect_used, reason = "without the template there is nothing to test")]
pub fn routes() -> String {
    let template = Template::transformed().expect("no template");
    let routes = template.at("/Resources/RuleSink/Properties/Environment/Variables/ROUTES").expect("no routes");
    let deployed = template.deployed(STACK, &[]).and_then(|deployed| deployed.resolved(routes));
    let routes = deployed.expect("the routes can't be resolved");
    let routes = routes.as_ref().and_then(Value::as_str).expect("the routes are no text");
    routes.replace("${Messages}", &format!("{STACK}-messages"))
}

fn queue_url(endpoint: &str, name: &str) -> String {
    format!("{}/000000000000/{STACK}-{name}", endpoint.trim_end_matches('/'))
}

/// Quotas that the emulator does not have.
fn quotas() -> impl Iterator<Item = (&'static str, String)> {
    let quotas = ["ATTACH_POLICY_QUOTA", "DESCRIBE_CERTIFICATE_QUOTA", "UPDATE_CERTIFICATE_QUOTA"];
    let quotas = quotas.into_iter().map(|name| (name, "100000".to_owned()));
    quotas.chain([("QUOTA_SHARE", "100".to_owned())])
}

fn with_identity(
    own: impl IntoIterator<Item = (&'static str, String)>,
    endpoint: &str,
    (key, secret): (&str, &str),
) -> Vec<(String, String)> {
    let identity = [
        ("AWS_ACCESS_KEY_ID", key.to_owned()),
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
    ];
    own.into_iter().chain(identity).map(|(name, value)| (name.to_owned(), value)).collect()
}
