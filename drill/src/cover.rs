//! Covers keys and passwords that somebody wrote into a drill file, so that its lines can be shown.
//!
//! They have no place there, but a mistake in a line, or a message about it, must not print them for that.

use icsf_saf::command::shows_secret;

use crate::tree;

/// A text with its secrets covered, byte for byte as long, and what was covered.
pub(crate) fn cover(text: &str) -> (String, Vec<String>) {
    let (mut covered, mut secrets) = (String::with_capacity(text.len()), Vec::new());
    let json = tree::is_json(text);
    // JSON: how many braces are open, and how many were where the secrets began.
    let (mut open, mut began) = (0_usize, None);
    let mut in_secrets = false;
    for line in text.split_inclusive('\n') {
        if !json && line.trim_start().starts_with('[') {
            in_secrets = line.trim_start().trim_start_matches('[').trim_start().starts_with("secrets");
        }
        let (mut name, mut before) = ("", "");
        let mut pieces = line.split('"').enumerate().peekable();
        while let Some((n, piece)) = pieces.next() {
            if n > 0 {
                covered.push('"');
            }
            let quoted = n % 2 == 1;
            if !quoted && json {
                for brace in piece.chars().filter(|c| "{}".contains(*c)) {
                    open = if brace == '{' { open + 1 } else { open.saturating_sub(1) };
                    began = began.filter(|began| open > *began);
                }
                in_secrets = began.is_some();
            }
            // In JSON names have quotes as well.
            let is_name = json && pieces.peek().is_some_and(|(_, next)| next.trim_start().starts_with(':'));
            let named = if json && before.trim() == ":" { name } else { before };
            if quoted && !is_name && is_secret(named, piece, in_secrets) {
                secrets.push(piece.to_owned());
                covered.push_str(&"*".repeat(piece.len()));
            } else {
                push_without_keys(&mut covered, piece, &mut secrets);
            }
            if quoted {
                name = piece;
                began = began.or((json && piece == "secrets").then_some(open));
            }
            before = piece;
        }
    }
    (covered, secrets)
}

/// Whether a string is a secret, by what it says or by the name it is given.
fn is_secret(before: &str, text: &str, in_secrets: bool) -> bool {
    let name = before.trim_end().trim_end_matches('=').trim_end();
    let named = |names: &[&str]| names.iter().any(|known| name.ends_with(known));
    let typed = !text.is_empty() && !text.starts_with('@');
    (typed && (named(&["password", "value"]) || (in_secrets && !named(&["file", "env", "generate"]))))
        || shows_secret(text)
        || (is_operand(text) && shows_secret(&format!("RDEFINE A B SSIGNON({text})")))
}

/// Whether a text begins with a keyword and its parenthesis, as operands do and commands do not.
fn is_operand(text: &str) -> bool {
    text.trim_start().trim_start_matches(|c: char| c.is_ascii_alphanumeric()).starts_with('(')
}

/// A text without what could be a key: 16 hexadecimal digits or more in a row.
fn push_without_keys(to: &mut String, text: &str, secrets: &mut Vec<String>) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (run, after) = rest.split_at(digits.max(c.len_utf8()));
        if digits >= 16 {
            secrets.push(run.to_owned());
            to.push_str(&"*".repeat(run.len()));
        } else {
            to.push_str(run);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_passwords_are_covered_wherever_they_stand() {
        for (text, shown) in [
            ("value = \"E001193519561977\"\n", "value = \"****************\"\n"),
            ("password = \"hunTer2X\"", "password = \"********\""),
            ("password = \"@secret:password\"", "password = \"@secret:password\""),
            (
                "[secrets]\na = \"hunTer2X\"\nb = { file = \"b.key\" }\n",
                "[secrets]\na = \"********\"\nb = { file = \"b.key\" }\n",
            ),
            (
                "[secrets]\na = { generate = \"des\" }\n[[key]]\nlabel = \"A\"\n",
                "[secrets]\na = { generate = \"des\" }\n[[key]]\nlabel = \"A\"\n",
            ),
            ("ssignon = [\"KEYMASKED(12)\", \"TYPE(UPPER)\"]", "ssignon = [\"*************\", \"TYPE(UPPER)\"]"),
            ("command = \"ALTUSER U1 PASSWORD(hunTer2X)\"", "command = \"*****************************\""),
            ("command = \"D ICSF,CARDS\"", "command = \"D ICSF,CARDS\""),
            ("[\"SETROPTS PASSWORD(REVOKE(3))\"]", "[\"SETROPTS PASSWORD(REVOKE(3))\"]"),
            ("# E001193519561977 é", "# **************** é"),
            ("{\"user\": [{\"password\": \"hunTer2X\"}]}", "{\"user\": [{\"password\": \"********\"}]}"),
            (
                "{\"secrets\": {\n\"a\": \"hunTer2X\", \"b\": {\"file\": \"b.key\"}},\n\"key\": [{\"label\": \"A\"}]}",
                "{\"secrets\": {\n\"a\": \"********\", \"b\": {\"file\": \"b.key\"}},\n\"key\": [{\"label\": \"A\"}]}",
            ),
        ] {
            assert_eq!(cover(text).0, shown);
            assert_eq!(text.len(), shown.len(), "places stay where they are");
        }
    }
}
