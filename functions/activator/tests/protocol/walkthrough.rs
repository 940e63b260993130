//! The device of AWS's walk-through.

use actors::{Fleet, account};
use serde_json::json;
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::profile::Profile;
use shared::testing::{Issued, frozen_certificate};

/// A fleet beside which the device has just been registered, under a CA with an RSA key and this profile.
pub(crate) fn walkthrough(profile: serde_json::Value) -> (Fleet, CaCertificateId, Issued) {
    let fleet = Fleet::new(json!({}));
    let id = |pem: &str| Certificate::from_pem(pem).unwrap().id().clone();
    let authority_pem = frozen_certificate("walkthrough-ca");
    let authority: CaCertificateId = id(&authority_pem).as_str().parse().unwrap();
    let mut profile: Profile = serde_json::from_value(profile).unwrap();
    profile.ca_pem = Some(authority_pem);
    profile.enrolled_at = Some("2026-09-01T00:00:00.000Z".to_owned());
    fleet.cloud.put_profile(&authority, &profile);
    let pem = frozen_certificate("walkthrough-device");
    let device = Issued { der: Vec::new(), id: id(&pem), pem };
    fleet.cloud.register(&authority, &account(), &device.id, &device.pem);
    (fleet, authority, device)
}
