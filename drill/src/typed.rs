//! Commands made of a drill file, which know what in them stands where in the file.

use std::ops::Range;

use toml::Spanned;

use crate::error::Source;

/// A command, and the places of its words.
#[derive(Clone)]
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

    /// Where in the file a place of the command is: in the word itself, or else at the last one before it.
    pub(crate) fn in_file(&self, at: Option<&Range<usize>>, source: &Source<'_>) -> Option<Range<usize>> {
        let before = |at: &Range<usize>| self.places.iter().rev().find(|(place, _)| place.start <= at.start);
        let (word, place) = at.and_then(before).or(self.places.first())?;
        let inner = at.and_then(|at| {
            let text = self.text.get(word.clone())?;
            let within = at.start.checked_sub(word.start)?..at.end.checked_sub(word.start)?;
            Some(source.inside(place, text, &within)).filter(|_| at.end <= word.end)
        });
        inner.or_else(|| Some(place.clone())).filter(|place| !place.is_empty())
    }
}
