//! The tables, and the adapters' way to them.

use std::sync::{Arc, Weak};

use aws_config::SdkConfig;
use percent_encoding::percent_decode_str;

use super::calls::{Answer, Call, Effect};
use super::{CloudState, FakeCloud, Shared};
use crate::aws::authorities::{self, Authorities, RECORD_INDEX};
use crate::aws::devices::LISTING_INDEX;
use crate::aws::registrations::{self, Registrations};

use crate::aws::sessions::{LiveSessions, PRINCIPAL_INDEX};
use crate::registration::{CERTIFICATE_INDEX, THING_INDEX, UNCONFIRMED, UNCONFIRMED_INDEX};
use crate::testing::Sent;
use crate::testing::dynamodb::{self, Tables};
use crate::testing::wire::{self, Request, Response, Service};

/// Name of the `Authorities` table.
pub(super) const AUTHORITIES: &str = "authorities";
/// Name of the `Devices` table.
pub(super) const DEVICES: &str = "devices";
/// Name of the `Registrations` table.
pub(super) const REGISTRATIONS: &str = "registrations";

/// The tables with the keys and indexes of the template.
pub(super) fn tables() -> Tables {
    Tables::default()
        .table(AUTHORITIES, authorities::PARTITION_KEY, Some(authorities::SORT_KEY))
        .index(AUTHORITIES, RECORD_INDEX, authorities::SORT_KEY, Some(authorities::PARTITION_KEY))
        .table(DEVICES, "clientId", None)
        .index(DEVICES, LISTING_INDEX, "presence", Some("presenceSince"))
        .index(DEVICES, PRINCIPAL_INDEX, "principal", None)
        .table(REGISTRATIONS, registrations::PARTITION_KEY, None)
        .index(REGISTRATIONS, CERTIFICATE_INDEX, "certificateId", None)
        .index(REGISTRATIONS, THING_INDEX, "thingName", None)
        .index(REGISTRATIONS, UNCONFIRMED_INDEX, UNCONFIRMED, Some("decidedAt"))
}

/// The adapters, made once for each cloud.
pub(super) struct Clients {
    pub(super) authorities: Authorities,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) registrations: Registrations,
    pub(super) sessions: LiveSessions,
}

impl Clients {
    fn new(config: &SdkConfig) -> Self {
        Self {
            authorities: Authorities::new(config, AUTHORITIES),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            registrations: Registrations::new(config, REGISTRATIONS),
            sessions: LiveSessions::new(config, DEVICES),
        }
    }
}

impl FakeCloud {
    /// The `Authorities` table, as programs reach it.
    #[must_use]
    pub fn authorities(&self) -> Authorities {
        self.of_programs().authorities.clone()
    }

    /// The `Registrations` table, as programs reach it.
    #[must_use]
    pub fn registrations(&self) -> Registrations {
        self.of_programs().registrations.clone()
    }

    /// Settings of clients, for programs that reach the tables in other ways.
    #[must_use]
    pub fn config(&self) -> SdkConfig {
        wire::config(Line { cloud: self.downgrade(), is_of_tests: false })
    }

    /// Live sessions, as programs reach them: the `Devices` table, and AWS IoT's data plane.
    #[must_use]
    pub fn sessions(&self) -> LiveSessions {
        self.of_programs().sessions.clone()
    }

    fn of_programs(&self) -> &Clients {
        self.0.programs.get_or_init(|| Clients::new(&self.config()))
    }

    /// The adapters past the point that calls pass.
    pub(super) fn of_tests(&self) -> &Clients {
        let line = || Line { cloud: self.downgrade(), is_of_tests: true };
        self.0.tests.get_or_init(|| Clients::new(&wire::config(line())))
    }
}

/// The connection of a client. It does not keep the cloud, which keeps the client.
#[derive(Clone)]
struct Line {
    cloud: Weak<Shared>,
    is_of_tests: bool,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("is_of_tests", &self.is_of_tests).finish_non_exhaustive()
    }
}

impl Service for Line {
    async fn answer(self, request: Request) -> Option<Response> {
        let cloud = FakeCloud(self.cloud.upgrade()?);
        if request.operation.is_empty() {
            return cloud.end_session(&request).await;
        }
        let name = name(&request.operation);
        let call = Call { effect: Effect::Table(Arc::new(Sent::read(request))), name };
        let answer = if self.is_of_tests { Some(cloud.apply(&call)) } else { cloud.make(call).await };
        match answer? {
            Answer::Table(answer) => Some(answer.into()),
            Answer::Port(_) => unreachable!("the request is one for DynamoDB"),
        }
    }
}

/// The name of a call of DynamoDB.
fn name(operation: &str) -> &'static str {
    match operation {
        "BatchGetItem" => "dynamodb:BatchGetItem",
        "BatchWriteItem" => "dynamodb:BatchWriteItem",
        "DeleteItem" => "dynamodb:DeleteItem",
        "GetItem" => "dynamodb:GetItem",
        "PutItem" => "dynamodb:PutItem",
        "Query" => "dynamodb:Query",
        "Scan" => "dynamodb:Scan",
        "TransactWriteItems" => "dynamodb:TransactWriteItems",
        "UpdateItem" => "dynamodb:UpdateItem",
        other => unreachable!("no adapter asks DynamoDB for {other}"),
    }
}

impl FakeCloud {
    /// `DeleteConnection` of AWS IoT's data plane.
    async fn end_session(&self, request: &Request) -> Option<Response> {
        let client = request.path.strip_prefix("/connections/").filter(|_| request.method == "DELETE");
        let client = client.and_then(|client| client.split('?').next()).expect("a request for DeleteConnection");
        let client = percent_decode_str(client).decode_utf8().expect("a client id in UTF-8").into_owned();
        let ended = self.call("iot:DeleteConnection", move |state| state.connected.remove(&client).is_some()).await;
        let response = |error, status| Response { body: "{}".to_owned(), error, status };
        Some(if ended.ok()? { response(None, 200) } else { response(Some("ResourceNotFoundException"), 404) })
    }
}

impl CloudState {
    /// What DynamoDB answers.
    pub(super) fn answer(&mut self, sent: &Sent) -> dynamodb::Answer {
        let Sent { body, operation } = sent;
        match self.rows_of_a_scan {
            Some(rows) if operation == "Scan" => {
                let mut body = body.clone();
                body.as_object_mut().expect("a request").entry("Limit").or_insert(rows.into());
                self.tables.answer(operation, &body)
            }
            _ => self.tables.answer(operation, body),
        }
    }
}
