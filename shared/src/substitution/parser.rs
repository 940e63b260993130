//! The grammar of expressions.
//!
//! From loose to tight: `OR`, `AND`, `NOT`, comparisons, `+` and `-`, `*` `/` and `%`, the minus sign, steps into a
//! value. Keywords and functions are in any case, members of the payload are not.

use winnow::Parser as _;
use winnow::combinator::{cut_err, opt, preceded, repeat, separated};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{Stateful, Stream as _};
use winnow::token::any;

use super::expression::{Expression, Step, Type};
use super::fault::ParseFault;
use super::function::{Function, compiled};
use super::operator::{Operator, negated};
use super::pattern::{Pattern, PatternFault};
use super::token::{Kind, Token};
use super::value::Value;
use super::zone::Zone;

/// Expressions inside of each other, at most.
const DEEPEST: usize = 32;

const KEYWORDS: [&str; 9] = ["AND", "AS", "CASE", "ELSE", "END", "NOT", "OR", "THEN", "WHEN"];

/// The tokens that are left, the last of them [`Kind::End`]; the state is the depth.
type Tokens<'a> = Stateful<&'a [Token], usize>;

type Parsed<T> = Result<T, ErrMode<ParseFault>>;

/// Reads the tokens of one `${…}`.
pub(super) fn expression(tokens: &[Token]) -> Result<Expression, ParseFault> {
    let mut input = Stateful { input: tokens, state: 0 };
    let parsed = (nested(disjunction), expected("}", |kind| *kind == Kind::End)).parse_next(&mut input);
    match parsed {
        Ok((expression, _)) => Ok(expression),
        Err(ErrMode::Backtrack(fault) | ErrMode::Cut(fault)) => Err(fault),
        Err(ErrMode::Incomplete(_)) => Err(unexpected(&input, "a value")),
    }
}

/// Runs a parser one level deeper; all recursion passes through here.
fn nested<T>(mut parser: impl FnMut(&mut Tokens<'_>) -> Parsed<T>) -> impl FnMut(&mut Tokens<'_>) -> Parsed<T> {
    move |input| {
        if input.state == DEEPEST {
            return Err(ErrMode::Cut(at(input, "nested deeper than 32")));
        }
        input.state += 1;
        let parsed = parser(input);
        input.state -= 1;
        parsed
    }
}

fn disjunction(input: &mut Tokens<'_>) -> Parsed<Expression> {
    chain(&[Operator::Or], conjunction, input)
}

fn conjunction(input: &mut Tokens<'_>) -> Parsed<Expression> {
    chain(&[Operator::And], negation, input)
}

fn negation(input: &mut Tokens<'_>) -> Parsed<Expression> {
    if opt(keyword("NOT")).parse_next(input)?.is_none() {
        return comparison(input);
    }
    cut_err(nested(negation)).map(|operand| Expression::Not(Box::new(operand))).parse_next(input)
}

fn comparison(input: &mut Tokens<'_>) -> Parsed<Expression> {
    const OPERATORS: &[Operator] = &[
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
    ];
    chain(OPERATORS, sum, input)
}

fn sum(input: &mut Tokens<'_>) -> Parsed<Expression> {
    chain(&[Operator::Add, Operator::Subtract], product, input)
}

fn product(input: &mut Tokens<'_>) -> Parsed<Expression> {
    chain(&[Operator::Multiply, Operator::Divide, Operator::Remainder], signed, input)
}

fn signed(input: &mut Tokens<'_>) -> Parsed<Expression> {
    if opt(symbol("-")).parse_next(input)?.is_none() {
        return path(input);
    }
    let operand = cut_err(nested(signed)).parse_next(input)?;
    if let Expression::Literal(value @ Value::Number(_)) = &operand
        && let Ok(negative) = negated(value)
    {
        return Ok(Expression::Literal(negative));
    }
    Ok(Expression::Negated(Box::new(operand)))
}

fn path(input: &mut Tokens<'_>) -> Parsed<Expression> {
    let start = operand(input)?;
    let steps: Vec<Step> = repeat(0.., step).parse_next(input)?;
    Ok(if steps.is_empty() { start } else { Expression::Path(Box::new(start), steps) })
}

fn step(input: &mut Tokens<'_>) -> Parsed<Step> {
    if opt(symbol(".")).parse_next(input)?.is_some() {
        return cut_err(word("a member's name")).map(Step::Member).parse_next(input);
    }
    symbol("[").parse_next(input)?;
    let fault = ErrMode::Cut(unexpected(input, "an index from 0"));
    let Token { kind: Kind::Number(index), .. } = any(input)? else { return Err(fault) };
    let index = index.as_str().parse().map_err(|_| fault)?;
    cut_err(symbol("]")).value(Step::Element(index)).parse_next(input)
}

/// What has no operator around. Consumes nothing if there is none, so that a list can be empty.
fn operand(input: &mut Tokens<'_>) -> Parsed<Expression> {
    let none = ErrMode::Backtrack(unexpected(input, "a value"));
    let start = input.checkpoint();
    let token = any(input)?;
    match token.kind {
        Kind::Number(number) => Ok(Expression::Literal(Value::Number(number))),
        Kind::Text(text) => Ok(Expression::Literal(Value::Text(text))),
        Kind::Symbol("*") => Ok(Expression::Payload),
        Kind::Symbol("(") => {
            let inner = cut_err(nested(disjunction)).parse_next(input)?;
            cut_err(symbol(")")).value(inner).parse_next(input)
        }
        Kind::Word(name) if name.eq_ignore_ascii_case("case") => case(input),
        Kind::Word(name) if KEYWORDS.iter().any(|keyword| name.eq_ignore_ascii_case(keyword)) => {
            input.reset(&start);
            Err(none)
        }
        Kind::Word(name) if opt(symbol("(")).parse_next(input)?.is_some() => call(token.column, &name, input),
        Kind::Word(name) => Ok(match name.to_ascii_lowercase().as_str() {
            "false" => Expression::Literal(Value::Boolean(false)),
            "null" => Expression::Literal(Value::Null),
            "true" => Expression::Literal(Value::Boolean(true)),
            _ => Expression::Path(Box::new(Expression::Payload), vec![Step::Member(name)]),
        }),
        Kind::End | Kind::Symbol(_) => {
            input.reset(&start);
            Err(none)
        }
    }
}

/// After `CASE`.
fn case(input: &mut Tokens<'_>) -> Parsed<Expression> {
    let inner = || cut_err(nested(disjunction));
    let of = Box::new(inner().parse_next(input)?);
    let branch = (preceded(keyword("WHEN"), inner()), preceded(cut_err(keyword("THEN")), inner()));
    let branches: Vec<_> = cut_err(repeat(1.., branch)).parse_next(input)?;
    let otherwise =
        opt(preceded(keyword("ELSE"), inner())).map(|otherwise| otherwise.map(Box::new)).parse_next(input)?;
    cut_err(keyword("END")).value(Expression::Case { branches, of, otherwise }).parse_next(input)
}

/// After a name and `(`. The column is the name's.
fn call(column: usize, name: &str, input: &mut Tokens<'_>) -> Parsed<Expression> {
    let fault = |column, message: String| Err(ErrMode::Cut(ParseFault::new(column, message)));
    let lower = name.to_ascii_lowercase();
    if lower == "cast" {
        let value = cut_err(nested(disjunction)).parse_next(input)?;
        cut_err(keyword("AS")).parse_next(input)?;
        let at = column_of(input);
        let named = cut_err(word("a type")).parse_next(input)?;
        let Some(to) = Type::named(&named) else { return fault(at, format!("unknown type {named}")) };
        return cut_err(symbol(")")).value(Expression::Cast(Box::new(value), to)).parse_next(input);
    }
    let limits = match lower.as_str() {
        "parse_time" => Some((2, 3)),
        "time_to_epoch" => Some((2, 2)),
        _ => Function::named(name).map(|(_, fewest, most)| (fewest, most)),
    };
    let Some((fewest, most)) = limits else {
        let reason = Function::left_out(name).map(|reason| format!("{name} is not supported: {reason}"));
        return fault(column, reason.unwrap_or_else(|| format!("unknown function {name}")));
    };
    let argument = |input: &mut Tokens<'_>| {
        let column = column_of(input);
        nested(disjunction)(input).map(|argument| (column, argument))
    };
    let arguments: Vec<(usize, Expression)> = separated(0.., argument, symbol(",")).parse_next(input)?;
    cut_err(symbol(")")).parse_next(input)?;
    if !(fewest..=most).contains(&arguments.len()) {
        return fault(column, format!("{name} takes {}, not {}", counted(fewest, most), arguments.len()));
    }
    built(name, arguments).map_err(ErrMode::Cut)
}

fn counted(fewest: usize, most: usize) -> String {
    let plural = if most == 1 { "" } else { "s" };
    if fewest == most { format!("{fewest} argument{plural}") } else { format!("{fewest} to {most} argument{plural}") }
}

/// A call whose arguments were counted. Some must be literals, which are checked here.
fn built(name: &str, arguments: Vec<(usize, Expression)>) -> Result<Expression, ParseFault> {
    let pattern = |column, text: &str, read: fn(&str) -> Result<Pattern, PatternFault>| {
        // The opening quote is the column's character.
        read(text).map_err(|fault| ParseFault::new(column + 1 + fault.at, fault.message))
    };
    let lower = name.to_ascii_lowercase();
    match (lower.as_str(), arguments.as_slice()) {
        ("parse_time", [(column, written), (_, at), zone @ ..]) => {
            let pattern = pattern(*column, literal(*column, written)?, Pattern::for_writing)?;
            let zone = match zone {
                [(column, zone), ..] => {
                    let id = literal(*column, zone)?;
                    Zone::named(id).ok_or_else(|| ParseFault::new(*column, format!("{id:?} is no time zone")))?
                }
                [] => Zone::utc(),
            };
            Ok(Expression::Formatted { at: Box::new(at.clone()), pattern, zone })
        }
        ("time_to_epoch", [(_, text), (column, written)]) => {
            let pattern = pattern(*column, literal(*column, written)?, Pattern::for_reading)?;
            Ok(Expression::SinceEpoch(Box::new(text.clone()), pattern))
        }
        ("encode", [(_, value), (column, scheme)]) => match literal(*column, scheme)? {
            "base64" if *value == Expression::Payload => Ok(Expression::EncodedPayload),
            "base64" => Ok(Expression::Call(Function::Encode, vec![value.clone()])),
            _ => Err(ParseFault::new(*column, "the only scheme is base64")),
        },
        ("decode", [(_, value), (column, scheme)]) => match literal(*column, scheme)? {
            "base64" => Ok(Expression::Call(Function::Decode, vec![value.clone()])),
            "proto" => Err(ParseFault::new(*column, "proto is not supported: its descriptions are files in S3")),
            _ => Err(ParseFault::new(*column, "the only scheme is base64")),
        },
        (
            "regexp_matches" | "regexp_replace" | "regexp_substr",
            [_, (column, Expression::Literal(Value::Text(text))), ..],
        ) if let Err(fault) = compiled(text) => Err(ParseFault::new(*column, fault)),
        ("topic", [(column, Expression::Literal(segment))]) if segment.to_index().is_none_or(|segment| segment < 1) => {
            Err(ParseFault::new(*column, "segments of the topic are counted from 1"))
        }
        _ => match Function::named(name) {
            Some((function, ..)) => {
                Ok(Expression::Call(function, arguments.into_iter().map(|(_, argument)| argument).collect()))
            }
            None => Err(ParseFault::new(1, format!("unknown function {name}"))),
        },
    }
}

fn literal(column: usize, expression: &Expression) -> Result<&str, ParseFault> {
    match expression {
        Expression::Literal(Value::Text(text)) => Ok(text),
        _ => Err(ParseFault::new(column, "this must be a string in quotes")),
    }
}

/// Operands with operators between them.
fn chain(
    operators: &[Operator],
    operand: fn(&mut Tokens<'_>) -> Parsed<Expression>,
    input: &mut Tokens<'_>,
) -> Parsed<Expression> {
    let first = operand(input)?;
    let operator = |input: &mut Tokens<'_>| {
        let named = |kind: &Kind, operator: Operator| match kind {
            Kind::Symbol(symbol) => *symbol == operator.symbol(),
            Kind::Word(word) => word.eq_ignore_ascii_case(operator.symbol()),
            _ => false,
        };
        any.verify_map(|token: Token| operators.iter().copied().find(|operator| named(&token.kind, *operator)))
            .parse_next(input)
    };
    let rest: Vec<_> = repeat(0.., (operator, cut_err(operand))).parse_next(input)?;
    Ok(if rest.is_empty() { first } else { Expression::Chain(Box::new(first), rest) })
}

fn symbol(symbol: &'static str) -> impl FnMut(&mut Tokens<'_>) -> Parsed<Token> {
    expected(symbol, move |kind| *kind == Kind::Symbol(symbol))
}

fn keyword(keyword: &'static str) -> impl FnMut(&mut Tokens<'_>) -> Parsed<Token> {
    expected(keyword, move |kind| matches!(kind, Kind::Word(word) if word.eq_ignore_ascii_case(keyword)))
}

fn word(what: &'static str) -> impl FnMut(&mut Tokens<'_>) -> Parsed<String> {
    move |input| match expected(what, |kind| matches!(kind, Kind::Word(_)))(input)?.kind {
        Kind::Word(word) => Ok(word),
        _ => Err(ErrMode::Backtrack(unexpected(input, what))),
    }
}

/// A token, or the fault that something else is in its place.
fn expected(what: &'static str, is_it: impl Fn(&Kind) -> bool) -> impl FnMut(&mut Tokens<'_>) -> Parsed<Token> {
    move |input| {
        let fault = unexpected(input, what);
        any.verify(|token: &Token| is_it(&token.kind))
            .parse_next(input)
            .map_err(|_: ErrMode<ParseFault>| ErrMode::Backtrack(fault))
    }
}

fn unexpected(input: &Tokens<'_>, what: &str) -> ParseFault {
    let found = input.input.first().map_or_else(|| Kind::End.describe(), |token| token.kind.describe());
    at(input, format!("expected {what}, got {found}"))
}

fn at(input: &Tokens<'_>, message: impl Into<String>) -> ParseFault {
    ParseFault::new(column_of(input), message)
}

fn column_of(input: &Tokens<'_>) -> usize {
    input.input.first().map_or(1, |token| token.column)
}

impl ParserError<Tokens<'_>> for ParseFault {
    type Inner = Self;

    fn from_input(input: &Tokens<'_>) -> Self {
        unexpected(input, "something else")
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}
