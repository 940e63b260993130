//! `$aws/events/certificates/registered/<caCertificateId>`: a certificate was registered just in time, or a device
//! came back with one that is still pending ("AWS IoT just-in-time registration").

use time::OffsetDateTime;

use super::fault::EventFault;
use super::member::Members;
use crate::id::{AccountId, CaCertificateId, CertificateId};

/// A registered event. Members that AWS adds later are ignored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisteredEvent {
    /// The account in which the certificate was registered.
    pub account_id: AccountId,
    /// The CA that issued it.
    pub ca_certificate_id: CaCertificateId,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Its status when the event was made; read again before anything is done.
    pub certificate_status: String,
    /// When the certificate was registered; none on the event of the registration itself.
    pub registered_at: Option<OffsetDateTime>,
    /// When the event was made.
    pub timestamp: OffsetDateTime,
}

impl RegisteredEvent {
    /// Decodes a payload.
    ///
    /// # Errors
    /// [`EventFault`], which names the member at fault.
    pub fn decode(payload: &str) -> Result<Self, EventFault> {
        let members = Members::read(payload)?;
        Ok(Self {
            account_id: members.parsed("awsAccountId")?,
            ca_certificate_id: members.parsed("caCertificateId")?,
            certificate_id: members.parsed("certificateId")?,
            certificate_status: members.text("certificateStatus")?.to_owned(),
            registered_at: members.optional_time("certificateRegistrationTimestamp")?,
            timestamp: members.time("timestamp")?,
        })
    }
}
