//! Invocations of the activator.

use activator::{Activator, Response, Settings, UnenrolledAuthorities};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::value::RawValue;
use shared::id::AccountId;
use shared::profile::Defaults;
use shared::testing::FakeCloud;

use crate::{account, now};

/// One invocation.
///
/// # Errors
/// What it ended with, if Lambda is to try it again.
pub async fn connect(cloud: &FakeCloud, payload: &str) -> Result<Response, Diagnostic> {
    invoke(settings(&account()), cloud, cloud, payload).await
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
    let mut context = Context::default();
    context.deadline = u64::try_from(now().unix_timestamp() * 1000 + 900_000).expect("a time after 1970");
    let payload = RawValue::from_string(payload.to_owned()).expect("JSON");
    let (authorities, registrations) = (tables.authorities(), tables.registrations());
    let activator = Activator::new(settings, registry.clone(), authorities, registrations, tables.clone());
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
