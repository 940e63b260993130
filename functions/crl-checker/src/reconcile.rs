//! All registrations against all CRLs, whether something changed or not: what no difference shows.
//!
//! Certificates that were activated without a CRL, activations that died after ACTIVE, holds whose end fell into a time
//! when another CRL of the CA did not count.

use std::collections::HashMap;

use shared::fault::Fault;
use shared::id::{CaCertificateId, Serial};
use shared::port::{AuthorityStore, ListedRegistrations, SnapshotStore};
use shared::registration::Registration;
use shared::revocation::{Listing, PublishedCrl};

use crate::apply::keep;
use crate::checker::{Checker, Ports, Run};
use crate::content::LocalSnapshot;
use crate::report::Changes;

/// The CRLs of a CA with their snapshots on this machine.
type Lists = Vec<(PublishedCrl, LocalSnapshot)>;

impl<P: Ports> Checker<P> {
    /// Compares every registration of these CAs; tells how many there were, and whether the time sufficed. The snapshots
    /// are read after the states, and the rows after the snapshots, so that nothing is released by an old CRL unseen.
    pub(crate) async fn reconcile(
        &self,
        authorities: &[CaCertificateId],
        run: Run,
        changes: &mut Changes,
    ) -> Result<(u64, bool), Fault> {
        let mut lists = HashMap::new();
        for authority in authorities {
            lists.insert(authority.clone(), self.lists(authority, run).await?);
        }
        let mut compared = 0;
        let mut failed = None;
        let mut from = None;
        loop {
            let (rows, next) = self.registrations.walk(from.as_ref()).await?;
            for row in &rows {
                let Some(lists) = lists.get(&row.ca_certificate_id) else { continue };
                if run.is_over() {
                    return Ok((compared, false));
                }
                compared += 1;
                match self.compare(row, lists, run).await {
                    Ok(more) => changes.add(more),
                    Err(fault) => keep(&mut failed, row, fault),
                }
            }
            match (next, failed.take()) {
                (Some(next), before) => (from, failed) = (Some(next), before),
                (None, Some(fault)) => return Err(fault),
                (None, None) => return Ok((compared, true)),
            }
        }
    }

    async fn lists(&self, authority: &CaCertificateId, run: Run) -> Result<Lists, Fault> {
        let rules = self.authorities.profile(authority).await?.unwrap_or_default().crl_rules();
        let mut lists = Vec::new();
        for crl in self.followed(authority, &rules).await?.into_iter().filter_map(|state| state.current) {
            // A CRL that is past its nextUpdate still tells who was revoked, but no longer who is not.
            if crl.next_update <= run.now {
                continue;
            }
            let content = self.snapshots.pages().open(&crl.snapshot.key).await?;
            let snapshot = LocalSnapshot::copy(content, &crl.snapshot, &self.limits.scratch).await?;
            lists.push((crl, snapshot));
        }
        Ok(lists)
    }

    async fn compare(&self, row: &Registration, lists: &Lists, run: Run) -> Result<Changes, Fault> {
        let Some(serial) = row.candidate().serial else { return Ok(Changes::default()) };
        match listing(&serial, lists)? {
            Some(listing) => self.enter(row, &listing, true, run.mode, run.now).await,
            None => self.release(row, run.mode, run.now).await,
        }
    }
}

/// The gravest place on the lists.
fn listing(serial: &Serial, lists: &Lists) -> Result<Option<Listing>, Fault> {
    let mut held = None;
    for (crl, snapshot) in lists {
        let Some(reason) = snapshot.find(serial)? else { continue };
        let listing = Listing { crl_number: crl.number.clone(), reason };
        if !listing.is_hold() {
            return Ok(Some(listing));
        }
        held = Some(listing);
    }
    Ok(held)
}
