//! Sessions that a dry run would end.

use shared::fault::Fault;
use shared::id::{CertificateId, ThingName};
use shared::port::{SessionClient, SessionEnd, Sessions};

use super::Rehearsable;

impl<L: Sessions + Sync> Sessions for Rehearsable<'_, L> {
    async fn clients(
        &self,
        certificate: &CertificateId,
        thing: Option<&ThingName>,
    ) -> Result<Vec<SessionClient>, Fault> {
        self.port.clients(certificate, thing).await
    }

    /// Only a recorded client is known to be connected.
    async fn end(&self, client: &SessionClient) -> Result<SessionEnd, Fault> {
        match self.draft {
            None => self.port.end(client).await,
            Some(_) if client.is_recorded => Ok(SessionEnd::Ended),
            Some(_) => Ok(SessionEnd::NotConnected),
        }
    }
}
