//! A lab that stands for the length of a test.

use std::ops::ControlFlow;
use std::path::Path;
use vrflab::check::{self, CheckResult, Visit};
use vrflab::compile::{Lab, Options, compile_source};
use vrflab::diagnostic::{Diagnostic, Source};
use vrflab::document::{Format, LabName};
use vrflab::executor::{self, Observer};
use vrflab::kernel::{Namespace, Worker, observe, on_worker, sysctl};
use vrflab::plan::{self, Difference, Plan, Resource, Step, differences};
use vrflab::state::{Commands, Lock, Record, Verify};

/// A lab and its plan, which may or may not stand.
pub struct Built {
    pub lab: Lab,
    pub plan: Plan,
}

/// Nobody looks on.
pub struct Alone;

impl Observer for Alone {
    fn before(&mut self, _: usize, _: &[&Step]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// The path of a file of the project.
pub fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The lab of a text, under a name of its own.
pub fn read(text: &str, format: Format, name: &str) -> (Built, Vec<Diagnostic>) {
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    let name = LabName::new(name).expect("a lab's name");
    let named = Options { name: Some(name.clone()), ..Options::default() };
    let (lab, said) = compile_source(&source, format, &name, &named);
    let lab = lab.unwrap_or_else(|| panic!("{said:?}"));
    let plan = plan::lower(&lab).unwrap();
    (Built { lab, plan }, said)
}

/// A path in a report's words.
pub fn words(path: &[Visit]) -> Vec<String> {
    let word = |visit: &Visit| {
        let tunnels: Vec<&str> = visit.tunnels.iter().map(|&tunnel| tunnel.into()).collect();
        match tunnels.as_slice() {
            [] => visit.node.clone(),
            tunnels => format!("{}({})", visit.node, tunnels.join("/")),
        }
    };
    path.iter().map(word).collect()
}

/// All that is said of a text.
pub fn said(text: &str, format: Format) -> Vec<Diagnostic> {
    let source = Source { name: "lab".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").expect("a lab's name");
    compile_source(&source, format, &name, &Options::default()).1
}

/// The lab of the project's L3VPN, under a name of its own.
pub fn l3vpn(name: &str) -> Built {
    let text = std::fs::read_to_string(file("labs/l3vpn.dot")).unwrap();
    read(&text, Format::Dot, name).0
}

impl Built {
    /// What is written before the kernel is touched.
    pub fn record(&self) -> Record {
        Record::begun(&self.lab, None, Commands::default(), Verify::Before).unwrap()
    }

    pub fn lock(&self) -> Lock {
        Lock::take(&self.lab.name, || panic!("nobody else has the lock")).unwrap()
    }

    /// Builds it; it goes when the returned value does.
    pub fn up(self) -> Standing {
        executor::build(&self.plan, self.record(), self.lock(), &mut Alone)
            .unwrap_or_else(|failed| panic!("{failed:?}"));
        Standing(self)
    }

    /// What is left of it anywhere: names, mounts, records.
    pub fn residue(&self) -> Vec<String> {
        let mut left = Vec::new();
        let prefix = format!("{}-", self.lab.name);
        for entry in std::fs::read_dir("/run/netns").into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with(&prefix) {
                left.push(format!("/run/netns/{name}"));
            }
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        // The name of another lab may end with this one's.
        let path = format!("/{prefix}");
        left.extend(mounts.lines().filter(|line| line.contains(&path)).map(str::to_owned));
        let directory = vrflab::state::directory(&self.lab.name);
        if directory.exists() {
            left.push(directory.display().to_string());
        }
        left
    }
}

/// A lab that stands; it is taken down when this goes.
pub struct Standing(pub Built);

impl Drop for Standing {
    fn drop(&mut self) {
        let left = executor::down(self.0.lock()).expect("a lab can be taken down");
        assert!(left.is_empty() || std::thread::panicking(), "{left:?}");
    }
}

impl Standing {
    pub fn lab(&self) -> &Lab {
        &self.0.lab
    }

    /// All that the kernel holds is what the plan says.
    pub fn holds_what_it_says(&self) {
        self.holds(&self.0.plan);
    }

    /// All that the kernel holds is what another plan says of the same nodes.
    pub fn holds(&self, plan: &Plan) {
        self.holds_but_for(plan, |_| false);
    }

    /// [`Standing::holds`], but for some steps.
    pub fn holds_but_for(&self, plan: &Plan, leave_out: impl Fn(&Resource) -> bool) {
        let observed = on_worker(|worker| observe(plan, worker)).unwrap();
        let mut wrong = differences(plan, &observed);
        wrong.retain(|it| match it {
            Difference::Missing(it) | Difference::Extra(it) => !leave_out(it),
        });
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// What comes of all checks of the lab.
    pub fn all_checks_hold(&self) {
        let report = check::run(self.lab(), &self.lab().checks, |_, _| {}).unwrap();
        let failed: Vec<_> = report.results.iter().filter(|result| !result.ok).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    /// What comes of one check of the lab, and why.
    pub fn check(&self, line: &str) -> CheckResult {
        let check = self.lab().checks.iter().find(|check| check.text.starts_with(line));
        let check = check.unwrap_or_else(|| panic!("the lab has no check `{line}`")).clone();
        let checks = [check];
        let mut report = check::run(self.lab(), &checks, |_, _| {}).unwrap();
        let observed = check::observe(self.lab()).unwrap();
        check::explain(&mut report, self.lab(), &checks, &observed);
        report.results.remove(0)
    }

    /// Breaks the lab with `ip`, as a user would by hand; the node stands in front.
    pub fn ip(&self, node: &str, words: &str) -> String {
        let id = self.lab().node(node).unwrap_or_else(|| panic!("no node {node}"));
        let mut command = std::process::Command::new("ip");
        command.args(["-n", &self.lab()[id].namespace]).args(words.split(' '));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        text.concat()
    }

    /// Does work in a node's namespace.
    pub fn within<T: Send>(&self, node: &str, work: impl FnOnce(&Worker) -> T + Send) -> T {
        let id = self.lab().node(node).unwrap();
        let namespace = Namespace::open(&self.lab()[id].namespace).unwrap();
        on_worker(|worker| {
            worker.enter(&namespace).unwrap();
            work(worker)
        })
    }

    /// Writes a setting of a node.
    pub fn set(&self, node: &str, key: &str, value: &str) {
        self.within(node, |worker| sysctl::write(worker, key, value)).unwrap();
    }
}
