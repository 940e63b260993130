//! The activation protocol through the activator's handler, on a cloud in memory.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod batches;
mod calls;
mod decisions;
mod enrolment;
mod extremes;
mod fixtures;
mod gate;
mod kill_points;
mod logs;
mod overflow;
mod races;
mod repeats;
mod turns;
mod twins;
mod walkthrough;
