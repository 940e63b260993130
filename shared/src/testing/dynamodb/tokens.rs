//! Expressions as tokens, in which the placeholders have been replaced.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use winnow::Parser as _;
use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{alt, delimited, fail, preceded, repeat, separated, terminated};
use winnow::error::ContextError;
use winnow::token::{any, one_of, take_while};

use super::attribute::{Attribute, item};
use super::function::Function;
use super::refusal::Refusal;
use super::request::Members;
use super::reserved::{is_keyword, is_reserved};

/// Bytes of an expression.
const MAX_BYTES: usize = 4096;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// The index of a list's element.
    Index(usize),
    /// An attribute's name that came by a placeholder: never a keyword.
    Name(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// A value that came by a placeholder.
    Value(Attribute),
    /// A keyword, a function or an attribute's name.
    Word(String),
}

/// A parser's input.
pub(super) type Tokens<'a> = &'a [Token];

/// What the placeholders of a request stand for, and which were used.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    /// Whether the request has an expression.
    is_of_expression: bool,
    names: BTreeMap<String, String>,
    used: BTreeSet<String>,
    values: BTreeMap<String, Attribute>,
}

impl Placeholders {
    const NAMES: &str = "ExpressionAttributeNames";
    const VALUES: &str = "ExpressionAttributeValues";

    pub(super) fn read(request: Members<'_>) -> Result<Self, Refusal> {
        let mut placeholders = Self::default();
        if let Some(names) = request.get(Self::NAMES) {
            let name = |(key, name): (&String, &Value)| Some((key.clone(), name.as_str()?.to_owned()));
            let members = names.as_object().and_then(|names| names.into_iter().map(name).collect());
            placeholders.names = members.ok_or_else(|| Refusal::shape("a map of names", names))?;
            well_formed(Self::NAMES, '#', placeholders.names.keys())?;
        }
        if let Some(values) = request.get(Self::VALUES) {
            placeholders.values = item(values)?;
            well_formed(Self::VALUES, ':', placeholders.values.keys())?;
        }
        Ok(placeholders)
    }

    /// Reads the request's expression of that name, if there is one.
    pub(super) fn expression<T>(
        &mut self,
        request: Members<'_>,
        name: &str,
        parser: fn(&mut Tokens<'_>) -> winnow::Result<T>,
        check: fn(&T) -> Result<(), String>,
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = request.text(name)? else { return Ok(None) };
        self.is_of_expression = true;
        let parsed = self.parse(text, parser).and_then(|parsed| check(&parsed).map(|()| parsed));
        parsed.map(Some).map_err(|problem| Refusal::Invalid(format!("Invalid {name}: {problem}")))
    }

    fn parse<T>(&mut self, text: &str, mut parser: fn(&mut Tokens<'_>) -> winnow::Result<T>) -> Result<T, String> {
        if text.trim().is_empty() {
            return Err("The expression can not be empty;".to_owned());
        }
        if text.len() > MAX_BYTES {
            let problem = "Expression size has exceeded the maximum allowed size";
            return Err(format!("{problem}; expression size: {}", text.len()));
        }
        let syntax = |near: &str| format!("Syntax error; near: {near:?}");
        let lexemes: Vec<Lexeme<'_>> =
            lexemes.parse(text).map_err(|error| syntax(text.get(error.offset()..).unwrap_or_default()))?;
        let tokens = lexemes.into_iter().map(|lexeme| self.replace(lexeme)).collect::<Result<Vec<_>, _>>()?;
        if has_redundant_parentheses(&tokens) {
            return Err("The expression has redundant parentheses;".to_owned());
        }
        if let Some(name) = calls(&tokens).find(|name| Function::named(name).is_none()) {
            return Err(format!("Invalid function name; function: {name}"));
        }
        let parsed = parser.parse(&tokens).map_err(|error| syntax(&format!("{:?}", tokens.get(error.offset()))))?;
        match reserved_name(&tokens) {
            Some(name) => Err(format!("Attribute name is a reserved keyword; reserved keyword: {name}")),
            None => Ok(parsed),
        }
    }

    fn replace(&mut self, lexeme: Lexeme<'_>) -> Result<Token, String> {
        let undefined = |what: &str, name: &str| Err(format!("An expression attribute {what} is not defined; {name}"));
        match lexeme {
            Lexeme::Token(token) => Ok(token),
            Lexeme::Placeholder(text) => {
                self.used.insert(text.to_owned());
                match (self.names.get(text), self.values.get(text)) {
                    (Some(name), _) => Ok(Token::Name(name.clone())),
                    (None, Some(value)) => Ok(Token::Value(value.clone())),
                    _ if text.starts_with('#') => {
                        undefined("name used in the document path", &format!("attribute name: {text}"))
                    }
                    _ => undefined("value used in expression", &format!("attribute value: {text}")),
                }
            }
        }
    }

    /// Refuses placeholders that no expression used.
    pub(super) fn all_used(&self) -> Result<(), Refusal> {
        for (member, keys) in
            [(Self::NAMES, self.names.keys().collect::<Vec<_>>()), (Self::VALUES, self.values.keys().collect())]
        {
            let unused: Vec<&str> =
                keys.into_iter().filter(|key| !self.used.contains(*key)).map(String::as_str).collect();
            if !unused.is_empty() && !self.is_of_expression {
                return Err(Refusal::invalid(format!("{member} can only be specified when using expressions")));
            }
            if !unused.is_empty() {
                let keys = unused.join(", ");
                return Err(Refusal::invalid(format!(
                    "Value provided in {member} unused in expressions: keys: {{{keys}}}"
                )));
            }
        }
        Ok(())
    }
}

fn well_formed<'a>(
    member: &str,
    mark: char,
    mut keys: impl ExactSizeIterator<Item = &'a String>,
) -> Result<(), Refusal> {
    if keys.len() == 0 {
        return Err(Refusal::invalid(format!("{member} must not be empty")));
    }
    let is_sound =
        |key: &str| key.strip_prefix(mark).is_some_and(|name| !name.is_empty() && name.chars().all(is_of_a_word));
    keys.find(|key| !is_sound(key)).map_or(Ok(()), |key| {
        Err(Refusal::invalid(format!("{member} contains invalid key: Syntax error; key: \"{key}\"")))
    })
}

enum Lexeme<'a> {
    Placeholder(&'a str),
    Token(Token),
}

const SYMBOLS: [&str; 14] = ["<>", "<=", ">=", "<", ">", "=", "(", ")", "[", "]", ",", ".", "+", "-"];

fn lexemes<'a>(input: &mut &'a str) -> winnow::Result<Vec<Lexeme<'a>>> {
    let placeholder = (one_of(['#', ':']), take_while(1.., is_of_a_word)).take().map(Lexeme::Placeholder);
    let word = (one_of(|c: char| c.is_ascii_alphabetic()), take_while(0.., is_of_a_word)).take();
    let word = word.map(|word: &str| Token::Word(word.to_owned()));
    let index = digit1.parse_to().map(Token::Index);
    let token = alt((word, index, symbol.map(Token::Symbol))).map(Lexeme::Token);
    preceded(multispace0, repeat(0.., terminated(alt((placeholder, token)), multispace0))).parse_next(input)
}

fn symbol(input: &mut &str) -> winnow::Result<&'static str> {
    let Some(symbol) = SYMBOLS.into_iter().find(|symbol| input.starts_with(symbol)) else { return fail(input) };
    symbol.value(symbol).parse_next(input)
}

fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The names before parentheses, but for keywords.
fn calls(tokens: Tokens<'_>) -> impl Iterator<Item = &str> {
    let pairs = tokens.iter().zip(tokens.iter().skip(1));
    pairs.filter_map(|pair| match pair {
        (Token::Word(name), Token::Symbol("(")) if !is_keyword(name) => Some(name.as_str()),
        _ => None,
    })
}

/// An attribute's name that is a reserved word.
fn reserved_name(tokens: Tokens<'_>) -> Option<&str> {
    let next = tokens.iter().skip(1).map(Some).chain([None]);
    tokens.iter().zip(next).find_map(|(token, next)| match token {
        Token::Word(word) if next != Some(&Token::Symbol("(")) && is_reserved(word) && !is_keyword(word) => {
            Some(word.as_str())
        }
        _ => None,
    })
}

fn has_redundant_parentheses(tokens: Tokens<'_>) -> bool {
    let mut open = Vec::new();
    let mut closed = None;
    for (at, token) in tokens.iter().enumerate() {
        if *token == Token::Symbol("(") {
            open.push(at);
        } else if *token == Token::Symbol(")") {
            let Some(start) = open.pop() else { return false };
            // The pair that was closed just before lies directly inside of this one.
            if closed == Some((start + 1, at.saturating_sub(1))) {
                return true;
            }
            closed = Some((start, at));
        }
    }
    false
}

/// That symbol.
pub(super) fn punctuation<'a>(symbol: &'static str) -> impl winnow::Parser<Tokens<'a>, (), ContextError> {
    any.verify(move |token: &Token| *token == Token::Symbol(symbol)).void()
}

/// That keyword, in any case.
pub(super) fn keyword<'a>(keyword: &'static str) -> impl winnow::Parser<Tokens<'a>, (), ContextError> {
    any.verify(move |token: &Token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))).void()
}

/// A function, and what its parentheses enclose.
pub(super) fn call<'a, T>(
    argument: fn(&mut Tokens<'a>) -> winnow::Result<T>,
) -> impl winnow::Parser<Tokens<'a>, (Function, Vec<T>), ContextError> {
    let name = any.verify_map(|token| if let Token::Word(word) = token { Function::named(&word) } else { None });
    (name, delimited(punctuation("("), separated(1.., argument, punctuation(",")), punctuation(")")))
}

/// A value that came by a placeholder.
pub(super) fn value(input: &mut Tokens<'_>) -> winnow::Result<Attribute> {
    any.verify_map(|token| if let Token::Value(value) = token { Some(value) } else { None }).parse_next(input)
}
