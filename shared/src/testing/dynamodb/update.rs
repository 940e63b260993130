//! Updates of items.

use winnow::Parser as _;
use winnow::combinator::{alt, delimited, preceded, repeat, separated};

use super::attribute::{Attribute, Item};
use super::function::{Function, not_a_path, wrong_count, wrong_type};
use super::path::{Path, Step, distinct};
use super::tokens::{Tokens, call, keyword, punctuation, value};

const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";

/// Operators and functions of one expression.
const MAX_OPERATORS: usize = 300;

/// What becomes of an item: the actions in the order of their text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Update(Vec<Section>);

#[derive(Clone, Debug, PartialEq)]
enum Section {
    Add(Vec<(Path, Attribute)>),
    Delete(Vec<(Path, Attribute)>),
    Remove(Vec<Path>),
    Set(Vec<(Path, Sum)>),
}

#[derive(Clone, Debug, PartialEq)]
enum Sum {
    Minus(Operand, Operand),
    Plus(Operand, Operand),
    Single(Operand),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Function(Function, Vec<Self>),
    Path(Path),
    Value(Attribute),
}

impl Update {
    pub(super) fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        repeat(1.., Section::parse).map(Self).parse_next(input)
    }

    /// Refuses what can't be right whatever the item.
    pub(super) fn check(&self) -> Result<(), String> {
        for (at, section) in self.0.iter().enumerate() {
            let is_same = |other: &Section| std::mem::discriminant(other) == std::mem::discriminant(section);
            if self.0.iter().take(at).any(is_same) {
                let name = section.name();
                return Err(format!("The \"{name}\" section can only be used once in an update expression;"));
            }
            section.check()?;
        }
        let count = self.0.iter().map(Section::operators).sum::<usize>();
        if count > MAX_OPERATORS {
            return Err(format!("The expression contains too many operators; operator count: {count}"));
        }
        distinct(self.paths())
    }

    /// The paths it writes to.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().flat_map(|section| match section {
            Section::Add(pairs) | Section::Delete(pairs) => pairs.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            Section::Remove(paths) => paths.iter().collect(),
            Section::Set(pairs) => pairs.iter().map(|(path, _)| path).collect(),
        })
    }

    /// Whether it only takes away: then it does not create an item.
    pub(super) fn only_removes(&self) -> bool {
        self.0.iter().all(|section| matches!(section, Section::Delete(_) | Section::Remove(_)))
    }

    /// The item afterwards. All is computed from what it was before.
    pub(super) fn apply(&self, item: &Item) -> Result<Item, String> {
        let mut written = Vec::new();
        let mut removed = Vec::new();
        for section in &self.0 {
            match section {
                Section::Set(pairs) => {
                    for (path, sum) in pairs {
                        written.push((path, sum.evaluate(item)?));
                    }
                }
                Section::Add(pairs) => {
                    for (path, value) in pairs {
                        written.push((path, added(path.find(item), value)?));
                    }
                }
                Section::Remove(paths) => removed.extend(paths),
                Section::Delete(pairs) => {
                    for (path, value) in pairs {
                        match path.find(item).map(|before| without(before, value)).transpose()? {
                            Some(Some(rest)) => written.push((path, rest)),
                            Some(None) | None => removed.push(path),
                        }
                    }
                }
            }
        }
        // Indexes are those of the lists before: elements are appended in order, and taken away from the end.
        written.sort_by_key(|(path, _)| *path);
        removed.sort_unstable_by(|one, other| other.cmp(one));
        let mut item = item.clone();
        for (path, value) in written {
            place(&mut item, path)?.write(value);
        }
        for path in removed {
            place(&mut item, path)?.remove();
        }
        Ok(item)
    }
}

impl Section {
    fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        let pair = || (Path::parse, value);
        let assignment = (Path::parse, punctuation("="), Sum::parse).map(|(path, (), sum)| (path, sum));
        alt((
            preceded(keyword("SET"), separated(1.., assignment, punctuation(","))).map(Self::Set),
            preceded(keyword("REMOVE"), separated(1.., Path::parse, punctuation(","))).map(Self::Remove),
            preceded(keyword("ADD"), separated(1.., pair(), punctuation(","))).map(Self::Add),
            preceded(keyword("DELETE"), separated(1.., pair(), punctuation(","))).map(Self::Delete),
        ))
        .parse_next(input)
    }

    /// Operators and functions. The Developer Guide counts the assignments in "Count expression operators in DynamoDB",
    /// but not in "Quotas in Amazon DynamoDB". Here they count, so that what passes here passes either way.
    fn operators(&self) -> usize {
        match self {
            Self::Add(_) | Self::Delete(_) | Self::Remove(_) => 0,
            Self::Set(pairs) => pairs.iter().map(|(_, sum)| 1 + sum.operators()).sum(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "ADD",
            Self::Delete(_) => "DELETE",
            Self::Remove(_) => "REMOVE",
            Self::Set(_) => "SET",
        }
    }

    fn check(&self) -> Result<(), String> {
        let (pairs, types): (_, &[&str]) = match self {
            Self::Add(pairs) => (pairs, &["N", "BS", "NS", "SS"]),
            Self::Delete(pairs) => (pairs, &["BS", "NS", "SS"]),
            Self::Remove(_) => return Ok(()),
            Self::Set(pairs) => return pairs.iter().try_for_each(|(_, sum)| sum.check()),
        };
        pairs.iter().try_for_each(|(_, value)| typed(self.name(), value, types))
    }
}

impl Sum {
    fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        alt((Self::bare, delimited(punctuation("("), Self::bare, punctuation(")")))).parse_next(input)
    }

    fn bare(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        let operand = || Operand::parse;
        alt((
            (operand(), punctuation("+"), operand()).map(|(one, (), other)| Self::Plus(one, other)),
            (operand(), punctuation("-"), operand()).map(|(one, (), other)| Self::Minus(one, other)),
            operand().map(Self::Single),
        ))
        .parse_next(input)
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Single(operand) => operand.check("SET", &Attribute::TYPES),
            Self::Plus(one, other) => [one, other].into_iter().try_for_each(|operand| operand.check("+", &["N"])),
            Self::Minus(one, other) => [one, other].into_iter().try_for_each(|operand| operand.check("-", &["N"])),
        }
    }

    fn operators(&self) -> usize {
        match self {
            Self::Minus(one, other) | Self::Plus(one, other) => 1 + one.functions() + other.functions(),
            Self::Single(operand) => operand.functions(),
        }
    }

    fn evaluate(&self, item: &Item) -> Result<Attribute, String> {
        let number = |operand: &Operand| match operand.evaluate(item)? {
            Attribute::N(number) => Ok(number),
            _ => Err(WRONG_TYPE.to_owned()),
        };
        match self {
            Self::Single(operand) => operand.evaluate(item),
            Self::Plus(one, other) => number(one)?.plus(number(other)?).map(Attribute::N),
            Self::Minus(one, other) => number(one)?.plus(number(other)?.negated()).map(Attribute::N),
        }
    }
}

impl Operand {
    fn parse(input: &mut Tokens<'_>) -> winnow::Result<Self> {
        alt((
            call(Self::parse).map(|(function, operands)| Self::Function(function, operands)),
            value.map(Self::Value),
            Path::parse.map(Self::Path),
            delimited(punctuation("("), Self::parse, punctuation(")")),
        ))
        .parse_next(input)
    }

    fn check(&self, operator: &str, types: &[&str]) -> Result<(), String> {
        match self {
            Self::Path(_) => Ok(()),
            Self::Value(value) if types.contains(&value.type_name()) => Ok(()),
            Self::Value(value) => Err(wrong_type(operator, value.type_name())),
            Self::Function(function, operands) => match (function, operands.as_slice()) {
                (Function::IfNotExists, [Self::Path(_), otherwise]) => otherwise.check(function.name(), types),
                (Function::IfNotExists, [_, _]) => Err(not_a_path(function.name())),
                (Function::ListAppend, [_, _]) if operator == function.name() => Err(function.misused()),
                (Function::ListAppend, [_, _]) if !types.contains(&"L") => Err(wrong_type(operator, "L")),
                (Function::ListAppend, [one, other]) => {
                    [one, other].into_iter().try_for_each(|operand| operand.check(function.name(), &["L"]))
                }
                (Function::IfNotExists | Function::ListAppend, operands) => {
                    Err(wrong_count(function.name(), operands.len()))
                }
                _ => Err(function.misused()),
            },
        }
    }

    fn functions(&self) -> usize {
        match self {
            Self::Function(_, operands) => 1 + operands.iter().map(Self::functions).sum::<usize>(),
            Self::Path(_) | Self::Value(_) => 0,
        }
    }

    fn evaluate(&self, item: &Item) -> Result<Attribute, String> {
        let missing = || "The provided expression refers to an attribute that does not exist in the item".to_owned();
        match self {
            Self::Path(path) => path.find(item).cloned().ok_or_else(missing),
            Self::Value(value) => Ok(value.clone()),
            Self::Function(function, operands) => match (function, operands.as_slice()) {
                (Function::IfNotExists, [Self::Path(path), otherwise]) => {
                    path.find(item).map_or_else(|| otherwise.evaluate(item), |found| Ok(found.clone()))
                }
                (Function::ListAppend, [one, other]) => match (one.evaluate(item)?, other.evaluate(item)?) {
                    (Attribute::L(one), Attribute::L(other)) => Ok(Attribute::L([one, other].concat())),
                    _ => Err(WRONG_TYPE.to_owned()),
                },
                _ => Err(WRONG_TYPE.to_owned()),
            },
        }
    }
}

fn typed(operator: &str, value: &Attribute, types: &[&str]) -> Result<(), String> {
    let found = value.type_name();
    if types.contains(&found) { Ok(()) } else { Err(wrong_type(operator, found)) }
}

fn added(before: Option<&Attribute>, value: &Attribute) -> Result<Attribute, String> {
    match (before, value) {
        (None, value) => Ok(value.clone()),
        (Some(Attribute::N(before)), Attribute::N(number)) => before.plus(*number).map(Attribute::N),
        (Some(Attribute::Bs(before)), Attribute::Bs(set)) => Ok(Attribute::Bs(before | set)),
        (Some(Attribute::Ns(before)), Attribute::Ns(set)) => Ok(Attribute::Ns(before | set)),
        (Some(Attribute::Ss(before)), Attribute::Ss(set)) => Ok(Attribute::Ss(before | set)),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

/// What is left of a set, if anything.
fn without(before: &Attribute, value: &Attribute) -> Result<Option<Attribute>, String> {
    let (rest, is_empty) = match (before, value) {
        (Attribute::Bs(before), Attribute::Bs(set)) => (Attribute::Bs(before - set), before.is_subset(set)),
        (Attribute::Ns(before), Attribute::Ns(set)) => (Attribute::Ns(before - set), before.is_subset(set)),
        (Attribute::Ss(before), Attribute::Ss(set)) => (Attribute::Ss(before - set), before.is_subset(set)),
        _ => return Err(WRONG_TYPE.to_owned()),
    };
    Ok((!is_empty).then_some(rest))
}

/// Where a value goes, or where it is taken from.
enum Place<'a> {
    Attribute(&'a mut Item, &'a str),
    Element(&'a mut Vec<Attribute>, usize),
}

impl Place<'_> {
    fn write(self, value: Attribute) {
        match self {
            Self::Attribute(map, name) => {
                map.insert(name.to_owned(), value);
            }
            Self::Element(list, index) => match list.get_mut(index) {
                Some(element) => *element = value,
                None => list.push(value),
            },
        }
    }

    fn remove(self) {
        match self {
            Self::Attribute(map, name) => {
                map.remove(name);
            }
            Self::Element(list, index) if index < list.len() => {
                list.remove(index);
            }
            Self::Element(..) => {}
        }
    }
}

fn place<'a>(item: &'a mut Item, path: &'a Path) -> Result<Place<'a>, String> {
    let invalid = || "The document path provided in the update expression is invalid for update".to_owned();
    let Some((end, steps)) = path.steps.split_last() else {
        return Ok(Place::Attribute(item, &path.attribute));
    };
    let mut parent = item.get_mut(&path.attribute).ok_or_else(invalid)?;
    for step in steps {
        let next = match (parent, step) {
            (Attribute::L(list), Step::Index(index)) => list.get_mut(*index),
            (Attribute::M(map), Step::Name(name)) => map.get_mut(name),
            _ => None,
        };
        parent = next.ok_or_else(invalid)?;
    }
    match (parent, end) {
        (Attribute::L(list), Step::Index(index)) => Ok(Place::Element(list, *index)),
        (Attribute::M(map), Step::Name(name)) => Ok(Place::Attribute(map, name)),
        _ => Err(invalid()),
    }
}
