//! `jitr`, the operator's command line of iot-jitr.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    jitr::cli::main(std::env::args_os()).await
}
