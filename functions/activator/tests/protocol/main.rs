//! The activation protocol through the activator's handler, on a world in memory.

mod calls;
mod decisions;
mod fixtures;
mod kill_points;
mod stage;
