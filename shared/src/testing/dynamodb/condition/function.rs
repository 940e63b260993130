//! What functions say of an item.

use super::operand::{Operand, check_distinct};
use crate::testing::dynamodb::attribute::{Attribute, Item};
use crate::testing::dynamodb::function::{Function, not_a_path, wrong_count, wrong_type};
use crate::testing::dynamodb::number::Number;

/// Refuses operands that can't be right whatever the item, and functions that are no conditions.
pub(super) fn check(function: Function, operands: &[Operand]) -> Result<(), String> {
    let name = function.name();
    match (function, operands) {
        (Function::Size | Function::IfNotExists | Function::ListAppend, _) => Err(function.misused()),
        (Function::Exists | Function::NotExists, [Operand::Path(_)]) => Ok(()),
        (Function::Exists | Function::NotExists, [_]) => Err(not_a_path(name)),
        (Function::BeginsWith, [one, other]) => {
            one.check(name, &["S", "B"])?;
            other.check(name, &["S", "B"])?;
            check_distinct(name, one, other)
        }
        (Function::Contains, [one, other]) => {
            one.check(name, &Attribute::TYPES)?;
            other.check(name, &Attribute::TYPES)?;
            check_distinct(name, one, other)
        }
        (Function::Type, [one, other]) => {
            one.check(name, &Attribute::TYPES)?;
            match other {
                Operand::Value(Attribute::S(found)) if Attribute::TYPES.contains(&found.as_str()) => Ok(()),
                Operand::Value(Attribute::S(found)) => Err(format!("Invalid attribute type name found; type: {found}")),
                Operand::Value(other) => Err(wrong_type(name, other.type_name())),
                Operand::Function(..) | Operand::Path(_) => Err(wrong_type(name, "any")),
            }
        }
        (_, operands) => Err(wrong_count(name, operands.len())),
    }
}

pub(super) fn holds(function: Function, operands: &[Operand], item: &Item) -> bool {
    let mut found = operands.iter().map(|operand| operand.find(item));
    match (function, found.next().flatten(), found.next().flatten()) {
        (Function::Exists, found, _) => found.is_some(),
        (Function::NotExists, found, _) => found.is_none(),
        (Function::Type, Some(value), Some(Attribute::S(name))) => value.type_name() == name,
        (Function::BeginsWith, Some(Attribute::S(text)), Some(Attribute::S(start))) => text.starts_with(&start),
        (Function::BeginsWith, Some(Attribute::B(bytes)), Some(Attribute::B(start))) => bytes.starts_with(&start),
        (Function::Contains, Some(whole), Some(part)) => contains(&whole, &part),
        _ => false,
    }
}

/// What `size` gives: a string's length in UTF-16 code units, as the service counts it, a binary's in bytes, or the
/// number of elements.
pub(super) fn size(value: &Attribute) -> Option<Number> {
    let size = match value {
        Attribute::B(bytes) => bytes.len(),
        Attribute::Bs(set) => set.len(),
        Attribute::L(list) => list.len(),
        Attribute::M(map) => map.len(),
        Attribute::Ns(set) => set.len(),
        Attribute::S(text) => text.encode_utf16().count(),
        Attribute::Ss(set) => set.len(),
        Attribute::Bool(_) | Attribute::N(_) | Attribute::Null => return None,
    };
    Some(Number::from(size))
}

fn contains(whole: &Attribute, part: &Attribute) -> bool {
    match (whole, part) {
        (Attribute::S(text), Attribute::S(part)) => text.contains(part),
        (Attribute::B(bytes), Attribute::B(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
        }
        (Attribute::Bs(set), Attribute::B(bytes)) => set.contains(bytes),
        (Attribute::Ns(set), Attribute::N(number)) => set.contains(number),
        (Attribute::Ss(set), Attribute::S(text)) => set.contains(text),
        (Attribute::L(list), value) => list.contains(value),
        _ => false,
    }
}
