//! How AWS IoT has a CA: whether its devices get as far as the activator, and only by it.

use anyhow::{Context as _, Result};
use aws_sdk_iot::types::{AutoRegistrationStatus, CaCertificateStatus};
use serde::Serialize;
use shared::aws::fault;
use shared::id::CaCertificateId;

use crate::cloud::{Cloud, is_not_found};
use crate::store::explain;

/// A CA certificate in AWS IoT's registry.
#[derive(Clone, Debug)]
pub(super) struct Described {
    /// The certificate.
    pub(super) pem: String,
    /// Its registration.
    pub(super) registered: Registered,
}

/// Registration of a CA with AWS IoT.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Registered {
    /// `ACTIVE` or `INACTIVE`.
    pub(super) status: String,
    /// `ENABLE` or `DISABLE`: whether AWS IoT registers its devices when they first connect.
    pub(super) auto_registration: String,
    /// `DEFAULT` or `SNI_ONLY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<String>,
    /// Whether the CA has a provisioning template, which activates its devices without asking anybody.
    pub(super) provisioning_template: bool,
}

/// Reads a CA; none if AWS IoT has no such CA.
///
/// # Errors
/// A failed call.
pub(super) async fn describe(id: &CaCertificateId, cloud: &Cloud) -> Result<Option<Described>> {
    let answer = match cloud.iot.describe_ca_certificate().certificate_id(id.as_str()).send().await {
        Ok(answer) => answer,
        Err(error) if is_not_found(&error) => return Ok(None),
        Err(error) => return Err(explain(fault("iot:DescribeCACertificate", error))),
    };
    let described = answer.certificate_description.context("AWS IoT answered without a description of the CA")?;
    let template = answer.registration_config.and_then(|config| config.template_body.or(config.template_name));
    Ok(Some(Described {
        pem: described.certificate_pem.context("AWS IoT answered without the CA's certificate")?,
        registered: Registered {
            status: described.status.map(|status| status.to_string()).unwrap_or_default(),
            auto_registration: described.auto_registration_status.map(|status| status.to_string()).unwrap_or_default(),
            mode: described.certificate_mode.map(|mode| mode.to_string()),
            provisioning_template: template.is_some(),
        },
    }))
}

/// Checks that there is a CA of this id, where nothing else tells it: a whole id is believed without a look.
///
/// # Errors
/// AWS IoT has no such CA, or a failed call.
pub(crate) async fn check_registered(id: &CaCertificateId, cloud: &Cloud) -> Result<()> {
    let described = describe(id, cloud).await?;
    described.map(|_| ()).with_context(|| format!("AWS IoT has no CA {id} in this account and Region"))
}

impl Registered {
    /// Whether AWS IoT registers devices of the CA when they first connect.
    pub(super) fn registers_devices(&self) -> bool {
        self.is_active() && self.registers_by_itself()
    }

    fn is_active(&self) -> bool {
        self.status == CaCertificateStatus::Active.as_str()
    }

    fn registers_by_itself(&self) -> bool {
        self.auto_registration == AutoRegistrationStatus::Enable.as_str()
    }

    /// What keeps devices of the CA from being registered when they first connect, and how it is switched on.
    pub(super) fn missing(&self, id: &CaCertificateId) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.is_active() {
            missing.push(format!("AWS IoT has the CA as {}: jitr ca enable {id}", self.status));
        }
        if !self.registers_by_itself() {
            missing.push(format!("its devices are not registered: jitr ca enable {id}"));
        }
        missing
    }

    /// What lets devices of the CA in past the activator.
    pub(super) fn warning(&self, id: &CaCertificateId) -> Option<String> {
        self.provisioning_template.then(|| {
            format!(
                "the CA has a provisioning template, which activates its devices past every check and CRL; take it off: \
                 aws iot update-ca-certificate --certificate-id {id} --remove-auto-registration, then \
                 --new-auto-registration-status ENABLE"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(status: &str, auto_registration: &str) -> Registered {
        Registered {
            status: status.to_owned(),
            auto_registration: auto_registration.to_owned(),
            mode: None,
            provisioning_template: false,
        }
    }

    #[test]
    fn what_is_missing_is_named_with_the_command_that_switches_it_on() {
        let id = "c".repeat(64).parse().unwrap();
        for (status, auto_registration, commands) in [
            ("ACTIVE", "ENABLE", &[][..]),
            ("INACTIVE", "ENABLE", &["AWS IoT has the CA as INACTIVE"]),
            ("ACTIVE", "DISABLE", &["its devices are not registered"]),
            ("INACTIVE", "", &["AWS IoT has the CA as INACTIVE", "its devices are not registered"]),
        ] {
            let registered = registered(status, auto_registration);
            let missing = registered.missing(&id);
            assert_eq!(missing.len(), commands.len(), "{missing:?}");
            let is_told = |(missing, told): (&String, &&str)| *missing == format!("{told}: jitr ca enable {id}");
            assert!(missing.iter().zip(commands).all(is_told), "{missing:?}");
            assert_eq!(registered.registers_devices(), commands.is_empty());
        }
    }

    #[test]
    fn a_provisioning_template_is_warned_of() {
        let id = "c".repeat(64).parse().unwrap();
        assert_eq!(registered("ACTIVE", "ENABLE").warning(&id), None);
        let warned = Registered { provisioning_template: true, ..registered("ACTIVE", "ENABLE") }.warning(&id).unwrap();
        assert!(warned.contains("--remove-auto-registration"), "{warned}");
    }
}
