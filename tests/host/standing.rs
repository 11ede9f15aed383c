//! Labs that stand already, have changed, or are gone.

use crate::host::{Host, edit_record, lab, names, said};
use std::fs;
use std::process::Command;

const FILE: &str = "/run/lab.dot";

fn ip(arguments: &str) {
    let words = arguments.split_whitespace();
    assert!(Command::new("ip").args(words).status().unwrap().success(), "ip {arguments}");
}

#[test]
fn the_same_file_twice_is_no_second_lab() {
    let host = Host::new();
    host.done(&["up", &lab("two-hosts.yaml")]);
    let inode = || {
        fs::metadata("/run/netns/two-hosts-h1").map(|it| std::os::unix::fs::MetadataExt::ino(&it))
    };
    let before = inode().unwrap();
    assert_eq!(host.done(&["up", &lab("two-hosts.yaml")]), "two-hosts is up already\n");
    assert_eq!(inode().unwrap(), before);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn reset_brings_back_what_the_file_said_when_the_lab_came_up() {
    let host = Host::new();
    fs::write(FILE, "graph { a -- b }").unwrap();
    host.done(&["up", FILE]);
    ip("-n lab-a link add extra type bridge");
    ip("-n lab-a link del eth0");
    assert_eq!(host.run(&["check"]).status, 1);
    fs::write(FILE, "nonsense").unwrap();
    host.done(&["reset"]);
    host.done(&["check"]);
    let links = host.done(&["exec", "a", "--", "ls", "/sys/class/net"]);
    assert_eq!(links, "eth0\nlo\n");
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_goes_down_by_name_by_file_or_with_all_others() {
    let host = Host::new();
    let up = |name: &str| {
        let path = format!("/run/{name}.dot");
        fs::write(&path, format!("graph {name} {{ a -- b }}")).unwrap();
        host.done(&["up", "--no-check", &path]);
        path
    };
    up("one");
    let (two, three, four) = (up("two"), up("three"), up("four"));
    up("five");
    assert_eq!(host.done(&["down", "one"]), "one is down\n");
    assert_eq!(host.done(&["down", &two]), "two is down\n");
    fs::remove_file(&three).unwrap();
    assert_eq!(host.done(&["down", &three]), "three is down\n");
    let several = host.run(&["down"]);
    assert_eq!(several.status, 2);
    assert!(several.err.contains("five, four"), "{}", several.err);
    fs::write(&four, "nonsense").unwrap();
    let mut relative = host.vrflab(&["down", "four.dot"]);
    assert!(relative.current_dir("/run").status().unwrap().success());
    up("six");
    assert_eq!(host.done(&["down", "--all"]), "five is down\nsix is down\n");
    assert_eq!(host.done(&["down", "--all"]), "no lab is up\n");
    host.assert_nothing_is_left();
}

#[test]
fn what_is_not_up_cannot_go_down_unless_that_is_allowed() {
    let host = Host::new();
    fs::write(FILE, "graph { a -- b }").unwrap();
    host.done(&["up", "--no-check", FILE]);
    let wrong = |words: &[&str], err: &str| {
        let said = host.run(&[&["down"], words].concat());
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{words:?}: {said:?}");
        assert_eq!(said.err, format!("vrflab: {err}\n"));
        host.done(&[&["down", "--if-exists"], words].concat());
    };
    wrong(&["lba"], "no lab `lba` is up; did you mean `lab`?");
    wrong(&["other"], "no lab `other` is up; those that are: lab");
    wrong(&["/run/other.dot"], "no lab of /run/other.dot is up");
    assert_eq!(host.run(&["down", "lab", "other"]).status, 2);
    assert_eq!(host.done(&["ls"]).split_whitespace().next(), Some("lab"), "nothing went");
    assert_eq!(host.done(&["down", "--if-exists", "other", "lab"]), "lab is down\n");
    wrong(&["lab"], "no lab `lab` is up, nor any other");
    wrong(&[FILE], "no lab of /run/lab.dot is up");
    wrong(&[], "no lab is up");
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_need_not_be_named_where_it_is_clear_which_is_meant() {
    let host = Host::new();
    for (name, graph) in [("one", "a -- b"), ("two", "a -- c")] {
        fs::create_dir(format!("/run/{name}")).unwrap();
        let file = format!("/run/{name}/{name}.dot");
        fs::write(&file, format!("graph {{ {graph} }}")).unwrap();
        host.done(&["up", "--no-check", &file]);
    }
    let identify = |words: &[&str], directory: &str, lab: Option<&str>| {
        let line = [&["exec"], words, &["ip", "netns", "identify"]].concat();
        let mut command = host.vrflab(&line);
        command.current_dir(directory).envs(lab.map(|lab| ("VRFLAB_LAB", lab)));
        let said = said(&command.output().unwrap());
        (said.status, format!("{}{}", said.out, said.err))
    };
    let is = |node: &str| (0, format!("{node}\n"));
    assert_eq!(identify(&["a"], "/run/one", None), is("one-a"));
    assert_eq!(identify(&["a"], "/run/two", None), is("two-a"));
    assert_eq!(identify(&["c"], "/run", None), is("two-c"), "the only one with that node");
    assert_eq!(identify(&["a"], "/run/two", Some("one")), is("one-a"));
    assert_eq!(identify(&["two", "a"], "/run/one", Some("one")), is("two-a"));
    let several = "vrflab: several labs are up, name one of them or set VRFLAB_LAB: one, two\n";
    assert_eq!(identify(&["a"], "/run", None), (125, several.to_owned()));
    let none = "vrflab: no lab that is up has a node `d`: one, two\n";
    assert_eq!(identify(&["d"], "/run", None), (125, none.to_owned()));
    let unknown = "vrflab: no lab `tow`, which VRFLAB_LAB names, is up; did you mean `two`?\n";
    assert_eq!(identify(&["a"], "/run", Some("tow")), (125, unknown.to_owned()));
    assert_eq!(host.run(&["check"]).err, several);
    let down = |directory: &str| {
        said(&host.vrflab(&["down"]).current_dir(directory).output().unwrap()).out
    };
    assert_eq!((down("/run/two"), down("/run")), ("two is down\n".into(), "one is down\n".into()));
    host.assert_nothing_is_left();
}

#[test]
fn a_comment_makes_no_other_lab_and_a_check_does() {
    let host = Host::new();
    fs::write(FILE, "graph { a -- b }").unwrap();
    host.done(&["up", FILE]);
    fs::write(FILE, "// two hosts\ngraph {\n  a -- b;\n}\n").unwrap();
    assert_eq!(host.done(&["up", FILE]), "lab is up already\n");
    fs::write(FILE, "graph { a -- b; checks=\"a -> b\" }").unwrap();
    let checks = "lab: matches its file now\nlab: 1 check passed\n";
    assert_eq!(host.done(&["up", FILE]), checks);
    assert_eq!(host.done(&["check"]), "lab: 1 check passed\n");
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn what_up_has_warned_of_is_not_said_again() {
    let host = Host::new();
    fs::write(FILE, "graph { a -- b [mtu=1400, rolle=x, headmtu=1300] }").unwrap();
    let up = host.run(&["up", "--no-check", FILE]);
    assert!(up.err.contains("warning[mtu-mismatch]"), "{up:?}");
    for words in [
        ["check", "--only", "a -> a"].as_slice(),
        &["exec", "a", "true"],
        &["ls"],
        &["impair", "--clear", "a:eth0"],
        &["link", "a:eth0", "up"],
        &["reset"],
        &["down"],
    ] {
        let said = host.run(words);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{words:?}");
    }
    host.assert_nothing_is_left();
}

#[test]
fn a_pipe_in_the_place_of_a_labs_record_or_directory_holds_nobody_up() {
    let host = Host::new();
    let pipe = |path: &str| {
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    };
    fs::create_dir_all("/run/vrflab/record").unwrap();
    pipe("/run/vrflab/record/lab.json");
    pipe("/run/vrflab/directory");
    host.done(&["up", &lab("two-hosts.yaml")]);
    assert!(host.run(&["ls"]).err.contains("record/lab.json cannot be read: it is not a file"));
    for words in [["check", "record"], ["down", "record"], ["down", "directory"]] {
        assert_eq!(host.run(&words).status, 3, "{words:?}");
    }
    assert_eq!(host.run(&["up", "--name", "directory", &lab("two-hosts.yaml")]).status, 3);
    host.done(&["down", "two-hosts"]);
    fs::remove_dir_all("/run/vrflab").unwrap();
    host.assert_nothing_is_left();
}

#[test]
fn two_labs_of_one_file_stand_beside_each_other_under_two_names() {
    let host = Host::new();
    let file = lab("two-hosts.yaml");
    host.done(&["up", "--name", "first", &file]);
    host.done(&["up", "--name", "second", &file]);
    let several = host.run(&["check"]);
    assert_eq!(several.status, 2);
    assert!(several.err.contains("first, second"), "{}", several.err);
    host.done(&["check", "second"]);
    assert_eq!(host.done(&["exec", "first", "h1", "--", "ip", "netns", "identify"]), "first-h1\n");
    assert_eq!(host.done(&["down", &file]), "first is down\nsecond is down\n");
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_that_is_being_taken_down_is_not_up() {
    let host = Host::new();
    let file = lab("two-hosts.yaml");
    host.done(&["up", "--no-check", &file]);
    let record = "/run/vrflab/two-hosts/lab.json";
    // What a `down` leaves that is killed before it has taken anything away.
    let going = || {
        edit_record(record, |text| text.replace("\"phase\":\"up\"", "\"phase\":\"going\""));
    };
    going();
    let words = [["check"].as_slice(), &["link", "h1:eth0", "down"], &["exec", "h1", "--", "true"]];
    for words in words {
        let said = host.run(words);
        assert_ne!(said.status, 0, "{words:?}");
        assert!(said.err.contains("two-hosts was left half taken down: "), "{words:?}: {said:?}");
    }
    let up = host.run(&["up", &file]);
    assert_eq!(up.status, 0, "{up:?}");
    assert_eq!(up.err, "two-hosts: was left half taken down, taking it away first\n");
    going();
    host.done(&["reset"]);
    host.done(&["check"]);
    going();
    assert_eq!(host.done(&["down"]), "two-hosts is down\n");
    host.assert_nothing_is_left();
}

#[test]
fn a_reset_that_is_refused_keeps_the_labs_text() {
    let host = Host::new();
    let text = "nodes: {a: {nft: 'table inet x {}'}, b: {}}\nlinks: [a -- b]\n";
    let mut up = host.vrflab(&["up", "--name", "kept", "-"]);
    let mut child = up.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let mut reset = host.vrflab(&["reset"]);
    let reset = crate::host::said(&reset.env("PATH", "/nowhere").output().unwrap());
    assert_eq!((reset.status, reset.out.as_str()), (4, ""), "{reset:?}");
    assert!(reset.err.ends_with("kept: is not up, and its text is kept: `vrflab reset kept` builds it, `vrflab down kept` forgets it\n"), "{}", reset.err);
    assert_eq!(names("/run/netns"), Vec::<String>::new());
    assert_eq!(host.run(&["check"]).status, 2);
    host.done(&["reset"]);
    host.done(&["check"]);
    let mut reset = host.vrflab(&["reset"]);
    assert_eq!(reset.env("PATH", "/nowhere").status().unwrap().code(), Some(4));
    assert_eq!(host.done(&["down"]), "kept is down\n");
    host.assert_nothing_is_left();
}

#[test]
fn a_reset_verifies_what_it_built_just_as_up_did_unless_it_is_told_not_to() {
    let host = Host::new();
    let file = "/run/lab.yaml";
    // Both names are of one setting.
    let settings = "{net.ipv4.conf.all.forwarding: 1, net.ipv4.ip_forward: 0}";
    fs::write(file, format!("nodes: {{a: {{sysctls: {settings}}}}}\n")).unwrap();
    let up = host.run(&["up", file]);
    assert_eq!((up.status, up.out.as_str()), (4, ""), "{up:?}");
    assert!(up.err.ends_with("lab: `--no-verify` builds it as it is\n"), "{}", up.err);
    host.done(&["up", "--no-verify", file]);
    host.done(&["reset"]);

    // As if the kernel had held it all when it came up.
    let record = "/run/vrflab/lab/lab.json";
    edit_record(record, |text| text.replace("\"verify\":\"never\"", "\"verify\":\"before\""));
    let reset = host.run(&["reset"]);
    assert_eq!((reset.status, reset.out.as_str()), (4, ""), "{reset:?}");
    let end = "lab: is not up, and its text is kept: `vrflab reset --no-verify lab` builds it as it is, `vrflab down lab` forgets it\n";
    assert!(reset.err.ends_with(end), "{}", reset.err);
    host.done(&["reset", "--no-verify"]);
    host.done(&["reset"]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_record_that_cannot_be_read_is_the_trouble_of_its_lab_alone() {
    let host = Host::new();
    for record in ["{", "{\"lab\": \"broken\", \"of\": \"another version\"}"] {
        fs::create_dir_all("/run/vrflab/broken").unwrap();
        fs::write("/run/vrflab/broken/lab.json", record).unwrap();
        host.done(&["up", &lab("two-hosts.yaml")]);
        host.done(&["check", "two-hosts"]);
        assert_eq!(host.done(&["exec", "two-hosts", "h1", "--", "echo", "there"]), "there\n");
        let ls = host.run(&["ls"]);
        assert_eq!(ls.status, 0, "{ls:?}");
        assert!(ls.out.contains("broken") && ls.out.contains("two-hosts"), "{}", ls.out);
        for verb in [
            ["ls"].as_slice(),
            &["check", "broken"],
            &["exec", "broken", "h1"],
            &["down", "broken"],
        ] {
            let said = host.run(verb);
            let named = "broken: its record /run/vrflab/broken/lab.json cannot be read: ";
            assert!(said.err.contains(named), "{verb:?}: {said:?}");
        }
        assert_eq!(host.done(&["down", "two-hosts"]), "two-hosts is down\n");
        fs::remove_dir_all("/run/vrflab").unwrap();
    }
    host.assert_nothing_is_left();
}

#[test]
fn nobody_else_can_hold_a_lab() {
    let host = Host::new();
    host.done(&["up", &lab("two-hosts.yaml")]);
    let mode =
        |path: &str| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777;
    assert_eq!((mode("/run/vrflab"), mode("/run/vrflab/two-hosts")), (0o755, 0o700));
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn labs_that_come_and_go_at_once_do_not_fail_each_other() {
    let host = Host::new();
    std::thread::scope(|scope| {
        for lab in ["one", "two", "three"] {
            let lab = vrflab::document::LabName::new(lab).unwrap();
            scope.spawn(move || {
                for _ in 0..100_000 {
                    vrflab::state::Lock::take(&lab, || {}).unwrap().forget().unwrap();
                }
            });
        }
    });
    host.assert_nothing_is_left();
}

#[test]
fn all_verbs_agree_on_a_runtime_directory_that_others_can_enter() {
    let host = Host::new();
    let mode = |mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions("/run/runtime", mode).unwrap();
    };
    let run = |words: &[&str]| {
        let mut command = host.vrflab(words);
        command.env("VRFLAB_KERNEL", "auto").env("VRFLAB_RUNTIME_DIR", "/run/runtime");
        said(&command.output().unwrap())
    };
    let file = lab("two-hosts.yaml");
    let up = ["up", file.as_str()];
    let verbs = [up.as_slice(), &["ls"], &["check"], &["down"]];
    fs::create_dir("/run/runtime").unwrap();
    mode(0o755);
    for words in verbs {
        let said = run(words);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{words:?}");
    }
    // Whoever may write there could put another one in the place of a directory of this user's.
    mode(0o777);
    for words in verbs {
        let said = run(words);
        let cure = "; `chmod 700 /run/runtime` if it is yours";
        assert!(said.status == 3 && said.err.contains(cure), "{words:?}: {said:?}");
    }
    host.assert_nothing_is_left();
}
