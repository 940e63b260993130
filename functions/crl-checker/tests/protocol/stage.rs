//! A world with one CA whose CRL lies on a shelf, devices that have come in, and runs of the checker.

use std::sync::Mutex;
use std::time::Duration;

use activator::{Activator, Settings, UnenrolledAuthorities};
use bytes::Bytes;
use crl_checker::fetch::{CrlBody, CrlFetch, FetchFault, Fetched};
use crl_checker::{Checker, Limits, Parts, Portions, Report, Request};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use serde_json::value::RawValue;
use shared::id::AccountId;
use shared::pki::Certificate;
use shared::pki::crl::RevocationReason;
use shared::port::CertificateStatus;
use shared::profile::{Defaults, Profile};
use shared::registration::{Registration, RegistrationId};
use shared::revocation::{CrlSource, CrlState, Validators};
use shared::snapshot::Scratch;
use shared::testing::{Issued, NewCrl, State, TestAuthority, World};
use time::OffsetDateTime;
use tokio::time::Instant;

pub(crate) const SOURCE: &str = "https://crl.example.com/fleet.crl";

/// What the source has.
pub(crate) struct Shelf {
    pub(crate) crl: Mutex<Vec<u8>>,
}

/// A CRL in one piece.
pub(crate) struct Piece(Option<Bytes>);

impl CrlBody for Piece {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchFault> {
        Ok(self.0.take())
    }
}

impl CrlFetch for &Shelf {
    type Body = Piece;

    async fn fetch(&self, _: &CrlSource, _: &[String], known: &Validators) -> Result<Fetched<Piece>, FetchFault> {
        let crl = self.crl.lock().unwrap().clone();
        let etag = Some(format!("\"{}\"", hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &crl))));
        if known.etag == etag {
            return Ok(Fetched::NotModified);
        }
        let validators = Validators::new(etag, None);
        Ok(Fetched::Content { body: Piece(Some(crl.into())), validators })
    }
}

pub(crate) struct Stage {
    pub(crate) authority: TestAuthority,
    pub(crate) now: OffsetDateTime,
    pub(crate) shelf: Shelf,
    pub(crate) world: World,
}

impl Stage {
    /// A stage whose CA publishes an empty CRL with number 1, which has been checked once.
    pub(crate) async fn new() -> Self {
        let now = now();
        let authority = TestAuthority::new("Fleet CA", now);
        let profile = json!({"crl": "required", "crlSources": [SOURCE], "enrolledAt": "2026-09-01T00:00:00.000Z"});
        let mut profile: Profile = serde_json::from_value(profile).unwrap();
        profile.ca_pem = Some(authority.pem().to_owned());
        let world = World::new(State::default());
        world.change(|state| {
            state.authorities.insert(authority.id().clone(), authority.pem().to_owned());
            state.profiles.insert(authority.id().clone(), profile);
        });
        let shelf = Shelf { crl: Mutex::new(Vec::new()) };
        let stage = Self { authority, now, shelf, world };
        stage.publish(1, &[]);
        stage.sweep().await;
        stage
    }

    /// Puts a CRL on the shelf.
    pub(crate) fn publish(&self, number: u64, entries: &[(&Issued, RevocationReason)]) {
        let entries = entries.iter().map(|(device, reason)| (serial(device), *reason));
        let crl = self.authority.crl(&NewCrl::current(number, self.now), entries);
        self.shelve(crl);
    }

    pub(crate) fn shelve(&self, crl: Vec<u8>) {
        *self.shelf.crl.lock().unwrap() = crl;
    }

    /// A device that AWS IoT has registered.
    pub(crate) fn device(&self, common_name: &str) -> Issued {
        let device = self.authority.issue(common_name, self.now);
        self.world.register(self.authority.id(), &account(), &device.id, &device.pem);
        device
    }

    /// A device that has come in.
    pub(crate) async fn inside(&self, common_name: &str) -> Issued {
        let device = self.device(common_name);
        self.knock(&device).await;
        assert_eq!(self.status(&device), CertificateStatus::Active);
        device
    }

    /// One invocation of the activator; false if it failed.
    pub(crate) async fn knock(&self, device: &Issued) -> bool {
        knock(&self.world, &event(&self.authority, device)).await
    }

    /// One run of the checker over everything.
    pub(crate) async fn sweep(&self) -> Report {
        self.run(&Request::default()).await
    }

    pub(crate) async fn reconcile(&self) -> Report {
        self.run(&Request { reconcile: true, ..Request::default() }).await
    }

    pub(crate) async fn run(&self, request: &Request) -> Report {
        run(&self.world, &self.shelf, request).await.expect("a run without faults")
    }

    pub(crate) fn status(&self, device: &Issued) -> CertificateStatus {
        self.world.state().certificates[&device.id].status.clone()
    }

    pub(crate) fn row(&self, device: &Issued) -> Registration {
        self.world.state().rows[&self.registration(device)].registration.clone()
    }

    pub(crate) fn registration(&self, device: &Issued) -> RegistrationId {
        RegistrationId::issued(self.authority.id(), certificate(device).serial())
    }

    pub(crate) fn crl_state(&self) -> CrlState {
        self.world.state().crl_states[&(self.authority.id().clone(), SOURCE.parse().unwrap())].clone()
    }
}

/// One run of the checker.
pub(crate) async fn run(world: &World, shelf: &Shelf, request: &Request) -> Result<Report, shared::fault::Fault> {
    run_for(Duration::from_mins(10), world, shelf, request).await
}

/// One run of the checker that has so much time.
pub(crate) async fn run_for(
    time: Duration,
    world: &World,
    shelf: &Shelf,
    request: &Request,
) -> Result<Report, shared::fault::Fault> {
    run_with(limits(), time, world, shelf, request).await
}

/// The limits of a run.
pub(crate) fn limits() -> Limits {
    let scratch = Scratch::new(std::env::temp_dir(), 1 << 30);
    Limits { minimum_share: 50, portions: Portions::default(), scratch, status_changes_per_second: None }
}

/// One run of the checker within these limits.
pub(crate) async fn run_with<F: CrlFetch + Sync>(
    limits: Limits,
    time: Duration,
    world: &World,
    fetcher: F,
    request: &Request,
) -> Result<Report, shared::fault::Fault> {
    let checker = Checker::new(Parts {
        authorities: world,
        bucket: world,
        fetcher,
        limits,
        registrations: world,
        registry: world,
        sessions: world,
    });
    checker.run(request, now(), Instant::now() + time).await
}

/// One invocation of the activator; false if it failed.
pub(crate) async fn knock(world: &World, payload: &str) -> bool {
    let settings = Settings {
        account_id: account(),
        authorities_table: "authorities".to_owned(),
        defaults: Defaults {
            policy_name: "device".parse().unwrap(),
            thing_group: None,
            thing_name_template: "${CommonName}".parse().unwrap(),
            thing_type: None,
        },
        registrations_table: "registrations".to_owned(),
        revocation_bucket: "revocation".to_owned(),
        unenrolled_authorities: UnenrolledAuthorities::Refuse,
    };
    let mut context = Context::default();
    context.deadline = u64::try_from(now().unix_timestamp() * 1000 + 900_000).unwrap();
    let payload = RawValue::from_string(payload.to_owned()).unwrap();
    let activator = Activator::new(settings, world, world, world, world);
    activator.handle(LambdaEvent::new(payload, context)).await.is_ok()
}

pub(crate) fn event(authority: &TestAuthority, device: &Issued) -> String {
    json!({
        "awsAccountId": account(),
        "caCertificateId": authority.id(),
        "certificateId": device.id,
        "certificateRegistrationTimestamp": null,
        "certificateStatus": "PENDING_ACTIVATION",
        "timestamp": now().unix_timestamp() * 1000,
    })
    .to_string()
}

pub(crate) fn certificate(device: &Issued) -> Certificate {
    Certificate::from_der(&device.der).unwrap()
}

pub(crate) fn serial(device: &Issued) -> Vec<u8> {
    let text = certificate(device).serial().to_string();
    let even = if text.len().is_multiple_of(2) { text } else { format!("0{text}") };
    hex::decode(even).unwrap()
}

pub(crate) fn account() -> AccountId {
    "012345678901".parse().unwrap()
}

pub(crate) fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "the handler reads the clock itself")]
    OffsetDateTime::now_utc()
}
