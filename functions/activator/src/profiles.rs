//! The profiles of CAs, as one batch of new events needs them: each is read once for all of its events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use shared::fault::Fault;
use shared::id::CaCertificateId;
use shared::port::AuthorityStore;
use shared::profile::Profile;
use tokio::sync::OnceCell;

/// Profiles that were read a moment ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profiles(Arc<Mutex<BTreeMap<CaCertificateId, Read>>>);

/// What was read; nothing as long as it could not be.
type Read = Arc<OnceCell<Option<Profile>>>;

impl Profiles {
    /// The profile of a CA. Whoever asks while another one reads it has the same answer.
    ///
    /// # Errors
    /// A [`Fault`] if the table can't be read: the next one tries again.
    pub(crate) async fn of(
        &self,
        authority: &CaCertificateId,
        authorities: &(impl AuthorityStore + Sync),
    ) -> Result<Option<Profile>, Fault> {
        let read =
            Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(authority.clone()).or_default());
        read.get_or_try_init(|| authorities.profile(authority)).await.cloned()
    }
}
