//! Events of AWS IoT, decoded into own types.

mod registered;

pub use registered::{EventFault, MAX_EVENT_BYTES, RegisteredEvent};
