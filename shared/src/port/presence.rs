//! What the lifecycle recorder needs from the tables.

use std::future::Future;

use time::OffsetDateTime;

use crate::event::LifecycleEvent;
use crate::fault::Fault;
use crate::id::ClientId;
use crate::presence::{Change, Device, FailingPrincipal, FailuresInBulk};

/// Events that one request takes into the history ("`BatchWriteItem`" in the Amazon DynamoDB API reference).
pub const HISTORY_BATCH: usize = 25;

/// Failed attempts to connect that one request counts. A transaction may have 100 actions; what fails or is repeated with
/// this one is not much.
pub const COUNTED_AT_ONCE: usize = 25;

/// What became of failed attempts that were to be counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counted {
    /// They are counted; so many of them were new.
    New(u64),
    /// None is: the client has no row.
    NoRow,
}

/// Whether counting may make the row of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RowPolicy {
    /// It makes one if there is none.
    Create,
    /// It counts only in a row that is there.
    Keep,
}

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
    /// none; those that the history has already are not counted again.
    fn count_failures(
        &self,
        client: &ClientId,
        events: &[&LifecycleEvent],
        policy: RowPolicy,
    ) -> impl Future<Output = Result<Counted, Fault>> + Send;

    /// Whether a client may get a row because a principal failed to connect as it at `at`. A principal has few such clients,
    /// always the same ones.
    fn admit(
        &self,
        principal: &FailingPrincipal,
        client: &ClientId,
        at: OffsetDateTime,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Counts failed attempts of a principal together, without a place in the history. If they are given again they are
    /// counted again.
    fn count_in_bulk(
        &self,
        principal: &FailingPrincipal,
        failures: FailuresInBulk,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Writes a change of a client's row, if the row is one that the change was made for.
    fn change(&self, client: &ClientId, change: &Change) -> impl Future<Output = Result<Written, Fault>> + Send;

    /// Keeps at most [`HISTORY_BATCH`] events in the history; what is there already is written again. No two may be the
    /// same. Gives back those that could not be kept.
    fn keep<'a>(
        &self,
        events: &[&'a LifecycleEvent],
    ) -> impl Future<Output = Result<Vec<&'a LifecycleEvent>, Fault>> + Send;
}
