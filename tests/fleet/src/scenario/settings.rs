//! What a burst needs to know of the template.

use anyhow::Result;
use sam_template::Template;
use shared::config::Reader;
use shared::pace::Quotas;

use crate::settings::{Source, properties};

/// The activator with its queues, and the quotas that it knows.
pub(crate) struct Settings {
    pub(crate) events: Source,
    pub(crate) overflow: Source,
    pub(crate) quotas: Quotas,
}

impl Settings {
    pub(crate) fn of_template(parameters: &[(&str, &str)]) -> Result<Self> {
        const FUNCTION: &str = "Activator";
        let template = Template::transformed()?;
        let deployment = template.deployed("fleet", parameters)?;
        let function = properties(&deployment, FUNCTION)?;
        let variables = function.pointer("/Environment/Variables");
        let mut reader = Reader::new(|name| Some(variables?.get(name)?.as_str()?.to_owned()));
        let quotas = activator::Settings::quotas(&mut reader);
        Ok(Self {
            events: Source::of(template, &deployment, FUNCTION, "RegisteredEvents")?,
            overflow: Source::of(template, &deployment, FUNCTION, "RegisteredEventsOverflow")?,
            quotas: reader.finish(quotas)?,
        })
    }
}
