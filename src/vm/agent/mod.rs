//! The guest's side: this program as the first process of the guest.
//!
//! It makes the host's root its own, then runs what it is told to over the port, until the host's
//! end of the port closes or the machine is switched off from outside.

// The standard error of the guest's first process is its log.
#![allow(clippy::print_stderr)]

mod command;
mod mounts;
mod outlet;
mod program;
mod reaper;
mod root;
mod serve;
mod session;

use std::fs::File;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::sys::reboot::{RebootMode, reboot};

use super::initramfs::place;
use crate::kernel::StaticKeys;

/// The uncached mount of the host's root. Commands do not see it.
const FRESH: &str = "/.vrflab/host";

/// The mount of the host's root that programs come from. Commands do not see it either.
const PROGRAM_SOURCES: &str = "/.vrflab/programs";

/// The mounts of what can be written to on the host, as it is and for programs. Commands see
/// neither.
const WRITTEN: &str = "/.vrflab/written";
const WRITTEN_PROGRAMS: &str = "/.vrflab/written-programs";

/// The builds of `vrflab` that have been run here.
const PROGRAMS: &str = "/.vrflab/bin";

/// Runs the guest; the machine ends with it.
pub(in crate::vm) fn main() {
    if let Err(error) = run() {
        eprintln!("vrflab: the guest cannot go on: {error}");
    }
    nix::unistd::sync();
    // The engine takes a reboot for the end.
    let Err(error) = reboot(RebootMode::RB_AUTOBOOT);
    eprintln!("vrflab: the guest cannot end: {error}");
}

fn run() -> io::Result<()> {
    root::mount_kernel_filesystems()?;
    let lab_modules = modules(place::LAB_MODULES)?;
    // The files are open, so the change of root below does not matter to the thread.
    let loading = std::thread::spawn(move || load(&lab_modules));
    load(&modules(place::ROOT_MODULES)?)?;
    let root = root::become_host_root()?;
    loading.join().map_err(|_| io::Error::other("loading modules panicked"))??;
    let _held = StaticKeys::hold().inspect_err(|error| {
        eprintln!("vrflab: the kernel will patch itself while labs run: {error}");
    });
    // Nobody has to wait for the modules of these devices.
    let _device_keys = std::thread::spawn(|| {
        StaticKeys::hold_of_devices().inspect_err(|error| {
            eprintln!("vrflab: the kernel will patch itself while labs run: {error}");
        })
    });
    serve::serve(root)
}

fn modules(directory: &str) -> io::Result<Vec<File>> {
    let directory = Path::new("/").join(directory);
    let mut paths: Vec<_> =
        directory.read_dir()?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    paths.iter().map(File::open).collect()
}

fn load(modules: &[File]) -> io::Result<()> {
    for module in modules {
        match finit_module(module, c"", ModuleInitFlags::empty()) {
            // Loaded by the other thread, or the device that it is for is not there: what is
            // really missing shows when it is used.
            Ok(()) | Err(Errno::EEXIST | Errno::ENODEV) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
