//! How the template sets queues, event sources and functions, with the defaults of its parameters.

use std::time::Duration;

use anyhow::{Context, Result};
use sam_template::{Deployment, Template};
use serde_json::Value;

/// Memory with which a function has one whole processor, in MB ("Configure Lambda function memory" in the AWS Lambda
/// developer guide).
const WHOLE_PROCESSOR: f64 = 1769.0;

/// A function, and a queue that it is invoked from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) batch_size: usize,
    pub(crate) concurrency: usize,
    pub(crate) max_receives: u64,
    /// Part of a processor that the function has, 1 at most: one event loop uses no more.
    pub(crate) processor: f64,
    pub(crate) time_out: Duration,
    pub(crate) visibility_time_out: Duration,
    pub(crate) window: Duration,
}

impl Source {
    /// The event source between this queue and this function, by their logical names.
    pub(crate) fn of(template: &Template, deployment: &Deployment<'_>, function: &str, queue: &str) -> Result<Self> {
        let sources = deployment.properties("AWS::Lambda::EventSourceMapping")?;
        let is_between = |source: &&Value| {
            let of = source.pointer("/EventSourceArn").and_then(|arn| template.resource_of_arn(arn).ok());
            of == Some(queue) && source.pointer("/FunctionName/Ref") == Some(&function.into())
        };
        let source = sources.values().find(is_between).with_context(|| format!("{function}: no source {queue}"))?;
        let queue = template.at(&format!("/Resources/{queue}/Properties"))?;
        let function = properties(deployment, function)?;
        let seconds = |value, pointer| number(value, pointer).map(Duration::from_secs);
        let memory = u32::try_from(number(&function, "/MemorySize")?)?;
        Ok(Self {
            batch_size: number(source, "/BatchSize")?.try_into()?,
            concurrency: number(source, "/ScalingConfig/MaximumConcurrency")?.try_into()?,
            max_receives: number(queue, "/RedrivePolicy/maxReceiveCount")?,
            processor: (f64::from(memory) / WHOLE_PROCESSOR).min(1.0),
            time_out: seconds(&function, "/Timeout")?,
            visibility_time_out: seconds(queue, "/VisibilityTimeout")?,
            window: source
                .pointer("/MaximumBatchingWindowInSeconds")
                .map_or(Ok(Duration::ZERO), |_| seconds(source, "/MaximumBatchingWindowInSeconds"))?,
        })
    }

    /// How long the function needs for what takes a whole processor so long.
    pub(crate) fn working(&self, time: Duration) -> Duration {
        time.div_f64(self.processor)
    }
}

/// The properties of a function, by its logical name.
pub(crate) fn properties(deployment: &Deployment<'_>, function: &str) -> Result<Value> {
    let mut functions = deployment.properties("AWS::Lambda::Function")?;
    functions.remove(function).with_context(|| format!("no function {function}"))
}

/// A number of the template. Values of parameters are texts.
fn number(value: &Value, pointer: &str) -> Result<u64> {
    let number = value.pointer(pointer).with_context(|| format!("no {pointer} in {value}"))?;
    match number.as_str() {
        Some(text) => Ok(text.parse()?),
        None => number.as_u64().with_context(|| format!("{number} is no number")),
    }
}
