//! Invocations of the activator.

use std::num::NonZeroUsize;

use activator::{Activator, Answer, Handler, ProfileVersion, Queues, Response, Settings, UnenrolledAuthorities};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::json;
use serde_json::value::RawValue;
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::id::{AccountId, CertificateId};
use shared::pace::Quotas;
use shared::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, RegisteredCertificate, ThingRegistry,
};
use shared::profile::Defaults;
use shared::testing::{FakeCloud, Queue};
use time::OffsetDateTime;

use crate::{account, deadline, explored_time, next_request_id};

/// ARN of the queue that the rule fills.
pub const EVENTS_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:registered-events";
/// How often a message that fails is delivered here, and the next connection's besides.
const DELIVERIES: usize = 4;

/// One invocation.
///
/// # Errors
/// What it ended with, if Lambda is to try it again.
pub async fn connect(cloud: &FakeCloud, payload: &str) -> Result<Response, Diagnostic> {
    invoke(settings(&account()), cloud, cloud, payload).await
}

/// A device whose event waits in the queue until it is decided about. `name` tells its invocations from those of other
/// actors.
pub async fn deliver(cloud: FakeCloud, event: &str, name: &str) {
    deliver_through(|| cloud.clone(), &cloud, event, name).await;
}

/// The same, each attempt with a registry of its own before AWS IoT.
pub(crate) async fn deliver_through<R>(registry: impl Fn() -> R, cloud: &FakeCloud, event: &str, name: &str)
where
    R: CertificateRegistry + ThingRegistry + Sync,
{
    let batch = json!({"Records": [{"messageId": name, "body": event, "eventSourceARN": EVENTS_ARN}]}).to_string();
    for n in 0..DELIVERIES {
        let request_id = format!("{name}-{n}");
        cloud.begin_attempt(&request_id).await;
        let answer = answer_through(registry(), explored_time(), &request_id, cloud, cloud.authorities(), &batch).await;
        if let Ok(Answer::Batch(response)) = answer
            && response.batch_item_failures.is_empty()
        {
            return;
        }
    }
}

/// Makes sure that no certificate is ACTIVE without a thing and a policy, but for those that were registered again in the
/// tenth of a second in which a process was about to set their status.
///
/// # Errors
/// Which certificate is.
pub fn nobody_is_half_in(cloud: &FakeCloud) -> Result<(), String> {
    cloud.change(|state| {
        let mut active = state.certificates.iter().filter(|(_, found)| found.status == CertificateStatus::Active);
        let is_half_in = |id: &CertificateId, found: &RegisteredCertificate| {
            !state.registered_amid.contains(id) && !state.has_thing_and_policy(found)
        };
        let half = active.find(|(id, found)| is_half_in(id, found));
        half.map_or(Ok(()), |(_, certificate)| {
            Err(format!("{} is ACTIVE without a thing or a policy", certificate.arn))
        })
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
    let handler = handler(settings, registry.clone(), tables, Queue::default());
    Box::pin(handler.handle(lambda_event(&next_request_id(), payload))).await.map(of_event)
}

/// The handler of a process with these settings, the tables and the bucket of a cloud, a registry, and an overflow queue.
pub fn handler<R: CertificateRegistry + ThingRegistry + Sync>(
    settings: Settings,
    registry: R,
    tables: &FakeCloud,
    overflow: Queue,
) -> Handler<R, Authorities, Registrations, FakeCloud, Queue> {
    let activator = Activator::new(settings, registry, tables.authorities(), tables.registrations(), tables.clone());
    Handler::new(activator, overflow)
}

/// One invocation at this time under this request id, with a way of its own to the `Authorities` table. An exploration runs
/// the code of an actor many times, and it has to do the same each time. The payload is an event or a batch of them.
///
/// # Errors
/// What it ended with, if Lambda is to try it again.
pub async fn answer_at<A: AuthorityStore + CrlStates + Sync>(
    now: OffsetDateTime,
    request_id: &str,
    cloud: &FakeCloud,
    authorities: A,
    payload: &str,
) -> Result<Answer, Diagnostic> {
    answer_through(cloud.clone(), now, request_id, cloud, authorities, payload).await
}

async fn answer_through<R, A>(
    registry: R,
    now: OffsetDateTime,
    request_id: &str,
    cloud: &FakeCloud,
    authorities: A,
    payload: &str,
) -> Result<Answer, Diagnostic>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
{
    let activator = Activator::new(settings(&account()), registry, authorities, cloud.registrations(), cloud.clone());
    let handler = Handler::new(activator, Queue::default());
    Box::pin(handler.handle_at(lambda_event(request_id, payload), now)).await
}

fn of_event(answer: Answer) -> Response {
    let response = match answer {
        Answer::Event(response) => Some(response),
        Answer::Batch(_) => None,
    };
    response.expect("the answer to an event")
}

/// What Lambda hands over.
pub fn lambda_event(request_id: &str, payload: &str) -> LambdaEvent<Box<RawValue>> {
    let mut context = Context::default();
    request_id.clone_into(&mut context.request_id);
    context.deadline = u64::try_from(deadline().unix_timestamp() * 1000).expect("a time after 1970");
    LambdaEvent::new(RawValue::from_string(payload.to_owned()).expect("JSON"), context)
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
        profile_version: ProfileVersion,
        queues: Queues {
            batch_size: const { NonZeroUsize::new(10).expect("not 0") },
            events_arn: EVENTS_ARN.to_owned(),
            overflow_url: "https://sqs.us-east-1.amazonaws.com/000000000000/overflow".to_owned(),
        },
        quotas: Quotas::UNLIMITED,
        registrations_table: "registrations".to_owned(),
        revocation_bucket: "revocation".to_owned(),
        unenrolled_authorities: UnenrolledAuthorities::Refuse,
    }
}
