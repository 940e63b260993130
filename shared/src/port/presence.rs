//! What the lifecycle recorder needs from the tables.

use std::future::Future;

use crate::event::LifecycleEvent;
use crate::fault::Fault;
use crate::id::ClientId;
use crate::presence::{Change, Device};

/// Events that one request takes into the history ("`BatchWriteItem`" in the Amazon DynamoDB API reference).
pub const HISTORY_BATCH: usize = 25;

/// Failed attempts to connect that one request counts. A transaction may have 100 actions; what fails or is repeated with
/// this one is not much.
pub const COUNTED_AT_ONCE: usize = 25;

/// What became of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Written {
    /// It is written; the row now.
    Done(Box<Device>),
    /// Nothing is written, for the row is not one that the change was made for; the row.
    NotMet(Box<Device>),
}

/// The current rows, and the history.
pub trait PresenceStore {
    /// Counts at most [`COUNTED_AT_ONCE`] failed attempts of one client to connect, all with their places in the history or
    /// none; those that the history has already are not counted again. Tells how many were new.
    fn count_failures(
        &self,
        client: &ClientId,
        events: &[&LifecycleEvent],
    ) -> impl Future<Output = Result<u64, Fault>> + Send;

    /// Writes a change of a client's row, if the row is one that the change was made for.
    fn change(&self, client: &ClientId, change: &Change) -> impl Future<Output = Result<Written, Fault>> + Send;

    /// Keeps at most [`HISTORY_BATCH`] events in the history; what is there already is written again. No two may be the
    /// same. Gives back those that could not be kept.
    fn keep<'a>(
        &self,
        events: &[&'a LifecycleEvent],
    ) -> impl Future<Output = Result<Vec<&'a LifecycleEvent>, Fault>> + Send;
}
