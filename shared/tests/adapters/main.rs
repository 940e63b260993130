//! The adapters to AWS at the wire: the bytes that they send, and what they make of a service's answers.
//!
//! The SDK's clients are the real ones, over an HTTP client that answers from a list. So codes, statuses and bodies go
//! through the SDK's own parsers. Statuses and codes are those of the AWS IoT, DynamoDB, S3 and SQS API references.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod crl_states;
mod dead_letters;
mod dynamodb;
mod gate;
mod holders;
mod iot;
mod items;
mod overflow;
mod registrations;
mod s3;
mod sessions;
mod wire;
