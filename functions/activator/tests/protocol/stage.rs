//! A world with one CA, and devices that come in through the activator's handler.

use activator::{Activator, Response, Settings, UnenrolledAuthorities};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::json;
use serde_json::value::RawValue;
use shared::id::{AccountId, CaCertificateId};
use shared::pki::Certificate;
use shared::port::CertificateStatus;
use shared::profile::{Defaults, Profile};
use shared::registration::{Registration, RegistrationId};
use shared::testing::{Issued, State, TestAuthority, World, frozen_certificate};
use time::OffsetDateTime;

pub(crate) struct Stage {
    pub(crate) authority: TestAuthority,
    pub(crate) now: OffsetDateTime,
    pub(crate) world: World,
}

impl Stage {
    pub(crate) fn new(profile: serde_json::Value) -> Self {
        let now = now();
        let authority = TestAuthority::new("Fleet CA", now);
        let mut state = State::default();
        enrol(&mut state, &authority, serde_json::from_value(profile).unwrap());
        Self { authority, now, world: World::new(state) }
    }

    pub(crate) fn device(&self, common_name: &str) -> Issued {
        self.register(self.authority.issue(common_name, self.now))
    }

    pub(crate) fn register(&self, issued: Issued) -> Issued {
        self.world.register(self.authority.id(), &account(), &issued.id, &issued.pem);
        issued
    }

    pub(crate) async fn knock(&self, device: &Issued) -> Result<Response, Diagnostic> {
        knock(&self.world, &event(&self.authority, device)).await
    }

    pub(crate) fn status(&self, device: &Issued) -> CertificateStatus {
        self.world.state().certificates[&device.id].status.clone()
    }

    /// The one row about a device.
    pub(crate) fn row(&self, device: &Issued) -> Registration {
        let rows = self.world.state().rows;
        let mut found = rows.values().filter(|row| row.registration.certificate_id == device.id);
        let row = found.next().expect("a row about the device").registration.clone();
        assert!(found.next().is_none(), "two rows about one device");
        row
    }

    pub(crate) fn registration_id(&self, device: &Issued) -> RegistrationId {
        RegistrationId::from_text(&self.row(device).registration_id)
    }
}

/// Registers a CA with AWS IoT, and enrols it.
pub(crate) fn enrol(state: &mut State, authority: &TestAuthority, mut profile: Profile) {
    profile.ca_pem = Some(authority.pem().to_owned());
    profile.enrolled_at = Some("2026-09-01T00:00:00.000Z".to_owned());
    state.authorities.insert(authority.id().clone(), authority.pem().to_owned());
    state.profiles.insert(authority.id().clone(), profile);
}

/// A stage where the device of AWS's walk-through has just been registered, under a CA with an RSA key and this profile.
pub(crate) fn walkthrough(profile: serde_json::Value) -> (Stage, CaCertificateId, Issued) {
    let stage = Stage::new(json!({}));
    let id = |pem: &str| Certificate::from_pem(pem).unwrap().id().clone();
    let authority_pem = frozen_certificate("walkthrough-ca");
    let authority: CaCertificateId = id(&authority_pem).as_str().parse().unwrap();
    let mut profile: Profile = serde_json::from_value(profile).unwrap();
    profile.ca_pem = Some(authority_pem);
    profile.enrolled_at = Some("2026-09-01T00:00:00.000Z".to_owned());
    stage.world.change(|state| state.profiles.insert(authority.clone(), profile));
    let pem = frozen_certificate("walkthrough-device");
    let device = Issued { der: Vec::new(), id: id(&pem), pem };
    stage.world.register(&authority, &account(), &device.id, &device.pem);
    (stage, authority, device)
}

pub(crate) fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "the handler reads the clock itself")]
    OffsetDateTime::now_utc()
}

pub(crate) fn account() -> AccountId {
    "012345678901".parse().unwrap()
}

pub(crate) fn event(authority: &TestAuthority, device: &Issued) -> String {
    event_of(authority.id(), device)
}

/// The event about a device of a CA that is known by its id alone.
pub(crate) fn event_of(authority: &CaCertificateId, device: &Issued) -> String {
    json!({
        "awsAccountId": account(),
        "caCertificateId": authority,
        "certificateId": device.id,
        "certificateRegistrationTimestamp": null,
        "certificateStatus": "PENDING_ACTIVATION",
        "timestamp": now().unix_timestamp() * 1000,
    })
    .to_string()
}

/// One invocation of the function.
pub(crate) async fn knock(world: &World, payload: &str) -> Result<Response, Diagnostic> {
    knock_in_account(world, payload, &account()).await
}

/// One invocation of a function that serves this account.
pub(crate) async fn knock_in_account(
    world: &World,
    payload: &str,
    account: &AccountId,
) -> Result<Response, Diagnostic> {
    invoke(settings(account), world, world, payload).await
}

/// The template's settings.
pub(crate) fn settings(account: &AccountId) -> Settings {
    Settings {
        account_id: account.clone(),
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
    }
}

/// One invocation of a function with these settings, the tables of one world, and AWS IoT's registry of another.
pub(crate) async fn invoke(
    settings: Settings,
    registry: &World,
    tables: &World,
    payload: &str,
) -> Result<Response, Diagnostic> {
    let mut context = Context::default();
    context.deadline = u64::try_from(now().unix_timestamp() * 1000 + 900_000).unwrap();
    let payload = RawValue::from_string(payload.to_owned()).unwrap();
    Activator::new(settings, registry, tables, tables, tables).handle(LambdaEvent::new(payload, context)).await
}
