//! What a key of the language is: its name, what its value looks like, what it says.

/// A key of a map.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name, the same in both formats.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// What it says, in one sentence.
    pub doc: &'static str,
}

/// A map with these keys and no others.
#[derive(Debug)]
pub(crate) struct Level {
    /// What the map describes, with its article.
    pub what: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Keys that another table holds.
    pub more: fn() -> &'static [&'static Key],
    /// The key that a lone value in the map's place stands for.
    pub short: Option<&'static str>,
}

impl Level {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// All of its keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().chain((self.more)().iter().copied())
    }

    /// The keys' names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys().map(|key| key.name)
    }
}

/// What a value looks like.
#[derive(Debug)]
pub(crate) enum Shape {
    /// `true` or `false`.
    Flag,
    /// A whole number in these bounds, both included.
    Number(u32, u32),
    /// One of these words.
    OneOf(fn() -> Vec<&'static str>),
    /// A string: a name, or a line in a language of its own.
    Line,
    /// `10.1.1.1/24`.
    Address,
    /// The same at the end of a link, where the subnet may be the link's.
    EndAddress,
    /// `10.1.1.1`, without a length.
    Ip,
    /// An address, for which one without a length stands for itself alone.
    Loopback,
    /// `02:00:00:00:00:01`.
    Mac,
    /// Values in order; one value is a list of one.
    List(&'static Shape),
    /// Values by a name that the user chooses; names alone may also be a list.
    Named(&'static Shape),
    /// A map with keys of the language.
    Map(&'static Level),
    /// A link: a map, or its two ends in a string.
    Link,
    /// An end of a link: a map, or node and interface in a string.
    End,
}

/// A kind of value that is one of a few words.
pub(crate) trait Choice: Copy + 'static {
    /// Every word with what it stands for.
    fn words() -> Vec<(&'static str, Self)>;
}

/// The words of a [`Choice`].
pub(crate) fn words<C: Choice>() -> Vec<&'static str> {
    C::words().into_iter().map(|(word, _)| word).collect()
}

/// A key with its shape and its sentence.
pub(crate) const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, doc }
}
