//! Step 6 of the legacy algorithm: 32 bits to 8 characters, and back.
//!
//! The bits form a ring. Character `n` takes the 6 bits that end with bit `4n`, so neighbours
//! share two bits; the number modulo 36 picks the character. Going back, a character leaves two
//! candidates, `v` and `v + 36`. As 36 is divisible by 4 the modulo keeps the low two bits, and
//! these are the top two of the next group; as 36 is between 2 and 3 times 16, the two
//! candidates of that group never agree in their top two bits. So the left neighbour decides,
//! and a text stands for one number or for none: 2^32 of the 36^8 texts are well formed.

use crate::ticket::Ticket;

/// The 8 characters of a 32-bit result of the time coder.
///
/// ```
/// assert_eq!(ptkt::legacy::translate(0x0724_7F79).expose(), "QHOAH1TV");
/// ```
///
/// Source: the example is the one published with the algorithm (IBM, translation process); the
/// groups are as two independent open implementations have them.
#[must_use]
pub fn translate(result5: u32) -> Ticket {
    let mut ring = result5;
    let mut characters = [0; 8];
    for character in characters.iter_mut().rev() {
        let [.., low] = ring.to_be_bytes();
        *character = to_character((low & 0x3F) % 36);
        ring = ring.rotate_right(4);
    }
    Ticket::from_characters(characters)
}

/// The number whose [`translate`] is this text; `None` if there is none, which is so for all
/// but one in 657 of the texts over `A`-`Z`, `0`-`9`.
///
/// ```
/// use ptkt::legacy::untranslate;
///
/// assert_eq!(untranslate(&"QHOAH1TV".parse()?), Some(0x0724_7F79));
/// assert_eq!(untranslate(&"PASSWORD".parse()?), None);
/// # Ok::<(), ptkt::Error>(())
/// ```
#[must_use]
pub fn untranslate(ticket: &Ticket) -> Option<u32> {
    let characters = ticket.characters();
    let mut left = to_index(characters[7])?;
    let mut result5 = 0;
    for &character in characters {
        let index = to_index(character)?;
        let group = join(left, index)?;
        // The top two bits are the neighbour's: only four are new.
        result5 = result5 << 4 | u32::from(group & 0x0F);
        left = index;
    }
    Some(result5)
}

/// The 6-bit number that is `index` modulo 36 and whose top two bits are the low two of its
/// left neighbour.
fn join(left: u8, index: u8) -> Option<u8> {
    [index, index + 36].into_iter().find(|group| group >> 4 == left & 3)
}

/// Arithmetic, not a table: no cache line depends on the ticket.
fn to_character(index: u8) -> u8 {
    if index < 26 { b'A' + index } else { b'0' + (index - 26) }
}

fn to_index(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'0'..=b'9' => Some(character - b'0' + 26),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proof that a text has one number at most, over all groups and neighbours.
    #[test]
    fn one_candidate_at_most() {
        for group in 0..64 {
            let index = group % 36;
            assert_eq!(index & 3, group & 3, "the modulo keeps the low two bits");
            assert_eq!(join(group >> 4, index), Some(group));
            let joined = (0..4).filter_map(|left| join(left, index)).count();
            assert_eq!(joined, if index < 28 { 2 } else { 1 });
        }
    }
}
