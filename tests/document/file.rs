//! Files that cannot be a lab are told apart before anybody parses them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use vrflab::diagnostic::{Code, Diagnostic};
use vrflab::document;

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
