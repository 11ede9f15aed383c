//! Programs of the kernel's packet filter, with labels instead of distances.

use socket2::SockFilter;

/// Goes on elsewhere, at any distance, in every case.
const GO: u16 = 0x05;

/// A place in a program that jumps lead to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label(usize);

/// A program that is being written.
#[derive(Debug, Default)]
pub(super) struct Program {
    lines: Vec<Line>,
    /// The line of each label.
    places: Vec<usize>,
}

#[derive(Debug)]
struct Line {
    code: u16,
    k: u32,
    yes: Option<Label>,
    no: Option<Label>,
}

impl Program {
    /// A label that is not anywhere yet.
    pub(super) fn label(&mut self) -> Label {
        self.places.push(usize::MAX);
        Label(self.places.len() - 1)
    }

    /// Puts a label before the next line.
    pub(super) fn here(&mut self, label: Label) {
        self.places[label.0] = self.lines.len();
    }

    /// Adds a line that is no jump.
    pub(super) fn op(&mut self, code: u16, k: u32) {
        self.jump(code, k, None, None);
    }

    /// Adds a line that goes to the one label where its condition holds and to the other where not;
    /// no label is the next line.
    pub(super) fn jump(&mut self, code: u16, k: u32, yes: Option<Label>, no: Option<Label>) {
        self.lines.push(Line { code, k, yes, no });
    }

    /// Adds a line that goes to a label, however far it is.
    pub(super) fn go(&mut self, label: Label) {
        self.jump(GO, 0, Some(label), None);
    }

    /// The program as the kernel takes it.
    pub(super) fn done(self) -> Vec<SockFilter> {
        let distance = |from: usize, to: Option<Label>| {
            to.map_or(0, |to| {
                self.places[to.0].checked_sub(from + 1).expect("all jumps are forward")
            })
        };
        let near = |from, to| {
            u8::try_from(distance(from, to)).expect("a condition leads less than 256 lines on")
        };
        let lines = self.lines.iter().enumerate();
        lines
            .map(|(at, line)| {
                if line.code == GO {
                    return SockFilter::new(GO, 0, 0, distance(at, line.yes) as u32);
                }
                let (yes, no) = (near(at, line.yes), near(at, line.no));
                SockFilter::new(line.code, yes, no, line.k)
            })
            .collect()
    }
}
