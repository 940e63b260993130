//! Who was let in as what, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::{Fault, FaultKind};
use crate::id::CertificateId;
use crate::port::{Holders, Holding};

type Rule = Box<dyn FnMut(&CertificateId) -> Option<FaultKind> + Send>;

/// Certificates with their things. A certificate that is not there holds nothing.
#[derive(Clone)]
pub struct Holdings(Arc<Mutex<State>>);

struct State {
    asked: Vec<CertificateId>,
    holdings: BTreeMap<CertificateId, Holding>,
    rule: Rule,
}

impl fmt::Debug for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Holdings").field(&self.state().holdings).finish()
    }
}

impl Default for Holdings {
    fn default() -> Self {
        Self::new([])
    }
}

impl Holdings {
    /// These holdings.
    #[must_use]
    pub fn new(holdings: impl IntoIterator<Item = (CertificateId, Holding)>) -> Self {
        let holdings = holdings.into_iter().collect();
        Self(Arc::new(Mutex::new(State { asked: Vec::new(), holdings, rule: Box::new(|_| None) })))
    }

    /// Changes what a certificate holds.
    pub fn set(&self, certificate: CertificateId, holding: Holding) {
        self.state().holdings.insert(certificate, holding);
    }

    /// Decides from now on which questions end in a fault, and of which kind.
    pub fn when(&self, rule: impl FnMut(&CertificateId) -> Option<FaultKind> + Send + 'static) {
        self.state().rule = Box::new(rule);
    }

    /// The certificates that were asked for since the last call.
    #[must_use]
    pub fn asked(&self) -> Vec<CertificateId> {
        std::mem::take(&mut self.state().asked)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holders for Holdings {
    async fn holding(&self, certificate: &CertificateId) -> Result<Holding, Fault> {
        let mut state = self.state();
        state.asked.push(certificate.clone());
        match (state.rule)(certificate) {
            Some(kind) => Err(Fault::new("dynamodb:Query", kind, "injected fault")),
            None => Ok(state.holdings.get(certificate).cloned().unwrap_or(Holding::Nothing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_are_those_that_were_given() {
        let [one, other]: [CertificateId; 2] = ["ce", "0f"].map(|pair| pair.repeat(32).parse().unwrap());
        let thing = Holding::Thing("pump-17".parse().unwrap());
        let holdings = Holdings::new([(one.clone(), Holding::NotYet)]);
        assert_eq!(holdings.holding(&one).await.unwrap(), Holding::NotYet);
        assert_eq!(holdings.holding(&other).await.unwrap(), Holding::Nothing);
        holdings.set(one.clone(), thing.clone());
        assert_eq!(holdings.holding(&one).await.unwrap(), thing);
        let struck = other.clone();
        holdings.when(move |asked| (*asked == struck).then_some(FaultKind::Throttled));
        assert_eq!(holdings.holding(&other).await.unwrap_err().kind, FaultKind::Throttled);
        assert_eq!(holdings.holding(&one).await.unwrap(), thing);
        assert_eq!(holdings.asked(), [one.clone(), other.clone(), one.clone(), other, one]);
        assert!(holdings.asked().is_empty());
    }
}
