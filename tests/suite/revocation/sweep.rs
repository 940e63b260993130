//! What a sweep asks of AWS: it follows the changes of a CRL, not its length, nor the size of the fleet.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_iot::types::CertificateStatus;
use tests::crl::only_source;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, crl_checker};
use tests::recorder::Recorder;
use tests::roll::{Roll, Standing};
use tests::stack::Stack;

/// Entries that stay; `make bench` sweeps a CRL of a million.
const LISTED: u64 = 5000;
/// Certificates that are newly revoked.
const REVOKED: u64 = 30;
/// Certificates whose hold ends.
const RELEASED: u64 = 5;
/// Registered certificates that no CRL has ever listed.
const OTHERS: u64 = 1000;
/// The profile, for the enrolment and for the rules, and the comparison that may be unfinished.
const READS: u64 = 3;

fn counted(operations: Vec<String>) -> BTreeMap<String, u64> {
    operations.into_iter().fold(BTreeMap::new(), |mut counts, operation| {
        *counts.entry(operation).or_default() += 1;
        counts
    })
}

fn expected(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(operation, count)| ((*operation).to_owned(), *count)).collect()
}

#[tokio::test]
async fn a_sweep_costs_what_has_changed() -> Result<()> {
    let stack = Stack::connect().await;
    let roll = Roll::new(&stack).await?;
    let (held, revoked) = (LISTED..LISTED + RELEASED, LISTED + RELEASED..LISTED + RELEASED + REVOKED);
    let others = revoked.end..revoked.end + OTHERS;
    let on_hold = roll.register(held.clone(), Standing::Held).await?;
    let active = roll.register(revoked.clone(), Standing::Activated).await?;
    roll.fill(others).await?;
    let recorder = Recorder::start(&stack.url).await?;
    let mut function = Function::start(&crl_checker(), &environment::crl_checker(&recorder.url, ROOT)).await?;

    roll.publish(1, 0..LISTED, held).await?;
    let report = function.answer(&roll.request()).await?;
    assert_eq!(only_source(&report)?["added"], LISTED + RELEASED, "{report}");
    let first = counted(recorder.take());
    assert_eq!(
        first,
        expected(&[
            ("dynamodb:BatchGetItem", (LISTED + RELEASED).div_ceil(100)),
            ("dynamodb:GetItem", READS),
            // The states, and what is not confirmed.
            ("dynamodb:Query", 2),
            // The state three times: the CRL counts, its changes are begun, they have been carried out.
            ("dynamodb:UpdateItem", 3),
            // The CRL, and its snapshot.
            ("s3:GetObject", 2),
            ("s3:PutObject", 1),
        ])
    );

    let report = function.answer(&roll.request()).await?;
    assert_eq!(only_source(&report)?["outcome"], "unchanged", "{report}");
    let unchanged = counted(recorder.take());
    // The CRL, and whether its snapshot is there.
    let costs = [("dynamodb:GetItem", READS), ("dynamodb:Query", 2), ("dynamodb:UpdateItem", 1), ("s3:GetObject", 2)];
    assert_eq!(unchanged, expected(&costs));

    roll.publish(2, (0..LISTED).chain(revoked), []).await?;
    let report = function.answer(&roll.request()).await?;
    assert_eq!((&report["changes"]["revoked"], &report["changes"]["released"]), (&REVOKED.into(), &RELEASED.into()));
    let second = counted(recorder.take());
    assert_eq!(
        second,
        expected(&[
            ("dynamodb:BatchGetItem", (REVOKED + RELEASED).div_ceil(100)),
            // Whose the thing's name is as a client id, and before a release twice the profile.
            ("dynamodb:GetItem", READS + REVOKED + 2 * RELEASED),
            // Who is connected, and twice the states of all CRLs of the CA: before a release is begun, and before it is done.
            ("dynamodb:Query", 2 + REVOKED + 2 * RELEASED),
            // A row before and after the change of its certificate's status.
            ("dynamodb:UpdateItem", 3 + 2 * (REVOKED + RELEASED)),
            ("iot:DeleteConnection", REVOKED),
            ("iot:DescribeCertificate", RELEASED),
            ("iot:ListAttachedPolicies", RELEASED),
            ("iot:ListThingPrincipals", RELEASED),
            ("iot:UpdateCertificate", REVOKED + RELEASED),
            // The snapshot before, which is of no use any more.
            ("s3:DeleteObject", 1),
            // The CRL, whether the snapshot before is there, both snapshots, and once what is on the new one to look those
            // up that are released.
            ("s3:GetObject", 5),
            ("s3:PutObject", 1),
        ])
    );
    for (ids, status) in [(active, CertificateStatus::Revoked), (on_hold, CertificateStatus::Active)] {
        for id in ids {
            assert_eq!(stack.status(&id).await?, Some(status.clone()));
        }
    }
    let memory = function.peak_memory()?;
    assert!(memory <= 128 << 20, "{memory} octets");
    Ok(())
}
