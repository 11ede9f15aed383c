//! Which processes are the machine, as the broker notes them for whoever has to end it without its
//! help.

use fs_err as fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::client::BROKER_PATIENCE;
use super::dirs::Dirs;
use super::error::Error;
use crate::kernel::HeldProcess;

/// What the kernel calls this boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Notes this process, which is the broker, and the engine: each with the time of its start, since
/// its number alone will be another's one day.
pub(super) fn note(dirs: &Dirs, engine: Option<u32>) -> Result<(), Error> {
    let path = dirs.processes();
    let failed = |error| Error::file("write", &path, error);
    let mut text = fs::read_to_string(BOOT).map_err(failed)?;
    for number in [Some(std::process::id()), engine].into_iter().flatten() {
        let pid = Pid::from_raw(number.cast_signed());
        let process = HeldProcess::open(pid).map_err(failed)?;
        // One that has ended by now need not be ended.
        if let Some(started) = process.and_then(|process| process.started()) {
            text.push_str(&format!("{pid} {started}\n"));
        }
    }
    let draft = path.with_extension("draft");
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path)).map_err(failed)
}

/// Kills the processes that are noted, as far as they are still those, and says which they were.
pub(super) fn kill(dirs: &Dirs) -> Result<Vec<u32>, Error> {
    let mut processes =
        noted(&dirs.processes()).map_err(Error::system("find the VM's processes"))?;
    if processes.is_empty() {
        // A broker that has noted nothing is known by its socket, and QEMU ends with it.
        processes.extend(super::client::broker_at(&dirs.socket()));
    }
    let deadline = Instant::now() + BROKER_PATIENCE;
    for process in &processes {
        process.signal(Signal::SIGKILL).map_err(Error::system("end the VM's processes"))?;
    }
    for process in &processes {
        let ended = process.wait(deadline).map_err(Error::system("wait for the VM's end"))?;
        if !ended {
            return Err(Error::Silent(format!("its process {} cannot be killed", process.pid())));
        }
    }
    Ok(processes.iter().map(|process| process.pid().as_raw().cast_unsigned()).collect())
}

fn noted(path: &Path) -> io::Result<Vec<HeldProcess>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let mut lines = text.lines();
    if lines.next() != Some(fs::read_to_string(BOOT)?.trim_end()) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for line in lines {
        let Some((pid, started)) = line.split_once(' ') else { continue };
        let (Ok(pid), Ok(started)) = (pid.parse(), started.parse()) else { continue };
        let process = HeldProcess::open(Pid::from_raw(pid))?;
        found.extend(process.filter(|process| process.started() == Some(started)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_only_the_number_is_not_the_one_that_was_noted() {
        let path = std::env::temp_dir().join(format!("vrflab-processes-{}", std::process::id()));
        let own = Pid::this();
        let started = HeldProcess::open(own).unwrap().unwrap().started().unwrap();
        let boot = fs::read_to_string(BOOT).unwrap();
        let found = |text: &str| {
            fs::write(&path, text).unwrap();
            noted(&path).unwrap().iter().map(HeldProcess::pid).collect::<Vec<_>>()
        };
        assert_eq!(found(&format!("{boot}{own} {started}\n")), [own]);
        assert_eq!(found(&format!("{boot}{own} {}\n", started + 1)), []);
        assert_eq!(found(&format!("of another boot\n{own} {started}\n")), []);
        assert_eq!(found(&format!("{boot}nonsense\n{own}\n")), []);
        fs::remove_file(&path).unwrap();
        assert!(noted(&path).unwrap().is_empty());
    }
}
