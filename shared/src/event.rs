//! Events of AWS IoT, decoded into own types.

mod disconnect_reason;
mod fault;
mod lifecycle;
mod member;
mod registered;

pub use disconnect_reason::DisconnectReason;
pub use fault::{EventFault, MAX_EVENT_BYTES};
pub use lifecycle::{LifecycleEvent, MAX_EVENT_TEXT, MAX_TIME_AHEAD, MAX_TOPIC_FILTER, Occurrence};
pub use registered::RegisteredEvent;
