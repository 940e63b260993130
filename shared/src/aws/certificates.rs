//! Certificates and CA certificates in AWS IoT's registry.

use aws_sdk_iot::config::Builder;
use aws_sdk_iot::operation::describe_ca_certificate::DescribeCACertificateError;
use aws_sdk_iot::operation::describe_certificate::DescribeCertificateError;
use aws_sdk_iot::types::CertificateStatus as SdkStatus;

use time::OffsetDateTime;

use super::error::fault;
use super::iot::Iot;
use crate::fault::{Fault, FaultKind};
use crate::id::{CaCertificateId, CertificateId};
use crate::port::{CertificateRegistry, CertificateStatus, Look, NewStatus, RegisteredCertificate, StatusChange};

impl CertificateRegistry for Iot {
    async fn certificate(&self, id: &CertificateId) -> Result<Option<RegisteredCertificate>, Fault> {
        const OPERATION: &str = "iot:DescribeCertificate";
        let answer = match self.client.describe_certificate().certificate_id(id.as_str()).send().await {
            Ok(answer) => answer,
            Err(error)
                if error.as_service_error().is_some_and(DescribeCertificateError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(fault(OPERATION, error)),
        };
        let lacks = |member| Fault::new(OPERATION, FaultKind::Invalid, format!("the answer lacks {member}"));
        let described = answer.certificate_description.ok_or_else(|| lacks("certificateDescription"))?;
        Ok(Some(RegisteredCertificate {
            arn: described.certificate_arn.ok_or_else(|| lacks("certificateArn"))?,
            ca_certificate_id: described.ca_certificate_id.and_then(|id| id.parse().ok()),
            created_at: described
                .creation_date
                .and_then(|at| OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos()).ok()),
            owned_by: described.owned_by.and_then(|id| id.parse().ok()),
            pem: described.certificate_pem.ok_or_else(|| lacks("certificatePem"))?,
            status: described.status.map(status).ok_or_else(|| lacks("status"))?,
        }))
    }

    async fn authority_pem(&self, id: &CaCertificateId) -> Result<Option<String>, Fault> {
        match self.client.describe_ca_certificate().certificate_id(id.as_str()).send().await {
            Ok(answer) => Ok(answer.certificate_description.and_then(|described| described.certificate_pem)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeCACertificateError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(fault("iot:DescribeCACertificate", error)),
        }
    }

    async fn set_status(&self, id: &CertificateId, status: NewStatus, _: Option<&Look>) -> Result<StatusChange, Fault> {
        let status = match status {
            NewStatus::Active => SdkStatus::Active,
            NewStatus::Inactive => SdkStatus::Inactive,
            NewStatus::Revoked => SdkStatus::Revoked,
        };
        let mut update = self.client.update_certificate().certificate_id(id.as_str()).new_status(status).customize();
        if let Some(retries) = &self.update_retries {
            update = update.config_override(Builder::default().retry_config(retries.clone()));
        }
        match Box::pin(update.send()).await {
            Ok(_) => Ok(StatusChange::Done),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_certificate_state_exception() || e.is_resource_not_found_exception()) =>
            {
                Ok(StatusChange::Impossible)
            }
            Err(error) => Err(fault("iot:UpdateCertificate", error)),
        }
    }
}

fn status(status: SdkStatus) -> CertificateStatus {
    match status {
        SdkStatus::Active => CertificateStatus::Active,
        SdkStatus::Inactive => CertificateStatus::Inactive,
        SdkStatus::PendingActivation => CertificateStatus::PendingActivation,
        SdkStatus::Revoked => CertificateStatus::Revoked,
        other => CertificateStatus::Other(other.as_str().to_owned()),
    }
}
