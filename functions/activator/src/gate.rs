//! The CRL gate: nobody is activated whom a CRL has not cleared, or whose profile asks for no CRL.

use shared::decision::{Decision, Reason, Verdict};
use shared::profile::{CrlRequirement, Rules};

/// Proof that the gate was passed. Only a gate in this module can make one, and activation can't be had without.
#[derive(Debug)]
pub struct NotRevoked(());

/// Decides whether revocation stands in the way of an activation.
pub trait CrlGate {
    /// Clears a certificate under the rules of its CA.
    ///
    /// # Errors
    /// The verdict that keeps the certificate out.
    fn clear(&self, rules: &Rules) -> Result<NotRevoked, Verdict>;
}

/// The gate of a stack in which no CRL is configured.
#[derive(Clone, Copy, Debug)]
pub struct NoCrl;

impl CrlGate for NoCrl {
    fn clear(&self, rules: &Rules) -> Result<NotRevoked, Verdict> {
        match rules.crl {
            CrlRequirement::None => Ok(NotRevoked(())),
            CrlRequirement::Required => Err(Verdict::new(
                Decision::Deferred,
                Reason::CrlNotConfigured,
                "the profile requires a CRL, and none is configured for this CA",
            )),
        }
    }
}
