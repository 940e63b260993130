//! The protocol: messages in slices that fit into memory, every message as a write, its claim checked, the writes carried
//! out. A message that can't be written is rejected to the dead-letter queue before it is acknowledged.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use lambda_runtime::tracing;
use shared::batch::SqsRecord;
use shared::id::{AccountId, CertificateId};
use shared::port::{DeadLetters, Holders, Holding, ItemStore, MAX_MESSAGE_BYTES};
use shared::route::Routes;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::dead_letter::Received;
use crate::envelope::Envelope;
use crate::fates::{Fate, Fates};
use crate::holdings::Holdings;
use crate::refusal::{Reason, Refusal};
use crate::rejecting;
use crate::round::{Progress, Round};
use crate::slices::{Distinct, MAX_SLICE_WEIGHT, Opened};
use crate::weight::weight;

/// Of the time for writing, the part that may go by until it is known whose things certificates are.
const FOR_CLAIMS: u32 = 3;
/// Of the time that is left for writing, the part that messages which make no claim leave to those that wait.
const FOR_WAITING: u32 = 3;
/// How long it is waited for all answers about certificates before messages are written for which they have come: as long as
/// a certificate is asked about that is just being let in.
const GRACE: Duration = Duration::from_secs(3);
/// Time kept back for putting refused messages aside.
const FOR_REFUSALS: Duration = Duration::from_secs(5);

/// Writes messages into tables.
#[derive(Debug)]
pub struct Sink<I, D, H> {
    account_id: AccountId,
    dead_letters: D,
    holdings: Holdings<H>,
    items: I,
    max_slice_weight: usize,
    routes: Routes,
}

/// What became of an invocation's messages.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// Messages that have to be delivered again, by their ids.
    pub failed: Vec<String>,
    /// Messages that were put aside because they claim to be another device's.
    pub mismatches: u64,
    /// Messages that were put aside.
    pub rejected: u64,
    /// Messages whose item was there already, and stays.
    pub repeated: u64,
    /// Messages that are written, or that a later one of the same item made irrelevant.
    pub written: u64,
}

impl<I: ItemStore + Sync, D: DeadLetters + Sync, H: Holders + Sync> Sink<I, D, H> {
    /// A sink with these routes.
    pub fn new(account_id: AccountId, routes: Routes, items: I, dead_letters: D, holders: H) -> Self {
        let holdings = Holdings::new(holders);
        Self { account_id, dead_letters, holdings, items, max_slice_weight: MAX_SLICE_WEIGHT, routes }
    }

    /// The same with slices of at most so many bytes of memory. What becomes of messages does not depend on it.
    #[must_use]
    pub fn with_max_slice_weight(self, max_slice_weight: usize) -> Self {
        Self { max_slice_weight, ..self }
    }

    /// Takes the messages of an invocation. What was not done at `until` is delivered again, and changes nothing where
    /// it was done.
    pub async fn take(&self, records: &[SqsRecord], now: OffsetDateTime, until: Instant) -> Outcome {
        let received: Vec<Received<'_>> = records.iter().map(Received::new).collect();
        let mut fates = Fates::new(records.len());
        let Distinct { messages, repeats } = Distinct::new(open(&received, &mut fates));
        let writing_until = until.checked_sub(FOR_REFUSALS).unwrap_or(until);
        let mut progress = Progress::new(fates);
        self.write(messages, now, writing_until, &mut progress).await;
        let mut fates = progress.fates;
        for place in self.reject(&received, &fates, now, until).await {
            fates.set(place, Fate::Again);
        }
        for (repeat, first) in repeats {
            fates.set(repeat, fates.of(first).clone());
        }
        let again = fates.iter().filter(|(_, fate)| **fate == Fate::Again);
        let id = |(place, _)| records.get(place).map(|record: &SqsRecord| record.message_id.clone());
        let is_mismatch = |fate: &Fate| matches!(fate, Fate::Refused(refusal) if refusal.reason.is_security());
        Outcome {
            failed: again.filter_map(id).collect(),
            mismatches: fates.count(is_mismatch),
            rejected: fates.count(|fate| matches!(fate, Fate::Refused(_))),
            repeated: fates.count(|fate| *fate == Fate::Repeated),
            written: fates.count(|fate| *fate == Fate::Written),
        }
    }

    /// Writes messages in rounds: what makes no claim at once, the others as it becomes known whose things certificates are.
    async fn write(&self, messages: Vec<Opened<'_>>, now: OffsetDateTime, until: Instant, progress: &mut Progress) {
        let begun = Instant::now();
        let claims_until = begun + until.saturating_duration_since(begun) / FOR_CLAIMS;
        let (answers, mut answered) = watch::channel(HashMap::new());
        let looking_up = self.holdings.look_up(self.claimants(&messages), answers, claims_until);
        let writing = async {
            let mut messages = messages;
            for wait_until in [begun, begun + GRACE, claims_until] {
                let is_complete = timeout_at(wait_until, complete(&mut answered)).await.is_ok();
                let begun = Instant::now();
                let left = until.saturating_duration_since(begun);
                let round = Round {
                    account_id: &self.account_id,
                    holdings: answered.borrow().clone(),
                    items: &self.items,
                    max_slice_weight: self.max_slice_weight,
                    now,
                    routes: &self.routes,
                    // Writes that hang leave time for what waits.
                    until: if is_complete { until } else { begun + left.saturating_sub(left / FOR_WAITING) },
                };
                messages = round.write(messages, progress).await;
                if is_complete || messages.is_empty() {
                    break;
                }
            }
        };
        tokio::select! {
            biased;
            () = async { looking_up.await; std::future::pending().await } => {}
            () = writing => {}
        }
    }

    /// The certificates that published by routes which want to know whose things they are.
    fn claimants(&self, messages: &[Opened<'_>]) -> BTreeSet<CertificateId> {
        let is_bound = |route: &str| self.routes.route(route).is_some_and(|route| route.bind_to.is_some());
        let bound = messages.iter().filter(|message| is_bound(message.envelope.route()));
        bound.filter_map(|message| message.envelope.principal()?.parse().ok()).collect()
    }

    /// Puts aside what is refused. Gives back the places of those of which it is not known that they are put aside.
    async fn reject(
        &self,
        received: &[Received<'_>],
        fates: &Fates,
        now: OffsetDateTime,
        until: Instant,
    ) -> Vec<usize> {
        let mut places = Vec::new();
        let mut bodies = Vec::new();
        let mut kept = Vec::new();
        for (received, (place, fate)) in received.iter().zip(fates.iter()) {
            let Fate::Refused(refusal) = fate else { continue };
            let Refusal { detail, reason } = refusal;
            let id = &received.message_id;
            tracing::warn!(message.id = %id, ?reason, %detail, "message {id} can't be written: {detail}");
            match serde_json::to_string(&received.rejected(refusal, now)) {
                Ok(body) if body.len() <= MAX_MESSAGE_BYTES => {
                    places.push(place);
                    bodies.push(body);
                }
                Ok(_) => {
                    tracing::error!(message.id = %id, "message {id} is too long to be put aside");
                    kept.push(place);
                }
                Err(error) => {
                    tracing::error!(message.id = %id, %error, "message {id} can't be put aside");
                    kept.push(place);
                }
            }
        }
        let unknown = rejecting::send(&self.dead_letters, &bodies, until).await;
        kept.extend(unknown.into_iter().filter_map(|position| places.get(position)));
        kept
    }
}

/// The messages whose envelopes can be read.
fn open<'a>(received: &'a [Received<'_>], fates: &mut Fates) -> Vec<Opened<'a>> {
    let mut opened = Vec::with_capacity(received.len());
    for (place, Received { body, message_id }) in received.iter().enumerate() {
        match Envelope::decode(body) {
            Ok(envelope) => {
                let weight = weight(body, &envelope);
                opened.push(Opened { envelope, message_id, place, weight });
            }
            Err(fault) => fates.set(place, Fate::Refused(Refusal::new(Reason::Envelope, fault.to_string()))),
        }
    }
    opened
}

/// Waits until all certificates are answered for.
async fn complete(answered: &mut watch::Receiver<HashMap<CertificateId, Holding>>) {
    while answered.changed().await.is_ok() {}
}
