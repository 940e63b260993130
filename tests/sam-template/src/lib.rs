//! The template as CloudFormation gets it, and what CloudFormation makes of it for a stack.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

/// Pseudo parameters of a stack that the tests speak of, but for its name.
const PSEUDO_PARAMETERS: [(&str, &str); 4] = [
    ("AWS::AccountId", "123456789012"),
    ("AWS::Partition", "aws"),
    ("AWS::Region", "us-east-1"),
    ("AWS::URLSuffix", "amazonaws.com"),
];

/// The output of the SAM transform.
#[derive(Debug)]
pub struct Template(Value);

impl Template {
    /// The transformed `template.yaml`. It is made once in a process.
    ///
    /// # Errors
    /// If the tools are not installed, or the transform refuses the template.
    pub fn transformed() -> Result<&'static Self> {
        static TRANSFORMED: OnceLock<Result<Template, String>> = OnceLock::new();
        let transformed = TRANSFORMED.get_or_init(|| transform().map_err(|error| format!("{error:#}")));
        transformed.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// What stands at a JSON pointer.
    ///
    /// # Errors
    /// If nothing does.
    pub fn at(&self, pointer: &str) -> Result<&Value> {
        self.0.pointer(pointer).with_context(|| format!("the template has no {pointer}"))
    }

    /// All members at a JSON pointer, by their names.
    ///
    /// # Errors
    /// If no object is there.
    pub fn members(&self, pointer: &str) -> Result<&Map<String, Value>> {
        self.at(pointer)?.as_object().with_context(|| format!("{pointer} is no object"))
    }

    /// All resources, by their logical names.
    ///
    /// # Errors
    /// If there are none.
    pub fn resources(&self) -> Result<&Map<String, Value>> {
        self.members("/Resources")
    }

    /// The properties of all resources of a type, by their logical names.
    ///
    /// # Errors
    /// If there are no resources.
    pub fn properties(&self, kind: &str) -> Result<BTreeMap<&str, &Value>> {
        let found = self.resources()?.iter().filter(|(_, resource)| resource["Type"] == kind);
        Ok(found.map(|(name, resource)| (name.as_str(), &resource["Properties"])).collect())
    }

    /// The logical name of the resource whose ARN this is.
    ///
    /// # Errors
    /// If it is no resource's.
    pub fn resource_of_arn<'a>(&self, arn: &'a Value) -> Result<&'a str> {
        let attribute = arn.pointer("/Fn::GetAtt/1").and_then(Value::as_str);
        let name = arn.pointer("/Fn::GetAtt/0").and_then(Value::as_str).filter(|_| attribute == Some("Arn"));
        let name = name.with_context(|| format!("{arn} is no ARN"))?;
        self.at(&format!("/Resources/{name}")).map(|_| name)
    }

    /// The template for a stack of this name on AWS, with defaults for all parameters but these.
    ///
    /// # Errors
    /// If the template has no such parameter.
    pub fn deployed(&self, stack: &str, parameters: &[(&str, &str)]) -> Result<Deployment<'_>> {
        let mut values: BTreeMap<String, String> =
            PSEUDO_PARAMETERS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        values.insert("AWS::StackName".to_owned(), stack.to_owned());
        for (name, parameter) in self.members("/Parameters")? {
            values.insert(name.clone(), scalar(&parameter["Default"]).with_context(|| format!("{name}: no default"))?);
        }
        for (name, value) in parameters {
            ensure!(values.contains_key(*name), "no parameter {name}");
            values.insert((*name).to_owned(), (*value).to_owned());
        }
        Ok(Deployment { template: self, values })
    }
}

/// Runs the SAM transform.
fn transform() -> Result<Template> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let script = root.join("infra/local/transform.py");
    let output = Command::new(root.join(".venv/bin/python")).arg(script).output().context(
        "the SAM transform can't be run: install the tools with `python3 infra/local/cloud.py setup` (`make test` does)",
    )?;
    ensure!(output.status.success(), "the SAM transform failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(Template(serde_json::from_slice(&output.stdout).context("the SAM transform answers no JSON")?))
}

/// The template with the values of one stack.
#[derive(Debug)]
pub struct Deployment<'a> {
    template: &'a Template,
    values: BTreeMap<String, String>,
}

impl Deployment<'_> {
    /// The resources that the stack gets, with their values in the place of functions. References to resources stay.
    ///
    /// # Errors
    /// If a function is not known here, or refers to nothing.
    pub fn resources(&self) -> Result<BTreeMap<&str, Value>> {
        let all = self.template.resources()?.iter();
        let mut found = BTreeMap::new();
        for (name, resource) in all {
            if resource["Condition"].as_str().map_or(Ok(true), |condition| self.holds(condition))? {
                let value = self.resolved(resource).with_context(|| name.clone())?;
                found.insert(name.as_str(), value.with_context(|| format!("{name} has no value"))?);
            }
        }
        Ok(found)
    }

    /// The properties of the stack's resources of a type.
    ///
    /// # Errors
    /// As for all resources.
    pub fn properties(&self, kind: &str) -> Result<BTreeMap<&str, Value>> {
        let found = self.resources()?.into_iter().filter(|(_, resource)| resource["Type"] == kind);
        let properties = |mut resource: Value| resource.get_mut("Properties").map(Value::take).unwrap_or_default();
        Ok(found.map(|(name, resource)| (name, properties(resource))).collect())
    }

    /// What CloudFormation makes of a value; nothing if it is `AWS::NoValue`.
    ///
    /// # Errors
    /// If a function is not known here, or refers to nothing.
    pub fn resolved(&self, value: &Value) -> Result<Option<Value>> {
        match value {
            Value::Array(items) => Ok(Some(self.items(items)?.into())),
            Value::Object(members) => match members.iter().next() {
                Some((name, argument)) if members.len() == 1 && is_function(name) => self.applied(name, argument),
                _ => {
                    let mut resolved = Map::new();
                    for (name, value) in members {
                        if let Some(value) = self.resolved(value)? {
                            resolved.insert(name.clone(), value);
                        }
                    }
                    Ok(Some(resolved.into()))
                }
            },
            scalar => Ok(Some(scalar.clone())),
        }
    }

    fn items(&self, items: &[Value]) -> Result<Vec<Value>> {
        items.iter().filter_map(|item| self.resolved(item).transpose()).collect()
    }

    fn applied(&self, function: &str, argument: &Value) -> Result<Option<Value>> {
        match function {
            "Ref" if argument == "AWS::NoValue" => Ok(None),
            "Ref" => {
                let name = argument.as_str().context("a reference to no name")?;
                Ok(Some(self.values.get(name).map_or_else(|| json!({"Ref": name}), |value| json!(value))))
            }
            "Fn::Sub" => Ok(Some(self.substituted(argument.as_str().context("Fn::Sub of no text")?).into())),
            "Fn::If" => {
                let chosen =
                    if self.holds(argument[0].as_str().context("Fn::If without a condition")?)? { 1 } else { 2 };
                self.resolved(&argument[chosen])
            }
            // Attributes are known only when the stack is there.
            "Fn::GetAtt" | "Fn::Split" => Ok(Some(json!({function: argument}))),
            _ => anyhow::bail!("{function} is not known here"),
        }
    }

    /// A text with the values of parameters; names of resources and what is meant for others stay.
    fn substituted(&self, text: &str) -> String {
        let known = self
            .values
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
        known.replace("${!", "${")
    }

    /// Whether a condition of the template holds.
    ///
    /// # Errors
    /// If there is none of this name, or a function in it is not known here.
    pub fn holds(&self, condition: &str) -> Result<bool> {
        self.is_true(self.template.at(&format!("/Conditions/{condition}"))?)
    }

    /// CloudFormation compares texts: the value of a parameter is one, and a number in the template becomes one.
    fn is_true(&self, condition: &Value) -> Result<bool> {
        if let Some(inner) = condition.pointer("/Fn::Not/0") {
            return Ok(!self.is_true(inner)?);
        }
        let sides = condition["Fn::Equals"].as_array().with_context(|| format!("{condition} is not known here"))?;
        let sides: BTreeSet<Option<String>> =
            sides.iter().map(|side| Ok(self.resolved(side)?.as_ref().and_then(scalar))).collect::<Result<_>>()?;
        Ok(sides.len() == 1)
    }
}

fn is_function(name: &str) -> bool {
    name == "Ref" || name.starts_with("Fn::")
}

/// A scalar as CloudFormation compares it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
