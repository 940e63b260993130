//! A deployed function whose environment a test changes for a while.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use aws_sdk_lambda::types::Environment;

use crate::stack::{STACK, Stack};

/// The function, as it was deployed.
pub struct Deployed {
    client: aws_sdk_lambda::Client,
    name: String,
    variables: HashMap<String, String>,
}

impl Deployed {
    /// The stack's function with this name behind the stack's.
    ///
    /// # Errors
    /// If there is none.
    pub async fn of(stack: &Stack, name: &str) -> Result<Self> {
        let (client, name) = (aws_sdk_lambda::Client::new(&stack.config), format!("{STACK}-{name}"));
        let found = client.get_function_configuration().function_name(&name).send().await?;
        let variables = found.environment.and_then(|environment| environment.variables);
        Ok(Self { client, name, variables: variables.context("no environment")? })
    }

    /// Gives it these variables besides, or instead.
    ///
    /// # Errors
    /// If Lambda refuses them.
    pub async fn set(&self, variables: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let variables = self.variables.clone().into_iter().chain(variables).collect();
        self.update(variables).await
    }

    /// Gives it what it was deployed with.
    ///
    /// # Errors
    /// If Lambda refuses it.
    pub async fn reset(&self) -> Result<()> {
        self.update(self.variables.clone()).await
    }

    async fn update(&self, variables: HashMap<String, String>) -> Result<()> {
        let environment = Environment::builder().set_variables(Some(variables)).build();
        let request = self.client.update_function_configuration().function_name(&self.name);
        request.environment(environment).send().await?;
        Ok(())
    }
}
