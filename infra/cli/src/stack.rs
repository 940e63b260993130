//! Names of stacks.

/// The longest name of a stack, in characters: its functions are called by it, as in `<stack>-lifecycle-recorder`, and
/// Lambda takes names of 64 characters ("`CreateFunction`" in the AWS Lambda API reference).
pub const MAX_STACK_NAME_LENGTH: usize = 45;

/// A stack's name from the command line or the environment.
///
/// # Errors
/// The text is longer than a stack of this suite can be called, or no name of a CloudFormation stack, which begins with
/// a letter and consists of letters, digits and hyphens.
pub(crate) fn parse_stack_name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > MAX_STACK_NAME_LENGTH {
        return Err(format!("{length} characters; a stack of iot-jitr has a name of at most {MAX_STACK_NAME_LENGTH}"));
    }
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins && text.chars().all(|character| character.is_ascii_alphanumeric() || character == '-') {
        Ok(text.to_owned())
    } else {
        Err("a stack's name begins with a letter and consists of letters, digits and hyphens".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_STACK_NAME_LENGTH, parse_stack_name};

    #[test]
    fn names_of_stacks_are_as_cloudformation_has_them_and_not_too_long() {
        let longest = "s".repeat(MAX_STACK_NAME_LENGTH);
        for name in ["iot-jitr", "A1", &longest] {
            assert_eq!(parse_stack_name(name), Ok(name.to_owned()));
        }
        for name in ["", "1a", "-a", "a_b", "a b", "ä", &format!("{longest}s")] {
            assert!(parse_stack_name(name).is_err(), "{name}");
        }
    }
}
