//! Quotas of AWS IoT ("AWS IoT Core endpoints and quotas"), and a registry that keeps to them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::fault::{Fault, FaultKind};
use shared::id::{CaCertificateId, CertificateId, PolicyName, ThingName};
use shared::pace::Quotas;
use shared::port::{
    Attachments, CertificateRegistry, Creation, Look, NewStatus, NewThing, Principal, RegisteredCertificate,
    StatusChange, Thing, ThingRegistry,
};
use shared::testing::{FakeCloud, TokenBucket};

/// Calls a second that the account has of each operation whose quota is no parameter of the template.
const QUOTAS: [(&str, f64); 8] = [
    ("iot:AddThingToThingGroup", 100.0),
    ("iot:AttachThingPrincipal", 100.0),
    ("iot:CreateThing", 100.0),
    ("iot:DescribeCACertificate", 10.0),
    ("iot:DescribeThing", 350.0),
    ("iot:ListAttachedPolicies", 15.0),
    ("iot:ListThingPrincipals", 20.0),
    ("iot:UpdateThing", 100.0),
];
/// Connections a second, whoever makes them.
const CONNECTIONS: f64 = 500.0;
/// Registrations a second.
const REGISTRATIONS: f64 = 15.0;
/// Time that a call takes.
pub(crate) const LATENCY: Duration = Duration::from_millis(50);
/// The same of a call to DynamoDB.
pub(crate) const TABLE_LATENCY: Duration = Duration::from_millis(5);
/// Tries of the SDK, and the first of its growing waits.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// What an account may do, and what it has done.
#[derive(Debug)]
pub(crate) struct Account(Mutex<State>);

#[derive(Debug)]
struct State {
    buckets: BTreeMap<&'static str, TokenBucket>,
    calls: u64,
    connections: TokenBucket,
    registrations: TokenBucket,
    throttled: u64,
}

impl Account {
    /// An account that has the quotas which the template names.
    pub(crate) fn new(named: &Quotas) -> Self {
        let named = [
            ("iot:AttachPolicy", named.attach_policy),
            ("iot:DescribeCertificate", named.describe_certificate),
            ("iot:UpdateCertificate", named.update_certificate),
        ];
        let buckets =
            QUOTAS.into_iter().chain(named).map(|(operation, rate)| (operation, TokenBucket::new(rate))).collect();
        let [connections, registrations] = [CONNECTIONS, REGISTRATIONS].map(TokenBucket::new);
        Self(Mutex::new(State { buckets, calls: 0, connections, registrations, throttled: 0 }))
    }

    /// Whether one more connection can be made now.
    pub(crate) fn connects(&self) -> bool {
        self.state().connections.take()
    }

    /// Whether one more certificate can be registered now.
    pub(crate) fn registers(&self) -> bool {
        self.state().registrations.take()
    }

    /// Calls so far, and how many of them were throttled.
    pub(crate) fn calls(&self) -> (u64, u64) {
        let state = self.state();
        (state.calls, state.throttled)
    }

    fn admits(&self, operation: &'static str) -> bool {
        let mut state = self.state();
        state.calls += 1;
        let is_admitted = state.buckets.get_mut(operation).expect("an operation with a quota").take();
        state.throttled += u64::from(!is_admitted);
        is_admitted
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The registry of an account.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    pub(crate) account: std::sync::Arc<Account>,
    pub(crate) cloud: FakeCloud,
}

impl Registry {
    /// A call that is throttled is not tried again: an operation at the pace of its quota.
    async fn once(&self, operation: &'static str) -> Result<(), Fault> {
        if self.account.admits(operation) {
            return Ok(());
        }
        tokio::time::sleep(LATENCY).await;
        Err(Fault::new(operation, FaultKind::Throttled, "Rate exceeded"))
    }

    /// A call that is throttled is tried again by the SDK.
    async fn with_retries(&self, operation: &'static str) -> Result<(), Fault> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            if self.once(operation).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(wait.mul_f64(fastrand::f64())).await;
            wait *= 2;
        }
        self.once(operation).await
    }
}

impl CertificateRegistry for Registry {
    async fn certificate(&self, id: &CertificateId) -> Result<Option<RegisteredCertificate>, Fault> {
        self.once("iot:DescribeCertificate").await?;
        self.cloud.certificate(id).await
    }

    async fn authority_pem(&self, id: &CaCertificateId) -> Result<Option<String>, Fault> {
        self.with_retries("iot:DescribeCACertificate").await?;
        self.cloud.authority_pem(id).await
    }

    async fn set_status(
        &self,
        id: &CertificateId,
        status: NewStatus,
        look: Option<&Look>,
    ) -> Result<StatusChange, Fault> {
        self.once("iot:UpdateCertificate").await?;
        self.cloud.set_status(id, status, look).await
    }
}

impl Attachments for Registry {
    async fn principals(&self, name: &ThingName) -> Result<Vec<Principal>, Fault> {
        self.with_retries("iot:ListThingPrincipals").await?;
        self.cloud.principals(name).await
    }

    async fn has_policy(&self, certificate_arn: &str) -> Result<bool, Fault> {
        self.with_retries("iot:ListAttachedPolicies").await?;
        self.cloud.has_policy(certificate_arn).await
    }
}

impl ThingRegistry for Registry {
    async fn create_thing(&self, thing: &NewThing) -> Result<Creation, Fault> {
        self.with_retries("iot:CreateThing").await?;
        self.cloud.create_thing(thing).await
    }

    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, Fault> {
        self.with_retries("iot:DescribeThing").await?;
        self.cloud.thing(name).await
    }

    async fn rewrite_thing(&self, thing: &NewThing, version: i64) -> Result<bool, Fault> {
        self.with_retries("iot:UpdateThing").await?;
        self.cloud.rewrite_thing(thing, version).await
    }

    async fn attach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        self.with_retries("iot:AttachThingPrincipal").await?;
        self.cloud.attach_thing(name, certificate_arn).await
    }

    async fn attach_policy(&self, policy: &PolicyName, certificate_arn: &str) -> Result<(), Fault> {
        self.once("iot:AttachPolicy").await?;
        self.cloud.attach_policy(policy, certificate_arn).await
    }

    async fn detach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        self.cloud.detach_thing(name, certificate_arn).await
    }

    async fn delete_thing(&self, name: &ThingName, version: i64) -> Result<bool, Fault> {
        self.cloud.delete_thing(name, version).await
    }

    async fn join_group(&self, name: &ThingName, group: &ThingName) -> Result<(), Fault> {
        self.with_retries("iot:AddThingToThingGroup").await?;
        self.cloud.join_group(name, group).await
    }
}
