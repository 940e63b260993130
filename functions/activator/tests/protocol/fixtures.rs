//! Every event fixture through the handler: accepted ones against the frozen devices in each state they can be in.

use activator::{Settings, UnenrolledAuthorities};
use actors::activation::{invoke, settings};
use serde_json::Value;
use shared::id::{AccountId, CaCertificateId};
use shared::pki::Certificate;
use shared::port::CertificateStatus;
use shared::profile::Profile;
use shared::testing::{FROZEN_FLEETS, FakeCloud, Fixture, fixtures, frozen_certificate};

fn frozen(name: &str) -> (String, Certificate) {
    let pem = frozen_certificate(name);
    let certificate = Certificate::from_pem(&pem).unwrap();
    (pem, certificate)
}

/// Whether an operator has enrolled the frozen CAs.
#[derive(Clone, Copy)]
enum Enrolment {
    Done,
    Missing,
}

/// A cloud where AWS IoT has just registered the frozen devices.
fn cloud(account: &AccountId, status: Option<&CertificateStatus>, enrolment: Enrolment) -> FakeCloud {
    let cloud = FakeCloud::default();
    for fleet in FROZEN_FLEETS {
        let (authority_pem, authority) = frozen(&format!("{fleet}-ca"));
        let (device_pem, device) = frozen(&format!("{fleet}-device"));
        let authority: CaCertificateId = authority.id().as_str().parse().unwrap();
        cloud.change(|state| state.authorities.insert(authority.clone(), authority_pem));
        let profile = Profile { enrolled_at: Some("2026-09-01T00:00:00.000Z".to_owned()), ..Profile::default() };
        match enrolment {
            Enrolment::Done => cloud.put_profile(&authority, &profile),
            Enrolment::Missing => {}
        }
        if let Some(status) = status {
            cloud.register(&authority, account, device.id(), &device_pem);
            cloud.change(|state| state.set_status(device.id(), status.clone()));
        }
    }
    cloud
}

#[tokio::test(start_paused = true)]
async fn accepted_events_lead_to_the_decision_beside_them() {
    let account: AccountId = "000000000000".parse().unwrap();
    let fixtures = fixtures("activator");
    assert!(fixtures.len() >= 9);
    for Fixture { expected, name, payload } in fixtures {
        let payload = String::from_utf8(payload).unwrap();
        let pending = Some(CertificateStatus::PendingActivation);
        let (admit, refuse) = (UnenrolledAuthorities::Admit, UnenrolledAuthorities::Refuse);
        for (state, status, enrolment, unenrolled_authorities) in [
            ("whenPending", pending.clone(), Enrolment::Done, refuse),
            ("whenActive", Some(CertificateStatus::Active), Enrolment::Done, refuse),
            ("whenGone", None, Enrolment::Done, refuse),
            ("whenNotEnrolled", pending.clone(), Enrolment::Missing, refuse),
            ("whenNotEnrolledButAdmitted", pending, Enrolment::Missing, admit),
        ] {
            let cloud = cloud(&account, status.as_ref(), enrolment);
            let settings = Settings { unenrolled_authorities, ..settings(&account) };
            let response = invoke(settings, &cloud, &cloud, &payload).await.unwrap();
            assert_eq!(response.decision.as_str(), expected[state]["decision"], "{name} {state}");
            assert_eq!(response.reason.as_str(), expected[state]["reason"], "{name} {state}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_events_are_kept_with_the_member_at_fault() {
    let account: AccountId = "000000000000".parse().unwrap();
    let fixtures = fixtures("activator/rejected");
    assert!(fixtures.len() >= 20);
    for Fixture { expected, name, payload } in fixtures {
        let payload = String::from_utf8(payload).unwrap();
        let cloud = cloud(&account, Some(&CertificateStatus::PendingActivation), Enrolment::Done);
        // What is not JSON ends in the runtime, before the handler.
        if serde_json::from_str::<Value>(&payload).is_err() {
            assert!(expected["error"].is_string(), "{name}");
            continue;
        }
        let response = invoke(settings(&account), &cloud, &cloud, payload.trim_end()).await.unwrap();
        assert_eq!(response.decision.as_str(), expected["decision"], "{name}");
        assert_eq!(response.reason.as_str(), expected["reason"], "{name}");
        assert_eq!(response.member, expected["member"].as_str(), "{name}");
        assert_eq!(cloud.rejections(), [(payload.trim_end().to_owned(), response.reason)], "{name}");
        assert_eq!(cloud.calls(), ["dynamodb:UpdateItem"], "{name} touches nothing else");
    }
}
