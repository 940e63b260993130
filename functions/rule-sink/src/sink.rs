//! The protocol: messages in slices that fit into memory, every message as a write, its claim checked, the writes carried
//! out. A message that can't be written is rejected to the dead-letter queue before it is acknowledged.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use lambda_runtime::tracing;
use shared::batch::SqsRecord;
use shared::fault::{Fault, FaultKind, chain};
use shared::id::{AccountId, CertificateId};
use shared::port::{DeadLetters, Holders, Holding, ItemStore};
use shared::route::Routes;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use crate::binding::Claim;
use crate::dead_letter::Received;
use crate::envelope::Envelope;
use crate::fates::{Fate, Fates};
use crate::holdings::Holdings;
use crate::plan::{ItemId, Plan};
use crate::refusal::{Reason, Refusal};
use crate::sequence::Pending;
use crate::slices::{Distinct, MAX_SLICE_WEIGHT, Opened, slices};
use crate::translation::{Translated, translate};
use crate::weight::weight;
use crate::writing::carry_out;

/// Of the time for writing, the part that may go by until it is known whose things certificates are.
const FOR_CLAIMS: u32 = 3;
/// Time kept back for putting refused messages aside.
const FOR_REFUSALS: Duration = Duration::from_secs(5);

const SEND: &str = "sqs:SendMessageBatch";

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
        // A claim that can't be proven costs only itself, and not the time of the others.
        let begun = Instant::now();
        let proving_until = begun + writing_until.saturating_duration_since(begun) / FOR_CLAIMS;
        let holdings = self.look_up(&messages, proving_until).await;
        let slices = slices(messages, |message| message.weight, self.max_slice_weight);
        self.write_slices(slices, &holdings, &mut fates, writing_until).await;
        for (repeat, first) in repeats {
            fates.set(repeat, fates.of(first).clone());
        }
        for place in self.reject(&received, &fates, now, until).await {
            fates.set(place, Fate::Again);
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

    /// Whose things the certificates are that published by routes which want to know. Those that can't be told at this
    /// time are missing.
    async fn look_up(&self, messages: &[Opened<'_>], until: Instant) -> HashMap<CertificateId, Holding> {
        let is_bound = |route: &str| self.routes.route(route).is_some_and(|route| route.bind_to.is_some());
        let bound = messages.iter().filter(|message| is_bound(message.envelope.route()));
        let certificates: BTreeSet<CertificateId> =
            bound.filter_map(|message| message.envelope.principal()?.parse().ok()).collect();
        self.holdings.of(certificates.iter().collect(), until).await
    }

    /// Writes one slice after another. Each has its share of the time that is left, so that a table that hangs in one of
    /// them leaves time for the others.
    async fn write_slices(
        &self,
        slices: Vec<Vec<Opened<'_>>>,
        holdings: &HashMap<CertificateId, Holding>,
        fates: &mut Fates,
        until: Instant,
    ) {
        let mut undone_items = BTreeSet::new();
        for (slice, left) in slices.iter().zip((1..=u32::try_from(slices.len()).unwrap_or(u32::MAX)).rev()) {
            let begun = Instant::now();
            // What is not begun comes again.
            if begun >= until {
                break;
            }
            let slice_until = begun + until.saturating_duration_since(begun) / left;
            let mut writes = self.writes(slice, holdings, fates);
            // What comes after a message of the same item must not overtake it.
            writes.retain(|pending| undone_items.is_empty() || !undone_items.contains(&ItemId::new(&pending.write)));
            let plan = Plan::new(writes);
            for (place, fate) in carry_out(&self.items, &plan, slice_until).await {
                fates.set(place, fate);
            }
            undone_items.extend(plan.undone_items(|place| *fates.of(place) == Fate::Again));
        }
    }

    /// The writes of messages that make no claim, or a right one.
    fn writes(
        &self,
        slice: &[Opened<'_>],
        holdings: &HashMap<CertificateId, Holding>,
        fates: &mut Fates,
    ) -> Vec<Pending> {
        let mut writes = Vec::with_capacity(slice.len());
        for Opened { envelope, message_id, place, .. } in slice {
            let write = || translate(&self.routes, envelope, self.account_id.as_str(), message_id);
            // Whatever one message does to the code that reads it costs the others nothing.
            let Ok(translated) = catch_unwind(AssertUnwindSafe(write)) else {
                tracing::error!(message.id = %message_id, "the function panicked over message {message_id}");
                continue;
            };
            match translated.map(|Translated { claim, write }| (authorize(claim.as_ref(), holdings), write)) {
                Ok((Some(Ok(())), write)) => writes.push(Pending { place: *place, write }),
                Ok((Some(Err(refusal)), _)) | Err(refusal) => fates.set(*place, Fate::Refused(refusal)),
                Ok((None, _)) => {}
            }
        }
        writes
    }

    /// Puts aside what is refused. Gives back the places of those that could not be put aside.
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
                Ok(body) => {
                    places.push(place);
                    bodies.push(body);
                }
                Err(error) => {
                    tracing::error!(message.id = %id, %error, "message {id} can't be put aside");
                    kept.push(place);
                }
            }
        }
        if bodies.is_empty() {
            return kept;
        }
        let late = |place| (place, Fault::new(SEND, FaultKind::Unavailable, "no time was left"));
        let sent = timeout_at(until, self.dead_letters.send(&bodies)).await;
        let not_taken = sent.unwrap_or_else(|_| (0..bodies.len()).map(late).collect());
        if let Some((_, fault)) = not_taken.first() {
            let error = chain(fault);
            tracing::error!(
                messages = not_taken.len(),
                %error,
                "refused messages could not be put aside, and come again"
            );
        }
        kept.extend(not_taken.iter().filter_map(|(place, _)| places.get(*place)));
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

/// Whether a message may be written. None if nobody can tell at this time.
fn authorize(claim: Option<&Claim>, holdings: &HashMap<CertificateId, Holding>) -> Option<Result<(), Refusal>> {
    match claim {
        None => Some(Ok(())),
        Some(claim) => claim.judge(holdings.get(&claim.certificate_id)?),
    }
}
