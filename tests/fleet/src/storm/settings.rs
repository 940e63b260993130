//! How the template sets queues, event sources and functions, with the defaults of its parameters.

use std::time::Duration;

use anyhow::{Context, Result};
use sam_template::{Deployment, Template};
use serde_json::Value;
use shared::route::Routes;

use super::world::MESSAGES;

/// What the simulation needs to know of the template.
pub(super) struct Settings {
    pub(super) recorder: Source,
    pub(super) routes: Routes,
    pub(super) sink: Source,
}

/// A function, and the queue that it is invoked from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) batch_size: usize,
    pub(super) concurrency: usize,
    pub(super) max_receives: u64,
    pub(super) time_out: Duration,
    pub(super) visibility_time_out: Duration,
    pub(super) window: Duration,
}

impl Settings {
    pub(super) fn of_template() -> Result<Self> {
        let template = Template::transformed()?;
        let deployment = template.deployed("storm", &[])?;
        let routes = template.at("/Resources/RuleSink/Properties/Environment/Variables/ROUTES")?;
        let routes = deployment.resolved(routes)?.context("no routes")?;
        let routes = routes.as_str().context("routes that are no text")?.replace("${Messages}", MESSAGES);
        Ok(Self {
            recorder: Source::of(template, &deployment, "LifecycleRecorder")?,
            routes: Routes::parse(&routes).map_err(|faults| anyhow::anyhow!("{faults:?}"))?,
            sink: Source::of(template, &deployment, "RuleSink")?,
        })
    }
}

impl Source {
    fn of(template: &Template, deployment: &Deployment<'_>, function: &str) -> Result<Self> {
        let sources = deployment.properties("AWS::Lambda::EventSourceMapping")?;
        let source = sources.values().find(|source| source.pointer("/FunctionName/Ref") == Some(&function.into()));
        let source = source.with_context(|| format!("{function}: no event source"))?;
        let queue = template.resource_of_arn(source.pointer("/EventSourceArn").context("no queue")?)?;
        let queue = template.at(&format!("/Resources/{queue}/Properties"))?;
        let function = template.at(&format!("/Resources/{function}/Properties"))?;
        let seconds = |value, pointer| number(value, pointer).map(Duration::from_secs);
        Ok(Self {
            batch_size: number(source, "/BatchSize")?.try_into()?,
            concurrency: number(source, "/ScalingConfig/MaximumConcurrency")?.try_into()?,
            max_receives: number(queue, "/RedrivePolicy/maxReceiveCount")?,
            time_out: seconds(function, "/Timeout")?,
            visibility_time_out: seconds(queue, "/VisibilityTimeout")?,
            window: seconds(source, "/MaximumBatchingWindowInSeconds")?,
        })
    }
}

/// A number of the template. Values of parameters are texts.
fn number(value: &Value, pointer: &str) -> Result<u64> {
    let number = value.pointer(pointer).with_context(|| format!("no {pointer} in {value}"))?;
    match number.as_str() {
        Some(text) => Ok(text.parse()?),
        None => number.as_u64().with_context(|| format!("{number} is no number")),
    }
}
