//! Fetching against servers on loopback, friendly and hostile, and what the client makes of their octets.
//!
//! Every fetch ends by itself, by the limit that a test is about; a test that waits for none of them fails after
//! [`server::PATIENCE`].

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod addresses;
mod redirects;
mod s3;
mod server;
mod slow;
mod tls;
mod web;
