//! `vrflab vm`: the micro-VM by hand.

use super::exit::{Exit, cannot};
use super::output::{self, err, out};
use super::shell;
use std::ffi::OsString;
use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::vm::{
    self, Accelerator, Error, Input, KernelSource, Machine, Options, Program, Request, Setup,
    Status,
};

const EXAMPLES: &str = "\
Examples:
  vrflab vm setup
  vrflab vm status
  vrflab vm run -- ip netns
  vrflab vm stop";

/// The arguments of `vrflab vm`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Get a guest kernel, without installing it on this machine
    Setup {
        /// Take this kernel instead of one from the package archive
        #[arg(long, value_name = "FILE", requires = "modules")]
        vmlinuz: Option<PathBuf>,
        /// Its modules: .../lib/modules/VERSION
        #[arg(long, value_name = "DIR", requires = "vmlinuz")]
        modules: Option<PathBuf>,
        /// Get one even if there is one
        #[arg(long)]
        force: bool,
    },
    /// Boot the VM if it is not up
    Start(Choices),
    /// Stop the VM and everything in it
    Stop {
        /// Kill it, whether it answers or not
        #[arg(long)]
        force: bool,
    },
    /// Show the VM's state
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the logs of the guest console, QEMU and the broker
    Log,
    /// Run a command in the VM, booting it if need be; without a command, a shell
    Run {
        #[command(flatten)]
        choices: Choices,
        /// Show live changes in this directory, not a snapshot taken when the command starts; the
        /// working directory is always shown live
        #[arg(long, value_name = "DIR")]
        fresh: Vec<PathBuf>,
        /// The command and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
    /// Hold the VM of this user
    #[command(hide = true)]
    Broker,
    /// Be the first process of a guest
    #[command(hide = true)]
    Agent,
}

/// How the VM is started; one that is up keeps what it was started with.
#[derive(Args)]
struct Choices {
    /// Memory of the VM [env: VRFLAB_VM_MEMORY]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(range(vm::MEMORY_RANGE)))]
    memory: Option<u32>,
    /// Processors of the VM [env: VRFLAB_VM_CPUS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(range(vm::CPUS_RANGE)))]
    cpus: Option<u32>,
    /// Stop the VM after this many idle seconds [env: VRFLAB_VM_IDLE]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(range(vm::IDLE_RANGE)))]
    idle: Option<u32>,
    /// kvm or tcg, instead of auto-detection [env: VRFLAB_VM_ACCEL]
    #[arg(long, value_name = "NAME", value_parser = accelerator)]
    accel: Option<Accelerator>,
    /// microvm or q35, instead of auto-detection [env: VRFLAB_VM_MACHINE]
    #[arg(long, value_name = "NAME", value_parser = machine)]
    machine: Option<Machine>,
}

fn range(of: RangeInclusive<u32>) -> RangeInclusive<i64> {
    i64::from(*of.start())..=i64::from(*of.end())
}

fn accelerator(name: &str) -> Result<Accelerator, &'static str> {
    name.parse().map_err(|()| "it must be kvm or tcg")
}

fn machine(name: &str) -> Result<Machine, &'static str> {
    name.parse().map_err(|()| "it must be microvm or q35")
}

impl Choices {
    fn options(&self) -> Result<Options, Error> {
        let otherwise = Options::from_environment()?;
        Ok(Options {
            memory: self.memory.unwrap_or(otherwise.memory),
            cpus: self.cpus.unwrap_or(otherwise.cpus),
            idle: self.idle.map_or(otherwise.idle, |idle| Duration::from_secs(idle.into())),
            accelerator: self.accel.or(otherwise.accelerator),
            machine: self.machine.or(otherwise.machine),
        })
    }
}

/// Does what was asked.
pub(super) fn run(arguments: Arguments) -> Exit {
    let outcome = match arguments.verb {
        Verb::Setup { vmlinuz, modules, force } => setup(vmlinuz.zip(modules), force),
        Verb::Start(choices) => start(&choices),
        Verb::Stop { force: false } => stop(),
        Verb::Stop { force: true } => kill(),
        Verb::Status { json } => status(json),
        Verb::Log => log(),
        Verb::Run { choices, fresh, command } => return run_command(&choices, fresh, command),
        Verb::Broker => vm::broker(),
        Verb::Agent => {
            vm::agent();
            Ok(())
        }
    };
    match outcome {
        Ok(()) => Exit::Done,
        Err(error) => cannot(error),
    }
}

fn say(what: &str) {
    err!("vrflab: {what} ...");
}

fn setup(files: Option<(PathBuf, PathBuf)>, force: bool) -> Result<(), Error> {
    let source = match files {
        Some((image, modules)) => KernelSource::Files { image, modules },
        None => KernelSource::Archive,
    };
    match vm::setup(&source, force, &mut say)? {
        Setup::Already(kernel) => {
            out!("the guest kernel is there already: {}", kernel.version);
        }
        Setup::Done(kernel) => {
            out!("the guest kernel is set up: {}", kernel.version);
            out!("it is kept in {}", kernel.image.display());
        }
    }
    Ok(())
}

fn start(choices: &Choices) -> Result<(), Error> {
    let status = vm::start(&choices.options()?, &mut say)?;
    print_status(&status, Some(&labs()?));
    Ok(())
}

fn stop() -> Result<(), Error> {
    let Some(stopped) = vm::stop()? else {
        out!("no VM is up");
        return Ok(());
    };
    out!("the VM is stopped");
    match &stopped.labs {
        Some(labs) => labs.iter().for_each(|lab| out!("the lab {lab} ended with it")),
        None => out!("it did not say which labs ended with it"),
    }
    for command in &stopped.commands {
        out!("this command ended with it: {command}");
    }
    Ok(())
}

fn kill() -> Result<(), Error> {
    let killed = vm::kill()?;
    match killed.is_empty() {
        true => out!("no VM is up"),
        false => out!("the VM is stopped, and all that was in it"),
    }
    for process in killed {
        out!("the process {process} was killed");
    }
    Ok(())
}

fn status(json: bool) -> Result<(), Error> {
    let (status, labs) = (vm::running()?, labs());
    let known = labs.as_deref().ok();
    match (json, &status) {
        (true, status) => output::json(&as_json(status.as_ref(), known)),
        (false, Some(status)) => print_status(status, known),
        (false, None) => out!("no VM is up"),
    }
    labs.map(drop)
}

/// The names of the labs in the VM.
fn labs() -> Result<Vec<String>, Error> {
    Ok(vm::labs()?.into_iter().map(|lab| lab.name.to_string()).collect())
}

fn print_status(status: &Status, labs: Option<&[String]>) {
    let list = |items: &[String]| match items {
        [] => "none".to_owned(),
        items => items.join(", "),
    };
    let boot = status
        .boot
        .map_or(String::new(), |boot| format!(" (booted in {:.1} s)", boot.as_secs_f64()));
    out!("engine    {} ({})", status.accelerator.name(), status.machine.name());
    out!("kernel    {}", status.kernel.as_deref().unwrap_or("still booting"));
    out!("up        {} s{boot}", status.uptime.as_secs());
    out!("memory    {} MiB, {} processors", status.memory, status.cpus);
    out!("labs      {}", labs.map_or("not known".to_owned(), list));
    out!("commands  {}", list(&status.commands));
    out!("console   {}", status.console.display());
}

fn as_json(status: Option<&Status>, labs: Option<&[String]>) -> serde_json::Value {
    let Some(status) = status else { return serde_json::json!({ "up": false }) };
    serde_json::json!({
        "up": status.kernel.is_some(),
        "engine": status.accelerator.name(),
        "machine": status.machine.name(),
        "kernel": status.kernel,
        "uptime_s": status.uptime.as_secs_f64(),
        "boot_s": status.boot.map(|boot| boot.as_secs_f64()),
        "memory_mib": status.memory,
        "cpus": status.cpus,
        "qemu_pid": status.qemu,
        "broker_pid": status.broker,
        "labs": labs,
        "commands": status.commands,
        "console": status.console,
    })
}

fn log() -> Result<(), Error> {
    for path in vm::logs()? {
        let text = fs::read(&path).map_err(|error| Error::File {
            action: "read",
            path: path.clone(),
            error,
        })?;
        out!("==> {} <==", path.display());
        output::lines(&text);
    }
    Ok(())
}

fn run_command(choices: &Choices, fresh: Vec<PathBuf>, command: Vec<OsString>) -> Exit {
    let command = if command.is_empty() { shell::words("vrflab-vm") } else { command };
    let mut command = command.into_iter();
    let program = Program::Path(command.next().expect("a shell has a name"));
    let request = Request { fresh, input: Input::Inherit, ..Request::new(program, command) };
    let outcome = choices.options().and_then(|options| vm::run(&request, &options, &mut say));
    match outcome {
        Ok(end) => Exit::Command(end.code()),
        Err(error) => {
            err!("vrflab: {error}");
            let Error::Refused { status, .. } = error else { return Exit::NotStarted };
            Exit::Command(status)
        }
    }
}
