//! Conditions: of writes, of filters, of keys.

mod function;
mod operand;

use std::cmp::Ordering;

use winnow::Parser as _;
use winnow::combinator::{alt, delimited, preceded, separated_foldl1};

use super::attribute::{Attribute, Item};
use super::function::{Function, wrong_count};
use super::tokens::{Tokens, call, keyword, punctuation};

pub(super) use operand::{Comparator, Operand};

/// Operators of one expression.
const MAX_OPERATORS: usize = 300;
/// Values that `IN` compares with.
const MAX_CHOICES: usize = 100;
const ORDERED: [&str; 3] = ["S", "N", "B"];

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

/// What follows the first operand of a term.
enum Rest {
    Between(Operand, Operand),
    Compare(Comparator, Operand),
    In(Vec<Operand>),
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
        let of_rest = |(operand, rest)| match rest {
            Rest::Between(low, high) => Self::Between(operand, low, high),
            Rest::Compare(comparator, other) => Self::Compare(operand, comparator, other),
            Rest::In(list) => Self::In(operand, list),
        };
        alt((
            preceded(keyword("NOT"), Self::term).map(|term| Self::Not(Box::new(term))),
            (Operand::parse, Rest::parse).map(of_rest),
            call(Operand::parse).map(|(function, operands)| Self::Function(function, operands)),
            delimited(punctuation("("), Self::parse, punctuation(")")),
        ))
        .parse_next(input)
    }

    /// Refuses what can't be right whatever the item.
    pub(super) fn check(&self) -> Result<(), String> {
        let operators = self.operators();
        if operators > MAX_OPERATORS {
            return Err(format!("The expression contains too many operators; operator count: {operators}"));
        }
        self.check_operands()
    }

    fn check_operands(&self) -> Result<(), String> {
        match self {
            Self::And(one, other) | Self::Or(one, other) => one.check_operands().and_then(|()| other.check_operands()),
            Self::Not(condition) => condition.check_operands(),
            Self::Between(operand, low, high) => {
                [operand, low, high].into_iter().try_for_each(|operand| operand.check("BETWEEN", &ORDERED))?;
                check_bounds(low, high)
            }
            Self::Compare(one, comparator, other) => {
                let types = if comparator.is_of_order() { &ORDERED[..] } else { &Attribute::TYPES };
                [one, other].into_iter().try_for_each(|operand| operand.check(comparator.name(), types))?;
                operand::check_distinct(comparator.name(), one, other)
            }
            Self::Function(function, operands) => function::check(*function, operands),
            Self::In(operand, list) => {
                if list.len() > MAX_CHOICES {
                    return Err(wrong_count("IN", list.len() + 1));
                }
                list.iter().chain([operand]).try_for_each(|operand| operand.check("IN", &Attribute::TYPES))
            }
        }
    }

    /// Functions don't count.
    fn operators(&self) -> usize {
        match self {
            Self::And(one, other) | Self::Or(one, other) => 1 + one.operators() + other.operators(),
            Self::Not(condition) => 1 + condition.operators(),
            Self::Between(..) | Self::Compare(..) | Self::In(..) => 1,
            Self::Function(..) => 0,
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
        operands.into_iter().flat_map(Operand::attributes).collect()
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
            Self::Function(function, operands) => function::holds(*function, operands, item),
            Self::In(operand, list) => list.iter().any(|other| Comparator::Equal.holds(operand, other, item)),
        }
    }
}

impl Rest {
    fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        let bounds = (preceded(keyword("BETWEEN"), Operand::parse), preceded(keyword("AND"), Operand::parse));
        alt((
            (Comparator::parse, Operand::parse).map(|(comparator, other)| Self::Compare(comparator, other)),
            bounds.map(|(low, high)| Self::Between(low, high)),
            preceded(keyword("IN"), delimited(punctuation("("), Operand::list, punctuation(")"))).map(Self::In),
        ))
        .parse_next(input)
    }
}

fn check_bounds(low: &Operand, high: &Operand) -> Result<(), String> {
    let (Operand::Value(low), Operand::Value(high)) = (low, high) else { return Ok(()) };
    match low.order(high) {
        None => Err("The BETWEEN operator requires same data type for lower and upper bounds;".to_owned()),
        Some(Ordering::Greater) => {
            Err("The BETWEEN operator requires upper bound to be greater than or equal to lower bound;".to_owned())
        }
        Some(_) => Ok(()),
    }
}
