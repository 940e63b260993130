//! What the functions of the suite share: identifiers, certificates, profiles, registrations, and the way to AWS.
//!
//! The modules form rings. [`id`], [`pki`], [`template`], [`profile`], [`decision`], [`registration`], [`event`] and [`timestamp`]
//! are pure. [`port`] says what the functions need from the world. `aws` (features `iot` and `dynamodb`) and
//! `testing` (feature `test-support`) provide it.

pub mod config;
pub mod decision;
pub mod event;
pub mod fault;
pub mod id;
pub mod pki;
pub mod port;
pub mod profile;
pub mod registration;
pub mod template;
pub mod timestamp;

#[cfg(any(feature = "dynamodb", feature = "iot"))]
pub mod aws;
#[cfg(feature = "test-support")]
pub mod testing;
