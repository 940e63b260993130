//! Harness of the whole-suite tests: the deployed stack, CRLs and where they come from, lifecycle events and their
//! queue, the functions' binaries as processes, a recorder of requests, the template.

pub mod crl;
pub mod deployed;
pub mod dynamodb;
pub mod environment;
pub mod lambda;
pub mod lifecycle;
pub mod queue;
pub mod recorder;
pub mod roll;
pub mod sink;
pub mod source;
pub mod stack;
pub use sam_template as template;
