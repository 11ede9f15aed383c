//! How the machine is to be started; one that runs keeps what it was started with.

use std::ffi::OsString;
use std::fs;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::engine::{Accelerator, Machine};
use super::error::Error;

const MEMORY: &str = "VRFLAB_VM_MEMORY";
const CPUS: &str = "VRFLAB_VM_CPUS";
const IDLE: &str = "VRFLAB_VM_IDLE";
const ACCELERATOR: &str = "VRFLAB_VM_ACCEL";
const MACHINE: &str = "VRFLAB_VM_MACHINE";

/// How much memory can be given, in MiB: less does not hold the guest's first root.
pub const MEMORY_RANGE: RangeInclusive<u32> = 256..=u32::MAX;

/// How many processors can be given; both boards have room for so many.
pub const CPUS_RANGE: RangeInclusive<u32> = 1..=255;

/// How many seconds the machine can be told to stay. In none it would be looked for work all the time.
pub const IDLE_RANGE: RangeInclusive<u32> = 1..=u32::MAX;

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Memory in MiB.
    pub memory: u32,
    /// Processors.
    pub cpus: u32,
    /// How long the machine stays after its last lab and command.
    pub idle: Duration,
    /// KVM or emulation; where none is chosen, KVM if it works.
    pub accelerator: Option<Accelerator>,
    /// The board; where none is chosen, the fastest that works.
    pub machine: Option<Machine>,
}

impl Options {
    /// What the environment says (`VRFLAB_VM_MEMORY` in MiB, `VRFLAB_VM_CPUS`, `VRFLAB_VM_IDLE` in
    /// seconds, `VRFLAB_VM_ACCEL`, `VRFLAB_VM_MACHINE`), and what suits this host for the rest.
    pub fn from_environment() -> Result<Self, Error> {
        let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
        Ok(Self {
            memory: number(MEMORY, MEMORY_RANGE, "MiB")?.unwrap_or_else(default_memory),
            cpus: number(CPUS, CPUS_RANGE, "processors")?.unwrap_or(cpus),
            idle: Duration::from_secs(number(IDLE, IDLE_RANGE, "seconds")?.unwrap_or(600).into()),
            accelerator: setting(ACCELERATOR, "kvm or tcg")?,
            machine: setting(MACHINE, "microvm or q35")?,
        })
    }

    /// The same, for the environment of the process that is to use them.
    pub(super) fn to_environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            (MEMORY, self.memory.to_string()),
            (CPUS, self.cpus.to_string()),
            (IDLE, self.idle.as_secs().to_string()),
        ];
        variables.extend(self.accelerator.map(|it| (ACCELERATOR, it.name().to_owned())));
        variables.extend(self.machine.map(|it| (MACHINE, it.name().to_owned())));
        variables
    }
}

fn number(
    variable: &'static str,
    range: RangeInclusive<u32>,
    unit: &str,
) -> Result<Option<u32>, Error> {
    let (least, most) = (range.start(), range.end());
    let expected = match *most {
        u32::MAX => format!("a number of {unit}, {least} or more"),
        most => format!("a number of {unit} from {least} to {most}"),
    };
    let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let number = parse(variable, value.clone(), &expected)?;
    if range.contains(&number) {
        return Ok(Some(number));
    }
    let value = value.to_string_lossy().into_owned();
    Err(Error::Setting { variable, value, expected })
}

fn setting<T: std::str::FromStr>(
    variable: &'static str,
    expected: &str,
) -> Result<Option<T>, Error> {
    let given = std::env::var_os(variable).filter(|value| !value.is_empty());
    given.map(|value| parse(variable, value, expected)).transpose()
}

fn parse<T: std::str::FromStr>(
    variable: &'static str,
    value: OsString,
    expected: &str,
) -> Result<T, Error> {
    let value = value.to_string_lossy().into_owned();
    let expected = expected.to_owned();
    value.parse().map_err(|_| Error::Setting { variable, value, expected })
}

/// Enough for a thousand namespaces, and not more than half of what the host has.
fn default_memory() -> u32 {
    let total = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = total.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u32>().ok());
    kibibytes.map_or(2048, |kibibytes| (kibibytes / 1024 / 2).clamp(512, 2048))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_cannot_be_is_said_with_its_variable() {
        let error = parse::<u32>(MEMORY, "much".into(), "a number of MiB").unwrap_err();
        assert_eq!(error.to_string(), r#"VRFLAB_VM_MEMORY is "much", and must be a number of MiB"#);
        let chosen: Accelerator = parse(ACCELERATOR, "tcg".into(), "kvm or tcg").unwrap();
        assert_eq!(chosen, Accelerator::Tcg);
    }
}
