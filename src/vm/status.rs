//! What a running machine says of itself.

use std::path::PathBuf;
use std::time::Duration;

use super::engine::{Accelerator, Machine};
use super::wire::{Malformed, Reader, Writer};

/// A running, or booting, machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What runs the guest's instructions.
    pub accelerator: Accelerator,
    /// The board that QEMU plays.
    pub machine: Machine,
    /// The guest's kernel version; none while it boots.
    pub kernel: Option<String>,
    /// Since the machine was started.
    pub uptime: Duration,
    /// How long the boot took, up to the guest's first word; none while it boots.
    pub boot: Option<Duration>,
    /// Memory in MiB.
    pub memory: u32,
    /// Processors.
    pub cpus: u32,
    /// The process that is QEMU.
    pub qemu: Option<u32>,
    /// The process that holds the machine for this user.
    pub broker: u32,
    /// The commands that run in it.
    pub commands: Vec<String>,
    /// Where the guest's console is kept.
    pub console: PathBuf,
}

impl Status {
    pub(super) fn encode(&self) -> Vec<u8> {
        let milliseconds = |duration: Duration| duration.as_millis() as u64;
        let mut writer = Writer::default();
        writer.string(self.accelerator.name()).string(self.machine.name());
        writer.string(self.kernel.as_deref().unwrap_or_default());
        writer.number(milliseconds(self.uptime));
        writer.number(self.boot.map_or(0, milliseconds));
        writer.number(self.memory.into()).number(self.cpus.into());
        writer.number(self.qemu.unwrap_or(0).into()).number(self.broker.into());
        writer.list(&self.commands, |writer, command| {
            writer.string(command);
        });
        writer.string(&self.console).finish()
    }

    pub(super) fn decode(reader: &mut Reader) -> Result<Self, Malformed> {
        Ok(Self {
            accelerator: reader.text()?.parse().map_err(|_| Malformed("an unknown accelerator"))?,
            machine: reader.text()?.parse().map_err(|_| Malformed("an unknown machine"))?,
            kernel: Some(reader.text()?).filter(|kernel| !kernel.is_empty()),
            uptime: Duration::from_millis(reader.number()?),
            boot: Some(reader.number()?).filter(|&boot| boot > 0).map(Duration::from_millis),
            memory: reader.narrow()?,
            cpus: reader.narrow()?,
            qemu: Some(reader.narrow()?).filter(|&qemu| qemu > 0),
            broker: reader.narrow()?,
            commands: reader.list(Reader::text)?,
            console: reader.string()?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_arrives_as_it_was_sent() {
        let status = Status {
            accelerator: Accelerator::Tcg,
            machine: Machine::Q35,
            kernel: None,
            uptime: Duration::from_secs(3),
            boot: None,
            memory: 2048,
            cpus: 2,
            qemu: Some(17),
            broker: 16,
            commands: vec!["ping -c 1 ::1".into()],
            console: "/run/x/console.log".into(),
        };
        let bytes = status.encode();
        assert_eq!(Status::decode(&mut Reader::new(&bytes)), Ok(status));
    }
}
