//! `foundry dial`: has somebody called by a trunk of a running server, by its API, and says what came of it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use control_api::outbound::{AtMachine, Detection, MachineDetection, NewCall, OutboundCall, OutboundState};

use super::drill::At;

/// How often the server is asked how the call is.
const ASK: Duration = Duration::from_millis(250);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Whom to call, such as +4930123456.
    #[arg(value_name = "NUMBER")]
    to: String,
    /// One of the server's trunks ([[sip.trunks]] of its configuration), or an account at a carrier.
    #[arg(long, value_name = "NAME")]
    trunk: String,
    /// Who speaks to whoever answers.
    #[arg(long, default_value = "front-desk", value_name = "NAME")]
    agent: String,
    /// What the callee sees, where it is not the trunk's own; a carrier wants one of the account's numbers.
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// How long it may ring, in seconds.
    #[arg(long, default_value_t = 45, value_name = "N", value_parser = clap::value_parser!(u32).range(5..=180))]
    ring: u32,
    /// What is done where a machine answers; it is not looked for unless this is given.
    #[arg(long, value_enum, default_value_t = Machine::Speak, value_name = "WHAT")]
    machine: Machine,
    /// Left after the machine's beep, for `--machine leave-message`.
    #[arg(long, value_name = "TEXT", required_if_eq("machine", "leave-message"))]
    message: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Machine {
    /// The agent speaks as to a person.
    Speak,
    HangUp,
    LeaveMessage,
}

impl Machine {
    fn wanted(self, message: Option<String>) -> MachineDetection {
        let (mode, at_machine) = match self {
            Self::Speak => return MachineDetection::default(),
            Self::HangUp => (Detection::On, AtMachine::HangUp),
            Self::LeaveMessage => (Detection::On, AtMachine::LeaveMessage),
        };
        MachineDetection { mode, at_machine, message }
    }
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    super::install_crypto();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let call = runtime.block_on(placed(args))?;
    let mut out = std::io::stdout();
    if let Some(session) = call.session_id {
        writeln!(out, "answered: the session is {session}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = call.sip_status.map(|status| format!(" (SIP {status})")).unwrap_or_default();
    writeln!(out, "not answered: {}{status}", call.outcome.as_deref().unwrap_or("failed"))?;
    Ok(ExitCode::FAILURE)
}

/// The call once it is answered, or is not.
async fn placed(args: Args) -> anyhow::Result<OutboundCall> {
    let new = NewCall {
        agent: args.agent,
        trunk: args.trunk,
        to: args.to,
        from: args.from,
        ring_s: Some(args.ring),
        machine_detection: args.machine.wanted(args.message),
        variables: BTreeMap::new(),
    };
    let mut call: OutboundCall = args.at.ask("POST", "/v1/calls", Some(&new)).await?;
    while matches!(call.state, OutboundState::Queued | OutboundState::Dialling | OutboundState::Ringing) {
        tokio::time::sleep(ASK).await;
        call = args.at.ask("GET", &format!("/v1/calls/{}", call.id), None::<&()>).await?;
    }
    Ok(call)
}
