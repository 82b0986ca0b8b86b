//! Just enough DER to find a part of a message as it was sent, and for the frame around a GSS-API token, which is no ASN.1
//! type.
//!
//! A checksum covers the bytes of the sender. Decoded and encoded again they are the same only if the sender was as
//! strict as our encoder.

/// The content of the first element, which has this tag, and what follows it.
pub(crate) fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (content, rest, found) = any(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Content and tag of the first element, and what follows it. Tags above 30 do not occur in Kerberos.
fn any(bytes: &[u8]) -> Option<(&[u8], &[u8], u8)> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((content, rest, tag))
}

/// The content of the one element there is, which has this tag.
pub(crate) fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    element(bytes, tag).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// The elements in a row, each with its tag; `None` when something else is between them.
pub(crate) fn elements(mut bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (content, rest, tag) = any(bytes)?;
        all.push((tag, content));
        bytes = rest;
    }
    Some(all)
}

/// An element.
pub(crate) fn framed(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits = length.iter().position(|digit| *digit != 0).and_then(|first| length.get(first..)).unwrap_or(&[0]);
    match (digits, u8::try_from(digits.len())) {
        ([short @ 0..0x80], _) => [&[tag, *short], content].concat(),
        (_, count) => [&[tag, 0x80 | count.unwrap_or(0)], digits, content].concat(),
    }
}

/// Whether this is one element and nothing else.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    any(bytes).is_some_and(|(_, rest, _)| rest.is_empty())
}

/// The KDC-REQ-BODY of an AS-REQ or TGS-REQ, whole: `[APPLICATION n] SEQUENCE { .., [4] body }`.
pub(crate) fn request_body(request: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const BODY: u8 = 0xa4;
    let (content, _, _) = any(request)?;
    let (mut fields, _) = element(content, SEQUENCE)?;
    loop {
        let (content, rest, tag) = any(fields)?;
        if tag == BODY {
            return Some(content);
        }
        fields = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_found_behind_other_fields() {
        let request = [0x6c, 11, 0x30, 9, 0xa1, 3, 2, 1, 5, 0xa4, 2, 0x30, 0];
        assert_eq!(request_body(&request), Some(&[0x30, 0][..]));
        assert!(is_whole(&request));
        assert!(!is_whole(&[&request[..], &[0]].concat()));
        (0..request.len()).for_each(|length| assert_eq!(request_body(&request[..length]), None));
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            assert_eq!(only(&framed(0x60, &vec![7; length]), 0x60).map(<[u8]>::len), Some(length));
        }
        assert_eq!((framed(4, &[9; 128])[..3].to_vec(), framed(4, &[])), (vec![4, 0x81, 0x80], vec![4, 0]));
        assert_eq!(elements(&[4, 1, 9, 5, 0]), Some(vec![(4, &[9][..]), (5, &[][..])]));
        assert_eq!(elements(&[4, 1, 9, 5]), None);
        assert_eq!(any(&[0x30, 0x80]), None, "no length");
        assert_eq!(any(&[0x30, 0x85, 0, 0, 0, 0, 0]), None, "a length of five bytes");
        assert_eq!(any(&[0x30, 0x82, 0, 1, 7]), Some((&[7][..], &[][..], 0x30)));
    }
}
