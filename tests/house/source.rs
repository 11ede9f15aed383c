//! The source of the library, read as the compiler reads it: by following `mod` lines from
//! `src/lib.rs`, in tokens, so that comments and strings are never mistaken for code.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A word or a path that stands in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The segments, those of this crate from its root on with `crate` first.
    pub path: Vec<String>,
    /// The line on which it begins.
    pub line: usize,
    /// Whether only tests have it.
    pub in_test: bool,
    /// Whether a `!` follows, as behind a macro's name.
    pub bang: bool,
    /// What it brings in, where it stands in a `use`.
    pub import: Option<Import>,
}

/// A name that a `use` brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub name: String,
    /// Whether others may have it from there: `pub use`.
    pub is_handed_on: bool,
}

/// One file of the library.
#[derive(Debug)]
pub struct File {
    /// Its path from the package's folder on.
    pub path: PathBuf,
    /// The module that it is, from the crate's root on.
    pub module: Vec<String>,
    /// Everything it uses.
    pub uses: Vec<Use>,
    /// The modules it declares without a body.
    pub declares: Vec<Declared>,
}

/// A line `mod NAME;`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub module: Vec<String>,
    /// What a `path` attribute says.
    pub at: Option<String>,
    pub in_test: bool,
}

pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the library, `src/lib.rs` first.
pub fn library() -> Vec<File> {
    let root = Declared { module: Vec::new(), at: None, in_test: false };
    let mut files = Vec::new();
    follow(&root, Path::new("src/lib.rs"), &mut files);
    files
}

fn follow(declared: &Declared, path: &Path, files: &mut Vec<File>) {
    let text = fs::read_to_string(package().join(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = read(path, &text, declared);
    let children = file.declares.clone();
    files.push(file);
    for child in children {
        follow(&child, &file_of(&child, path), files);
    }
}

/// The file of a module that is declared in another file.
fn file_of(child: &Declared, parent: &Path) -> PathBuf {
    let beside = parent.parent().expect("a file is in a folder");
    if let Some(at) = &child.at {
        return beside.join(at);
    }
    let stem = parent.file_stem().and_then(|stem| stem.to_str()).expect("a Rust file");
    let folder = match stem {
        "lib" | "mod" => beside.to_owned(),
        stem => beside.join(stem),
    };
    let name = child.module.last().expect("a module has a name");
    let flat = folder.join(format!("{name}.rs"));
    if package().join(&flat).exists() { flat } else { folder.join(name).join("mod.rs") }
}

/// Reads one file's text.
pub fn read(path: &Path, text: &str, declared: &Declared) -> File {
    let tokens: TokenStream =
        text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut file = File {
        path: path.to_owned(),
        module: declared.module.clone(),
        uses: Vec::new(),
        declares: Vec::new(),
    };
    let module = declared.module.clone();
    let mut reader = Reader { file: &mut file, module, in_use: None };
    reader.items(tokens, declared.in_test);
    file
}

struct Reader<'a> {
    file: &'a mut File,
    module: Vec<String>,
    /// Within a `use`, whether it is a `pub use`.
    in_use: Option<bool>,
}

impl Reader<'_> {
    fn items(&mut self, tokens: TokenStream, in_test: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        // What the attributes before an item say; they end with it.
        let mut test_item = false;
        let mut path_attribute = None;
        while at < tokens.len() {
            let rest = &tokens[at..];
            match rest {
                [TokenTree::Punct(hash), TokenTree::Group(group), ..]
                    if hash.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
                {
                    test_item |= is_test(group.stream());
                    path_attribute = path_attribute.or(path_of(group.stream()));
                    self.items(group.stream(), in_test);
                    at += 2;
                    continue;
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), after, ..] if *word == "mod" => {
                    let mut module = self.module.clone();
                    module.push(name.to_string());
                    if let TokenTree::Group(body) = after {
                        let outer = std::mem::replace(&mut self.module, module);
                        self.items(body.stream(), in_test || test_item);
                        self.module = outer;
                    } else {
                        self.file.declares.push(Declared {
                            module,
                            at: path_attribute.take(),
                            in_test: in_test || test_item,
                        });
                    }
                    test_item = false;
                    at += 3;
                    continue;
                }
                [TokenTree::Ident(word), TokenTree::Ident(_), ..] if *word == "use" => {
                    self.in_use = Some(is_public(&tokens[..at]));
                    at += 1 + self.path(&rest[1..], Vec::new(), in_test || test_item);
                    self.in_use = None;
                    continue;
                }
                [TokenTree::Ident(_), ..] => {
                    let taken = self.path(rest, Vec::new(), in_test || test_item);
                    at += taken;
                    continue;
                }
                [TokenTree::Group(group), ..] => {
                    self.items(group.stream(), in_test || test_item);
                    test_item &= group.delimiter() != Delimiter::Brace;
                }
                [TokenTree::Punct(mark), ..] if mark.as_char() == ';' => test_item = false,
                _ => {}
            }
            at += 1;
        }
    }

    /// Reads a path, or a tree of imports, that begins with a word; returns how many tokens it has.
    fn path(&mut self, tokens: &[TokenTree], before: Vec<String>, in_test: bool) -> usize {
        let mut path = before;
        let mut at = 0;
        let mut begin = None;
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(word)) => {
                    begin.get_or_insert_with(|| word.span());
                    path.push(word.to_string());
                }
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => path.push("*".to_owned()),
                Some(TokenTree::Group(tree)) if tree.delimiter() == Delimiter::Brace => {
                    self.tree(tree.stream(), &path, in_test);
                    return at + 1;
                }
                // Behind `::` stand generic arguments or nothing that names anything.
                _ => break,
            }
            at += 1;
            if !is_double_colon(&tokens[at..]) {
                break;
            }
            at += 2;
        }
        let bang = matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
        let line = begin.unwrap_or_else(Span::call_site).start().line;
        let import = self.in_use.and_then(|is_handed_on| {
            let name = match &tokens[at..] {
                [TokenTree::Ident(word), TokenTree::Ident(name), ..] if *word == "as" => {
                    name.to_string()
                }
                _ => path.iter().rfind(|word| *word != "self")?.clone(),
            };
            Some(Import { name, is_handed_on })
        });
        let path = self.absolute(path);
        self.file.uses.push(Use { path, line, in_test, bang, import });
        at
    }

    fn tree(&mut self, tokens: TokenStream, before: &[String], in_test: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let comma =
            |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
        for branch in tokens.split(comma).filter(|branch| !branch.is_empty()) {
            self.path(branch, before.to_vec(), in_test);
        }
    }

    /// A path of this crate from its root on; another one as it stands.
    fn absolute(&self, path: Vec<String>) -> Vec<String> {
        let mut base = match path.first().map(String::as_str) {
            Some("self" | "super") if path.len() > 1 => self.module.clone(),
            _ => return path,
        };
        let mut rest = path.as_slice();
        while let [first, others @ ..] = rest {
            match first.as_str() {
                "self" => {}
                "super" => {
                    base.pop();
                }
                _ => break,
            }
            rest = others;
        }
        std::iter::once("crate".to_owned()).chain(base).chain(rest.iter().cloned()).collect()
    }
}

fn is_double_colon(tokens: &[TokenTree]) -> bool {
    let colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(tokens.first()) && colon(tokens.get(1))
}

/// Whether tokens end with `pub` or `pub(…)`.
fn is_public(before: &[TokenTree]) -> bool {
    let public = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if *word == "pub");
    match before {
        [.., word, TokenTree::Group(_)] if public(word) => true,
        [.., word] => public(word),
        [] => false,
    }
}

/// `#[test]` and `#[cfg(test)]`.
fn is_test(attribute: TokenStream) -> bool {
    let text = attribute.to_string().replace(' ', "");
    text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// The file in `#[path = "…"]`.
fn path_of(attribute: TokenStream) -> Option<String> {
    let text = attribute.to_string();
    let value = text.strip_prefix("path")?.trim_start().strip_prefix('=')?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// All Rust files below a folder of the package.
pub fn files_below(folder: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![package().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(package()).expect("below the package");
                found.insert(inside.to_owned());
            }
        }
    }
    found
}
