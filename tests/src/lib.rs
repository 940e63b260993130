//! Harness of the whole-suite tests: the deployed stack, the functions' binaries as processes, a recorder of requests.

pub mod lambda;
pub mod recorder;
pub mod stack;
