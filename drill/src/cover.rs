//! Covers keys and passwords that somebody wrote into a drill file, so that its lines can be shown.
//!
//! They have no place there, but a mistake in a line, or a message about it, must not print them for that.

use icsf_saf::command::shows_secret;

/// A text with its secrets covered, byte for byte as long, and what was covered.
pub(crate) fn cover(text: &str) -> (String, Vec<String>) {
    let (mut covered, mut secrets) = (String::with_capacity(text.len()), Vec::new());
    let mut in_secrets = false;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            in_secrets = line.trim_start().trim_start_matches('[').trim_start().starts_with("secrets");
        }
        let mut before = "";
        for (n, piece) in line.split('"').enumerate() {
            if n > 0 {
                covered.push('"');
            }
            let quoted = n % 2 == 1;
            if quoted && is_secret(before, piece, in_secrets) {
                secrets.push(piece.to_owned());
                covered.push_str(&"*".repeat(piece.len()));
            } else {
                push_without_keys(&mut covered, piece, &mut secrets);
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
        ] {
            assert_eq!(cover(text).0, shown);
            assert_eq!(text.len(), shown.len(), "places stay where they are");
        }
    }
}
