//! Invocations of the activator.

use activator::{Activator, Response, Settings, UnenrolledAuthorities};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::value::RawValue;
use shared::id::AccountId;
use shared::port::{AuthorityStore, CertificateStatus, CrlStates};
use shared::profile::Defaults;
use shared::testing::FakeCloud;

use crate::{account, deadline, next_request_id};

/// How often Lambda delivers an event that fails, and the next connection's besides.
const DELIVERIES: usize = 4;

/// One invocation.
///
/// # Errors
/// What it ended with, if Lambda is to try it again.
pub async fn connect(cloud: &FakeCloud, payload: &str) -> Result<Response, Diagnostic> {
    invoke(settings(&account()), cloud, cloud, payload).await
}

/// A device whose event is delivered until it is decided about. `name` tells its invocations from those of other actors.
pub async fn deliver(cloud: FakeCloud, event: &str, name: &str) {
    for n in 0..DELIVERIES {
        let request_id = format!("{name}-{n}");
        cloud.begin_attempt(&request_id).await;
        if invoke_as(&request_id, settings(&account()), &cloud, &cloud, event).await.is_ok() {
            return;
        }
    }
}

/// Makes sure that no certificate is ACTIVE without a thing and a policy.
///
/// # Errors
/// Which certificate is.
pub fn nobody_is_half_in(cloud: &FakeCloud) -> Result<(), String> {
    cloud.change(|state| {
        let mut active = state.certificates.values().filter(|found| found.status == CertificateStatus::Active);
        let half = active.find(|certificate| !state.has_thing_and_policy(certificate));
        half.map_or(Ok(()), |certificate| Err(format!("{} is ACTIVE without a thing or a policy", certificate.arn)))
    })
}

/// One invocation with these settings, the tables and the bucket of one cloud, and the registry of another: stacks in one
/// account share AWS IoT.
///
/// # Errors
/// What it ended with, if Lambda is to try it again.
pub async fn invoke(
    settings: Settings,
    registry: &FakeCloud,
    tables: &FakeCloud,
    payload: &str,
) -> Result<Response, Diagnostic> {
    invoke_as(&next_request_id(), settings, registry, tables, payload).await
}

/// The same under a request id. An exploration runs the code of an actor many times: each invocation has the same id then.
///
/// # Errors
/// What it ended with, if Lambda is to try it again.
pub async fn invoke_as(
    request_id: &str,
    settings: Settings,
    registry: &FakeCloud,
    tables: &FakeCloud,
    payload: &str,
) -> Result<Response, Diagnostic> {
    invoke_with(request_id, settings, registry, tables.authorities(), tables, payload).await
}

/// The same with another way to the `Authorities` table.
///
/// # Errors
/// What it ended with, if Lambda is to try it again.
pub async fn invoke_with<A: AuthorityStore + CrlStates + Sync>(
    request_id: &str,
    settings: Settings,
    registry: &FakeCloud,
    authorities: A,
    tables: &FakeCloud,
    payload: &str,
) -> Result<Response, Diagnostic> {
    let mut context = Context::default();
    context.request_id = request_id.to_owned();
    context.deadline = u64::try_from(deadline().unix_timestamp() * 1000).expect("a time after 1970");
    let payload = RawValue::from_string(payload.to_owned()).expect("JSON");
    let activator = Activator::new(settings, registry.clone(), authorities, tables.registrations(), tables.clone());
    Box::pin(activator.handle(LambdaEvent::new(payload, context))).await
}

/// The template's settings.
pub fn settings(account: &AccountId) -> Settings {
    Settings {
        account_id: account.clone(),
        authorities_table: "authorities".to_owned(),
        defaults: Defaults {
            policy_name: "device".parse().expect("a policy"),
            thing_group: None,
            thing_name_template: "${CommonName}".parse().expect("a template"),
            thing_type: None,
        },
        registrations_table: "registrations".to_owned(),
        revocation_bucket: "revocation".to_owned(),
        unenrolled_authorities: UnenrolledAuthorities::Refuse,
    }
}
