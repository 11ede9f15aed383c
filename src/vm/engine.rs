//! QEMU's command line, and what is known of the ways to run it here.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::sys::utsname::uname;

use super::dirs::Dirs;

/// The program that is the engine.
pub(super) const QEMU: &str = "qemu-system-x86_64";

/// The name of the virtio-serial port, by which the agent finds it.
pub(super) const PORT: &str = "vrflab";

/// The mount tag of the host's root that is cached and read-only.
pub(super) const CACHED_ROOT: &str = "vrflab-root";

/// The mount tag of the host's root that is not cached.
pub(super) const FRESH_ROOT: &str = "vrflab-fresh";

/// The mount tag of the host's root where a file's content is kept as long as it is open: many
/// times as fast as [`FRESH_ROOT`], but a file that grows meanwhile is not read right.
pub(super) const PROGRAM_ROOT: &str = "vrflab-programs";

/// The mount tag of the only directory that can be written to, which is not cached.
pub(super) const WRITTEN: &str = "vrflab-written";

/// The mount tag of the same directory, read as [`PROGRAM_ROOT`] is.
pub(super) const WRITTEN_PROGRAMS: &str = "vrflab-written-programs";

/// The end of the guest kernel's command line: what the first process is told to be.
pub(super) const AGENT_ARGUMENTS: &str = "-- vm agent";

/// What runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's emulation.
    Tcg,
}

impl Accelerator {
    /// The name that QEMU and people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

impl FromStr for Accelerator {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Kvm, Self::Tcg].into_iter().find(|this| this.name() == name).ok_or(())
    }
}

/// The board that QEMU plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// No firmware to speak of and no PCI: boots fastest.
    Microvm,
    /// An ordinary PC.
    Q35,
}

impl Machine {
    /// The name that QEMU and people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Microvm => "microvm",
            Self::Q35 => "q35",
        }
    }

    /// The end of the names of virtio devices on this board's bus.
    fn bus(self) -> &'static str {
        match self {
            Self::Microvm => "device",
            Self::Q35 => "pci",
        }
    }
}

impl FromStr for Machine {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Microvm, Self::Q35].into_iter().find(|this| this.name() == name).ok_or(())
    }
}

/// One way to run the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BootMethod {
    pub accelerator: Accelerator,
    pub machine: Machine,
}

/// All that the command line says.
pub(super) struct Engine<'a> {
    pub way: BootMethod,
    pub memory: u32,
    pub cpus: u32,
    pub kernel: &'a Path,
    pub initramfs: &'a Path,
    pub console: &'a Path,
    /// The directory that can be written to.
    pub written: &'a Path,
    /// The rate of the host's time stamp counter.
    pub tsc_khz: u64,
}

impl Engine<'_> {
    /// QEMU's arguments. Its standard input is the socket behind the port to the guest, so that
    /// nothing but its parent can ever reach it.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |option: &str, value: &str| {
            arguments.push(option.into());
            if !value.is_empty() {
                arguments.push(value.into());
            }
        };
        let bus = self.way.machine.bus();
        for flag in ["-nodefaults", "-no-user-config", "-no-reboot"] {
            add(flag, "");
        }
        add("-name", "vrflab");
        add("-display", "none");
        match self.way.accelerator {
            Accelerator::Kvm => {
                add("-accel", "kvm");
                add("-cpu", "host");
            }
            Accelerator::Tcg => {
                add("-accel", "tcg,thread=multi");
                add("-cpu", "max");
            }
        }
        add("-M", self.way.machine.name());
        add("-m", &self.memory.to_string());
        add("-smp", &self.cpus.to_string());
        let share = |tag: &str| format!("local,id={tag},security_model=none,multidevs=remap");
        for tag in [CACHED_ROOT, FRESH_ROOT, PROGRAM_ROOT] {
            add("-fsdev", &format!("{},readonly=on,path=/", share(tag)));
            add("-device", &format!("virtio-9p-{bus},fsdev={tag},mount_tag={tag}"));
        }
        for tag in [WRITTEN, WRITTEN_PROGRAMS] {
            add("-device", &format!("virtio-9p-{bus},fsdev={tag},mount_tag={tag}"));
        }
        add("-chardev", "socket,id=port,fd=0");
        add("-device", &format!("virtio-serial-{bus}"));
        add("-device", &format!("virtserialport,chardev=port,name={PORT}"));
        add("-append", &self.kernel_command_line());
        for tag in [WRITTEN, WRITTEN_PROGRAMS] {
            let mut export = OsString::from(format!("{},path=", share(tag)));
            export.push(escaped(self.written));
            arguments.extend(["-fsdev".into(), export]);
        }
        for (option, path) in [("-kernel", self.kernel), ("-initrd", self.initramfs)] {
            arguments.extend([option.into(), path.into()]);
        }
        let mut serial = OsString::from("file:");
        serial.push(self.console);
        arguments.extend(["-serial".into(), serial]);
        arguments
    }

    fn kernel_command_line(&self) -> String {
        let mut words = vec![
            "console=ttyS0 panic=-1 reboot=t".to_owned(),
            // The guest is the user's own and holds nothing that the user's processes may not see.
            "nokaslr mitigations=off".to_owned(),
            "cryptomgr.notests random.trust_cpu=1".to_owned(),
            // Removing namespaces and moving interfaces wait for grace periods all the time.
            "rcupdate.rcu_expedited=1".to_owned(),
        ];
        match self.way.accelerator {
            // Where KVM does not run a kernel it may not say so; this one is made to say its first
            // words at once, so that silence is telling.
            Accelerator::Kvm => words.push("earlyprintk=ttyS0 loglevel=6".to_owned()),
            // Emulated, the kernel fails to find the rate by itself, and a wrong one makes every
            // clock in the guest wrong.
            Accelerator::Tcg => {
                words.push(format!(
                    "quiet tsc_early_khz={} tsc=reliable no_timer_check",
                    self.tsc_khz
                ));
            }
        }
        words.push(format!("nowatchdog rdinit=/init {AGENT_ARGUMENTS}"));
        words.join(" ")
    }
}

/// A path as a part of an option, where a comma would end it.
fn escaped(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes().iter();
    let escaped = bytes.flat_map(|byte| vec![*byte; if *byte == b',' { 2 } else { 1 }]);
    OsString::from_vec(escaped.collect())
}

/// Whether KVM was found not to work, remembered for this kernel, this QEMU and this guest kernel.
pub(super) struct Verdict {
    file: PathBuf,
    circumstances: String,
}

impl Verdict {
    pub fn of(dirs: &Dirs, qemu: &Path, guest_kernel: &str) -> Self {
        let host = uname().map(|host| {
            [host.release(), host.version()]
                .map(|part| part.to_string_lossy().into_owned())
                .join(" ")
        });
        let host = host.unwrap_or_default();
        let built = fs::metadata(qemu).and_then(|metadata| metadata.modified()).ok();
        let circumstances = format!("{host}\n{}\n{built:?}\n{guest_kernel}\n", qemu.display());
        Self { file: Self::file(dirs), circumstances }
    }

    /// Where it is kept.
    pub fn file(dirs: &Dirs) -> PathBuf {
        dirs.cache.join("kvm-does-not-work")
    }

    /// Whether KVM failed here before.
    pub fn kvm_failed(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|found| found == self.circumstances)
    }

    /// Remembers that KVM failed. If that cannot be written it is tried again next time.
    pub fn remember_kvm_failed(&self) -> std::io::Result<()> {
        fs::write(&self.file, &self.circumstances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(way: BootMethod) -> String {
        let engine = Engine {
            way,
            memory: 2048,
            cpus: 2,
            kernel: Path::new("/k"),
            initramfs: Path::new("/i"),
            console: Path::new("/c"),
            written: Path::new("/run/w,x"),
            tsc_khz: 2_445_426,
        };
        engine
            .arguments()
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn an_emulated_guest_is_told_the_rate_of_the_counter() {
        let emulated =
            arguments(BootMethod { accelerator: Accelerator::Tcg, machine: Machine::Microvm });
        assert!(emulated.contains("tsc_early_khz=2445426"), "{emulated}");
        assert!(emulated.contains("virtio-9p-device"), "{emulated}");
    }

    #[test]
    fn an_ordinary_pc_has_its_devices_on_pci() {
        let pc = arguments(BootMethod { accelerator: Accelerator::Kvm, machine: Machine::Q35 });
        assert!(pc.contains("virtio-serial-pci") && !pc.contains("tsc_early_khz"), "{pc}");
    }

    #[test]
    fn one_directory_can_be_written_to_and_the_rest_is_exported_read_only() {
        let all =
            arguments(BootMethod { accelerator: Accelerator::Tcg, machine: Machine::Microvm });
        let exports: Vec<&str> = all.split(' ').filter(|word| word.starts_with("local,")).collect();
        let (rest, written): (Vec<&str>, Vec<&str>) =
            exports.into_iter().partition(|export| export.ends_with(",readonly=on,path=/"));
        assert_eq!(rest.len(), 3);
        assert!(written.len() == 2 && written.iter().all(|it| it.ends_with("path=/run/w,,x")));
    }

    #[test]
    fn nothing_listens_on_the_network() {
        for machine in [Machine::Microvm, Machine::Q35] {
            let all = arguments(BootMethod { accelerator: Accelerator::Tcg, machine });
            assert!(!all.contains("tcp") && !all.contains("-net"), "{all}");
        }
    }
}
