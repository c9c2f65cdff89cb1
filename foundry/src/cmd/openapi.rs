//! `foundry openapi`: the document of the HTTP API, as the server answers it at `/openapi.json`.

use std::io::Write;
use std::process::ExitCode;

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(control_server::openapi().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
