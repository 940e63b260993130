//! Lists with entries whose serial numbers no certificate can have.

use crl_checker::{Outcome, Request};
use shared::decision::Reason;
use shared::pki::crl::RevocationReason::{KeyCompromise, Unspecified};
use shared::port::CertificateStatus::{Active, Revoked};
use shared::testing::NewCrl;

use actors::Fleet;
use actors::checking::serial_bytes;

#[tokio::test(start_paused = true)]
async fn odd_entries_do_not_keep_the_others_from_counting() {
    let fleet = Fleet::with_crl().await;
    let (revoked, other) = (fleet.inside("pump-1").await, fleet.inside("pump-2").await);
    let entries = [(vec![0], Unspecified), (serial_bytes(&revoked), KeyCompromise), (vec![1; 21], Unspecified)];
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(2, fleet.now), entries));

    let announced = fleet.run(&Request { dry_run: true, ..Request::default() }).await;
    for report in [announced, fleet.sync().await] {
        let source = &report.sources[0];
        assert_eq!((source.outcome, source.entries, source.skipped), (Outcome::Published, Some(1), Some(2)));
    }
    assert_eq!((fleet.status(&revoked), fleet.status(&other)), (Revoked, Active));
    assert_eq!(fleet.crl_state().current.unwrap().skipped, 2);

    let again = fleet.sync().await;
    assert_eq!((again.sources[0].outcome, again.sources[0].skipped), (Outcome::Unchanged, Some(2)));
    fleet.publish(3, &[(&revoked, KeyCompromise)]);
    assert_eq!(fleet.sync().await.sources[0].skipped, None);
}

/// The share of its entries that a list must keep is one of entries that count.
#[tokio::test(start_paused = true)]
async fn odd_entries_do_not_hide_that_a_list_has_shrunk() {
    let fleet = Fleet::with_crl().await;
    let listed = |count: u8| (1..=count).map(|n| (vec![n, n], Unspecified));
    let odd = |count: u8| (1..=count).map(|n| (vec![n; 21], Unspecified));
    let shelve = |number, entries: Vec<_>| {
        fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(number, fleet.now), entries));
    };

    shelve(2, listed(40).chain(odd(40)).collect());
    assert_eq!(fleet.sync().await.sources[0].outcome, Outcome::Published);
    shelve(3, listed(10).chain(odd(70)).collect());
    assert_eq!(fleet.sync().await.sources[0].reason, Some(Reason::CrlShrunk));
    shelve(3, listed(30).collect());
    assert_eq!(fleet.sync().await.sources[0].outcome, Outcome::Published, "odd entries may leave");
}
