//! CAs that nobody enrolled, whatever their rows say.

use crl_checker::{Outcome, Request};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};

use actors::Fleet;

#[tokio::test(start_paused = true)]
async fn a_row_that_no_operator_wrote_makes_the_checker_do_nothing() {
    let fleet = Fleet::with_crl().await;
    let (held, inside) = (fleet.inside("pump-1").await, fleet.inside("pump-2").await);
    fleet.publish(2, &[(&held, CertificateHold)]);
    fleet.sync().await;
    fleet.cloud.change_profile(fleet.id(), |profile| profile.enrolled_at = None);
    fleet.publish(3, &[(&inside, KeyCompromise)]);
    let before = fleet.cloud.state();
    for reconcile in [false, true] {
        for ca_certificate_id in [None, Some(fleet.authority.id().clone())] {
            let named = ca_certificate_id.is_some();
            let report = fleet.run(&Request { ca_certificate_id, reconcile, ..Request::default() }).await;
            // Who asks for it by name is told.
            let outcomes: Vec<_> = report.sources.iter().map(|source| source.outcome).collect();
            let expected = if named { vec![Outcome::Failed] } else { Vec::new() };
            assert_eq!(
                (outcomes, report.finished),
                (expected, true),
                "named: {named}, reconcile: {reconcile}: {report:?}"
            );
            assert_eq!(fleet.cloud.state(), before, "named: {named}, reconcile: {reconcile}");
        }
    }
}
