//! AWS IoT Core's registry.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_iot::Client;

use crate::fault::Fault;
use crate::id::ThingName;
use crate::port::ThingRegistry;

/// The control plane of AWS IoT Core as [`CertificateRegistry`](crate::port::CertificateRegistry) and
/// [`ThingRegistry`].
#[derive(Clone, Debug)]
pub struct Iot {
    pub(super) client: Client,
}

impl Iot {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Opens the connection before the first event needs it, by reading a thing that need not exist: of all reads,
    /// `DescribeThing` has the widest quota. Bounded in time.
    ///
    /// # Errors
    /// A [`Fault`] if the read failed; the connection is then made later.
    pub async fn prewarm(&self, within: Duration) -> Result<(), Fault> {
        let Ok(name) = "prewarm".parse::<ThingName>() else { return Ok(()) };
        match tokio::time::timeout(within, self.thing(&name)).await {
            Ok(read) => read.map(|_| ()),
            Err(elapsed) => Err(Fault::new("iot:DescribeThing", crate::fault::FaultKind::Unavailable, elapsed)),
        }
    }
}
