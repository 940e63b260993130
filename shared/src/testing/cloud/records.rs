//! The `Authorities` table as tests read and prepare it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::clients::AUTHORITIES;
use super::rows::text;
use super::{CloudState, FakeCloud, Object, at_once};
use crate::aws::authorities::{ANNOUNCED_THING_NAME, PARTITION_KEY, SORT_KEY, crl_record, name_record, serial_record};
use crate::id::{CaCertificateId, Serial, ThingName};
use crate::pki::crl::{CrlNumber, RevocationReason, Scope};
use crate::port::{AuthorityStore as _, CrlPublication as _, CrlStates as _};
use crate::profile::{PROFILE_RECORD, Profile};
use crate::revocation::{Comparison, CrlSource, CrlState, PublishedCrl, SnapshotObject};
use crate::snapshot::{Builder, Header};
use crate::testing::NewCrl;

/// Beginning of the records of the allow-list.
const ALLOW_LIST: &str = "allow#";

impl CloudState {
    /// Writes a record of a CA with these attributes, in DynamoDB's wire form, whatever they are.
    pub fn put_record(&mut self, authority: &CaCertificateId, record: &str, attributes: &Value) {
        let mut item = attributes.clone();
        item[PARTITION_KEY] = json!({"S": authority});
        item[SORT_KEY] = json!({"S": record});
        self.put_row(AUTHORITIES, &item);
    }
}

impl FakeCloud {
    /// The profile of a CA.
    #[must_use]
    pub fn profile(&self, authority: &CaCertificateId) -> Option<Profile> {
        at_once(self.of_tests().authorities.profile(authority))
    }

    /// Writes the profile of a CA as an operator's command does.
    pub fn put_profile(&self, authority: &CaCertificateId, profile: &Profile) {
        let mut item: HashMap<String, AttributeValue> = serde_dynamo::to_item(profile).expect("a profile");
        item.insert(PARTITION_KEY.to_owned(), AttributeValue::S(authority.to_string()));
        item.insert(SORT_KEY.to_owned(), AttributeValue::S(PROFILE_RECORD.to_owned()));
        at_once(self.of_tests().dynamodb.put_item().table_name(AUTHORITIES).set_item(Some(item)).send());
    }

    /// Changes the profile of a CA.
    pub fn change_profile(&self, authority: &CaCertificateId, change: impl FnOnce(&mut Profile)) {
        let mut profile = self.profile(authority).expect("a profile to change");
        change(&mut profile);
        self.put_profile(authority, &profile);
    }

    /// Writes a record of a CA with these attributes, in DynamoDB's wire form, whatever they are.
    pub fn put_record(&self, authority: &CaCertificateId, record: &str, attributes: &Value) {
        self.change(|state| state.put_record(authority, record, attributes));
    }

    /// The record of a CA, in DynamoDB's wire form; none if there is none.
    #[must_use]
    pub fn record(&self, authority: &CaCertificateId, record: &str) -> Option<Value> {
        let rows = self.lock().state.tables.rows(AUTHORITIES);
        let is_it =
            |row: &Value| text(row, PARTITION_KEY) == Some(authority.as_str()) && text(row, SORT_KEY) == Some(record);
        rows.into_iter().find(is_it)
    }

    /// Loses the profiles of all CAs.
    pub fn remove_profiles(&self) {
        self.remove_records(|record| record == PROFILE_RECORD);
    }

    /// Puts a serial number on the allow-list of a CA, for one thing name if there is one.
    pub fn allow_serial(&self, authority: &CaCertificateId, serial: &Serial, name: Option<&ThingName>) {
        self.allow(authority, &serial_record(serial), name);
    }

    /// Puts a thing name on the allow-list of a CA.
    pub fn allow_name(&self, authority: &CaCertificateId, name: &ThingName) {
        self.allow(authority, &name_record(name), None);
    }

    fn allow(&self, authority: &CaCertificateId, record: &str, name: Option<&ThingName>) {
        let mut item = json!({PARTITION_KEY: {"S": authority}, SORT_KEY: {"S": record}});
        if let Some(name) = name {
            item[ANNOUNCED_THING_NAME] = json!({"S": name});
        }
        self.of_table("PutItem", &json!({"Item": item, "TableName": AUTHORITIES}));
    }

    /// Empties the allow-lists of all CAs.
    pub fn clear_allow_lists(&self) {
        self.remove_records(|record| record.starts_with(ALLOW_LIST));
    }

    fn remove_records(&self, is_chosen: impl Fn(&str) -> bool) {
        let rows = self.rows_of(AUTHORITIES);
        for row in rows.iter().filter(|row| text(row, SORT_KEY).is_some_and(&is_chosen)) {
            let key = json!({PARTITION_KEY: row[PARTITION_KEY], SORT_KEY: row[SORT_KEY]});
            self.of_table("DeleteItem", &json!({"Key": key, "TableName": AUTHORITIES}));
        }
    }

    /// What is known of the CRLs of a CA.
    #[must_use]
    pub fn crl_states(&self, authority: &CaCertificateId) -> Vec<CrlState> {
        at_once(self.of_tests().authorities.crl_states(authority))
    }

    /// What is known of the CRL of a source; none if nothing is.
    #[must_use]
    pub fn crl_state(&self, authority: &CaCertificateId, source: &CrlSource) -> Option<CrlState> {
        self.crl_states(authority).into_iter().find(|state| state.source == *source)
    }

    /// Changes what is known of the CRL of a source, by other hands than the CRL checker's.
    pub fn change_crl_state(
        &self,
        authority: &CaCertificateId,
        source: &CrlSource,
        change: impl FnOnce(&mut CrlState),
    ) {
        let mut state = self.crl_state(authority, source).expect("a state to change");
        change(&mut state);
        let mut item: HashMap<String, AttributeValue> = serde_dynamo::to_item(state).expect("a state");
        item.insert(PARTITION_KEY.to_owned(), AttributeValue::S(authority.to_string()));
        item.insert(SORT_KEY.to_owned(), AttributeValue::S(crl_record(source)));
        at_once(self.of_tests().dynamodb.put_item().table_name(AUTHORITIES).set_item(Some(item)).send());
    }

    /// How far a comparison of registrations has come, of one CA or of all.
    #[must_use]
    pub fn comparison(&self, authority: Option<&CaCertificateId>) -> Comparison {
        at_once(self.of_tests().authorities.comparison(authority))
    }

    /// Puts a CRL in place as the CRL checker does: one of this scope that lists these serial numbers.
    pub fn place_crl(
        &self,
        authority: &CaCertificateId,
        source: &CrlSource,
        crl: &NewCrl,
        scope: &Scope,
        entries: impl IntoIterator<Item = (Serial, RevocationReason)>,
    ) {
        let number: CrlNumber = format!("{:x}", crl.number).parse().expect("a CRL number");
        let header = Header {
            ca_certificate_id: authority.clone(),
            crl_number: Some(number.to_string()),
            next_update: crl.next_update,
            source: source.to_string(),
            this_update: crl.this_update,
        };
        let published = PublishedCrl {
            next_update: crl.next_update,
            number: Some(number),
            scope: scope.clone(),
            skipped: 0,
            snapshot: self.store_snapshot(&header, entries),
            this_update: crl.this_update,
        };
        let before = self.crl_state(authority, source).unwrap_or_else(|| CrlState::new(source.clone()));
        let authorities = &self.of_tests().authorities;
        let (version, validators) = (before.version, &before.validators);
        let is_placed = authorities.publish(authority, source, version, &published, validators, crl.this_update);
        assert!(at_once(is_placed), "nobody else writes the state");
    }

    fn store_snapshot(
        &self,
        header: &Header,
        entries: impl IntoIterator<Item = (Serial, RevocationReason)>,
    ) -> SnapshotObject {
        let mut builder = Builder::new(&header.ca_certificate_id, &header.source, std::env::temp_dir());
        for (serial, reason) in entries {
            let digits = serial.as_str();
            let even = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
            builder.insert(&hex::decode(even).expect("hexadecimal digits"), reason);
        }
        let mut object = Vec::new();
        let written = builder.write(header, &mut object).expect("a snapshot");
        let key = format!("snapshots/{}/{}", header.ca_certificate_id, written.sha256);
        self.change(|state| state.snapshots.insert(key.clone(), Object::from(object)));
        SnapshotObject { key, layout: written.layout, sha256: written.sha256 }
    }

    /// Publishes a CRL at its source, or withdraws it.
    pub fn publish_crl(&self, source: &CrlSource, crl: impl Into<Option<Vec<u8>>>) {
        self.change(|state| match crl.into() {
            Some(crl) => state.sources.insert(source.clone(), Object::from(crl)),
            None => state.sources.remove(source),
        });
    }
}
