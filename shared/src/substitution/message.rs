//! What a template is filled from.

use super::value::Value;

/// A message as a rule handed it over.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The AWS account whose rule it was.
    pub account_id: &'a str,
    /// The MQTT client that published it; none if it didn't come over MQTT.
    pub client_id: Option<&'a str>,
    /// What names this delivery: the same when the same message comes again, another for every other message.
    pub delivery_id: &'a str,
    /// The payload read as JSON; none if it is none.
    pub payload: Option<&'a Value>,
    /// Who published it: of a device, the id of its certificate.
    pub principal: Option<&'a str>,
    /// The payload as it came.
    pub raw: &'a [u8],
    /// The route by which it goes.
    pub route: &'a str,
    /// When the rule saw it: milliseconds since 1970.
    pub timestamp: u64,
    /// The topic, as the rule's `topic()` has it (of Basic Ingest without `$aws/rules/<rule>/`).
    pub topic: &'a str,
    /// Its trace id; none if it didn't come over MQTT.
    pub trace_id: Option<&'a str>,
}

impl Message<'_> {
    /// What names what a route makes of the message: no two have the same, since no route's name has a space.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.route, self.delivery_id)
    }
}
