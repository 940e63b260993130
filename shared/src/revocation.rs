//! Revocation as the functions share it: where CRLs come from, what is known of each, and what they say about a
//! certificate.
//!
//! The race between an activation and a new CRL is decided by order alone. The activator writes its row, and then reads
//! the states of the CRLs; the checker writes the state, and then reads the rows; both reads are consistent. Whichever
//! comes first, one of them sees the other.

mod comparison;
mod snapshots;
mod source;
mod standing;
mod state;
mod succession;
mod validators;

pub use comparison::{ALL_AUTHORITIES, COMPARISON_RECORD, Comparison, request_comparison};
pub use snapshots::{SnapshotCache, Snapshots, altered, altered_key, is_altered};
pub use source::{CrlSource, Location, MAX_SOURCE, SourceError};
pub use standing::{Listing, MAX_REQUESTED, NotRevoked, Standing, is_followed, standing, was_listed};
pub use state::{CRL_RECORD, CheckFault, CrlState, FleetWalk, Progress, PublishedCrl, SnapshotObject};
pub use succession::{DEFAULT_MINIMUM_SHARE, Former, may_follow};
pub use validators::{MAX_VALIDATOR, Validators};
