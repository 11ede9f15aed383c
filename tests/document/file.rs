//! Files that cannot be a lab are told apart before anybody parses them.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use vrflab::diagnostic::{Code, Diagnostic, Text};
use vrflab::document::{self, Files};

/// A file of these bytes in a directory of this test's own.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("document-file");
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    fs::write(&path, bytes).expect("written");
    path
}

fn refused(path: &Path) -> Diagnostic {
    document::read(path).expect_err("refused")
}

fn said(diagnostic: &Diagnostic) -> String {
    let words = [&diagnostic.title].into_iter().chain(&diagnostic.notes).chain(&diagnostic.help);
    words.map(String::as_str).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_text_is_read_as_it_is() {
    let text = "graph { höst -- r1 }\r\n";
    let source = document::read(&file("text.dot", text.as_bytes())).expect("read");
    assert_eq!(source.text, text);
    assert!(source.name.ends_with("text.dot"));
}

#[test]
fn a_missing_file_is_named() {
    let fault = refused(Path::new("no/such.dot"));
    assert_eq!(fault.code, Code::Unreadable);
    assert_eq!(said(&fault), "there is no file `no/such.dot`");
}

#[test]
fn a_directory_is_no_file() {
    let fault = refused(Path::new(env!("CARGO_TARGET_TMPDIR")));
    assert_eq!(fault.code, Code::Unreadable);
    assert!(fault.title.ends_with("is a directory"), "{}", fault.title);
}

#[test]
fn a_file_that_fails_while_it_is_read_is_named() {
    struct Failing;
    impl io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::PermissionDenied))
        }
    }
    let fault = document::read_from(Failing, "secret.dot").expect_err("refused");
    assert_eq!(fault.code, Code::Unreadable);
    assert_eq!(said(&fault), "`secret.dot` may not be read; permission denied");
}

#[test]
fn binary_data_is_no_text() {
    let fault = refused(&file("binary.dot", b"\x7fELF\0\0"));
    assert_eq!(fault.code, Code::NotText);
    assert!(said(&fault).contains("byte 4 is zero"), "{}", said(&fault));
}

#[test]
fn another_encoding_is_told_with_its_place() {
    let fault = refused(&file("latin.dot", b"graph {\n h\xf6st }"));
    assert_eq!(fault.code, Code::NotText);
    assert!(said(&fault).contains("byte 10, in line 2"), "{}", said(&fault));
    let fault = refused(&file("utf16.dot", b"\xff\xfeg\0r\0"));
    assert!(said(&fault).contains("UTF-16"), "{}", said(&fault));
}

#[test]
fn a_file_of_white_space_is_empty() {
    for (name, bytes) in
        [("empty.yaml", &b""[..]), ("blank.yaml", b" \n\t\r\n"), ("bom.dot", b"\xef\xbb\xbf\n")]
    {
        assert_eq!(refused(&file(name, bytes)).code, Code::Empty, "{name}");
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let path = file("large.yaml", b"");
    fs::File::options().write(true).open(&path).expect("open").set_len(65 << 20).expect("sparse");
    let fault = refused(&path);
    assert_eq!(fault.code, Code::TooLarge);
    fs::remove_file(path).expect("removed");
    assert_eq!(
        document::read_from(io::repeat(b'a'), "<stdin>").expect_err("refused").code,
        Code::TooLarge
    );
}

/// A directory with a lab's file in `lab`, beside which stands what the file may name, and a secret
/// above it.
fn with_a_secret(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _none_yet = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("lab/conf")).expect("made");
    fs::write(folder.join("secret"), "root:x").expect("written");
    fs::write(folder.join("lab/conf/motd"), "hello\n").expect("written");
    fs::write(folder.join("lab/empty"), "").expect("written");
    folder.canonicalize().expect("it is there")
}

#[test]
fn a_lab_names_files_below_its_own_directory() {
    let folder = with_a_secret("files-below");
    symlink("conf/motd", folder.join("lab/link")).expect("linked");
    symlink("../secret", folder.join("lab/way-out")).expect("linked");
    symlink("/", folder.join("lab/root")).expect("linked");
    let lab = folder.join("lab/x.yaml");
    let files = Files::beside(lab.to_str().expect("text"), &[]);
    let read =
        |name: &str| files.read(&Text::filled(name)).map_err(|fault| (fault.code, said(&fault)));
    let motd = Ok("hello\n".to_owned());
    let absolute = folder.join("lab/conf/motd");
    for name in ["conf/motd", "link", "./conf/../conf/motd", absolute.to_str().expect("text")] {
        assert_eq!(read(name), motd, "{name}");
    }
    assert_eq!(read("empty"), Ok(String::new()));

    let secret = folder.join("secret");
    let (secret, shown) = (secret.to_str().expect("text"), folder.join("lab"));
    let shown = |name: &str| shown.join(name).display().to_string();
    let above = format!("lab/root{secret}");
    for name in [secret, "../secret", "way-out", above.strip_prefix("lab/").expect("it begins so")]
    {
        let (code, words) = read(name).expect_err(name);
        assert_eq!(code, Code::OutsideFile, "{name}");
        let leads =
            if name == secret { String::new() } else { format!("; it leads to `{secret}`") };
        let way_out = format!("`--allow-files {}` allows", folder.display());
        let begins =
            format!("`{}` is outside the lab file's directory{leads}; {way_out}", shown(name));
        assert!(words.starts_with(&begins), "{words}");
        assert!(!words.contains("root:x"), "{words}");
    }
    let files = Files::beside(lab.to_str().expect("text"), &["/nowhere".into(), folder]);
    assert_eq!(files.read(&Text::filled("way-out")), Ok("root:x".to_owned()));
}

#[test]
fn what_is_no_regular_file_is_neither_waited_for_nor_read() {
    let folder = with_a_secret("files-special");
    let pipe = folder.join("lab/pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
    let socket = std::os::unix::net::UnixListener::bind(folder.join("lab/socket"));
    let large = fs::File::create(folder.join("lab/large")).expect("made");
    large.set_len((8 << 20) + 1).expect("sparse");
    let lab = folder.join("lab/x.yaml");
    let files = Files::beside(lab.to_str().expect("text"), &["/dev".into()]);
    for (name, what) in [
        ("pipe", "is a pipe, not a regular file"),
        ("socket", "is a socket, not a regular file"),
        ("conf", "is a directory, not a regular file"),
        ("/dev/zero", "is a device, not a regular file"),
        ("large", "is too large; a file may have 8 MiB"),
    ] {
        let fault = files.read(&Text::filled(name)).expect_err(name);
        assert!(said(&fault).ends_with(what), "{}", said(&fault));
    }
    drop(socket);
}
