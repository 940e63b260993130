//! Every event fixture through the handler: accepted ones against the frozen device in each state it can be in.

use serde_json::Value;
use shared::id::AccountId;
use shared::pki::Certificate;
use shared::port::CertificateStatus;
use shared::testing::{Fixture, State, World, fixtures, frozen_certificate};

use crate::stage::knock_in_account;

fn frozen(name: &str) -> (String, Certificate) {
    let pem = frozen_certificate(name);
    let certificate = Certificate::from_pem(&pem).unwrap();
    (pem, certificate)
}

/// A world in which AWS IoT has just registered the frozen device.
fn world(account: &AccountId, status: Option<CertificateStatus>) -> World {
    let (authority_pem, authority) = frozen("fixture-ca");
    let (device_pem, device) = frozen("fixture-device");
    let authority_id = authority.id().as_str().parse().unwrap();
    let world = World::new(State::default());
    world.change(|state| state.authorities.insert(authority_id, authority_pem));
    if let Some(status) = status {
        let authority_id = authority.id().as_str().parse().unwrap();
        world.register(&authority_id, account, device.id(), &device_pem);
        world.change(|state| state.certificates.get_mut(device.id()).unwrap().status = status);
    }
    world
}

#[tokio::test(start_paused = true)]
async fn accepted_events_lead_to_the_decision_beside_them() {
    let account: AccountId = "000000000000".parse().unwrap();
    let fixtures = fixtures("activator");
    assert!(fixtures.len() >= 8);
    for Fixture { expected, name, payload } in fixtures {
        let payload = String::from_utf8(payload).unwrap();
        for (state, status) in [
            ("whenPending", Some(CertificateStatus::PendingActivation)),
            ("whenActive", Some(CertificateStatus::Active)),
            ("whenGone", None),
        ] {
            let world = world(&account, status);
            let response = knock_in_account(&world, &payload, &account).await.unwrap();
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
        let world = world(&account, Some(CertificateStatus::PendingActivation));
        // What is not JSON ends in the runtime, before the handler.
        if serde_json::from_str::<Value>(&payload).is_err() {
            assert!(expected["error"].is_string(), "{name}");
            continue;
        }
        let response = knock_in_account(&world, payload.trim_end(), &account).await.unwrap();
        assert_eq!(response.decision.as_str(), expected["decision"], "{name}");
        assert_eq!(response.reason.as_str(), expected["reason"], "{name}");
        assert_eq!(response.member, expected["member"].as_str(), "{name}");
        assert_eq!(world.state().rejections, [(payload.trim_end().to_owned(), response.reason)], "{name}");
        assert_eq!(world.calls(), ["dynamodb:UpdateItem"], "{name} touches nothing else");
    }
}
