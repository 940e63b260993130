//! CAs that nobody enrolled, whatever their rows say.

use crl_checker::{Outcome, Request};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};

use crate::stage::Stage;

#[tokio::test(start_paused = true)]
async fn a_row_that_no_operator_wrote_makes_the_checker_do_nothing() {
    let stage = Stage::new().await;
    let (held, inside) = (stage.inside("pump-1").await, stage.inside("pump-2").await);
    stage.publish(2, &[(&held, CertificateHold)]);
    stage.sweep().await;
    stage.world.change(|state| state.profiles.values_mut().for_each(|profile| profile.enrolled_at = None));
    stage.publish(3, &[(&inside, KeyCompromise)]);
    let before = stage.world.state();
    for reconcile in [false, true] {
        for ca_certificate_id in [None, Some(stage.authority.id().clone())] {
            let named = ca_certificate_id.is_some();
            let report = stage.run(&Request { ca_certificate_id, reconcile, ..Request::default() }).await;
            // Who asks for it by name is told.
            let outcomes: Vec<_> = report.sources.iter().map(|source| source.outcome).collect();
            let expected = if named { vec![Outcome::Failed] } else { Vec::new() };
            assert_eq!(
                (outcomes, report.finished),
                (expected, true),
                "named: {named}, reconcile: {reconcile}: {report:?}"
            );
            assert_eq!(stage.world.state(), before, "named: {named}, reconcile: {reconcile}");
        }
    }
}
