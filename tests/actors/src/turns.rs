//! Actors whose changes of a status come at once, and such as wait long for their turn.

use crl_checker::Request;
use shared::pace::{Paced, Quotas};
use shared::testing::FakeCloud;

use crate::activation::{deliver, deliver_through};
use crate::checking::{run_as, run_through};

/// When the turn of a change of a status comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turns {
    /// At once, and a call that fails is not made again.
    AtOnce,
    /// So late that the certificate is looked at again. The functions' own [`Paced`] does so, and makes some calls again.
    Late,
}

impl Turns {
    /// A device whose event waits in the queue until it is decided about, as [`deliver`].
    pub async fn deliver(self, cloud: FakeCloud, event: &str, name: &str) {
        match self {
            Self::AtOnce => deliver(cloud, event, name).await,
            Self::Late => deliver_through(|| late(&cloud), &cloud, event, name).await,
        }
    }

    /// A run of the checker, as [`run_as`].
    pub async fn run_as(self, name: &str, cloud: FakeCloud, request: &Request) {
        match self {
            Self::AtOnce => run_as(name, cloud, request).await,
            Self::Late => run_through([late(&cloud), late(&cloud)], name, cloud, request).await,
        }
    }
}

fn late(cloud: &FakeCloud) -> Paced<FakeCloud> {
    Paced::new(cloud.clone(), &Quotas::UNLIMITED).late()
}
