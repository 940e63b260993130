//! Functions that expressions call.

/// A function of a condition or of an update.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Function {
    BeginsWith,
    Contains,
    Exists,
    IfNotExists,
    ListAppend,
    NotExists,
    Size,
    Type,
}

impl Function {
    const ALL: [Self; 8] = [
        Self::BeginsWith,
        Self::Contains,
        Self::Exists,
        Self::IfNotExists,
        Self::ListAppend,
        Self::NotExists,
        Self::Size,
        Self::Type,
    ];

    /// The function of that name, whose case counts.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BeginsWith => "begins_with",
            Self::Contains => "contains",
            Self::Exists => "attribute_exists",
            Self::IfNotExists => "if_not_exists",
            Self::ListAppend => "list_append",
            Self::NotExists => "attribute_not_exists",
            Self::Size => "size",
            Self::Type => "attribute_type",
        }
    }

    /// Refuses the function where it stands.
    pub(super) fn misused(self) -> String {
        let problem = "The function is not allowed to be used this way in an expression";
        format!("{problem}; function: {}", self.name())
    }
}

/// Refuses so many operands.
pub(super) fn wrong_count(operator: &str, count: usize) -> String {
    let problem = "Incorrect number of operands for operator or function";
    format!("{problem}; operator or function: {operator}, number of operands: {count}")
}

/// Refuses an operand of that type.
pub(super) fn wrong_type(operator: &str, found: &str) -> String {
    let problem = "Incorrect operand type for operator or function";
    format!("{problem}; operator or function: {operator}, operand type: {found}")
}

/// Refuses an operand that is no path.
pub(super) fn not_a_path(operator: &str) -> String {
    format!("Operator or function requires a document path; operator or function: {operator}")
}
