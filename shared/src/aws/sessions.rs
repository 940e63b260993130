//! Live MQTT sessions: who is connected by the `Devices` table, ended through AWS IoT's data plane.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_iotdataplane::Client as IotData;
use aws_sdk_iotdataplane::operation::delete_connection::DeleteConnectionError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::error::fault;
use super::row;
use crate::fault::{Fault, FaultKind};
use crate::id::{CertificateId, ThingName};
use crate::port::{SessionClient, SessionEnd, Sessions};

/// Name of the index of the `Devices` table by `principal`, which is the certificate's id.
pub const PRINCIPAL_INDEX: &str = "byPrincipal";

const CLIENT_ID: &str = "clientId";
const QUERY: &str = "dynamodb:Query";

/// The sessions.
#[derive(Clone, Debug)]
pub struct LiveSessions {
    devices: String,
    dynamodb: DynamoDb,
    iot: IotData,
}

impl LiveSessions {
    /// Makes the clients; no request is sent. `devices` is the name of the `Devices` table.
    #[must_use]
    pub fn new(config: &SdkConfig, devices: impl Into<String>) -> Self {
        Self { devices: devices.into(), dynamodb: DynamoDb::new(config), iot: IotData::new(config) }
    }
}

impl LiveSessions {
    /// Who was the last to connect under a client id, if that is recorded.
    async fn principal(&self, client_id: &str) -> Result<Option<String>, Fault> {
        let request = self
            .dynamodb
            .get_item()
            .table_name(&self.devices)
            .key(CLIENT_ID, AttributeValue::S(client_id.to_owned()))
            .consistent_read(true)
            .projection_expression("#principal")
            .expression_attribute_names("#principal", "principal");
        let answer = request.send().await.map_err(|error| fault("dynamodb:GetItem", error))?;
        Ok(answer.item.and_then(|item| row::text(&item, "principal").map(ToOwned::to_owned)))
    }
}

impl Sessions for LiveSessions {
    async fn clients(
        &self,
        certificate: &CertificateId,
        thing: Option<&ThingName>,
    ) -> Result<Vec<SessionClient>, Fault> {
        let mut pages = self
            .dynamodb
            .query()
            .table_name(&self.devices)
            .index_name(PRINCIPAL_INDEX)
            .key_condition_expression("#principal = :certificate")
            .filter_expression("#connected = :true")
            .projection_expression("#clientId")
            .expression_attribute_names("#clientId", CLIENT_ID)
            .expression_attribute_names("#connected", "connected")
            .expression_attribute_names("#principal", "principal")
            .expression_attribute_values(":certificate", AttributeValue::S(certificate.as_str().to_owned()))
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .into_paginator()
            .send();
        let mut clients = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(|error| fault(QUERY, error))?.items.unwrap_or_default() {
                let lacks = || Fault::new(QUERY, FaultKind::Invalid, "a row of the Devices table lacks clientId");
                let id = row::text(&item, CLIENT_ID).ok_or_else(lacks)?.to_owned();
                clients.push(SessionClient { id, is_recorded: true });
            }
        }
        if let (true, Some(thing)) = (clients.is_empty(), thing) {
            let is_others = self.principal(thing.as_str()).await?.is_some_and(|other| other != certificate.as_str());
            clients.extend((!is_others).then(|| SessionClient { id: thing.to_string(), is_recorded: false }));
        }
        Ok(clients)
    }

    async fn end(&self, client: &SessionClient) -> Result<SessionEnd, Fault> {
        match self.iot.delete_connection().client_id(&client.id).send().await {
            Ok(_) => Ok(SessionEnd::Ended),
            Err(error)
                if error.as_service_error().is_some_and(DeleteConnectionError::is_resource_not_found_exception) =>
            {
                Ok(SessionEnd::NotConnected)
            }
            Err(error) if is_unknown_operation(&error) => Ok(SessionEnd::NotOffered),
            Err(error) => Err(fault("iot:DeleteConnection", error)),
        }
    }
}

/// Whether the far end does not know the operation: how it says so is not modelled, and differs from place to place.
fn is_unknown_operation(error: &SdkError<DeleteConnectionError, HttpResponse>) -> bool {
    let SdkError::ServiceError(service) = error else { return false };
    matches!(service.raw().status().as_u16(), 404 | 405 | 501)
        || service.err().code().is_some_and(|code| code == "UnknownOperationException")
}
