//! Two runs of the checker at once.

use std::time::Duration;

use actors::Fleet;
use actors::checking::{limits, run, run_with};
use bytes::Bytes;
use crl_checker::Request;
use crl_checker::fetch::{CrlBody, CrlFetch, FetchFault, Fetched};
use shared::pki::crl::RevocationReason::CertificateHold;
use shared::port::CertificateStatus;
use shared::revocation::{CrlSource, Validators};
use shared::testing::InjectedFault;

/// The source as it was when a run asked it.
struct Former(Vec<u8>);

struct Piece(Option<Bytes>);

impl CrlBody for Piece {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchFault> {
        Ok(self.0.take())
    }
}

impl CrlFetch for Former {
    type Body = Piece;

    async fn fetch(&self, _: &CrlSource, _: &[String], _: &Validators) -> Result<Fetched<Piece>, FetchFault> {
        Ok(Fetched::Content { body: Piece(Some(self.0.clone().into())), validators: Validators::default() })
    }
}

/// A run that has asked the source before the newest CRL came hangs at one of its calls, in which another run does all
/// its work; tells at which calls that leaves a device whose hold has ended off after the next run.
async fn stuck_holds(reconcile: bool) -> Vec<usize> {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    let former = fleet.crl(2, &[(&device, CertificateHold)]);
    fleet.publish_bytes(former.clone());
    if reconcile {
        fleet.sync().await;
    } else {
        // A run that dies before it has changed anything, on its way to a target.
        let clean = fleet.cloud.fork();
        run(&clean, &Request::default()).await.unwrap();
        let look = clean.calls().iter().position(|call| *call == "dynamodb:BatchGetItem").unwrap();
        fleet.cloud.plan(look, InjectedFault::DiedBefore);
        let request = Request::default();
        let _ = tokio::time::timeout(Duration::from_mins(11), run(&fleet.cloud, &request)).await;
        assert!(fleet.crl_state().progress.is_some());
    }
    fleet.publish(3, &[]);
    let newest = Request { accept_shrunk: true, ..Request::default() };
    let before = Request { reconcile, ..Request::default() };
    let mut stuck = Vec::new();
    for n in 0.. {
        let cloud = fleet.cloud.fork();
        cloud.plan(n, InjectedFault::Stalled);
        let hangs = async {
            run_with(limits(), Duration::from_mins(10), &cloud, Former(former.clone()), &before).await.unwrap();
            cloud.calls().len()
        };
        let overtakes = async {
            // At the time when the first one hangs, or has ended.
            tokio::time::sleep(Duration::from_secs(10)).await;
            run(&cloud, &newest).await.unwrap();
        };
        let (calls, ()) = tokio::join!(hangs, overtakes);
        for _ in 0..2 {
            run(&cloud, &newest).await.unwrap();
        }
        if cloud.state().certificates[&device.id].status != CertificateStatus::Active {
            stuck.push(n);
        }
        if calls <= n {
            assert!(n > 5, "{n} calls");
            return stuck;
        }
    }
    unreachable!("a run ends")
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_leave_no_ended_hold_behind() {
    let stuck = [Box::pin(stuck_holds(false)).await, Box::pin(stuck_holds(true)).await];
    assert_eq!(stuck, [[0; 0], [0; 0]]);
}
