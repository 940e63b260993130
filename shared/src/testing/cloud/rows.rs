//! The `Registrations` and `Devices` tables as tests read and prepare them.

use serde_json::{Map, Value, json};

use super::clients::{DEVICES, REGISTRATIONS};
use super::{CloudState, FakeCloud, at_once};
use crate::aws::registrations::PARTITION_KEY;
use crate::decision::Reason;
use crate::id::{CertificateId, Serial};
use crate::port::{RegistrationStore as _, Saved};
use crate::registration::{Registration, RegistrationId};

impl FakeCloud {
    /// A row, read through the adapter.
    #[must_use]
    pub fn registration(&self, id: &RegistrationId) -> Option<Registration> {
        at_once(self.of_tests().registrations.registration(id))
    }

    /// The rows about a certificate, in the order of their keys.
    #[must_use]
    pub fn registrations_of(&self, certificate: &CertificateId) -> Vec<Registration> {
        let rows = self.rows_of(REGISTRATIONS);
        let own = rows.iter().filter(|row| text(row, "certificateId") == Some(certificate.as_str()));
        own.map(id).filter_map(|id| self.registration(&id)).collect()
    }

    /// The only row about a certificate.
    #[must_use]
    pub fn registration_of(&self, certificate: &CertificateId) -> Registration {
        let mut rows = self.registrations_of(certificate);
        assert_eq!(rows.len(), 1, "one row about the certificate: {rows:?}");
        rows.remove(0)
    }

    /// The keys of all rows, in order.
    #[must_use]
    pub fn registration_ids(&self) -> Vec<RegistrationId> {
        self.rows_of(REGISTRATIONS).iter().map(id).collect()
    }

    /// Changes a row by other hands than those of the functions.
    pub fn change_registration(&self, id: &RegistrationId, change: impl FnOnce(&mut Registration)) {
        let before = self.registration(id).expect("a row to change");
        let mut after = before.clone();
        change(&mut after);
        let saved = at_once(self.of_tests().registrations.save(&before, after));
        assert!(matches!(saved, Saved::Done(_)), "nobody else writes the row");
    }

    /// Loses the rows whose keys are chosen.
    pub fn remove_registrations(&self, is_chosen: impl Fn(&RegistrationId) -> bool) {
        for id in self.registration_ids().iter().filter(|id| is_chosen(id)) {
            self.of_table(
                "DeleteItem",
                &json!({"Key": {PARTITION_KEY: {"S": id.as_str()}}, "TableName": REGISTRATIONS}),
            );
        }
    }

    /// Puts a copy of a row under the key of another serial number of its CA.
    pub fn copy_registration(&self, like: &RegistrationId, serial: &Serial) {
        let rows = self.rows_of(REGISTRATIONS);
        let mut row = rows.into_iter().find(|row| id(row) == *like).expect("a row to copy");
        let authority = like.authority().expect("a row about a certificate");
        row[PARTITION_KEY] = json!({"S": RegistrationId::issued(&authority, serial).as_str()});
        row["serial"] = json!({"S": serial.as_str()});
        self.of_table("PutItem", &json!({"Item": row, "TableName": REGISTRATIONS}));
    }

    /// Lets so much time go by that every process that has not ended is dead.
    pub fn let_processes_die(&self) {
        self.change(CloudState::let_processes_die);
    }

    /// The payloads of rejected events, with the reasons.
    #[must_use]
    pub fn rejections(&self) -> Vec<(String, Reason)> {
        let rows = self.rows_of(REGISTRATIONS);
        let reason = |row: &Value| serde_json::from_value(row["reason"]["S"].clone()).expect("a reason");
        rows.iter().filter_map(|row| Some((text(row, "payload")?.to_owned(), reason(row)))).collect()
    }

    /// Connects a client: AWS IoT has a live session, and the table of devices knows whose it is.
    pub fn open_session(&self, client_id: &str, certificate: &CertificateId) {
        self.change(|state| state.connected.insert(client_id.to_owned(), certificate.clone()));
        let row = json!({
            "clientId": {"S": client_id}, "connected": {"BOOL": true}, "principal": {"S": certificate.as_str()},
        });
        self.of_table("PutItem", &json!({"Item": row, "TableName": DEVICES}));
    }

    /// Changes the attributes of a registration in DynamoDB's wire form, to what no function writes.
    pub fn change_row(&self, id: &RegistrationId, change: impl FnOnce(&mut Map<String, Value>)) {
        let rows = self.rows_of("registrations");
        let row = rows.into_iter().find(|row| row["registrationId"]["S"] == id.as_str());
        let mut row = row.expect("a row to change");
        change(row.as_object_mut().expect("a row"));
        self.change(|state| state.put_row("registrations", &row));
    }

    /// The rows of a table in DynamoDB's wire form.
    #[must_use]
    pub fn rows_of(&self, table: &str) -> Vec<Value> {
        self.change(|state| state.tables.rows(table))
    }

    /// Carries out a request on a table that no program has made.
    pub(super) fn of_table(&self, operation: &str, request: &Value) {
        let answer = self.change(|state| state.tables.answer(operation, request));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

impl CloudState {
    /// Lets so much time go by that every process that has not ended is dead.
    pub fn let_processes_die(&mut self) {
        for mut row in self.tables.rows(REGISTRATIONS) {
            if let Some(intents) = row.get_mut("intents").and_then(|intents| intents.get_mut("M")) {
                for intent in intents.as_object_mut().expect("intents by process").values_mut() {
                    intent["M"]["until"] = json!({"S": "2026-01-01T00:00:00.000Z"});
                }
                self.put_row(REGISTRATIONS, &row);
            }
        }
    }

    /// Whether a process has said in the row about a certificate that it is about to set its status.
    #[must_use]
    pub fn has_intent(&self, certificate: &CertificateId) -> bool {
        let is_open = |row: &Value| row["intents"]["M"].as_object().is_some_and(|intents| !intents.is_empty());
        let rows = self.tables.rows(REGISTRATIONS);
        rows.iter().any(|row| text(row, "certificateId") == Some(certificate.as_str()) && is_open(row))
    }

    /// Makes a row one from before rows had revisions, of an attempt that died before its verdict.
    pub fn to_old_layout(&mut self, id: &RegistrationId) {
        for mut row in self.tables.rows(REGISTRATIONS) {
            if text(&row, PARTITION_KEY) == Some(id.as_str()) {
                let members = row.as_object_mut().expect("a row");
                for name in ["revision", "status", "intents", "admittedAt", "unconfirmed", "activatedAt"] {
                    members.remove(name);
                }
                members.insert("decision".to_owned(), json!({"S": "activating"}));
                members.insert("reason".to_owned(), json!({"S": "checks_passed"}));
                self.put_row(REGISTRATIONS, &row);
            }
        }
    }

    /// Writes a row of a table, in DynamoDB's wire form.
    pub(super) fn put_row(&mut self, table: &str, row: &Value) {
        let answer = self.tables.answer("PutItem", &json!({"Item": row, "TableName": table}));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

fn id(row: &Value) -> RegistrationId {
    RegistrationId::from_text(text(row, PARTITION_KEY).expect("a row with its key"))
}

/// A text of a row in DynamoDB's wire form.
pub(super) fn text<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    row.get(name)?.get("S")?.as_str()
}
