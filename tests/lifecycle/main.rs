//! The life of a lab as another program leads it: nothing but the crate's interface is used. These tests
//! need root, and make labs of their own names.
#![allow(clippy::unwrap_used)]

use std::error::Error;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use vrflab::document::LabName;
use vrflab::lifecycle::{
    ApplyError, BuildError, ChangeError, CheckOptions, CompiledLab, Definition, ExecError,
    Execution, KernelChangeError, LinkChange, LogsError, Observer, OpenError, Options, Progress,
    Promises, ResetOptions, RunningLab, UpError, UpOptions,
};

const LAB: &str = "graph { node [role=router]; a:ab -- b:ba; b:bc -- c:cb; a:ac -- c:ca }";

/// A lab of a name that no other run of these tests has.
fn compiled(test: &str, text: &str) -> CompiledLab {
    let name = LabName::new(format!("{test}-{}", std::process::id()));
    let options = Options { name, ..Options::default() };
    Definition::of_text("lab.dot", text).compile(options).unwrap()
}

fn up(lab: &CompiledLab) -> RunningLab {
    lab.up(&UpOptions::default(), &mut ()).unwrap()
}

fn passes(running: &RunningLab) -> bool {
    running.check(&CheckOptions::default(), &mut ()).unwrap().report.ok()
}

fn is_down(name: &LabName) -> bool {
    matches!(RunningLab::open(name, &mut ()), Err(OpenError::Down(lab)) if lab == *name)
}

#[test]
fn a_lab_is_built_checked_changed_reset_and_taken_down() {
    let lab = compiled("life", LAB);
    let mut running = up(&lab).down_on_drop();
    assert!(running.is_new() && passes(&running));
    let nodes: Vec<&str> = running.nodes().iter().map(|node| node.name.as_str()).collect();
    assert_eq!(nodes, ["a", "b", "c"]);

    running.link("a", "ab", LinkChange::Down, &mut ()).unwrap();
    assert!(!passes(&running));
    let changes: Vec<String> = running.changes().iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["since it came up, ab of a was brought down"]);
    let changed = running.link("a", "ab", LinkChange::DownAndRerouted, &mut ()).unwrap();
    assert!(changed.routes > 0 && passes(&running));
    running.link("a", "ab", LinkChange::Up, &mut ()).unwrap();
    assert!(running.changes().is_empty() && passes(&running));

    running.link("b", "bc", LinkChange::Down, &mut ()).unwrap();
    running.reset(&ResetOptions::default(), &mut ()).unwrap();
    assert!(running.changes().is_empty() && passes(&running));
    running.down(&mut ()).unwrap();
    assert!(is_down(lab.name()));
}

#[test]
fn a_lab_stays_when_it_is_dropped_unless_that_is_asked_for() {
    let lab = compiled("stays", LAB);
    drop(up(&lab));
    let again = up(&lab);
    assert!(!again.is_new());
    drop(again);
    let opened = RunningLab::open(lab.name(), &mut ()).unwrap();
    assert!(passes(&opened));
    drop(opened.down_on_drop());
    assert!(is_down(lab.name()));
}

#[test]
fn what_was_asked_for_wrongly_is_told_by_its_type_and_in_a_sentence() {
    let wrong = Definition::of_text("lab.dot", "graph { a [role=chef]; a -- b }");
    let error = wrong.compile(Options::default()).unwrap_err();
    assert_eq!(error.diagnostics.len(), 1);
    assert!(error.to_string().contains("lab.dot:1:17"), "{error}");

    let lab = compiled("wrong", LAB);
    let mut running = up(&lab).down_on_drop();
    let error = running.link("aa", "ab", LinkChange::Down, &mut ()).unwrap_err();
    assert!(matches!(error, ChangeError::NoNode { .. }));
    assert!(error.to_string().ends_with(" has no node `aa`"), "{error}");
    let error = running.link("a", "abc", LinkChange::Down, &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "`a` has no interface `abc`; did you mean `ab`?");
    let command = vec!["true".into()];
    let nowhere = Execution { node: "a".to_owned(), vrf: Some("red".to_owned()), command };
    let error = running.exec(&nowhere).unwrap_err();
    assert!(matches!(error, ExecError::NoVrf { .. }));
    assert_eq!(error.to_string(), "a has no VRF `red`; it has none");
    assert!(matches!(running.logs(None), Err(LogsError::Nothing { .. })));
    drop(running);
    assert!(is_down(lab.name()));
}

/// Ends a build at this step.
struct EndsAt(usize);

impl Observer for EndsAt {
    fn progress(&mut self, progress: Progress<'_>) -> ControlFlow<()> {
        match progress {
            Progress::Steps { done, .. } if done >= self.0 => ControlFlow::Break(()),
            Progress::Steps { .. } | Progress::SpanningTree => ControlFlow::Continue(()),
        }
    }
}

#[test]
fn a_build_that_is_ended_leaves_nothing_and_says_why() {
    let lab = compiled("ended", LAB);
    let error = lab.up(&UpOptions::default(), &mut EndsAt(10)).unwrap_err();
    assert_eq!(error.to_string(), "it was stopped: interrupted");
    assert_eq!(error.source().unwrap().to_string(), "interrupted");
    let UpError::Build(BuildError::Stopped { error: ApplyError::Interrupted, left }) = error else {
        panic!("{error:?}")
    };
    assert!(left.is_empty(), "{left:?}");
    assert!(is_down(lab.name()));
}

/// Ends what is done to a lab that stands when it is asked whether to for the second time.
#[derive(Default)]
struct EndsSecond(AtomicBool);

impl Observer for EndsSecond {
    fn is_interrupted(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }
}

#[test]
fn a_lab_that_is_brought_back_in_place_is_as_it_was_where_that_is_ended() {
    let lab = compiled("healed", LAB);
    let mut running = up(&lab).down_on_drop();
    running.link("a", "ab", LinkChange::Down, &mut ()).unwrap();
    let namespaces: Vec<String> =
        running.nodes().iter().map(|node| node.namespace.clone()).collect();
    let ip = |words: &str| -> Vec<String> {
        let of = |namespace: &String| {
            let words = format!("-n {namespace} {words}");
            let ip = Command::new("ip").args(words.split(' ')).output().unwrap();
            assert!(ip.status.success(), "{words}: {ip:?}");
            String::from_utf8(ip.stdout).unwrap()
        };
        namespaces.iter().map(of).collect()
    };
    ip("route flush table main proto static");
    let before = ip("route");
    let error = running.heal(&mut EndsSecond::default()).unwrap_err();
    let ChangeError::Refused { error: KernelChangeError::Interrupted { stuck }, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((stuck, ip("route")), (None, before));
    assert_eq!(running.changes().len(), 1);
    running.heal(&mut ()).unwrap();
    assert!(running.changes().is_empty() && passes(&running));
}

/// Ends what is done when it was asked so often whether to.
struct EndsAfter(AtomicUsize);

impl Observer for EndsAfter {
    fn is_interrupted(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
    }
}

#[test]
fn an_edit_that_is_ended_leaves_the_lab_as_it_was_and_one_that_is_not_makes_it_the_files() {
    let lab = compiled("edited", LAB);
    let mut running = up(&lab).down_on_drop();
    let edited = LAB
        .replace("a:ab -- b:ba;", "d -- b; a:ab -- b:ba [mtu=1400];")
        .replace("b:bc -- c:cb", "d -- c");
    let edited = compiled("edited", &edited);
    let mut ended = 0;
    let applied = loop {
        match edited.up(&UpOptions::default(), &mut EndsAfter(AtomicUsize::new(ended))) {
            Ok(changed) => break changed.applied(),
            Err(UpError::Change(ChangeError::Refused {
                error: KernelChangeError::Interrupted { stuck: None },
                unrecorded: None,
                ..
            })) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(running.heal(&mut ()).unwrap(), 0, "after {ended}");
        assert!(!up(&lab).is_new() && passes(&running));
        ended += 1;
    };
    assert!(ended > 10 && applied.unwrap() > ended, "{ended}: {applied:?}");
    let mut changed = up(&edited);
    assert_eq!((changed.applied(), changed.heal(&mut ()).unwrap()), (None, 0));
    assert!(passes(&changed));
}

#[test]
fn a_reset_that_is_ended_can_be_asked_for_again() {
    let lab = compiled("again", LAB);
    let mut running = up(&lab).down_on_drop();
    running.reset(&ResetOptions::default(), &mut EndsAt(10)).unwrap_err();
    assert!(matches!(RunningLab::open(lab.name(), &mut ()), Err(OpenError::HalfBuilt(_))));
    running.reset(&ResetOptions::default(), &mut ()).unwrap();
    assert!(passes(&running));
    running.down(&mut ()).unwrap();
}

#[test]
fn what_the_routes_of_a_file_break_is_an_error_of_it_unless_a_command_on_the_way_may_yet_bar_it() {
    let text = |run: &str| {
        format!(
            "nodes:\n  fw: {{role: router{run}}}\nlinks:\n- {{ends: [h1, fw]}}\n- {{ends: [h2, fw]}}\n\
             checks: [h1 !> h2]\n"
        )
    };
    let compile = |text: &str, promises| {
        let options = Options { promises, ..Options::default() };
        Definition::of_text("fw.yaml", text).compile(options)
    };
    let broken = text("");
    let error = compile(&broken, Promises::Held).unwrap_err();
    assert_eq!(error.diagnostics.len(), 1, "{error}");
    assert_eq!(
        error.diagnostics[0].title,
        "`h1 !> h2` does not hold: the probe arrives at h2, though it must not"
    );
    assert!(compile(&broken, Promises::Left).unwrap().warnings().is_empty());
    let barred = text(", run: [nft -f fw.nft]");
    assert!(compile(&barred, Promises::Held).unwrap().warnings().is_empty());
}
