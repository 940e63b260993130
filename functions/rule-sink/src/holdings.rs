//! Whose thing each certificate is, asked once for each.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use lambda_runtime::tracing;
use shared::contained::contained;
use shared::fault::Fault;
use shared::id::CertificateId;
use shared::port::{Holders, Holding};
use tokio::time::{Instant, sleep};

/// How often it is asked for a certificate that is just being let in, and how long it is waited before it is asked again.
/// A device may speak before the activator has written down that it is in; given back, its message would come again
/// only after minutes.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// Certificates that are asked for at a time.
const CONCURRENCY: usize = 16;
/// Certificates that are remembered; a fleet that is larger is asked for again.
const REMEMBERED: usize = 50_000;

/// What is known of certificates. A certificate never changes its thing, so that what was answered once stays right;
/// that one was not let in, however, is not remembered.
#[derive(Debug)]
pub(crate) struct Holdings<H> {
    holders: H,
    known: Mutex<HashMap<CertificateId, Holding>>,
}

impl<H: Holders + Sync> Holdings<H> {
    pub(crate) fn new(holders: H) -> Self {
        Self { holders, known: Mutex::default() }
    }

    /// The things of these certificates. Those that can't be told at this time are missing.
    pub(crate) async fn of(
        &self,
        certificates: BTreeSet<&CertificateId>,
        until: Instant,
    ) -> HashMap<CertificateId, Holding> {
        let mut found = HashMap::new();
        let mut asked = Vec::new();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for certificate in certificates {
                match known.get(certificate) {
                    Some(holding) => {
                        found.insert(certificate.clone(), holding.clone());
                    }
                    None => asked.push(certificate),
                }
            }
        }
        let ask = |certificate: &CertificateId| {
            let certificate = certificate.clone();
            async move {
                let holding = contained(self.ask(&certificate), until).await;
                (certificate, holding)
            }
        };
        let asked: Vec<_> = asked.into_iter().map(ask).collect();
        for (certificate, holding) in stream::iter(asked).buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await {
            match holding {
                Ok(holding) => {
                    self.remember(&certificate, &holding);
                    found.insert(certificate, holding);
                }
                Err(undone) if undone.is_retryable() => {
                    tracing::warn!(certificate.id = %certificate, error = %undone, "its thing could not be told");
                }
                Err(undone) => {
                    tracing::error!(certificate.id = %certificate, error = %undone, "its thing could not be told");
                }
            }
        }
        found
    }

    async fn ask(&self, certificate: &CertificateId) -> Result<Holding, Fault> {
        for _ in 1..TRIES {
            let holding = self.holders.holding(certificate).await?;
            if holding != Holding::NotYet {
                return Ok(holding);
            }
            sleep(PAUSE).await;
        }
        self.holders.holding(certificate).await
    }

    fn remember(&self, certificate: &CertificateId, holding: &Holding) {
        if !matches!(holding, Holding::Thing(_)) {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(certificate.clone(), holding.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_remembered_and_then_it_begins_anew() {
        let holdings = Holdings::new(shared::testing::Holdings::default());
        let thing = Holding::Thing("pump".parse().unwrap());
        let remembered = |n: usize| {
            holdings.remember(&format!("{n:064x}").parse().unwrap(), &thing);
            holdings.known.lock().unwrap().len()
        };
        for n in 1..=REMEMBERED {
            assert_eq!(remembered(n), n);
        }
        assert_eq!(remembered(0), 1);
    }
}
