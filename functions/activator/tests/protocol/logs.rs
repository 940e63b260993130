//! What reaches the log, as `main` sets it up.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use lambda_runtime::tracing;
use lambda_runtime::tracing::subscriber::fmt;
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt as _;
use shared::text::EscapedLines;

const HOSTILE: &str = "x\u{1b}[2J\u{9b}m\u{202e}\u{200b}\u{2028}\u{85}\r\nforged";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_value_is_logged_raw_or_begins_a_line() {
    for is_json in [true, false] {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = fmt().without_time().with_writer(move || EscapedLines::new(writer.clone()));
        let guard = if is_json { subscriber.json().set_default() } else { subscriber.with_ansi(false).set_default() };
        tracing::warn!(detail = HOSTILE, client.id = ?HOSTILE, error = %HOSTILE, "message {HOSTILE}");
        drop(guard);
        let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.matches("forged").count(), 4, "{written}");
        assert_eq!(written.lines().count(), 1, "{written}");
        let is_hidden = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{200b}' | '\u{2028}' | '\u{202e}');
        assert!(!written.contains(is_hidden), "{written:?}");
        if is_json {
            let line: serde_json::Value = serde_json::from_str(&written).unwrap();
            assert_eq!(line["fields"]["detail"], HOSTILE);
        }
    }
}
