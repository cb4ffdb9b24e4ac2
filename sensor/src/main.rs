//! Parses, wires and waits.

mod commands;

use anchorwatch_sensor::args::{Args, Command, LogFormat};
use anchorwatch_sensor::completion;
use anchorwatch_sensor::error::Chain;
use clap::Parser;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let Args { command, options } = Args::parse();
    start_log(options.log_format);
    let result = match command {
        Some(Command::Preflight { output }) => commands::preflight::run(&options, output),
        Some(Command::Record(recording)) => commands::record::run(&options, &recording),
        Some(Command::Standalone(standing)) => commands::standalone::run(&options, &standing),
        Some(Command::Completion { shell }) => {
            let written = std::io::stdout().write_all(completion::script(shell).as_bytes());
            written.map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        None => commands::node::run(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(error = %Chain(error.as_ref()), "the sensor ends");
            ExitCode::FAILURE
        }
    }
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
