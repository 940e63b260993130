//! Whose thing each certificate is, asked once for each.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lambda_runtime::tracing;
use shared::concurrency::run;
use shared::contained::contained;
use shared::fault::Fault;
use shared::id::CertificateId;
use shared::port::{Holders, Holding};
use tokio::sync::watch;
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

    /// Tells the things of certificates as they become known: at once those that are remembered. That no answer is to be
    /// expected any more is told by the end of the channel. Certificates that can't be told about at this time are missing.
    pub(crate) async fn look_up(
        &self,
        certificates: BTreeSet<CertificateId>,
        answers: watch::Sender<HashMap<CertificateId, Holding>>,
        until: Instant,
    ) {
        let asked = self.recall(certificates, &answers);
        let asked = asked.iter().map(|certificate| self.answer(certificate, &answers, until)).collect();
        run(asked, CONCURRENCY).await;
    }

    /// Tells what is remembered, and gives back of which certificates nothing is.
    fn recall(
        &self,
        certificates: BTreeSet<CertificateId>,
        answers: &watch::Sender<HashMap<CertificateId, Holding>>,
    ) -> Vec<CertificateId> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (remembered, others): (Vec<_>, Vec<_>) =
            certificates.into_iter().partition(|certificate| known.contains_key(certificate));
        let holding =
            |certificate: CertificateId| known.get(&certificate).cloned().map(|holding| (certificate, holding));
        answers.send_modify(|answers| answers.extend(remembered.into_iter().filter_map(holding)));
        others
    }

    async fn answer(
        &self,
        certificate: &CertificateId,
        answers: &watch::Sender<HashMap<CertificateId, Holding>>,
        until: Instant,
    ) {
        match contained(self.ask(certificate), until).await {
            Ok(holding) => {
                self.remember(certificate, &holding);
                answers.send_modify(|answers| {
                    answers.insert(certificate.clone(), holding);
                });
            }
            Err(undone) if undone.is_retryable() => {
                tracing::warn!(certificate.id = %certificate, error = %undone, "its thing could not be told");
            }
            Err(undone) => {
                tracing::error!(certificate.id = %certificate, error = %undone, "its thing could not be told");
            }
        }
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
