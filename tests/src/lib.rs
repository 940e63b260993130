//! Harness of the whole-suite tests: the deployed stack, CRLs and where they come from, the functions' binaries as
//! processes, a recorder of requests.

pub mod crl;
pub mod environment;
pub mod lambda;
pub mod recorder;
pub mod roll;
pub mod source;
pub mod stack;
