//! What the storm needs to know of the template.

use anyhow::{Context, Result};
use sam_template::Template;
use shared::route::Routes;

use super::world::MESSAGES;
use crate::settings::Source;

/// The two functions with their queues, and the routes of the rule sink.
pub(super) struct Settings {
    pub(super) recorder: Source,
    pub(super) routes: Routes,
    pub(super) sink: Source,
}

impl Settings {
    pub(super) fn of_template() -> Result<Self> {
        let template = Template::transformed()?;
        let deployment = template.deployed("storm", &[])?;
        let routes = template.at("/Resources/RuleSink/Properties/Environment/Variables/ROUTES")?;
        let routes = deployment.resolved(routes)?.context("no routes")?;
        let routes = routes.as_str().context("routes that are no text")?.replace("${Messages}", MESSAGES);
        Ok(Self {
            recorder: Source::of(template, &deployment, "LifecycleRecorder", "LifecycleEvents")?,
            routes: Routes::parse(&routes).map_err(|faults| anyhow::anyhow!("{faults:?}"))?,
            sink: Source::of(template, &deployment, "RuleSink", "DeviceMessages")?,
        })
    }
}
