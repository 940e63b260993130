//! The text of a template as literals and tokens.

use winnow::Parser as _;
use winnow::ascii::digit1;
use winnow::combinator::{opt, preceded, repeat};
use winnow::token::{one_of, take_till, take_while};

use super::ParseFault;
use super::number::Number;

/// A part of an expression, and the column where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) column: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// The `}` after the expression.
    End,
    Number(Number),
    Symbol(&'static str),
    Text(String),
    /// A keyword, a function's or a member's name.
    Word(String),
}

impl Kind {
    /// It, for a fault.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::End => "}".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Symbol(symbol) => (*symbol).to_owned(),
            Self::Text(_) => "a string".to_owned(),
            Self::Word(word) => word.clone(),
        }
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// `${…}`: the column of the `$`, and the tokens up to and including the end.
    Expression(usize, Vec<Token>),
    Literal(String),
}

/// Longer symbols stand before those that they start with.
const SYMBOLS: [&str; 18] =
    ["<>", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", "}"];

/// Splits a template.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, ParseFault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once("${") {
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        let start = column(text, after).saturating_sub(2);
        rest = after;
        let mut tokens = Vec::new();
        while tokens.last().is_none_or(|token: &Token| token.kind != Kind::End) {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                return Err(ParseFault::new(start, "${ without }"));
            }
            let column = column(text, rest);
            tokens.push(Token { column, kind: kind(&mut rest).map_err(|fault| ParseFault::new(column, fault))? });
        }
        pieces.push(Piece::Expression(start, tokens));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

/// Counts characters, from 1.
fn column(text: &str, rest: &str) -> usize {
    let consumed = text.len().saturating_sub(rest.len());
    text.char_indices().take_while(|(at, _)| *at < consumed).count() + 1
}

fn kind(rest: &mut &str) -> Result<Kind, String> {
    match rest.chars().next() {
        Some(mark @ ('\'' | '"')) => {
            string(mark, rest).map(Kind::Text).map_err(|_| "a string without its closing mark".to_owned())
        }
        Some('0'..='9') => {
            // The first digit makes it a number.
            let text = number(rest).unwrap_or_default();
            Number::parse(text).map(Kind::Number).map_err(|fault| fault.to_string())
        }
        Some(first) if starts_a_word(first) => Ok(Kind::Word(word(rest).unwrap_or_default().to_owned())),
        first => match symbol(rest) {
            Ok("}") => Ok(Kind::End),
            Ok(symbol) => Ok(Kind::Symbol(symbol)),
            Err(_) => Err(format!("unexpected character {}", first.unwrap_or_default().escape_debug())),
        },
    }
}

/// In single or in double quotes; a quote of that kind inside is written twice.
fn string(mark: char, input: &mut &str) -> winnow::Result<String> {
    let stretch = || take_till(0.., mark);
    let more = repeat(0.., preceded((mark, mark), stretch()))
        .fold(String::new, |text, more: &str| text + &mark.to_string() + more);
    (mark, stretch(), more, mark)
        .map(|(_, first, more, _): (_, &str, String, _)| first.to_owned() + &more)
        .parse_next(input)
}

fn number<'a>(input: &mut &'a str) -> winnow::Result<&'a str> {
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    (digit1, opt(('.', digit1)), opt(exponent)).take().parse_next(input)
}

fn word<'a>(input: &mut &'a str) -> winnow::Result<&'a str> {
    (one_of(starts_a_word), take_while(0.., |c: char| starts_a_word(c) || c.is_numeric())).take().parse_next(input)
}

fn starts_a_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn symbol(input: &mut &str) -> winnow::Result<&'static str> {
    let found = SYMBOLS.into_iter().find(|symbol| input.starts_with(symbol)).unwrap_or("}");
    found.value(found).parse_next(input)
}
