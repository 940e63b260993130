//! A pass over messages, slice by slice: those whose claim is proven, or that make none, are written; the others wait, and
//! with them what comes after them for the same item.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use lambda_runtime::tracing;
use shared::id::{AccountId, CertificateId};
use shared::item::Write;
use shared::port::{Holding, ItemStore};
use shared::route::Routes;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::fates::{Fate, Fates};
use crate::plan::{ItemId, Plan};
use crate::refusal::Refusal;
use crate::sequence::Pending;
use crate::slices::{Opened, slices};
use crate::translation::{Translated, translate};
use crate::writing::carry_out;

/// What a pass needs to know.
pub(crate) struct Round<'a, I> {
    pub(crate) account_id: &'a AccountId,
    /// Whose things certificates are, as far as it is known.
    pub(crate) holdings: HashMap<CertificateId, Holding>,
    pub(crate) items: &'a I,
    pub(crate) max_slice_weight: usize,
    pub(crate) now: OffsetDateTime,
    pub(crate) routes: &'a Routes,
    pub(crate) until: Instant,
}

/// What becomes of messages from one pass to the next.
pub(crate) struct Progress {
    pub(crate) fates: Fates,
    /// Items of which a write was left undone. What comes after it must not overtake it.
    undone: BTreeSet<ItemId>,
}

impl Progress {
    pub(crate) fn new(fates: Fates) -> Self {
        Self { fates, undone: BTreeSet::new() }
    }

    fn is_undone(&self, write: &Write) -> bool {
        !self.undone.is_empty() && self.undone.contains(&ItemId::new(write))
    }
}

impl<I: ItemStore + Sync> Round<'_, I> {
    /// Writes what can be written of messages in the order of their times. Gives back those that wait, in that order. What
    /// is not done in time is delivered again.
    ///
    /// Each slice has its share of the time that is left, so that a table that hangs in one of them leaves time for the
    /// others.
    pub(crate) async fn write<'b>(&self, messages: Vec<Opened<'b>>, progress: &mut Progress) -> Vec<Opened<'b>> {
        let mut waiting = Waiting::default();
        let slices = slices(messages, |message| message.weight, self.max_slice_weight);
        let lefts = (1..=u32::try_from(slices.len()).unwrap_or(u32::MAX)).rev();
        for (slice, left) in slices.into_iter().zip(lefts) {
            let begun = Instant::now();
            // What is not begun comes again.
            if begun >= self.until {
                break;
            }
            let until = begun + self.until.saturating_duration_since(begun) / left;
            let plan = Plan::new(self.sort_out(slice, progress, &mut waiting));
            for (place, fate) in carry_out(self.items, &plan, until).await {
                progress.fates.set(place, fate);
            }
            progress.undone.extend(plan.undone_items(|place| *progress.fates.of(place) == Fate::Again));
        }
        waiting.messages
    }

    /// The messages of a slice that are to be written.
    fn sort_out<'b>(&self, slice: Vec<Opened<'b>>, progress: &mut Progress, waiting: &mut Waiting<'b>) -> Vec<Pending> {
        let mut writes = Vec::with_capacity(slice.len());
        for message in slice {
            let Opened { message_id, place, .. } = message;
            let prepare = || self.prepare(&message);
            // Whatever one message does to the code that reads it costs the others nothing.
            let Ok(prepared) = catch_unwind(AssertUnwindSafe(prepare)) else {
                tracing::error!(message.id = %message_id, "the function panicked over message {message_id}");
                continue;
            };
            let (write, is_proven) = match prepared {
                Ok(prepared) => prepared,
                Err(refusal) => {
                    progress.fates.set(place, Fate::Refused(refusal));
                    continue;
                }
            };
            if waiting.holds_back(&write) || !is_proven {
                waiting.add(&write, message);
            } else if !progress.is_undone(&write) {
                writes.push(Pending { place, write });
            }
        }
        writes
    }

    /// A message as a write, and whether its claim is proven. One that makes none has nothing to prove.
    fn prepare(&self, Opened { envelope, message_id, .. }: &Opened<'_>) -> Result<(Write, bool), Refusal> {
        let Translated { claim, write } =
            translate(self.routes, envelope, self.account_id.as_str(), message_id, self.now)?;
        let Some(claim) = claim else { return Ok((write, true)) };
        let judged = self.holdings.get(&claim.certificate_id).and_then(|holding| claim.judge(holding));
        judged.map_or(Ok(false), |judged| judged.map(|()| true)).map(|is_proven| (write, is_proven))
    }
}

/// Messages that wait until it is known whose things certificates are.
#[derive(Default)]
struct Waiting<'a> {
    items: BTreeSet<ItemId>,
    messages: Vec<Opened<'a>>,
}

impl<'a> Waiting<'a> {
    /// Whether an earlier message of the same item waits.
    fn holds_back(&self, write: &Write) -> bool {
        !self.items.is_empty() && self.items.contains(&ItemId::new(write))
    }

    fn add(&mut self, write: &Write, message: Opened<'a>) {
        self.items.insert(ItemId::new(write));
        self.messages.push(message);
    }
}
