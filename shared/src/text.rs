//! Text that others wrote: escaped where a terminal or a log shows it, shortened where it is kept.
//!
//! Names in certificates, labels, client ids, topics and answers of servers are chosen by whoever made them. In a
//! terminal they could move the cursor, forge a line or show another order of characters than they have; in a row or a
//! log they could be of any length.

mod escape;
mod panics;
mod shorten;

pub use escape::{Escaped, EscapedLines, escape};
pub use panics::escape_panics;
pub use shorten::{Detail, MAX_DETAIL, shorten};
