//! How flags change a member of a profile that is a list: one by one.

use std::fmt::Display;

use anyhow::{Context as _, Result};

/// Takes elements out of a list and puts others in, each once.
///
/// # Errors
/// An element to be taken out that is not there.
pub(super) fn change_list<T: PartialEq + Display>(
    option: &str,
    list: &mut Vec<T>,
    add: Vec<T>,
    remove: &[T],
) -> Result<()> {
    for item in remove {
        let place = list.iter().position(|known| known == item).with_context(|| absent(option, item))?;
        list.remove(place);
    }
    for item in add {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    Ok(())
}

/// What is said of an element that is to be taken out and is not there.
pub(super) fn absent(option: &str, item: &impl Display) -> String {
    format!("{option} {item}: the profile has none, see `jitr ca show`")
}
