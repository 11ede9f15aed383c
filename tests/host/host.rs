//! A `/run` of a test's own, so that tests neither see nor disturb each other's labs, nor those of
//! whoever runs them.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::cell::Cell;
use std::fs;
use std::marker::PhantomData;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where the output of commands is kept.
pub const OUTPUTS: &str = "/var/lib/vrflab/output";

/// The machine as one test's thread, and what it starts, sees it.
pub struct Host {
    /// The mount of this test's `/run`: what others mount on theirs is seen here too, hidden by it.
    run: String,
    swept: Cell<bool>,
    not_send: PhantomData<*const ()>,
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Host {
    pub fn new() -> Self {
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS).expect("these tests need root");
        // What others unmount goes away here too, so that nothing of theirs is held.
        mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none).unwrap();
        while umount2("/run/netns", MntFlags::MNT_DETACH).is_ok() {}
        mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
        // So does the output of commands, which stays when a lab goes.
        fs::create_dir_all(OUTPUTS).unwrap();
        mount(Some("outputs"), OUTPUTS, Some("tmpfs"), MsFlags::empty(), Some("mode=700")).unwrap();
        let run = mounts().into_iter().rfind(|mount| mount.at == "/run").unwrap().id;
        Self { run, swept: Cell::new(false), not_send: PhantomData }
    }

    /// The program, on the host's kernel.
    pub fn vrflab(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env("VRFLAB_KERNEL", "host").stdin(Stdio::null());
        for variable in ["VRFLAB_RUNTIME_DIR", "VRFLAB_LAB", "RUST_BACKTRACE", "XDG_RUNTIME_DIR"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        said(&self.vrflab(arguments).output().unwrap())
    }

    /// Runs the program, which must do what it is asked, and returns its output.
    pub fn done(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said.out
    }

    /// Fails where anything of any lab is left.
    pub fn assert_nothing_is_left(&self) {
        self.swept.set(true);
        assert_eq!(names("/run/netns"), Vec::<String>::new());
        assert!(!Path::new("/run/vrflab").exists(), "{:?}", names("/run/vrflab"));
        let mounts = mounts();
        let below = |mount: &Mounted| mounts.iter().find(|it| it.id == mount.on);
        let is_ours = |mount: &&Mounted| {
            std::iter::successors(below(mount), |mount| below(mount)).any(|it| it.id == self.run)
        };
        let names = mounts.iter().filter(|mount| mount.at.contains("/run/netns/"));
        let left: Vec<&Mounted> = names.filter(is_ours).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.swept.get(), "a test looks whether anything is left");
        }
    }
}

/// A mount that this thread sees, or would if nothing hid it.
#[derive(Debug)]
struct Mounted {
    id: String,
    /// The mount that it is mounted on.
    on: String,
    at: String,
}

fn mounts() -> Vec<Mounted> {
    let text = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let mount = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap();
        let (id, on, _, _, at) = (word(), word(), word(), word(), word());
        Mounted { id, on, at }
    };
    text.lines().map(mount).collect()
}

/// The program. In the micro-VM, which would fetch every page of it anew for every start, it is a copy
/// in the guest's memory that all tests share.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = Path::new(env!("CARGO_BIN_EXE_vrflab"));
        if !vrflab::vm::inside_guest() {
            return built.to_owned();
        }
        let built_at = fs::metadata(built).unwrap().modified().unwrap();
        let stamp = built_at.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let copy = PathBuf::from(format!("/tmp/vrflab-of-tests-{stamp}"));
        if !copy.exists() {
            let draft = copy.with_extension(std::process::id().to_string());
            fs::copy(built, &draft).unwrap();
            fs::rename(&draft, &copy).unwrap();
        }
        copy
    })
}

/// How a program ended, a signal as shells tell it.
pub fn status(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

/// What a finished program said.
pub fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { status: status(output.status), out: text(&output.stdout), err: text(&output.stderr) }
}

/// The names in a directory, in order; none where there is no such directory.
pub fn names(directory: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A file in the package.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The path of one of the labs that come with the program.
pub fn lab(name: &str) -> String {
    file("labs").join(name).into_os_string().into_string().unwrap()
}

/// Changes a lab's record as the program itself would, with the checksum that is right for it then.
pub fn edit_record(path: &str, edit: impl FnOnce(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let (sum, rest) = text.split_at(r#"{"checksum":"12345678","#.len());
    let sum_of = |rest: &str| {
        let mut sum = flate2::Crc::new();
        sum.update(rest.as_bytes());
        format!("{{\"checksum\":\"{:08x}\",", sum.sum())
    };
    assert_eq!(sum, sum_of(rest));
    let edited = edit(rest);
    assert_ne!(edited, rest);
    fs::write(path, sum_of(&edited) + &edited).unwrap();
}

/// A ring of routers with an address on each side and no more, large enough to be met half-built.
pub fn ring(nodes: usize) -> String {
    let mut text = String::from("routing: none\nnodes:\n");
    for node in 0..nodes {
        text += &format!("  n{node}: {{role: router}}\n");
    }
    text += "links:\n";
    for node in 0..nodes {
        text += &format!("  - n{node} -- n{}\n", (node + 1) % nodes);
    }
    text
}

/// Waits until something holds, and fails when it does not come to hold.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to hold that {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
