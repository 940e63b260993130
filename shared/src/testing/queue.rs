//! A queue of SQS in memory.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::InjectedFault;
use crate::fault::{Fault, FaultKind};
use crate::id::CaCertificateId;
use crate::port::{DeadLetters, MAX_MESSAGE_BYTES, MAX_SENT, OverflowQueue, WaitingEvent};

const SEND: &str = "sqs:SendMessageBatch";

/// What becomes of the messages of one call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// Those at these places are not taken, the others are.
    NotTaken(Vec<usize>, FaultKind),
    /// Something happens to the call; a fault is that of every message.
    Struck(InjectedFault),
    /// All are taken.
    Taken,
}

type Rule = Box<dyn FnMut(&[String]) -> Delivery + Send>;

/// The queue. Like the service it takes no message that is empty, too long, or has characters that XML does not allow.
#[derive(Clone)]
pub struct Queue(Arc<Mutex<State>>);

struct State {
    bodies: Vec<String>,
    groups: Vec<CaCertificateId>,
    rule: Rule,
}

impl Default for Queue {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            bodies: Vec::new(),
            groups: Vec::new(),
            rule: Box::new(|_| Delivery::Taken),
        })))
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&self.state().bodies).finish()
    }
}

impl Queue {
    /// The messages that it holds, in the order in which they came.
    #[must_use]
    pub fn bodies(&self) -> Vec<String> {
        self.state().bodies.clone()
    }

    /// The CAs of the events that it holds, in the order in which they came.
    #[must_use]
    pub fn groups(&self) -> Vec<CaCertificateId> {
        self.state().groups.clone()
    }

    /// Decides from now on what becomes of the messages of each call.
    pub fn when(&self, rule: impl FnMut(&[String]) -> Delivery + Send + 'static) {
        self.state().rule = Box::new(rule);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bodies: &[String], refused: &[usize], kind: FaultKind) -> Vec<(usize, Fault)> {
        if bodies.len() > MAX_SENT || bodies.iter().map(String::len).sum::<usize>() > MAX_MESSAGE_BYTES {
            let fault = || Fault::new(SEND, FaultKind::Invalid, "BatchRequestTooLong, or TooManyEntriesInBatchRequest");
            return (0..bodies.len()).map(|place| (place, fault())).collect();
        }
        let mut state = self.state();
        let mut not_taken = Vec::new();
        for (place, body) in bodies.iter().enumerate() {
            if let Some(problem) = problem(body) {
                not_taken.push((place, Fault::new(SEND, FaultKind::Invalid, problem)));
            } else if refused.contains(&place) {
                not_taken.push((place, Fault::new(SEND, kind, "the queue was told not to take it")));
            } else {
                state.bodies.push(body.clone());
            }
        }
        not_taken
    }
}

impl DeadLetters for Queue {
    async fn send(&self, bodies: &[String]) -> Vec<(usize, Fault)> {
        self.request(bodies).await
    }
}

impl OverflowQueue for Queue {
    async fn send_on(&self, event: &WaitingEvent) -> Result<(), Fault> {
        let not_taken = self.request(std::slice::from_ref(&event.body)).await;
        if let Some((_, fault)) = not_taken.into_iter().next() {
            return Err(fault);
        }
        self.state().groups.push(event.ca_certificate_id.clone());
        Ok(())
    }
}

impl Queue {
    async fn request(&self, bodies: &[String]) -> Vec<(usize, Fault)> {
        let delivery = (self.state().rule)(bodies);
        let take = |refused: &[usize], kind| self.take(bodies, refused, kind);
        let all = || (0..bodies.len()).map(|place| (place, Fault::new(SEND, FaultKind::Unavailable, "injected fault")));
        match delivery {
            Delivery::NotTaken(refused, kind) => take(&refused, kind),
            Delivery::Struck(InjectedFault::DiedAfter) => {
                take(&[], FaultKind::Unavailable);
                std::future::pending().await
            }
            Delivery::Struck(InjectedFault::DiedBefore) => std::future::pending().await,
            Delivery::Struck(InjectedFault::AnswerLost) => {
                take(&[], FaultKind::Unavailable);
                all().collect()
            }
            Delivery::Struck(InjectedFault::Refused) => all().collect(),
            Delivery::Struck(InjectedFault::Stalled) => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                take(&[], FaultKind::Unavailable)
            }
            Delivery::Taken => take(&[], FaultKind::Unavailable),
        }
    }
}

/// Why no queue takes a message ("`SendMessage`" in the Amazon SQS API reference).
fn problem(body: &str) -> Option<String> {
    let is_allowed =
        |c: char| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}'..='\u{ffff}');
    if body.is_empty() {
        Some("MissingParameter: the message is empty".to_owned())
    } else if !body.chars().all(is_allowed) {
        Some("InvalidMessageContents: the message has characters that are not allowed".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(bodies: [&str; N]) -> Vec<String> {
        bodies.map(ToOwned::to_owned).to_vec()
    }

    fn kinds(faults: &[(usize, Fault)]) -> Vec<(usize, FaultKind)> {
        faults.iter().map(|(place, fault)| (*place, fault.kind)).collect()
    }

    #[tokio::test]
    async fn messages_are_kept_unless_the_rule_or_the_service_says_otherwise() {
        let queue = Queue::default();
        assert!(queue.send(&texts(["a", "b"])).await.is_empty());
        queue.when(|bodies| {
            let refused = bodies.iter().position(|body| body == "d").into_iter().collect();
            Delivery::NotTaken(refused, FaultKind::Throttled)
        });
        let faults = queue.send(&texts(["c", "d", "", "\u{1}", "\u{ffff}", "e\t\u{e000}"])).await;
        let invalid = FaultKind::Invalid;
        assert_eq!(kinds(&faults), [(1, FaultKind::Throttled), (2, invalid), (3, invalid), (4, invalid)]);
        assert_eq!(queue.bodies(), ["a", "b", "c", "e\t\u{e000}"]);

        let queue = Queue::default();
        let [long, too_long] = [MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1].map(|length| "x".repeat(length));
        assert_eq!(kinds(&queue.send(&[too_long]).await), [(0, invalid)]);
        assert_eq!(kinds(&queue.send(&[long.clone(), "x".to_owned()]).await), [(0, invalid), (1, invalid)]);
        assert_eq!(kinds(&queue.send(&vec!["x".to_owned(); MAX_SENT + 1]).await).len(), MAX_SENT + 1);
        assert!(queue.send(std::slice::from_ref(&long)).await.is_empty());
        assert_eq!(queue.bodies(), [long]);
    }

    #[tokio::test]
    async fn a_fault_strikes_all_messages_of_a_call() {
        let unavailable = [(0, FaultKind::Unavailable), (1, FaultKind::Unavailable)];
        for (injected, faults, kept) in [
            (InjectedFault::Refused, Some(&unavailable[..]), 0),
            (InjectedFault::AnswerLost, Some(&unavailable), 2),
            (InjectedFault::DiedBefore, None, 0),
            (InjectedFault::DiedAfter, None, 2),
            (InjectedFault::Stalled, None, 0),
        ] {
            let queue = Queue::default();
            queue.when(move |_| Delivery::Struck(injected));
            let answer = tokio::time::timeout(Duration::from_millis(1), queue.send(&texts(["a", "b"]))).await.ok();
            assert_eq!(answer.as_deref().map(kinds).as_deref(), faults, "{injected:?}");
            assert_eq!(queue.bodies().len(), kept, "{injected:?}");
        }
    }
}
