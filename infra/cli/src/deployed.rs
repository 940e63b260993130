//! What a deployed stack tells about itself: the environment of its functions.

use anyhow::{Result, anyhow};
use shared::aws::fault;
use shared::fault::FaultKind;

use crate::cloud::Cloud;
use crate::output::write_error;
use crate::store::explain;

/// What a function's environment tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    /// The credentials do not allow a look.
    Hidden,
    /// It has no such variable: another release has been deployed.
    Nothing,
    /// The variable's value.
    Value(String),
}

/// Reads a variable of a function of the stack, which is named without the stack. Who may not look is warned.
///
/// # Errors
/// A failed call, or a stack that has no such function.
pub(crate) async fn setting(function: &str, variable: &str, cloud: &Cloud) -> Result<Told> {
    let name = format!("{}-{function}", cloud.stack);
    let answer = cloud.functions.get_function_configuration().function_name(&name).send().await;
    match answer.map_err(|error| fault("lambda:GetFunctionConfiguration", error)) {
        Ok(answer) => {
            let variables = answer.environment().and_then(|environment| environment.variables());
            Ok(variables
                .and_then(|variables| variables.get(variable))
                .map_or(Told::Nothing, |value| Told::Value(value.clone())))
        }
        Err(fault) if fault.kind == FaultKind::Denied => {
            write_error(format!(
                "warning: lambda:GetFunctionConfiguration is not allowed, so that {variable} of {name} is not known"
            ));
            Ok(Told::Hidden)
        }
        Err(fault) if fault.kind == FaultKind::NotFound => Err(anyhow!(fault)
            .context(format!("there is no function {name} here: check --stack, the Region and the account"))),
        Err(fault) => Err(explain(fault)),
    }
}
