//! Changes of status at the pace of the account's quota.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::fault::Fault;
use shared::id::{CaCertificateId, CertificateId, ThingName};
use shared::port::{Attachments, CertificateRegistry, NewStatus, Principal, RegisteredCertificate, StatusChange};
use tokio::time::Instant;

/// A registry that is asked so many times a second at most, for each operation.
///
/// "AWS IoT Core endpoints and quotas": 10 `UpdateCertificate` and 10 `DescribeCertificate` calls a second by default,
/// which the activator needs too.
#[derive(Debug)]
pub(crate) struct Paced<R> {
    changes: Pace,
    readings: Pace,
    registry: R,
}

impl<R> Paced<R> {
    /// A registry at this pace; none is without limit.
    pub(crate) fn new(registry: R, per_second: Option<u32>) -> Self {
        Self { changes: Pace::new(per_second), readings: Pace::new(per_second), registry }
    }
}

impl<R: CertificateRegistry + Sync> CertificateRegistry for Paced<R> {
    async fn certificate(&self, id: &CertificateId) -> Result<Option<RegisteredCertificate>, Fault> {
        self.readings.wait().await;
        self.registry.certificate(id).await
    }

    async fn authority_pem(&self, id: &CaCertificateId) -> Result<Option<String>, Fault> {
        self.registry.authority_pem(id).await
    }

    async fn set_status(&self, id: &CertificateId, status: NewStatus) -> Result<StatusChange, Fault> {
        self.changes.wait().await;
        self.registry.set_status(id, status).await
    }
}

impl<R: Attachments + Sync> Attachments for Paced<R> {
    async fn principals(&self, name: &ThingName) -> Result<Vec<Principal>, Fault> {
        self.readings.wait().await;
        self.registry.principals(name).await
    }

    async fn has_policy(&self, certificate_arn: &str) -> Result<bool, Fault> {
        self.readings.wait().await;
        self.registry.has_policy(certificate_arn).await
    }
}

#[derive(Debug)]
struct Pace {
    interval: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    fn new(per_second: Option<u32>) -> Self {
        let interval = per_second.and_then(|rate| Duration::from_secs(1).checked_div(rate));
        Self { interval, next: Mutex::new(None) }
    }

    /// Waits for the next free moment, and takes it.
    async fn wait(&self) {
        let Some(interval) = self.interval else { return };
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = next.map_or_else(Instant::now, |next| next.max(Instant::now()));
            *next = at.checked_add(interval);
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_spread_evenly() {
        let pace = Pace::new(Some(8));
        let begun = Instant::now();
        for _ in 0..17 {
            pace.wait().await;
        }
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
        tokio::time::sleep(Duration::from_mins(1)).await;
        let idle = Instant::now();
        pace.wait().await;
        pace.wait().await;
        assert_eq!(idle.elapsed(), Duration::from_millis(125));
    }
}
