//! Where the lines of a text begin, for many places to be found in it.

/// The beginnings of the lines.
pub(super) struct Lines<'s> {
    text: &'s str,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    /// Goes through the text once.
    pub fn of(text: &'s str) -> Self {
        let behind = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(behind.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The line that holds the byte: its number, counted from 1, and its first byte.
    pub fn line(&self, offset: usize) -> (usize, usize) {
        let number = self.starts.partition_point(|&start| start <= offset);
        (number, self.starts[number - 1])
    }

    /// The line and the column of a byte, the column in characters, both counted from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let (line, start) = self.line(offset);
        let end = self.text.floor_char_boundary(offset).max(start);
        (line, self.text[start..end].chars().count() + 1)
    }
}
