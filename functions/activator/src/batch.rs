//! The messages of one invocation, each certificate once.

use std::collections::BTreeMap;

use shared::batch::SqsRecord;
use shared::event::{EventFault, RegisteredEvent};
use shared::id::{CaCertificateId, CertificateId};
use time::{Duration, OffsetDateTime};

/// An event that is older has waited for others.
const OLD: Duration = Duration::seconds(1);

/// What one or several messages say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Received {
    /// Time at which the earliest of the events was published.
    pub(crate) earliest: Option<OffsetDateTime>,
    /// The event, or why there is none.
    pub(crate) event: Result<RegisteredEvent, EventFault>,
    /// Ids of the messages: several if a device came back while its event waited.
    pub(crate) message_ids: Vec<String>,
    /// The body of the newest message.
    pub(crate) payload: String,
    /// That of the earliest one, if it is another: of a certificate that has been decided about it may be the one that waits.
    pub(crate) earlier_payload: Option<String>,
}

/// Reads the records: the certificate that has waited longest first, what is no event last. Of the events of one
/// certificate the newest counts: each says no more than that the certificate waits. None if a record has no id, for then
/// it could not be told which one failed.
pub(crate) fn read(records: Vec<SqsRecord>) -> Option<Vec<Received>> {
    let mut places: BTreeMap<(CaCertificateId, CertificateId), usize> = BTreeMap::new();
    let mut all: Vec<Received> = Vec::new();
    for SqsRecord { body: payload, message_id } in records {
        let message_ids = vec![Some(message_id).filter(|id| !id.is_empty())?];
        let event = RegisteredEvent::decode(&payload);
        let key = event.as_ref().ok().map(|event| (event.ca_certificate_id.clone(), event.certificate_id.clone()));
        let earliest = event.as_ref().ok().map(|event| event.timestamp);
        let received = Received { earliest, earlier_payload: None, event, message_ids, payload };
        let place = key.map_or(all.len(), |key| *places.entry(key).or_insert(all.len()));
        match all.get_mut(place) {
            Some(known) => known.join(&received),
            None => all.push(received),
        }
    }
    all.sort_by_key(|received| (received.earliest.is_none(), received.earliest));
    Some(all)
}

/// Whether a batch of the messages of a queue that hands over so many at most tells of a burst: it has half of the certificates
/// that it could have, or it is full of events, all of which are old. Messages alone don't tell, for one device can
/// fill a batch with its own; nor does what is no event, or a batch that can't have several.
pub(crate) fn is_burst(received: &[Received], batch_size: usize, now: OffsetDateTime) -> bool {
    let certificates = received.iter().filter_map(|received| Some((received.event.as_ref().ok()?, received)));
    let messages: usize = certificates.clone().map(|(_, received)| received.message_ids.len()).sum();
    let newest = certificates.clone().map(|(event, _)| event.timestamp).max();
    let are_old = newest.is_some_and(|newest| now - newest > OLD);
    batch_size > 1 && (certificates.count() >= batch_size.div_ceil(2).max(2) || (messages >= batch_size && are_old))
}

impl Received {
    fn join(&mut self, other: &Self) {
        let time = |received: &Self| received.event.as_ref().ok().map(|event| event.timestamp);
        self.message_ids.extend_from_slice(&other.message_ids);
        if other.earliest < self.earliest {
            self.earliest = other.earliest;
            self.earlier_payload = Some(other.payload.clone());
        }
        if time(other) > time(self) {
            self.event.clone_from(&other.event);
            let known = std::mem::replace(&mut self.payload, other.payload.clone());
            self.earlier_payload.get_or_insert(known);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(id: &str, body: &str) -> SqsRecord {
        SqsRecord { body: body.to_owned(), message_id: id.to_owned() }
    }

    fn event(certificate: char, account: &str, millis: u64) -> serde_json::Value {
        json!({
            "awsAccountId": account, "caCertificateId": "c".repeat(64), "certificateStatus": "PENDING_ACTIVATION",
            "certificateId": certificate.to_string().repeat(64), "timestamp": millis,
        })
    }

    #[test]
    fn the_newest_event_of_a_certificate_stands_for_all_of_them() {
        let account = "012345678901";
        let bodies = [("1", 'a', 5), ("2", 'b', 5), ("3", 'a', 7), ("4", 'a', 6)];
        let records =
            bodies.map(|(id, certificate, millis)| record(id, &event(certificate, account, millis).to_string()));
        let received = read(records.into()).unwrap();
        let ids: Vec<_> = received.iter().map(|received| received.message_ids.join(" ")).collect();
        assert_eq!(ids, ["1 3 4", "2"]);
        assert_eq!(received[0].payload, event('a', account, 7).to_string());
        assert_eq!(received[0].event, RegisteredEvent::decode(&received[0].payload));
    }

    #[test]
    fn who_has_waited_longest_is_first() {
        let account = "012345678901";
        let bodies = [("1", 'a', 7), ("2", 'b', 6), ("3", 'a', 5), ("4", 'c', 4)];
        let records =
            bodies.map(|(id, certificate, millis)| record(id, &event(certificate, account, millis).to_string()));
        let ids: Vec<_> = read(records.into()).unwrap().iter().map(|received| received.message_ids.join(" ")).collect();
        assert_eq!(ids, ["4", "1 3", "2"]);
    }

    #[test]
    fn what_is_no_event_stands_for_itself() {
        let records =
            vec![record("1", "no"), record("2", &event('a', "012345678901", 1).to_string()), record("3", "no")];
        let received = read(records).unwrap();
        let ids: Vec<_> = received.iter().map(|received| received.message_ids.join(" ")).collect();
        assert_eq!(ids, ["2", "1", "3"]);
        assert!(received[1].event.is_err());
    }

    #[test]
    fn many_certificates_or_a_full_batch_of_old_events_are_a_burst() {
        let at = |millis: i64| OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(millis);
        let batch = |certificates: &str, newest: u64| {
            let events = certificates.chars().enumerate().map(|(place, certificate)| {
                let millis = if place == 0 { newest } else { 5 };
                record(&place.to_string(), &event(certificate, "012345678901", millis).to_string())
            });
            read(events.collect()).unwrap()
        };
        for (certificates, size, now, is) in [
            ("abcde", 10, 6, true),
            ("abcd", 10, 9000, false),
            ("abcdabcda", 10, 9000, false),
            ("abcdabcdab", 10, 9000, true),
            ("abcdabcdab", 10, 1007, false),
            ("abcdabcdab", 10, 1008, true),
            ("ab", 3, 6, true),
            ("ab", 2, 6, true),
            ("a", 2, 9000, false),
            ("a", 1, 9000, false),
        ] {
            assert_eq!(is_burst(&batch(certificates, 7), size, at(now)), is, "{certificates} of {size} at {now}");
        }
    }

    #[test]
    fn a_record_without_id_can_not_be_told_apart() {
        assert_eq!(read(vec![record("1", "no"), record("", "no")]), None);
    }
}
