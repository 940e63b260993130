//! The hook for panics. It is the whole process's, so that no other test stands here.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use shared::text::{EscapedLines, escape_panics};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::Error::other("poisoned"))?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_is_one_line_that_no_terminal_obeys() {
    let log = Log::default();
    let lines = log.clone();
    escape_panics(move || EscapedLines::new(lines.clone()));
    let text = "\u{1b}[2J\u{202e}\nforged";
    assert!(std::panic::catch_unwind(|| panic!("{text}")).is_err());
    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(written.ends_with("\\n\\u001b[2J\\u202e\\nforged\n"), "{written}");
    assert_eq!(written.lines().count(), 1, "{written}");
}
