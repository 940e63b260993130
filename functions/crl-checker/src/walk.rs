//! Registrations read part by part, and looked up in the CRLs of their CAs.
//!
//! A walk is what compares the whole fleet: for the reconciliation, and where a list has more changes than the fleet has
//! rows. The states are read before it begins, and its rows are read consistently, so that whoever writes a row later
//! sees the new list at the gate.

use std::collections::HashMap;

use shared::fault::Fault;
use shared::id::{CaCertificateId, Serial};
use shared::pki::crl::CrlNumber;
use shared::port::{CertificateStatus, Continuation, ListedRegistrations, ReadRow, SnapshotStore as _, UnreadableRow};
use shared::registration::RegistrationId;
use shared::revocation::{CrlState, Listing, SnapshotObject, altered_key, is_altered};

use crate::carry::{Due, Task, key_of};
use crate::checker::{Ports, Run, Sweep};

/// The lists that registrations are compared with, by CA.
pub(crate) type Lists = HashMap<CaCertificateId, Vec<List>>;

/// A list that registrations are compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct List {
    number: Option<CrlNumber>,
    snapshot: SnapshotObject,
}

impl List {
    /// The list that the certificates are brought to; none as long as no CRL counts.
    pub(crate) fn of(state: &CrlState) -> Option<Self> {
        state.basis().map(|(number, snapshot)| Self { number: number.cloned(), snapshot: snapshot.clone() })
    }
}

/// A part of a walk.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Rows of the CAs that are compared.
    pub(crate) compared: u64,
    /// What the rows need, in the order of the walk.
    pub(crate) due: Vec<Due>,
    /// CAs with a CRL that could not be read. Of their rows those are in `due` that another one lists.
    pub(crate) failed: Vec<(CaCertificateId, Fault)>,
    /// Where the walk goes on; none at its end.
    pub(crate) next: Option<Continuation>,
    /// Requests that the part took.
    pub(crate) requests: u64,
}

/// As little of a row as the comparison needs.
struct Row {
    id: RegistrationId,
    /// Whether something is due if no list has it.
    is_open: bool,
    serial: Serial,
}

impl<P: Ports> Sweep<'_, P> {
    /// Reads rows until there are so many as `Portions::rows` says, `max_requests` have been made, or the time is up;
    /// then looks them up.
    pub(crate) async fn part(
        &self,
        lists: &Lists,
        from: Option<&Continuation>,
        max_requests: u64,
        run: Run<'_>,
    ) -> Result<Part, Fault> {
        let mut part = Part::default();
        let mut rows: Vec<Row> = Vec::new();
        let mut from = from.cloned();
        loop {
            let (read, next) = self.registrations.walk(from.as_ref()).await?;
            part.requests += 1;
            for row in read {
                if key_of(&row).authority().is_some_and(|authority| lists.contains_key(&authority)) {
                    part.compared += 1;
                    rows.extend(Row::of(&row));
                }
            }
            part.next = next;
            let is_full = rows.len() >= self.limits.portions.rows || part.requests >= max_requests;
            if part.next.is_none() || is_full || run.is_over() {
                break;
            }
            from.clone_from(&part.next);
        }
        let mut listings = HashMap::new();
        for (authority, own_lists) in lists {
            let own: Vec<&Row> = rows.iter().filter(|row| row.id.authority().as_ref() == Some(authority)).collect();
            let (found, failed) = self.listings(own_lists, &own).await;
            if let Some(fault) = failed {
                // Nobody knows of the others whether they are listed.
                rows.retain(|row| row.id.authority().as_ref() != Some(authority) || found.contains_key(&row.id));
                part.failed.push((authority.clone(), fault));
            }
            listings.extend(found);
        }
        part.due = rows.into_iter().filter_map(|row| row.due(&mut listings)).collect();
        Ok(part)
    }

    /// The gravest place of each row on the lists that can be read, and why one of the others can't.
    async fn listings(&self, lists: &[List], rows: &[&Row]) -> (HashMap<RegistrationId, Listing>, Option<Fault>) {
        let mut listings: HashMap<RegistrationId, Listing> = HashMap::new();
        let mut failed = None;
        if rows.is_empty() {
            return (listings, failed);
        }
        let serials: Vec<Serial> = rows.iter().map(|row| row.serial.clone()).collect();
        for list in lists {
            let found = match self.snapshots.find_all(&list.snapshot, &serials).await {
                Ok(found) => found,
                Err(fault) => {
                    self.withdraw(&list.snapshot.key, &fault).await;
                    failed.get_or_insert(fault);
                    continue;
                }
            };
            for row in rows {
                let Some(reason) = found.get(&row.serial) else { continue };
                let listing = Listing { crl_number: list.number.clone(), reason: *reason };
                if !listing.is_hold() || !listings.contains_key(&row.id) {
                    listings.insert(row.id.clone(), listing);
                }
            }
        }
        (listings, failed)
    }

    /// Takes an altered snapshot out of the bucket, so that nobody believes its pages. The next check finds it missing,
    /// and makes it again.
    pub(crate) async fn withdraw(&self, key: &str, fault: &Fault) {
        if is_altered(fault) {
            self.discard(key).await;
        }
    }

    /// The same for whatever snapshot a fault names.
    pub(crate) async fn withdraw_altered(&self, fault: &Fault) {
        if let Some(key) = altered_key(fault) {
            self.withdraw(key, fault).await;
        }
    }

    /// Removes an object that nobody needs. One that stays costs its storage, and nothing else.
    pub(crate) async fn discard(&self, key: &str) {
        if let Err(fault) = self.snapshots.pages().remove(key).await {
            let error = shared::fault::chain(&fault);
            lambda_runtime::tracing::warn!(%error, "{key} could not be removed");
        }
    }
}

impl Row {
    /// None for a certificate that is out for good: no list changes anything about it. One that can't be read has
    /// something due, and so is told as one that failed.
    fn of(row: &ReadRow) -> Option<Self> {
        let row = match row {
            Ok(row) => row,
            Err(UnreadableRow { id, .. }) => return Some(Self { id: id.clone(), is_open: true, serial: id.serial()? }),
        };
        if row.is_revoked() && row.status == Some(CertificateStatus::Revoked) && row.is_confirmed() {
            return None;
        }
        let serial = row.candidate().serial?;
        let id = RegistrationId::from_text(&row.registration_id);
        let is_open = row.revoked_entry().is_some();
        Some(Self { id, is_open, serial })
    }

    fn due(self, listings: &mut HashMap<RegistrationId, Listing>) -> Option<Due> {
        let task = match listings.remove(&self.id) {
            Some(listing) => Task::Enter(listing),
            None if self.is_open => Task::Release,
            None => return None,
        };
        Some(Due { id: self.id, serial: self.serial, task })
    }
}
