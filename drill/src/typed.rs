//! Commands made of a drill file, which know what in them stands where in the file.

use std::ops::Range;

use toml::Spanned;

/// A command, and the places of its words.
pub(crate) struct Typed {
    pub(crate) text: String,
    /// Where in the command, and where in the file.
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl Typed {
    pub(crate) fn new(verb: &str) -> Self {
        Self { text: verb.to_owned(), places: Vec::new() }
    }

    /// What the program says by itself.
    pub(crate) fn and(mut self, text: &str) -> Self {
        self.text += text;
        self
    }

    /// A word of the file.
    pub(crate) fn word(self, word: &Spanned<String>) -> Self {
        let text = word.get_ref().clone();
        self.place(&text, word)
    }

    /// A keyword with a text of the file in quotes, if there is one.
    pub(crate) fn quoted(self, keyword: &str, text: Option<&Spanned<String>>) -> Self {
        let Some(text) = text else { return self };
        let quoted = format!("'{}'", text.get_ref().replace('\'', "''"));
        self.and(&format!(" {keyword}(")).place(&quoted, text).and(")")
    }

    fn place(mut self, text: &str, word: &Spanned<String>) -> Self {
        let start = self.text.len();
        self.text += text;
        self.places.push((start..self.text.len(), word.span()));
        self
    }

    /// Where in the file a place of the command is: at the word itself, or else the last one before it.
    pub(crate) fn in_file(&self, at: Option<&Range<usize>>) -> Option<Range<usize>> {
        let first = self.places.first();
        let before = |at: &Range<usize>| self.places.iter().rev().find(|(place, _)| place.start <= at.start);
        at.and_then(before).or(first).map(|(_, place)| place.clone()).filter(|place| !place.is_empty())
    }
}
