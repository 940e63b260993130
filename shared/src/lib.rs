//! What the functions of the suite share: identifiers, certificates, CRLs, profiles, registrations, and the way to AWS.
//!
//! The modules form rings. [`id`], [`pki`], [`snapshot`], [`template`], [`text`], [`profile`], [`decision`], [`deadline`],
//! [`registration`], [`presence`], [`event`], [`substitution`], [`route`], [`item`] and [`timestamp`] are pure.
//! [`attachment`], [`revocation`], [`convergence`] and [`thing_release`] are the protocols that several programs follow.
//! [`port`] says what the functions need from the world. `aws` (a feature for each service) and `testing` (feature
//! `test-support`) provide it; `pace` keeps it to the quotas of AWS IoT, and `contained` and `concurrency` keep units of
//! work from each other.

pub mod attachment;
pub mod batch;
pub mod config;
pub mod convergence;
pub mod deadline;
pub mod decision;
pub mod event;
pub mod fault;
pub mod id;
pub mod item;
pub mod metrics;
pub mod pki;
pub mod port;
pub mod presence;
pub mod profile;
pub mod registration;
pub mod revocation;
pub mod route;
pub mod snapshot;
pub mod substitution;
pub mod template;
pub mod text;
pub mod thing_release;
pub mod timestamp;
mod uri;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod concurrency;
#[cfg(feature = "aws")]
pub mod contained;
#[cfg(feature = "aws")]
pub mod pace;
#[cfg(feature = "test-support")]
pub mod testing;
