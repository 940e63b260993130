//! Messages of panics, which may quote the text that they are about.

use std::io::Write;
use std::panic;

use super::EscapedLines;

/// Lets each panic of the process write its message as one escaped line; Rust's own hook writes it raw.
pub fn escape_panics<W: Write>(lines: impl Fn() -> EscapedLines<W> + Send + Sync + 'static) {
    panic::set_hook(Box::new(move |panic| {
        // Nobody is left to be told if that fails.
        let _ = writeln!(lines(), "{panic}");
    }));
}
