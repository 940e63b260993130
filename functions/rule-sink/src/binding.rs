//! Whose message it is: the device that the topic names must be the thing of the certificate that published.

use shared::id::CertificateId;
use shared::port::Holding;
use shared::route::Binding;
use shared::substitution::Message;

use crate::refusal::{Reason, Refusal};

/// A certificate that publishes as a device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// The device that the topic names.
    pub device: String,
}

impl Claim {
    /// What a message claims.
    ///
    /// # Errors
    /// The topic names no device, or no certificate has published.
    pub fn new(binding: &Binding, message: &Message<'_>) -> Result<Self, Refusal> {
        let device = binding.device.text(message).map_err(|fault| {
            Refusal::new(Reason::PrincipalMismatch, format!("the topic {:?} names no device: {fault}", message.topic))
        })?;
        let certificate_id = message.principal.and_then(|principal| principal.parse().ok()).ok_or_else(|| {
            let principal = message.principal.unwrap_or_default();
            Refusal::new(Reason::PrincipalUnknown, format!("the principal {principal:?} is no certificate"))
        })?;
        Ok(Self { certificate_id, device })
    }

    /// Whether it is right. None if that is not known yet.
    #[must_use]
    pub fn judge(&self, holding: &Holding) -> Option<Result<(), Refusal>> {
        let Self { certificate_id, device } = self;
        match holding {
            Holding::NotYet => None,
            Holding::Nothing => {
                let detail = format!("certificate {certificate_id} was never let in, and publishes as {device:?}");
                Some(Err(Refusal::new(Reason::PrincipalUnknown, detail)))
            }
            Holding::Thing(thing) if thing.as_str() == device => Some(Ok(())),
            Holding::Thing(thing) => {
                let detail = format!("certificate {certificate_id} is that of {thing}, and publishes as {device:?}");
                Some(Err(Refusal::new(Reason::PrincipalMismatch, detail)))
            }
        }
    }
}
