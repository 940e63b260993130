//! Whose thing each certificate is, asked once for each.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use lambda_runtime::tracing;
use shared::contained::contained;
use shared::id::CertificateId;
use shared::port::{Holders, Holding};
use tokio::time::Instant;

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
                let holding = contained(self.holders.holding(&certificate), until).await;
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
                Err(undone) if undone.passing() => {
                    tracing::warn!(certificate.id = %certificate, error = %undone, "its thing could not be told");
                }
                Err(undone) => {
                    tracing::error!(certificate.id = %certificate, error = %undone, "its thing could not be told");
                }
            }
        }
        found
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
