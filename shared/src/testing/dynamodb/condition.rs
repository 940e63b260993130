//! Conditions: of writes, of filters, of keys.

use std::cmp::Ordering;

use winnow::Parser as _;
use winnow::combinator::{alt, delimited, preceded, separated, separated_foldl1};
use winnow::token::any;

use super::attribute::{Attribute, Item};
use super::number::Number;
use super::path::Path;
use super::tokens::{Token, Tokens, function, keyword, punctuation, value};

/// What is asked of an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    And(Box<Self>, Box<Self>),
    Between(Operand, Operand, Operand),
    Compare(Operand, Comparator, Operand),
    Function(Function, Vec<Operand>),
    In(Operand, Vec<Operand>),
    Not(Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Size(Box<Self>),
    Value(Attribute),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Comparator {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
}

/// A function that is true or false.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Function {
    BeginsWith,
    Contains,
    Exists,
    NotExists,
    Type,
}

impl Condition {
    pub(super) fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        let or = |one, (), other| Self::Or(Box::new(one), Box::new(other));
        separated_foldl1(Self::conjunction, keyword("OR"), or).parse_next(input)
    }

    fn conjunction(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        let and = |one, (), other| Self::And(Box::new(one), Box::new(other));
        separated_foldl1(Self::term, keyword("AND"), and).parse_next(input)
    }

    fn term(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        alt((
            preceded(keyword("NOT"), Self::term).map(|term| Self::Not(Box::new(term))),
            delimited(punctuation("("), Self::parse, punctuation(")")),
            function(Function::named, Operand::parse).map(|(function, operands)| Self::Function(function, operands)),
            (Operand::parse, Comparator::parse, Operand::parse).map(|(one, is, other)| Self::Compare(one, is, other)),
            (Operand::parse, keyword("BETWEEN"), Operand::parse, keyword("AND"), Operand::parse)
                .map(|(operand, (), low, (), high)| Self::Between(operand, low, high)),
            (Operand::parse, keyword("IN"), punctuation("("), Operand::list, punctuation(")"))
                .map(|(operand, (), (), list, ())| Self::In(operand, list)),
        ))
        .parse_next(input)
    }

    /// Refuses what can't be right whatever the item.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::And(one, other) | Self::Or(one, other) => one.check().and_then(|()| other.check()),
            Self::Not(condition) => condition.check(),
            Self::Between(operand, low, high) => {
                [operand, low, high].into_iter().try_for_each(|operand| operand.check("BETWEEN", &["S", "N", "B"]))?;
                let (Operand::Value(low), Operand::Value(high)) = (low, high) else { return Ok(()) };
                match low.order(high) {
                    None => Err("The BETWEEN operator requires same data type for lower and upper bounds;".to_owned()),
                    Some(Ordering::Greater) => {
                        Err("The BETWEEN operator requires upper bound to be greater than or equal to lower bound;"
                            .to_owned())
                    }
                    Some(_) => Ok(()),
                }
            }
            Self::Compare(one, comparator, other) => {
                let types: &[&str] = match comparator {
                    Comparator::Equal | Comparator::NotEqual => &Attribute::TYPES,
                    _ => &["S", "N", "B"],
                };
                let name = format!("{comparator:?}");
                [one, other].into_iter().try_for_each(|operand| operand.check(&name, types))?;
                distinct(&name, one, other)
            }
            Self::Function(function, operands) => check_function(*function, operands),
            Self::In(operand, list) => {
                if list.len() > 100 {
                    return Err("Invalid operand count for IN".to_owned());
                }
                list.iter().chain([operand]).try_for_each(|operand| operand.check("IN", &Attribute::TYPES))
            }
        }
    }

    /// The attributes it looks at.
    pub(super) fn attributes(&self) -> Vec<&str> {
        let operands: Vec<&Operand> = match self {
            Self::And(one, other) | Self::Or(one, other) => return [one.attributes(), other.attributes()].concat(),
            Self::Not(condition) => return condition.attributes(),
            Self::Between(operand, low, high) => vec![operand, low, high],
            Self::Compare(one, _, other) => vec![one, other],
            Self::Function(_, operands) => operands.iter().collect(),
            Self::In(operand, list) => list.iter().chain([operand]).collect(),
        };
        operands.into_iter().filter_map(Operand::attribute).collect()
    }

    /// Whether the item satisfies it.
    pub(super) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::And(one, other) => one.holds(item) && other.holds(item),
            Self::Or(one, other) => one.holds(item) || other.holds(item),
            Self::Not(condition) => !condition.holds(item),
            Self::Between(operand, low, high) => {
                Comparator::GreaterOrEqual.holds(operand, low, item)
                    && Comparator::LessOrEqual.holds(operand, high, item)
            }
            Self::Compare(one, comparator, other) => comparator.holds(one, other, item),
            Self::Function(function, operands) => function.holds(operands, item),
            Self::In(operand, list) => list.iter().any(|other| Comparator::Equal.holds(operand, other, item)),
        }
    }
}

impl Operand {
    fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        let size = (keyword("size"), punctuation("("), Self::parse, punctuation(")"));
        alt((
            size.map(|((), (), operand, ())| Self::Size(Box::new(operand))),
            value.map(Self::Value),
            Path::parse.map(Self::Path),
        ))
        .parse_next(input)
    }

    fn list(input: &mut Tokens<'_>) -> winnow::Result<Vec<Self>> {
        separated(1.., Self::parse, punctuation(",")).parse_next(input)
    }

    fn check(&self, operator: &str, types: &[&str]) -> Result<(), String> {
        let found = match self {
            Self::Path(_) => return Ok(()),
            Self::Size(operand) => {
                operand.check("size", &["B", "BS", "L", "M", "NS", "S", "SS"])?;
                "N"
            }
            Self::Value(value) => value.type_name(),
        };
        if types.contains(&found) {
            return Ok(());
        }
        let problem = "Incorrect operand type for operator or function";
        Err(format!("{problem}; operator or function: {operator}, operand type: {found}"))
    }

    fn attribute(&self) -> Option<&str> {
        match self {
            Self::Path(path) => Some(&path.attribute),
            Self::Size(operand) => operand.attribute(),
            Self::Value(_) => None,
        }
    }

    fn find(&self, item: &Item) -> Option<Attribute> {
        match self {
            Self::Path(path) => path.find(item).cloned(),
            Self::Value(value) => Some(value.clone()),
            Self::Size(operand) => {
                let size = match operand.find(item)? {
                    Attribute::B(octets) => octets.len(),
                    Attribute::Bs(set) => set.len(),
                    Attribute::L(list) => list.len(),
                    Attribute::M(map) => map.len(),
                    Attribute::Ns(set) => set.len(),
                    Attribute::S(text) => text.len(),
                    Attribute::Ss(set) => set.len(),
                    Attribute::Bool(_) | Attribute::N(_) | Attribute::Null => return None,
                };
                Some(Attribute::N(Number::from(size)))
            }
        }
    }
}

impl Comparator {
    fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        let comparator = |token| match token {
            Token::Symbol("=") => Some(Self::Equal),
            Token::Symbol("<>") => Some(Self::NotEqual),
            Token::Symbol("<") => Some(Self::Less),
            Token::Symbol("<=") => Some(Self::LessOrEqual),
            Token::Symbol(">") => Some(Self::Greater),
            Token::Symbol(">=") => Some(Self::GreaterOrEqual),
            _ => None,
        };
        any.verify_map(comparator).parse_next(input)
    }

    /// What is missing is unequal to everything, even to something else that is missing, so `<>` is true of it. All
    /// other comparisons with it are false.
    fn holds(self, one: &Operand, other: &Operand, item: &Item) -> bool {
        let (Some(one), Some(other)) = (one.find(item), other.find(item)) else { return self == Self::NotEqual };
        let order = one.order(&other);
        match self {
            Self::Equal => one == other,
            Self::NotEqual => one != other,
            Self::Less => order.is_some_and(Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order.is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }
}

impl Function {
    fn named(name: &str) -> Option<Self> {
        match name {
            "attribute_exists" => Some(Self::Exists),
            "attribute_not_exists" => Some(Self::NotExists),
            "attribute_type" => Some(Self::Type),
            "begins_with" => Some(Self::BeginsWith),
            "contains" => Some(Self::Contains),
            _ => None,
        }
    }

    fn holds(self, operands: &[Operand], item: &Item) -> bool {
        let mut found = operands.iter().map(|operand| operand.find(item));
        match (self, found.next().flatten(), found.next().flatten()) {
            (Self::Exists, found, _) => found.is_some(),
            (Self::NotExists, found, _) => found.is_none(),
            (Self::Type, Some(value), Some(Attribute::S(name))) => value.type_name() == name,
            (Self::BeginsWith, Some(Attribute::S(text)), Some(Attribute::S(start))) => text.starts_with(&start),
            (Self::BeginsWith, Some(Attribute::B(octets)), Some(Attribute::B(start))) => octets.starts_with(&start),
            (Self::Contains, Some(whole), Some(part)) => contains(&whole, &part),
            _ => false,
        }
    }
}

fn contains(whole: &Attribute, part: &Attribute) -> bool {
    match (whole, part) {
        (Attribute::S(text), Attribute::S(part)) => text.contains(part),
        (Attribute::B(octets), Attribute::B(part)) => {
            part.is_empty() || octets.windows(part.len()).any(|window| window == part)
        }
        (Attribute::Bs(set), Attribute::B(octets)) => set.contains(octets),
        (Attribute::Ns(set), Attribute::N(number)) => set.contains(number),
        (Attribute::Ss(set), Attribute::S(text)) => set.contains(text),
        (Attribute::L(list), value) => list.contains(value),
        _ => false,
    }
}

fn check_function(function: Function, operands: &[Operand]) -> Result<(), String> {
    let name = format!("{function:?}");
    match (function, operands) {
        (Function::Exists | Function::NotExists, [Operand::Path(_)]) => Ok(()),
        (Function::Exists | Function::NotExists, [_]) => {
            Err(format!("Operator or function requires a document path; operator or function: {name}"))
        }
        (Function::Type, [_, Operand::Value(Attribute::S(found))]) if Attribute::TYPES.contains(&found.as_str()) => {
            Ok(())
        }
        (Function::Type, [_, Operand::Value(Attribute::S(found))]) => {
            Err(format!("Invalid attribute type name found; type: {found}"))
        }
        (Function::Type, [_, _]) => Err(format!("Incorrect operand type for operator or function; {name}")),
        (Function::BeginsWith, [one, other]) => {
            one.check(&name, &["S", "B"])?;
            other.check(&name, &["S", "B"])?;
            distinct(&name, one, other)
        }
        (Function::Contains, [one, other]) => distinct(&name, one, other),
        _ => Err(format!("Incorrect number of operands for operator or function; operator or function: {name}")),
    }
}

fn distinct(operator: &str, one: &Operand, other: &Operand) -> Result<(), String> {
    if matches!((one, other), (Operand::Path(one), Operand::Path(other)) if one == other) {
        let problem = "The first operand must be distinct from the remaining operands for this operator or function";
        return Err(format!("{problem}; operator: {operator}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
