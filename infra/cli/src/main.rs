//! `jitr`, the operator's command line of iot-jitr.

use std::process::ExitCode;

use shared::text::{EscapedLines, escape_panics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    escape_panics(EscapedLines::stderr);
    jitr::cli::main(std::env::args_os()).await
}
