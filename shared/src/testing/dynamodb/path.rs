//! Paths into items, and what a projection keeps.

use std::collections::BTreeMap;

use winnow::Parser as _;
use winnow::combinator::{alt, delimited, preceded, repeat, separated};
use winnow::token::any;

use super::attribute::{Attribute, Item};
use super::reserved::is_keyword;
use super::tokens::{Token, Tokens, punctuation};

/// One step of a path.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Step {
    /// To an element of a list.
    Index(usize),
    /// To an attribute of a map.
    Name(String),
}

/// Where a value stands in an item.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Path {
    /// The attribute.
    pub(super) attribute: String,
    /// The way from there.
    pub(super) steps: Vec<Step>,
}

impl Path {
    pub(super) fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        let index = delimited(
            punctuation("["),
            any.verify_map(|token| if let Token::Index(index) = token { Some(index) } else { None }),
            punctuation("]"),
        )
        .map(Step::Index);
        let step = alt((index, preceded(punctuation("."), any.verify_map(name)).map(Step::Name)));
        (any.verify_map(name), repeat(0.., step)).map(|(attribute, steps)| Self { attribute, steps }).parse_next(input)
    }

    pub(super) fn find<'a>(&self, item: &'a Item) -> Option<&'a Attribute> {
        self.steps.iter().try_fold(item.get(&self.attribute)?, |value, step| match (value, step) {
            (Attribute::L(list), Step::Index(index)) => list.get(*index),
            (Attribute::M(map), Step::Name(name)) => map.get(name),
            _ => None,
        })
    }

    fn shown(&self) -> String {
        let steps = self.steps.iter().map(|step| match step {
            Step::Index(index) => format!(", [{index}]"),
            Step::Name(name) => format!(", {name}"),
        });
        format!("[{}{}]", self.attribute, steps.collect::<String>())
    }
}

fn name(token: Token) -> Option<String> {
    match token {
        Token::Name(name) => Some(name),
        Token::Word(name) if !is_keyword(&name) => Some(name),
        _ => None,
    }
}

/// Refuses paths of which one leads into another, or that see a list and a map in one value.
pub(super) fn distinct<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), String> {
    let paths: Vec<&Path> = paths.into_iter().collect();
    for (at, one) in paths.iter().enumerate() {
        for other in paths.iter().skip(at + 1).filter(|other| other.attribute == one.attribute) {
            let parting = one.steps.iter().zip(&other.steps).find(|(one, other)| one != other);
            let problem = match parting {
                None => "overlap",
                Some((Step::Index(_), Step::Name(_)) | (Step::Name(_), Step::Index(_))) => "conflict",
                Some(_) => continue,
            };
            return Err(format!(
                "Two document paths {problem} with each other; must remove or rewrite one of these paths; path one: \
                 {}, path two: {}",
                one.shown(),
                other.shown()
            ));
        }
    }
    Ok(())
}

/// The paths of a projection.
pub(super) fn projection(input: &mut Tokens<'_>) -> winnow::Result<Vec<Path>> {
    separated(1.., Path::parse, punctuation(",")).parse_next(input)
}

/// The parts of an item to which the paths lead. Elements of lists move together.
pub(super) fn project(item: &Item, paths: &[Path]) -> Item {
    let mut attributes: BTreeMap<&String, Vec<&[Step]>> = BTreeMap::new();
    for path in paths {
        attributes.entry(&path.attribute).or_default().push(&path.steps);
    }
    let kept = |(name, steps): (&&String, &Vec<&[Step]>)| Some(((*name).clone(), part(item.get(*name)?, steps)?));
    attributes.iter().filter_map(kept).collect()
}

fn part(value: &Attribute, paths: &[&[Step]]) -> Option<Attribute> {
    let mut steps: BTreeMap<&Step, Vec<&[Step]>> = BTreeMap::new();
    for path in paths {
        let Some((first, rest)) = path.split_first() else { return Some(value.clone()) };
        steps.entry(first).or_default().push(rest);
    }
    match value {
        Attribute::L(list) => {
            let kept = |(step, rest): (&&Step, &Vec<&[Step]>)| match step {
                Step::Index(index) => part(list.get(*index)?, rest),
                Step::Name(_) => None,
            };
            let list: Vec<_> = steps.iter().filter_map(kept).collect();
            (!list.is_empty()).then_some(Attribute::L(list))
        }
        Attribute::M(map) => {
            let kept = |(step, rest): (&&Step, &Vec<&[Step]>)| match step {
                Step::Index(_) => None,
                Step::Name(name) => Some((name.clone(), part(map.get(name)?, rest)?)),
            };
            let map: Item = steps.iter().filter_map(kept).collect();
            (!map.is_empty()).then_some(Attribute::M(map))
        }
        _ => None,
    }
}
