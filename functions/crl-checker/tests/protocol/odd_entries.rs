//! Lists with entries whose serial numbers no certificate can have.

use crl_checker::{Outcome, Request};
use shared::decision::Reason;
use shared::pki::crl::RevocationReason::{KeyCompromise, Unspecified};
use shared::port::CertificateStatus::{Active, Revoked};
use shared::testing::NewCrl;

use crate::stage::{Stage, serial};

#[tokio::test(start_paused = true)]
async fn odd_entries_do_not_keep_the_others_from_counting() {
    let stage = Stage::new().await;
    let (revoked, other) = (stage.inside("pump-1").await, stage.inside("pump-2").await);
    let entries = [(vec![0], Unspecified), (serial(&revoked), KeyCompromise), (vec![1; 21], Unspecified)];
    stage.shelve(stage.authority.crl(&NewCrl::current(2, stage.now), entries));

    let announced = stage.run(&Request { dry_run: true, ..Request::default() }).await;
    for report in [announced, stage.sweep().await] {
        let source = &report.sources[0];
        assert_eq!((source.outcome, source.entries, source.skipped), (Outcome::Published, Some(1), Some(2)));
    }
    assert_eq!((stage.status(&revoked), stage.status(&other)), (Revoked, Active));
    assert_eq!(stage.crl_state().current.unwrap().skipped, 2);

    let again = stage.sweep().await;
    assert_eq!((again.sources[0].outcome, again.sources[0].skipped), (Outcome::Unchanged, Some(2)));
    stage.publish(3, &[(&revoked, KeyCompromise)]);
    assert_eq!(stage.sweep().await.sources[0].skipped, None);
}

/// The share of its entries that a list must keep is one of entries that count.
#[tokio::test(start_paused = true)]
async fn odd_entries_do_not_hide_that_a_list_has_shrunk() {
    let stage = Stage::new().await;
    let listed = |count: u8| (1..=count).map(|n| (vec![n, n], Unspecified));
    let odd = |count: u8| (1..=count).map(|n| (vec![n; 21], Unspecified));
    let shelve =
        |number, entries: Vec<_>| stage.shelve(stage.authority.crl(&NewCrl::current(number, stage.now), entries));

    shelve(2, listed(40).chain(odd(40)).collect());
    assert_eq!(stage.sweep().await.sources[0].outcome, Outcome::Published);
    shelve(3, listed(10).chain(odd(70)).collect());
    assert_eq!(stage.sweep().await.sources[0].reason, Some(Reason::CrlShrunk));
    shelve(3, listed(30).collect());
    assert_eq!(stage.sweep().await.sources[0].outcome, Outcome::Published, "odd entries may leave");
}
