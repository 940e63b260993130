//! The CRL checker's protocol against the tables, the bucket and AWS IoT's registry in memory: what a CRL changes, what
//! is kept out, every order with an activation, every kill point, how the number of calls grows.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod changes;
mod enrolment;
mod isolation;
mod kept_out;
mod kill_points;
mod lost;
mod odd_entries;
mod progress;
mod races;
mod sweep;
mod unreadable;
