//! The protocol: every message as a write, its claim proven, the writes carried out, and what can't be written put aside
//! before it is acknowledged.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use lambda_runtime::tracing;
use shared::batch::SqsRecord;
use shared::fault::{Fault, FaultKind, chain};
use shared::id::AccountId;
use shared::port::{DeadLetters, Holders, ItemStore};
use shared::route::Routes;
use shared::text::shorten;
use shared::timestamp;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use crate::binding::Claim;
use crate::envelope::{Envelope, MAX_ROUTE, Rejected, Rejection};
use crate::fates::{Fate, Fates};
use crate::holdings::Holdings;
use crate::plan::{Pending, Plan};
use crate::refusal::{Reason, Refusal};
use crate::translation::{Translated, translate};
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

/// A message of the queue, out of the wrapping in which it waited if it had been refused before.
struct Received<'a> {
    body: Cow<'a, str>,
    message_id: Cow<'a, str>,
}

impl<'a> Received<'a> {
    fn new(record: &'a SqsRecord) -> Self {
        match Rejected::read(&record.body) {
            Some(Rejected { original, rejected }) => {
                Self { body: Cow::Owned(original), message_id: Cow::Owned(rejected.message_id) }
            }
            None => Self { body: Cow::Borrowed(&record.body), message_id: Cow::Borrowed(&record.message_id) },
        }
    }

    fn rejected(&self, Refusal { detail, reason }: &Refusal, now: OffsetDateTime) -> Rejected {
        Rejected {
            original: self.body.clone().into_owned(),
            rejected: Rejection {
                at: timestamp::to_text(now),
                detail: detail.clone(),
                message_id: self.message_id.clone().into_owned(),
                reason: *reason,
                route: Envelope::decode(&self.body).ok().map(|envelope| shorten(envelope.route(), MAX_ROUTE)),
            },
        }
    }
}

impl<I: ItemStore + Sync, D: DeadLetters + Sync, H: Holders + Sync> Sink<I, D, H> {
    /// A sink with these routes.
    pub fn new(account_id: AccountId, routes: Routes, items: I, dead_letters: D, holders: H) -> Self {
        Self { account_id, dead_letters, holdings: Holdings::new(holders), items, routes }
    }

    /// Takes the messages of an invocation. What was not done at `until` is delivered again, and changes nothing where
    /// it was done.
    pub async fn take(&self, records: &[SqsRecord], now: OffsetDateTime, until: Instant) -> Outcome {
        let received: Vec<Received<'_>> = records.iter().map(Received::new).collect();
        let mut fates = Fates::new(records.len());
        let translated = self.translate(&received, &mut fates);
        let writing_until = until.checked_sub(FOR_REFUSALS).unwrap_or(until);
        // A claim that can't be proven costs only itself, and not the time of the others.
        let begun = Instant::now();
        let proving_until = begun + writing_until.saturating_duration_since(begun) / FOR_CLAIMS;
        let proven = self.prove(translated, &mut fates, proving_until).await;
        for (place, fate) in carry_out(&self.items, &Plan::new(proven), writing_until).await {
            fates.set(place, fate);
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

    /// Every message as a write.
    fn translate(&self, received: &[Received<'_>], fates: &mut Fates) -> Vec<(Pending, Option<Claim>)> {
        let mut translated = Vec::with_capacity(received.len());
        for (place, Received { body, message_id }) in received.iter().enumerate() {
            let write = || {
                let envelope = Envelope::decode(body).map_err(|fault| Refusal::new(Reason::Envelope, fault))?;
                let Translated { claim, write } =
                    translate(&self.routes, &envelope, self.account_id.as_str(), message_id)?;
                let delivery_id = envelope.delivery_id(message_id).to_owned();
                Ok((Pending { at: envelope.timestamp(), delivery_id, place, write }, claim))
            };
            // Whatever one message does to the code that reads it costs the others nothing.
            match catch_unwind(AssertUnwindSafe(write)) {
                Ok(Ok(pending)) => translated.push(pending),
                Ok(Err(refusal)) => fates.set(place, Fate::Refused(refusal)),
                Err(_) => tracing::error!(message.id = %message_id, "the function panicked over message {message_id}"),
            }
        }
        translated
    }

    /// The writes whose claims are right, or that make none.
    async fn prove(
        &self,
        translated: Vec<(Pending, Option<Claim>)>,
        fates: &mut Fates,
        until: Instant,
    ) -> Vec<Pending> {
        let claims = translated.iter().filter_map(|(_, claim)| claim.as_ref());
        let holdings = self.holdings.of(claims.map(|claim| &claim.certificate_id).collect(), until).await;
        let mut proven = Vec::with_capacity(translated.len());
        for (pending, claim) in translated {
            let judged = match &claim {
                None => Some(Ok(())),
                Some(claim) => holdings.get(&claim.certificate_id).and_then(|holding| claim.judge(holding)),
            };
            match judged {
                Some(Ok(())) => proven.push(pending),
                Some(Err(refusal)) => fates.set(pending.place, Fate::Refused(refusal)),
                None => {}
            }
        }
        proven
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
