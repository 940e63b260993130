//! What conditions compare, and how.

use std::cmp::Ordering;

use winnow::Parser as _;
use winnow::combinator::{alt, delimited, separated};
use winnow::token::any;

use super::function::size;
use crate::testing::dynamodb::attribute::{Attribute, Item};
use crate::testing::dynamodb::function::{Function, wrong_count, wrong_type};
use crate::testing::dynamodb::path::Path;
use crate::testing::dynamodb::tokens::{Token, Tokens, call, punctuation, value};

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::testing::dynamodb) enum Operand {
    /// A function's value. Only `size` has one that can be compared.
    Function(Function, Vec<Self>),
    Path(Path),
    Value(Attribute),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::testing::dynamodb) enum Comparator {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
}

impl Operand {
    pub(super) fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        alt((
            call(Self::parse).map(|(function, operands)| Self::Function(function, operands)),
            value.map(Self::Value),
            Path::parse.map(Self::Path),
            delimited(punctuation("("), Self::parse, punctuation(")")),
        ))
        .parse_next(input)
    }

    pub(super) fn list(input: &mut Tokens<'_>) -> winnow::Result<Vec<Self>> {
        separated(1.., Self::parse, punctuation(",")).parse_next(input)
    }

    /// Refuses an operand that is of none of these types whatever the item.
    pub(super) fn check(&self, operator: &str, types: &[&str]) -> Result<(), String> {
        let found = match self {
            Self::Path(_) => return Ok(()),
            Self::Function(Function::Size, operands) => match operands.as_slice() {
                [operand] => operand.check("size", &["B", "BS", "L", "M", "NS", "S", "SS"]).map(|()| "N")?,
                operands => return Err(wrong_count("size", operands.len())),
            },
            Self::Function(function, _) => return Err(function.misused()),
            Self::Value(value) => value.type_name(),
        };
        if types.contains(&found) {
            return Ok(());
        }
        Err(wrong_type(operator, found))
    }

    pub(super) fn attributes(&self) -> Vec<&str> {
        match self {
            Self::Path(path) => vec![&path.attribute],
            Self::Function(_, operands) => operands.iter().flat_map(Self::attributes).collect(),
            Self::Value(_) => vec![],
        }
    }

    pub(super) fn find(&self, item: &Item) -> Option<Attribute> {
        match self {
            Self::Path(path) => path.find(item).cloned(),
            Self::Value(value) => Some(value.clone()),
            Self::Function(_, operands) => size(&operands.first()?.find(item)?).map(Attribute::N),
        }
    }
}

impl Comparator {
    pub(super) fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        const ALL: [Comparator; 6] = [
            Comparator::Equal,
            Comparator::Greater,
            Comparator::GreaterOrEqual,
            Comparator::Less,
            Comparator::LessOrEqual,
            Comparator::NotEqual,
        ];
        let of = |token| ALL.into_iter().find(|comparator| token == Token::Symbol(comparator.name()));
        any.verify_map(of).parse_next(input)
    }

    pub(in crate::testing::dynamodb) fn name(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::NotEqual => "<>",
        }
    }

    pub(super) fn is_of_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    /// What is missing is unequal to everything, even to something else that is missing, so `<>` is true of it. All
    /// other comparisons with it are false.
    pub(super) fn holds(self, one: &Operand, other: &Operand, item: &Item) -> bool {
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

/// Refuses to compare a path with itself.
pub(super) fn check_distinct(operator: &str, one: &Operand, other: &Operand) -> Result<(), String> {
    if matches!((one, other), (Operand::Path(one), Operand::Path(other)) if one == other) {
        let problem = "The first operand must be distinct from the remaining operands for this operator or function";
        return Err(format!("{problem}; operator: {operator}"));
    }
    Ok(())
}
