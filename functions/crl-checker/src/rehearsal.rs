//! Runs that change nothing: what they would write is kept in memory, and read back from there.
//!
//! So a dry run is decided by the very code that decides about a run which changes what it finds.

mod authorities;
mod bucket;
mod registrations;
mod registry;
mod sessions;

use std::sync::{Mutex, MutexGuard, PoisonError};

use self::authorities::States;
use self::bucket::Objects;
use self::registrations::Rows;
use self::registry::Statuses;

/// What a dry run would have written so far.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    objects: Mutex<Objects>,
    rows: Mutex<Rows>,
    states: Mutex<States>,
    statuses: Mutex<Statuses>,
}

/// A port as a run may use it: with a draft, whatever the run writes goes there.
#[derive(Debug)]
pub(crate) struct Rehearsable<'a, T> {
    draft: Option<&'a Draft>,
    port: &'a T,
}

impl<'a, T> Rehearsable<'a, T> {
    /// A port, and the draft of a run that changes nothing.
    pub(crate) const fn new(port: &'a T, draft: Option<&'a Draft>) -> Self {
        Self { draft, port }
    }
}

/// No code that holds a lock can panic half-way through a change.
fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
