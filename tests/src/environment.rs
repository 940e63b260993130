//! The functions' environments as the template makes them.

use saphyr::{LoadableYamlNode as _, Yaml};

use crate::crl::bucket;
use crate::stack::STACK;

/// Access key and secret of the local cloud's root.
pub const ROOT: (&str, &str) = ("test", "test");

/// The activator's, with an endpoint and an access key.
#[must_use]
pub fn activator(endpoint: &str, identity: (&str, &str)) -> Vec<(String, String)> {
    let own = [
        ("ACCOUNT_ID", "000000000000".to_owned()),
        ("AUTHORITIES_TABLE", format!("{STACK}-authorities")),
        ("DEFAULT_POLICY_NAME", format!("{STACK}-device")),
        ("DEFAULT_THING_NAME_TEMPLATE", "${CommonName}".to_owned()),
        ("REGISTRATIONS_TABLE", format!("{STACK}-registrations")),
        ("REVOCATION_BUCKET", bucket()),
    ];
    with_identity(own, endpoint, identity)
}

/// The CRL checker's, with an endpoint and an access key, and without a limit that would only take time.
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
        ("STATUS_CHANGES_PER_SECOND", "1000".to_owned()),
    ];
    with_identity(own, endpoint, identity)
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
    let rejected = format!("{}/000000000000/{STACK}-RejectedMessages-local", endpoint.trim_end_matches('/'));
    let own = [
        ("ACCOUNT_ID", "000000000000".to_owned()),
        ("MORE_ROUTES", "{}".to_owned()),
        ("REGISTRATIONS_TABLE", format!("{STACK}-registrations")),
        ("REJECTED_QUEUE_URL", rejected),
        ("ROUTES", routes()),
    ];
    with_identity(own, endpoint, identity)
}

/// The template's routes as the stack's function gets them.
///
/// # Panics
/// If the template has none.
#[must_use]
#[expect(clippy::expect_used, reason = "without the template there is nothing to test")]
pub fn routes() -> String {
    let template = Yaml::load_from_str(include_str!("../../template.yaml")).expect("the template is no YAML");
    let at = |path: &[&str]| path.iter().try_fold(template.first()?, |place, name| place.as_mapping_get(name));
    let days = at(&["Parameters", "MessageRetentionDays", "Default"]).and_then(Yaml::as_integer).expect("no default");
    let routes = match at(&["Resources", "RuleSink", "Properties", "Environment", "Variables", "ROUTES"]) {
        // The one tag here is that of Fn::Sub.
        Some(Yaml::Tagged(_, text)) => text.as_str(),
        _ => None,
    };
    let routes = routes.expect("the template has no routes").replace("${Messages}", &format!("{STACK}-messages"));
    routes.replace("${MessageRetentionDays}", &days.to_string()).replace("${!", "${")
}

fn with_identity<const N: usize>(
    own: [(&str, String); N],
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
