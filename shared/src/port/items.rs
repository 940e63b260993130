//! What the rule sink needs: tables, the queue of what it refuses, and whose thing a certificate is.

use std::future::Future;
use std::time::Duration;

use crate::fault::Fault;
use crate::id::CertificateId;
use crate::item::Write;
pub use crate::registration::Holding;

/// Writes that one request takes ("`BatchWriteItem`" in the Amazon DynamoDB API reference).
pub const BATCH_WRITES: usize = 25;

/// What became of a batch of writes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BatchWritten {
    /// All but these are done, by their places in the batch: there was no time for them, or no answer in time.
    Left(Vec<usize>),
    /// One of them is against DynamoDB's rules. What it said. As a rule none is done; what of them may be done can be
    /// done again, since all replace.
    Refused(String),
}

/// What became of one write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ItemWritten {
    /// It is done.
    Done,
    /// There is an item already, and the write was for a new one.
    Exists,
    /// It is against DynamoDB's rules. What it said.
    Refused(String),
}

/// Tables of any kind.
pub trait ItemStore {
    /// Carries out at most [`BATCH_WRITES`] writes that replace ([`Effect::replaces`](crate::item::Effect::replaces)),
    /// in any order; no two may be to one item, and their sizes may add up to [`MAX_BATCH_BYTES`]. What DynamoDB does
    /// not take up is sent again until `patience` ends.
    fn write_batch(
        &self,
        writes: &[&Write],
        patience: Duration,
    ) -> impl Future<Output = Result<BatchWritten, Fault>> + Send;

    /// Carries out one write.
    fn write(&self, write: &Write) -> impl Future<Output = Result<ItemWritten, Fault>> + Send;
}

/// Sizes of one batch's writes together, at most. A request has 16 MB, and JSON can take ten times of what an item's
/// size counts (`{"S":""},` for an empty text in an array).
pub const MAX_BATCH_BYTES: usize = 1_600_000;

/// A message of SQS has at most so many octets ("Amazon SQS message quotas"), and so has a request.
pub const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// Messages of one request, at most ("`SendMessageBatch`" in the Amazon SQS API reference).
pub const MAX_SENT: usize = 10;

/// The queue of what can't be done.
pub trait DeadLetters {
    /// Sends messages in one request: at most [`MAX_SENT`], of at most [`MAX_MESSAGE_BYTES`] together. Gives back those that
    /// the queue did not take, by their places, each with what it said.
    fn send(&self, bodies: &[String]) -> impl Future<Output = Vec<(usize, Fault)>> + Send;
}

/// Who was let in as what.
pub trait Holders {
    /// The thing of a certificate.
    fn holding(&self, certificate: &CertificateId) -> impl Future<Output = Result<Holding, Fault>> + Send;
}
