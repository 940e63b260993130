//! Tables: what they keep, for how long, and what it costs.

use anyhow::{Context, Result};
use serde_json::json;
use shared::registration::{CERTIFICATE_INDEX, THING_INDEX, UNCONFIRMED, UNCONFIRMED_INDEX};
use shared::route::Routes;
use tests::environment;
use tests::stack::STACK;
use tests::template::Template;

use crate::{SECONDS_OF_A_DAY, number};

/// DynamoDB refuses an item without the table's keys, and never deletes one whose time stands under another name.
#[test]
fn routes_fit_their_table() -> Result<()> {
    let table = Template::transformed()?.at("/Resources/Messages/Properties")?;
    for (name, route) in Routes::parse(&environment::routes())?.iter() {
        assert_eq!(route.table_name, format!("{STACK}-messages"), "{name}");
        let range_key = route.range_key.as_ref().with_context(|| format!("{name}: no sort key"))?;
        let keys = json!([
            {"AttributeName": route.hash_key.name, "KeyType": "HASH"},
            {"AttributeName": range_key.name, "KeyType": "RANGE"},
        ]);
        assert_eq!(table["KeySchema"], keys, "{name}");
        let ttl = route.ttl.as_ref().with_context(|| format!("{name}: no ttl"))?;
        assert_eq!(table["TimeToLiveSpecification"], json!({"AttributeName": ttl.field, "Enabled": true}), "{name}");
    }
    Ok(())
}

/// Whether a failed connection has been counted is known from the history, which must outlast every repeat; and a message
/// that has waited for long must not be deleted as soon as it is written.
#[test]
fn histories_outlast_their_queues() -> Result<()> {
    let template = Template::transformed()?;
    for (days, queue) in [("EventRetentionDays", "LifecycleEvents"), ("MessageRetentionDays", "DeviceMessages")] {
        let history = number(template.at(&format!("/Parameters/{days}/MinValue"))?)? * SECONDS_OF_A_DAY;
        let retention = number(template.at(&format!("/Resources/{queue}/Properties/MessageRetentionPeriod"))?)?;
        assert!(history > retention, "{days}");
    }
    Ok(())
}

/// The registrations have the indexes that the code asks, by the keys that it asks for.
#[test]
fn registrations_are_found_by_certificate_by_thing_and_if_unconfirmed() -> Result<()> {
    let template = Template::transformed()?;
    let indexes = template.at("/Resources/Registrations/Properties/GlobalSecondaryIndexes")?;
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let expected = [
        (CERTIFICATE_INDEX, json!([key("certificateId", "HASH")])),
        (THING_INDEX, json!([key("thingName", "HASH")])),
        (UNCONFIRMED_INDEX, json!([key(UNCONFIRMED, "HASH"), key("decidedAt", "RANGE")])),
    ];
    let found = indexes.as_array().context("no list")?.iter().map(|index| (&index["IndexName"], &index["KeySchema"]));
    let expected: Vec<_> = expected.into_iter().map(|(name, keys)| (json!(name), keys)).collect();
    assert_eq!(found.map(|(name, keys)| (name.clone(), keys.clone())).collect::<Vec<_>>(), expected);
    Ok(())
}

/// What writes a row that expires calls its time so.
#[test]
fn rows_that_expire_are_deleted() -> Result<()> {
    let template = Template::transformed()?;
    for table in ["Registrations", "Devices", "DeviceEvents", "Messages"] {
        let ttl = template.at(&format!("/Resources/{table}/Properties/TimeToLiveSpecification"))?;
        assert_eq!(*ttl, json!({"AttributeName": "expiresAt", "Enabled": true}), "{table}");
    }
    Ok(())
}

/// Rows that can't be made again can be restored; histories, which grow and expire, if somebody pays for it.
#[test]
fn recovery_of_histories_is_a_choice() -> Result<()> {
    let template = Template::transformed()?;
    for (parameters, of_histories) in [(&[][..], "false"), (&[("PointInTimeRecoveryForHistory", "true")], "true")] {
        let deployed = template.deployed("fleet", parameters)?;
        for (name, table) in deployed.properties("AWS::DynamoDB::Table")? {
            let is_history = ["DeviceEvents", "Messages"].contains(&name);
            let expected = if is_history { json!(of_histories) } else { json!(true) };
            assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], expected, "{name}");
        }
    }
    Ok(())
}
