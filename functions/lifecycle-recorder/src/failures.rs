//! The failed attempts to connect of a batch, by whoever made them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use shared::event::Occurrence;
use shared::id::ClientId;
use shared::presence::{FailingPrincipal, FailuresInBulk, MAX_FAILING_CLIENTS};

use crate::batch::{Batch, Received};

/// The failed attempts of a batch.
#[derive(Debug, Default)]
pub(crate) struct Failures<'a> {
    /// Those that are recorded one by one.
    pub(crate) by_client: BTreeMap<&'a ClientId, BTreeMap<FailingPrincipal, Vec<&'a Received>>>,
    /// Those of principals that fail under more client ids, and are counted together.
    pub(crate) in_bulk: BTreeMap<FailingPrincipal, Vec<&'a Received>>,
    /// Whoever fails, the most attempts first.
    pub(crate) principals: Vec<Failing>,
}

/// A principal that fails to connect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failing {
    /// Failed attempts in the batch, each once.
    pub attempts: usize,
    /// Client ids in the batch.
    pub clients: usize,
    /// The principal itself.
    pub principal: FailingPrincipal,
}

impl<'a> Failures<'a> {
    pub(crate) fn of(batch: &'a Batch) -> Self {
        let mut principals: BTreeMap<FailingPrincipal, BTreeMap<&ClientId, Vec<&Received>>> = BTreeMap::new();
        for received in batch.events().filter(|received| is_failure(received)) {
            let clients = principals.entry(FailingPrincipal::of(&received.event)).or_default();
            clients.entry(&received.event.client_id).or_default().push(received);
        }
        let mut failures = Self::default();
        for (principal, clients) in principals {
            let attempts = clients.values().map(Vec::len).sum();
            failures.principals.push(Failing { attempts, clients: clients.len(), principal: principal.clone() });
            for (n, (client, received)) in clients.into_iter().enumerate() {
                if n < MAX_FAILING_CLIENTS {
                    failures.by_client.entry(client).or_default().insert(principal.clone(), received);
                } else {
                    failures.in_bulk.entry(principal.clone()).or_default().extend(received);
                }
            }
        }
        failures.principals.sort_by_key(|failing| Reverse(failing.attempts));
        failures
    }
}

pub(crate) fn is_failure(received: &Received) -> bool {
    matches!(received.event.occurrence, Occurrence::ConnectFailed { .. })
}

/// What is counted of attempts; none if there are none.
pub(crate) fn in_bulk(received: &[&Received]) -> Option<FailuresInBulk> {
    let at = received.iter().map(|received| received.event.timestamp).max()?;
    Some(FailuresInBulk { at, count: u64::try_from(received.len()).unwrap_or(u64::MAX) })
}
