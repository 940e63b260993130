//! The activation protocol through the activator's handler, on a world in memory.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does"
)]

mod calls;
mod decisions;
mod enrolment;
mod fixtures;
mod gate;
mod kill_points;
mod logs;
mod races;
mod stage;
mod twins;
