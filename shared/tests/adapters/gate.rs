//! The CRL gate over the rows of one CA, as they stand in DynamoDB: how many there may be, and those that can't be read.

use std::collections::BTreeMap;
use std::ops::Range;

use rcgen::CrlDistributionPoint;
use serde_json::{Value, json};
use shared::aws::authorities::Authorities;
use shared::decision::Reason;
use shared::fault::Fault;
use shared::pki::Certificate;
use shared::pki::crl::RevocationReason;
use shared::port::{CrlStates as _, SnapshotPages};
use shared::profile::{CrlRequirement, CrlRules, WhenStale};
use shared::revocation::{CrlSource, MAX_REQUESTED, Snapshots, Standing, standing};
use shared::snapshot::{Builder, Header};
use shared::testing::dynamodb::Tables;
use shared::testing::{DynamoDb, TestAuthority};
use time::Duration;

use crate::wire::NOW;

const AUTHORITIES: &str = "authorities";
const SOURCE: &str = "https://crl.example.com/fleet.crl";
const HOST: &str = "cdp.example.com";

/// A CA whose profile names one source and one host, with its rows and one snapshot.
struct Gate {
    authority: TestAuthority,
    rows: BTreeMap<String, Value>,
    rules: CrlRules,
    snapshot: Vec<u8>,
}

/// The one snapshot, whatever key is asked for.
struct Pages(Vec<u8>);

impl SnapshotPages for Pages {
    async fn read(&self, _: &str, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        let at = |place: u64| usize::try_from(place).unwrap();
        Ok(self.0[at(range.start)..at(range.end)].to_vec())
    }
}

impl Gate {
    fn new() -> Self {
        let rules = CrlRules {
            hosts: vec![HOST.to_owned()],
            requirement: CrlRequirement::Required,
            sources: vec![SOURCE.parse().unwrap()],
            when_stale: WhenStale::Refuse,
        };
        let authority = TestAuthority::new("Fleet CA", NOW);
        Self { authority, rows: BTreeMap::new(), rules, snapshot: Vec::new() }
    }

    fn put(&mut self, record: &str, more: &Value) {
        let mut item = json!({"caCertificateId": {"S": self.authority.id()}, "record": {"S": record}});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.rows.insert(record.to_owned(), item);
    }

    /// The profile's source has a CRL that counts, with these entries.
    fn publish(&mut self, revoked: &[&Certificate]) {
        let mut builder = Builder::new(self.authority.id(), SOURCE, std::env::temp_dir());
        for certificate in revoked {
            let digits = certificate.serial().as_str();
            let even = format!("{}{digits}", "0".repeat(digits.len() % 2));
            builder.insert(&hex::decode(even).unwrap(), RevocationReason::KeyCompromise);
        }
        let (this_update, next_update) = (NOW - Duration::HOUR, NOW + Duration::HOUR);
        let ca_certificate_id = self.authority.id().clone();
        let header =
            Header { ca_certificate_id, crl_number: None, next_update, source: SOURCE.to_owned(), this_update };
        let mut object = Vec::new();
        let written = builder.write(&header, &mut object).unwrap();
        self.snapshot = object;
        let layout: Value = serde_json::to_value(&written.layout).unwrap();
        let text = |name: &str| json!({"S": layout[name]});
        let number = |name: &str| json!({"N": layout[name].to_string()});
        let layout = json!({
            "entries": number("entries"), "id": text("id"), "pages": number("pages"), "seed": text("seed"),
        });
        let current = json!({
            "nextUpdate": {"S": "2026-09-01T01:00:00.000Z"}, "thisUpdate": {"S": "2026-08-31T23:00:00.000Z"},
            "scope": {"M": {"certificates": {"S": "all"}, "distributionPoints": {"L": []}}},
            "snapshot": {"M": {"key": {"S": "s"}, "layout": {"M": layout}, "sha256": {"S": written.sha256}}},
        });
        let row = json!({"source": {"S": SOURCE}, "version": {"N": "1"}, "current": {"M": current}});
        self.put(&format!("crl#{SOURCE}"), &row);
    }

    fn certificate(&self, points: &[&str]) -> Certificate {
        let issued = self.authority.issue_with("pump-1", NOW, |params| {
            let point = |uri: &&str| CrlDistributionPoint { uris: vec![(*uri).to_owned()] };
            params.crl_distribution_points = points.iter().map(point).collect();
        });
        Certificate::from_der(&issued.der).unwrap()
    }

    /// What the gate says, and what it asks the checker to follow.
    async fn ask(&self, certificate: &Certificate) -> Standing {
        let mut tables = Tables::default().table(AUTHORITIES, "caCertificateId", Some("record"));
        for item in self.rows.values() {
            let answer = tables.answer("PutItem", &json!({"TableName": AUTHORITIES, "Item": item}));
            assert_eq!(answer.status, 200, "{item}");
        }
        let authorities = Authorities::new(&DynamoDb::new(tables).config(), AUTHORITIES);
        let states = authorities.crl_states(self.authority.id()).await.unwrap();
        let snapshots = Snapshots::new(Pages(self.snapshot.clone()));
        standing(certificate, &self.rules, &states, &snapshots, NOW).await.unwrap()
    }

    async fn assert_good(&self, certificate: &Certificate) {
        let standing = self.ask(certificate).await;
        assert!(matches!(standing, Standing::Good(_)), "{standing:?}");
    }

    /// The reason and the sentence of a deferral, and what is to be followed.
    async fn deferral(&self, certificate: &Certificate) -> (Reason, String, Vec<CrlSource>) {
        match self.ask(certificate).await {
            Standing::Unknown { verdict, wanted } => (verdict.reason, verdict.detail.to_string(), wanted),
            other => panic!("{other:?}"),
        }
    }
}

fn point(n: usize) -> String {
    format!("http://{HOST}/{n}.crl")
}

fn asked(source: &str) -> Value {
    json!({"source": {"S": source}, "version": {"N": "0"}})
}

#[tokio::test]
async fn certificates_bring_about_only_so_many_rows() {
    let mut gate = Gate::new();
    // The profile's own sources do not count.
    gate.put(&format!("crl#{SOURCE}"), &asked(SOURCE));
    for n in 1..MAX_REQUESTED {
        gate.put(&format!("crl#{}", point(n)), &asked(&point(n)));
    }
    let newcomer = gate.certificate(&[&point(1000), &point(1001)]);
    let (reason, _, wanted) = gate.deferral(&newcomer).await;
    assert_eq!((reason, wanted), (Reason::CrlNotChecked, vec![point(1000).parse().unwrap()]), "one has room");

    gate.put(&format!("crl#{}", point(1000)), &asked(&point(1000)));
    for points in [&[point(1001)][..], &[point(1000), point(1001)]] {
        let points: Vec<&str> = points.iter().map(String::as_str).collect();
        let (reason, detail, wanted) = gate.deferral(&gate.certificate(&points)).await;
        assert_eq!((reason, wanted), (Reason::CrlTooManyPoints, Vec::new()));
        assert!(detail.contains("256") && detail.contains(&point(1001)) && !detail.contains(&point(1000)), "{detail}");
    }
    for points in [&[][..], &[point(7)]] {
        let points: Vec<&str> = points.iter().map(String::as_str).collect();
        let (reason, _, wanted) = gate.deferral(&gate.certificate(&points)).await;
        assert_eq!((reason, wanted), (Reason::CrlNotChecked, Vec::new()), "nothing new is asked for");
    }
}

#[tokio::test]
async fn a_certificate_that_is_covered_needs_no_room() {
    let mut gate = Gate::new();
    gate.publish(&[]);
    for n in 0..=MAX_REQUESTED {
        gate.put(&format!("crl#{}", point(n)), &asked(&point(n)));
    }
    gate.assert_good(&gate.certificate(&[&point(1000)])).await;
}

#[tokio::test]
async fn an_unreadable_row_of_a_source_that_is_not_followed_costs_nothing() {
    let mut gate = Gate::new();
    gate.publish(&[]);
    gate.put("crl#https://elsewhere.example.com/a.crl", &json!({"version": {"S": "three"}}));
    gate.put("crl#nonsense", &json!({}));
    gate.assert_good(&gate.certificate(&[])).await;
}

#[tokio::test]
async fn an_unreadable_row_of_a_source_that_is_followed_defers_and_is_named() {
    for broken in [json!({}), json!({"version": {"S": "three"}, "source": {"S": point(7)}}), asked(SOURCE)] {
        let mut gate = Gate::new();
        let revoked = gate.certificate(&[]);
        gate.publish(&[&revoked]);
        let good = gate.certificate(&[]);
        gate.assert_good(&good).await;
        let record = format!("crl#{}", point(7));
        gate.put(&record, &broken);
        let (reason, detail, _) = gate.deferral(&good).await;
        assert_eq!(reason, Reason::CrlStateUnreadable);
        assert!(detail.contains(&record) && detail.contains("attribute"), "{detail}");
        // What another CRL says counts all the same, and a point that is not followed yet is asked for.
        assert!(matches!(gate.ask(&revoked).await, Standing::Listed(_)));
        let (_, _, wanted) = gate.deferral(&gate.certificate(&[&point(7), &point(8)])).await;
        assert_eq!(wanted, [point(8).parse().unwrap()]);
    }
}
