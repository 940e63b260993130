//! Functions of arrays and objects.

use std::borrow::Cow;

use crate::substitution::LONGEST_RESULT;
use crate::substitution::fault::Problem;
use crate::substitution::operator::joined;
use crate::substitution::value::Value;

/// One argument stays as it is; with an array among several the result is an array, with a string a string.
pub(super) fn concat(arguments: Vec<Cow<'_, Value>>) -> Result<Value, Problem> {
    if arguments.len() == 1 {
        return Ok(arguments.into_iter().next().map_or(Value::Undefined, Cow::into_owned));
    }
    if arguments.iter().any(|argument| matches!(**argument, Value::Array(_))) {
        let mut elements = Vec::new();
        let mut length = 0;
        for argument in arguments {
            length += argument.to_text().map_or(0, |text| text.len());
            match argument.into_owned() {
                Value::Array(more) => elements.extend(more),
                Value::Undefined => return Ok(Value::Undefined),
                element => elements.push(element),
            }
            if length > LONGEST_RESULT {
                return Err(Problem::TooLong);
            }
        }
        return Ok(Value::Array(elements));
    }
    if arguments.iter().any(|argument| matches!(**argument, Value::Text(_))) {
        return joined(arguments.iter().map(|argument| &**argument));
    }
    Ok(Value::Undefined)
}

pub(super) fn get(of: &Value, key: &Value) -> Value {
    let index = || key.to_index().and_then(|index| usize::try_from(index).ok());
    let found = match (of, key) {
        (Value::Array(_), _) => index().and_then(|index| of.element(index)).cloned(),
        (Value::Object(_), Value::Text(name)) => of.member(name).cloned(),
        (Value::Text(text), _) => index().and_then(|index| text.chars().nth(index)).map(|c| Value::Text(c.to_string())),
        _ => None,
    };
    found.unwrap_or(Value::Undefined)
}

/// `transform('enrichArray', object, array)`: the members of the object in each object of the array.
///
/// Of a name that both have the object's value counts; AWS does not say.
pub(super) fn transform(mode: &Value, object: &Value, array: &Value) -> Result<Value, Problem> {
    let (Value::Text(mode), Value::Object(added), Value::Array(elements)) = (mode, object, array) else {
        return Ok(Value::Undefined);
    };
    if mode != "enrichArray" {
        return Ok(Value::Undefined);
    }
    let own = object.to_string().len();
    let mut length = 0;
    let mut enriched = Vec::with_capacity(elements.len());
    for element in elements {
        let Value::Object(members) = element else { return Ok(Value::Undefined) };
        length += own + element.to_string().len();
        if length > LONGEST_RESULT {
            return Err(Problem::TooLong);
        }
        let members = members.iter().chain(added).map(|(name, value)| (name.clone(), value.clone()));
        enriched.push(Value::Object(members.collect()));
    }
    Ok(Value::Array(enriched))
}
