//! The state as two runs can be compared by it: without times, and with ids that programs make up numbered.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher};

use serde_json::{Map, Value, json};

use super::CloudState;
use super::clients::{AUTHORITIES, DEVICES, REGISTRATIONS};
use crate::testing::still::{self, Naming, still};

impl CloudState {
    /// Everything, but for times and the attributes of these names. Made-up ids, which are UUIDs, are numbered in the
    /// order in which they are met.
    #[must_use]
    pub fn picture(&self, without: &[&str]) -> Value {
        // Certificates stay what they are, but for the time of their registration; the limit of a scan and the policies that are
        // missing are the test's.
        let Self {
            authorities,
            certificates,
            connected,
            missing_policies: _,
            policies,
            registered: _,
            registered_amid,
            rows_of_a_scan: _,
            snapshots,
            sources,
            things,
            tables,
        } = self;
        let text = |value: &dyn Debug| Value::String(format!("{value:?}"));
        let certificates = certificates.iter().map(|(id, certificate)| {
            let owner = (&certificate.arn, &certificate.ca_certificate_id, &certificate.owned_by);
            (id.to_string(), json!({"owner": text(&owner), "status": certificate.status.as_str()}))
        });
        let things = things.iter().map(|(name, thing)| {
            let rest = (&thing.attributes, &thing.groups, &thing.principals, &thing.thing_type);
            (name.to_string(), json!({"rest": text(&rest), "thingVersion": thing.version}))
        });
        let tables = [AUTHORITIES, DEVICES, REGISTRATIONS].map(|table| tables.rows(table));
        let picture = json!({
            "authorities": text(&authorities.keys()),
            "certificates": certificates.collect::<Map<_, _>>(),
            "connected": text(connected),
            "policies": text(policies),
            "registeredAmid": text(registered_amid),
            "snapshots": text(snapshots),
            "sources": text(sources),
            "tables": tables,
            "things": things.collect::<Map<_, _>>(),
        });
        let mut ids = BTreeMap::new();
        still(&picture, without, &mut |id| {
            let next = ids.len();
            format!("(id {})", ids.entry(id.to_owned()).or_insert(next))
        })
    }

    /// Lets ids have other names from now on.
    pub(in crate::testing) fn forget_fingerprints(&mut self) {
        self.tables.forget_fingerprints();
    }

    /// Feeds the same to a hasher, with names for the ids, which have to keep them until
    /// [`forget_fingerprints`](Self::forget_fingerprints).
    pub(in crate::testing) fn hash_still(&self, hasher: &mut impl Hasher, name: Naming<'_>) {
        let Self {
            authorities,
            certificates,
            connected,
            missing_policies: _,
            policies,
            registered: _,
            registered_amid,
            rows_of_a_scan: _,
            snapshots,
            sources,
            things,
            tables,
        } = self;
        for (id, certificate) in certificates {
            (id, &certificate.arn, certificate.status.as_str()).hash(hasher);
        }
        for id in authorities.keys() {
            id.hash(hasher);
        }
        (connected, policies, registered_amid, snapshots, sources, things).hash(hasher);
        for table in [AUTHORITIES, DEVICES, REGISTRATIONS] {
            let rows = tables.fingerprints(table, |row| {
                let mut hasher = DefaultHasher::new();
                still::hash(row, &mut hasher, name);
                hasher.finish()
            });
            rows.hash(hasher);
        }
    }
}
