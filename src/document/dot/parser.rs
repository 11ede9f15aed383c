//! DOT's grammar: the statements of a file as they are nested.

use super::lexer::{Id, Keyword, Lexer, Style, Token, TokenKind};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, Span, Text};

/// How deep subgraphs may stand in each other.
const DEPTH: usize = 64;

/// A file.
#[derive(Debug)]
pub(super) struct Graph {
    /// Whether two nodes have one edge at most.
    pub strict: bool,
    /// Whether `a -> b` and `b -> a` are two.
    pub directed: bool,
    /// Its name.
    pub id: Option<Id>,
    /// What it says.
    pub body: Vec<Statement>,
    /// Whether that is all of the file, and nothing was passed over as wrong.
    pub whole: bool,
}

/// A statement.
#[derive(Debug)]
pub(super) enum Statement {
    /// `graph [..]`, `node [..]`, `edge [..]`, and `a=b` for the first of them.
    Default(Target, Vec<Attribute>),
    /// Nodes and subgraphs; with more than one group, the edges from each group to the next.
    Chain { groups: Vec<Group>, attributes: Vec<Attribute> },
}

/// What a default is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The graph or subgraph it stands in.
    Graph,
    /// Nodes that are first named after it.
    Node,
    /// Edges after it.
    Edge,
}

/// `key=value`
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    /// The key.
    pub key: Text,
    /// The value.
    pub value: Id,
}

/// What stands on one side of an edge: nodes between commas, or subgraphs.
#[derive(Debug)]
pub(super) struct Group {
    /// The nodes and subgraphs.
    pub members: Vec<Member>,
    /// Where it stands.
    pub span: Span,
}

/// A node or a subgraph.
#[derive(Debug)]
pub(super) enum Member {
    /// A node, and where an edge meets it.
    Node { id: Id, ports: Vec<Id> },
    /// `subgraph id { … }` or `{ … }`
    Subgraph { id: Option<Id>, body: Vec<Statement> },
}

/// Reads a file. `None` where it is not DOT; the errors say why.
pub(super) fn graph(source: &Source, errors: &mut Diagnostics) -> Option<Graph> {
    let mut lexer = Lexer::new(source);
    let token = lexer.next(errors);
    let mut parser = Parser { lexer, token, last: 0, directed: false, source, errors };
    parser.graph().ok()
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token,
    /// Where the word before ended.
    last: usize,
    directed: bool,
    source: &'s Source,
    errors: &'s mut Diagnostics,
}

/// The reading cannot go on; the errors say why.
enum Stop {
    /// Another statement may follow.
    Statement,
    /// Nothing can.
    File,
}

impl Parser<'_> {
    fn advance(&mut self) -> Token {
        self.last = self.token.span.end;
        let next = self.lexer.next(self.errors);
        std::mem::replace(&mut self.token, next)
    }

    fn at_mark(&self, mark: char) -> bool {
        self.token.kind == TokenKind::Mark(mark)
    }

    fn take_mark(&mut self, mark: char) -> bool {
        let there = self.at_mark(mark);
        if there {
            self.advance();
        }
        there
    }

    fn take_keyword(&mut self, keyword: Keyword) -> bool {
        let there = self.token.kind == TokenKind::Keyword(keyword);
        if there {
            self.advance();
        }
        there
    }

    /// Says what stands here in another thing's place. At the end of the file nothing is added to
    /// what was said before: a string or a bracket without its end has swallowed the rest.
    fn unexpected(&mut self, expected: &str) -> Stop {
        let span = self.token.span;
        let what = match &self.token.kind {
            TokenKind::End if self.errors.has_errors() => return Stop::File,
            TokenKind::End => "the end of the file".to_owned(),
            TokenKind::Keyword(_) => {
                let word = &self.source.text[span.start..span.end];
                let fault = fault(expected, &format!("the keyword `{word}`"), span);
                self.errors.push(fault.help(format!("a name like that needs quotes: \"{word}\"")));
                return Stop::Statement;
            }
            TokenKind::Id(id) if id.style == Style::Html => "an HTML string".to_owned(),
            TokenKind::Id(id) => format!("`{}`", id.text),
            TokenKind::Mark(mark) => format!("`{mark}`"),
            TokenKind::Line => "`--`".to_owned(),
            TokenKind::Arrow => "`->`".to_owned(),
        };
        self.errors.push(fault(expected, &what, span));
        Stop::Statement
    }

    /// Says that a keyword stands where it begins no defaults.
    fn no_default(&mut self, word: Span) {
        let name = &self.source.text[word.start..word.end];
        self.errors.push(
            Diagnostic::error(Code::Syntax, format!("`{name}` is a keyword, and no node"))
                .at(word, "")
                .note(format!("`{name} [..]` sets the defaults of what follows"))
                .help(format!("a node with that name needs quotes: \"{name}\"")),
        );
    }

    /// `[strict] (graph | digraph) [ID] { … }`
    fn graph(&mut self) -> Result<Graph, Stop> {
        let strict = self.take_keyword(Keyword::Strict);
        self.directed = self.take_keyword(Keyword::Digraph);
        if !self.directed && !self.take_keyword(Keyword::Graph) {
            return Err(self.not_dot());
        }
        let id = self.optional_id()?;
        let body = self.body(0)?;
        if let TokenKind::Keyword(Keyword::Strict | Keyword::Graph | Keyword::Digraph) =
            self.token.kind
        {
            self.errors.push(
                Diagnostic::error(Code::Syntax, "the file holds more than one graph")
                    .at(self.token.span, "a second one")
                    .help("a file describes one lab: keep each in a file of its own"),
            );
        } else if self.token.kind != TokenKind::End {
            self.unexpected("the end of the file after the graph's `}`");
        }
        let whole = !self.errors.has_errors();
        Ok(Graph { strict, directed: self.directed, id, body, whole })
    }

    fn not_dot(&mut self) -> Stop {
        if self.token.kind == TokenKind::End {
            if !self.errors.has_errors() {
                self.errors.push(super::super::empty());
            }
            return Stop::File;
        }
        self.errors.push(
            Diagnostic::error(Code::Syntax, "a DOT file begins with `graph` or `digraph`")
                .at(self.token.span, "")
                .help("the name of a YAML file ends in .yaml"),
        );
        Stop::File
    }

    /// `{ … }`
    fn body(&mut self, depth: usize) -> Result<Vec<Statement>, Stop> {
        let open = self.token.span;
        if !self.take_mark('{') {
            return Err(self.unexpected("`{`"));
        }
        if depth > DEPTH {
            self.errors.push(
                Diagnostic::error(Code::TooLarge, "the file nests too deeply")
                    .at(open, "here")
                    .note(format!("subgraphs may stand in each other {DEPTH} levels deep")),
            );
            return Err(Stop::File);
        }
        let mut statements = Vec::new();
        while !self.take_mark('}') {
            if self.token.kind == TokenKind::End {
                if !self.errors.has_errors() {
                    self.errors.push(
                        Diagnostic::error(Code::Syntax, "unclosed `{`")
                            .at(open, "begins here")
                            .beside(self.token.span, "the file ends here"),
                    );
                }
                return Err(Stop::File);
            }
            match self.statement(depth) {
                Ok(statement) => {
                    statements.push(statement);
                    self.take_mark(';');
                }
                Err(Stop::Statement) => self.recover()?,
                Err(Stop::File) => return Err(Stop::File),
            }
        }
        Ok(statements)
    }

    /// Goes on to where another statement may begin: behind a `;`, or on another line.
    fn recover(&mut self) -> Result<(), Stop> {
        loop {
            match self.token.kind {
                TokenKind::End => return Err(Stop::File),
                TokenKind::Mark('{' | '}') => return Ok(()),
                TokenKind::Mark(';' | ']') => {
                    self.advance();
                    self.take_mark(';');
                    return Ok(());
                }
                TokenKind::Id(_)
                | TokenKind::Keyword(_)
                | TokenKind::Mark(_)
                | TokenKind::Line
                | TokenKind::Arrow => {
                    self.advance();
                }
            }
            let between = self.last..self.token.span.start;
            let word = matches!(self.token.kind, TokenKind::Id(_) | TokenKind::Keyword(_));
            if word && self.source.text[between].contains('\n') {
                return Ok(());
            }
        }
    }

    fn statement(&mut self, depth: usize) -> Result<Statement, Stop> {
        let targets = [
            (Keyword::Graph, Target::Graph),
            (Keyword::Node, Target::Node),
            (Keyword::Edge, Target::Edge),
        ];
        let word = self.token.span;
        if let Some((_, target)) = targets.into_iter().find(|(it, _)| self.take_keyword(*it)) {
            if !self.at_mark('[') {
                self.no_default(word);
                let is_over = self.source.text[word.end..self.token.span.start].contains('\n');
                let nothing = Statement::Default(target, Vec::new());
                return if is_over { Ok(nothing) } else { Err(Stop::Statement) };
            }
            return Ok(Statement::Default(target, self.attributes()?));
        }
        let first = self.group(depth)?;
        if let [Member::Node { id, ports }] = &first.members[..]
            && ports.is_empty()
            && self.at_mark('=')
        {
            self.advance();
            let key = id.text.clone();
            let value = self.id("a value")?;
            return Ok(Statement::Default(Target::Graph, vec![Attribute { key, value }]));
        }
        let mut groups = vec![first];
        while let TokenKind::Line | TokenKind::Arrow = self.token.kind {
            self.operator();
            groups.push(self.group(depth)?);
        }
        let attributes = self.attributes()?;
        Ok(Statement::Chain { groups, attributes })
    }

    /// `--` or `->`, whichever this kind of graph has.
    fn operator(&mut self) {
        let token = self.advance();
        let (right, kind, other) = if self.directed {
            (TokenKind::Arrow, "digraph", "`->`")
        } else {
            (TokenKind::Line, "graph", "`--`")
        };
        if token.kind != right {
            let title = format!("an edge of a `{kind}` is written {other}");
            self.errors.push(Diagnostic::error(Code::Syntax, title).at(token.span, ""));
        }
    }

    fn group(&mut self, depth: usize) -> Result<Group, Stop> {
        let start = self.token.span.start;
        let mut members = vec![self.member(depth)?];
        while matches!(members.last(), Some(Member::Node { .. })) && self.take_mark(',') {
            members.push(self.member(depth)?);
        }
        Ok(Group { members, span: Span::new(start, self.last) })
    }

    fn member(&mut self, depth: usize) -> Result<Member, Stop> {
        if self.take_keyword(Keyword::Subgraph) {
            let id = self.optional_id()?;
            return Ok(Member::Subgraph { id, body: self.body(depth + 1)? });
        }
        if self.at_mark('{') {
            return Ok(Member::Subgraph { id: None, body: self.body(depth + 1)? });
        }
        let id = self.id("a node, an edge or an attribute")?;
        let mut ports = Vec::new();
        while ports.len() < 2 && self.take_mark(':') {
            ports.push(self.id("an interface after `:`")?);
        }
        Ok(Member::Node { id, ports })
    }

    /// `[key=value, …] […] …`
    fn attributes(&mut self) -> Result<Vec<Attribute>, Stop> {
        let mut attributes = Vec::new();
        while self.take_mark('[') {
            while !self.take_mark(']') {
                let key = self.id("an attribute or `]`")?.text;
                if !self.take_mark('=') {
                    return Err(self.unexpected(&format!("`=` and a value for `{key}`")));
                }
                let value = self.id(&format!("a value for `{key}`"))?;
                attributes.push(Attribute { key, value });
                if !self.take_mark(',') {
                    self.take_mark(';');
                }
            }
        }
        Ok(attributes)
    }

    fn optional_id(&mut self) -> Result<Option<Id>, Stop> {
        let there = matches!(self.token.kind, TokenKind::Id(_));
        if there { self.id("a name").map(Some) } else { Ok(None) }
    }

    /// A name or value; strings in quotes may be joined by `+`.
    fn id(&mut self, expected: &str) -> Result<Id, Stop> {
        if !matches!(self.token.kind, TokenKind::Id(_)) {
            return Err(self.unexpected(expected));
        }
        let TokenKind::Id(mut id) = self.advance().kind else {
            return Err(Stop::Statement);
        };
        while id.style == Style::Quoted && self.take_mark('+') {
            let TokenKind::Id(Id { text, style: Style::Quoted }) = &self.token.kind else {
                return Err(self.unexpected("a string in quotes after `+`"));
            };
            id.text.value.push_str(&text.value);
            id.text.span = id.text.span.with(text.span);
            self.advance();
        }
        Ok(id)
    }
}

fn fault(expected: &str, found: &str, span: Span) -> Diagnostic {
    Diagnostic::error(Code::Syntax, format!("expected {expected}, found {found}")).at(span, "")
}
