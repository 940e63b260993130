//! Whose thing a certificate is.

use super::Registration;
use crate::decision::Decision;
use crate::id::{CertificateId, ThingName};

/// Whose thing a certificate is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Holding {
    /// The certificate is being let in at this moment; ask again.
    NotYet,
    /// It was never let in.
    Nothing,
    /// It was let in as this thing.
    Thing(ThingName),
}

impl Holding {
    /// What rows tell of a certificate together: a thing weighs more than an activation that is under way. Rows of other
    /// certificates don't count.
    #[must_use]
    pub fn of(certificate: &CertificateId, rows: &[Registration]) -> Self {
        let own = rows.iter().filter(|row| row.certificate_id == *certificate).map(Registration::holding);
        own.max_by_key(Self::weight).unwrap_or(Self::Nothing)
    }

    fn weight(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::NotYet => 1,
            Self::Thing(_) => 2,
        }
    }
}

impl Registration {
    /// As what the certificate was let in. What became of it later, a hold or a revocation, does not count.
    #[must_use]
    pub fn holding(&self) -> Holding {
        match (&self.activated_at, &self.thing_name) {
            (Some(_), Some(name)) => Holding::Thing(name.clone()),
            _ if self.decision == Decision::Activating => Holding::NotYet,
            _ => Holding::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn certificate() -> CertificateId {
        "ce".repeat(32).parse().unwrap()
    }

    /// A row of the certificate, with further members.
    fn row(more: &Value) -> Registration {
        let mut row = json!({
            "caCertificateId": "ca".repeat(32), "certificateId": certificate(), "decidedAt": "2026-09-01T00:00:00.000Z",
            "decision": "activating", "reason": "checks_passed", "registrationId": "ca#a1", "thingName": "pump-17",
        });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(row).unwrap()
    }

    fn activated(decision: &str) -> Registration {
        row(&json!({"activatedAt": "2026-09-01T00:00:00.000Z", "decision": decision}))
    }

    fn thing() -> Holding {
        Holding::Thing("pump-17".parse().unwrap())
    }

    #[test]
    fn who_was_let_in_holds_its_thing_whatever_came_later() {
        for decision in ["activated", "activating", "held", "refused", "revoked"] {
            assert_eq!(activated(decision).holding(), thing(), "{decision}");
        }
        let without_name =
            json!({"activatedAt": "2026-09-01T00:00:00.000Z", "decision": "activated", "thingName": null});
        assert_eq!(row(&without_name).holding(), Holding::Nothing);
    }

    #[test]
    fn who_was_not_let_in_may_yet_be() {
        assert_eq!(row(&json!({})).holding(), Holding::NotYet);
        assert_eq!(row(&json!({"thingName": null})).holding(), Holding::NotYet);
        let unnamed = json!({"activatedAt": "2026-09-01T00:00:00.000Z", "thingName": null});
        assert_eq!(row(&unnamed).holding(), Holding::NotYet);
        for decision in ["activated", "held", "refused", "revoked"] {
            assert_eq!(row(&json!({"decision": decision})).holding(), Holding::Nothing, "{decision}");
        }
    }

    #[test]
    fn of_several_rows_the_thing_weighs_most() {
        let (activating, refused) = (row(&json!({})), row(&json!({"decision": "refused"})));
        let foreign = Registration { certificate_id: "0f".repeat(32).parse().unwrap(), ..activated("activated") };
        let cases = [
            (vec![], Holding::Nothing),
            (vec![refused.clone()], Holding::Nothing),
            (vec![refused.clone(), activating.clone()], Holding::NotYet),
            (vec![activating.clone(), refused.clone()], Holding::NotYet),
            (vec![activated("activated"), activating.clone(), refused.clone()], thing()),
            (vec![refused.clone(), activating, activated("activated")], thing()),
            (vec![foreign.clone()], Holding::Nothing),
            (vec![foreign, refused], Holding::Nothing),
        ];
        for (rows, expected) in cases {
            assert_eq!(Holding::of(&certificate(), &rows), expected, "{rows:?}");
        }
    }
}
