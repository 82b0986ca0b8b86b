//! CSNBENC and CSNBDEC against an independent DES.

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use icsf_core::codes::Code;
use icsf_core::services::ChainingVector;
use icsf_core::{ClearKey, Icsf, KeyIdentifier, KeyToken};
use proptest::prelude::*;

use crate::support::{Rig, des_key, des_token, hmac_token, id, label, refused};

const LENGTH: (Code, (u8, u32, u32)) = (Code::LengthNotValid, (8, 72, 72));

/// CBC as the textbook has it.
fn cbc(key: &[u8; 8], initial: &[u8; 8], text: &[u8]) -> Vec<u8> {
    let des = Des::new(&Array::from(*key));
    let mut last = *initial;
    let mut out = Vec::new();
    for block in text.chunks(8) {
        let mut state: [u8; 8] = std::array::from_fn(|i| block[i] ^ last[i]);
        des.encrypt_block(Array::cast_from_core_mut(&mut state));
        last = state;
        out.extend_from_slice(&state);
    }
    out
}

struct Keyed {
    rig: Rig,
    key: [u8; 8],
}

impl Keyed {
    fn new(seed: u8) -> Self {
        let rig = Rig::new();
        rig.icsf.csnbkrc2(&label("K.DES"), des_token(&rig.icsf, seed)).unwrap();
        Self { rig, key: des_key(seed) }
    }

    fn icsf(&self) -> &Icsf {
        &self.rig.icsf
    }

    fn encipher(
        &self,
        rules: &[&str],
        text: &[u8],
        initial: &[u8; 8],
        pad: u8,
        chaining: &mut ChainingVector,
    ) -> Vec<u8> {
        let done = self.icsf().csnbenc(&mut id("K.DES"), rules, text, initial, pad, chaining).unwrap();
        assert_eq!(done.code, Code::Success);
        done.value
    }

    fn decipher(&self, rules: &[&str], text: &[u8], initial: &[u8; 8], chaining: &mut ChainingVector) -> Vec<u8> {
        let done = self.icsf().csnbdec(&mut id("K.DES"), rules, text, initial, chaining).unwrap();
        assert_eq!(done.code, Code::Success);
        done.value
    }
}

#[test]
fn the_textbook_block() {
    let rig = Rig::new();
    let key = ClearKey::from_hex("133457799BBCDFF1").unwrap();
    let mut key = KeyIdentifier::Token(rig.icsf.csnbcki(&key).unwrap().value);
    let text = 0x0123_4567_89ab_cdef_u64.to_be_bytes();
    let done = rig.icsf.csnbenc(&mut key, &["CBC"], &text, &[0; 8], 0, &mut [0; 18]).unwrap();
    assert_eq!(done.value, 0x85e8_1354_0f0a_b405_u64.to_be_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cbc_is_the_textbooks_whole_or_continued(
        seed in any::<u8>(),
        initial in any::<[u8; 8]>(),
        text in prop::collection::vec(any::<[u8; 8]>(), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let keyed = Keyed::new(seed);
        let text = text.concat();
        let right = cbc(&keyed.key, &initial, &text);
        let mut chaining = [0xee; 18];
        prop_assert_eq!(&keyed.encipher(&["CBC"], &text, &initial, 0, &mut chaining), &right);
        prop_assert_eq!(&chaining[..8], &right[right.len() - 8..]);
        prop_assert_eq!(&keyed.decipher(&["CBC"], &right, &initial, &mut chaining), &text);
        prop_assert_eq!(&chaining[..8], &right[right.len() - 8..], "the last block of ciphertext, both ways");

        // In two parts: the second goes on from the first, whatever the initialization vector says.
        let cut = 8 * cut.index(text.len() / 8);
        if cut > 0 {
            let (mut enciphering, mut deciphering) = ([0; 18], [0; 18]);
            let one = keyed.encipher(&["CBC", "INITIAL"], &text[..cut], &initial, 0, &mut enciphering);
            let two = keyed.encipher(&["CBC", "CONTINUE"], &text[cut..], &[0xff; 8], 0, &mut enciphering);
            prop_assert_eq!([one, two].concat(), right.clone());
            let one = keyed.decipher(&["CBC", "INITIAL"], &right[..cut], &initial, &mut deciphering);
            let two = keyed.decipher(&["CBC", "CONTINUE"], &right[cut..], &[0xff; 8], &mut deciphering);
            prop_assert_eq!([one, two].concat(), text);
        }
    }

    #[test]
    fn padding_is_added_and_taken_off_and_its_last_byte_counts_it(
        initial in any::<[u8; 8]>(),
        text in prop::collection::vec(any::<u8>(), 1..40),
        pad in any::<u8>(),
    ) {
        let keyed = Keyed::new(3);
        let added = 8 - text.len() % 8;
        let mut padded = text.clone();
        padded.resize(text.len() + added - 1, pad);
        padded.push(u8::try_from(added).unwrap());
        let with_4700 = keyed.encipher(&["4700-PAD"], &text, &initial, pad, &mut [0; 18]);
        prop_assert_eq!(&with_4700, &cbc(&keyed.key, &initial, &padded));
        prop_assert_eq!(&keyed.decipher(&["4700-PAD"], &with_4700, &initial, &mut [0; 18]), &text);

        // X9.23 pads with random bytes, so only what comes back is known, and the count.
        let with_x923 = keyed.encipher(&["X9.23"], &text, &initial, pad, &mut [0; 18]);
        prop_assert_eq!(with_x923.len(), padded.len());
        prop_assert_eq!(&keyed.decipher(&["X9.23"], &with_x923, &initial, &mut [0; 18]), &text);
        let bare = keyed.decipher(&["CBC"], &with_x923, &initial, &mut [0; 18]);
        prop_assert_eq!(usize::from(*bare.last().unwrap()), added);
    }
}

#[test]
fn the_padding_of_x9_23_differs_from_call_to_call() {
    let keyed = Keyed::new(1);
    let padding = || {
        let enciphered = keyed.encipher(&["X9.23"], b"x", &[0; 8], b'#', &mut [0; 18]);
        keyed.decipher(&["CBC"], &enciphered, &[0; 8], &mut [0; 18])[1..7].to_vec()
    };
    let (one, two) = (padding(), padding());
    assert_ne!(one, two);
    assert_ne!(one, b"######");
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let keyed = Keyed::new(1);
    let icsf = keyed.icsf();
    let enc =
        |rule: &str, length: usize| icsf.csnbenc(&mut id("K.DES"), &[rule], &vec![0; length], &[0; 8], 0, &mut [0; 18]);
    let dec =
        |rule: &str, length: usize| icsf.csnbdec(&mut id("K.DES"), &[rule], &vec![0; length], &[0; 8], &mut [0; 18]);
    for (rule, length) in [("CBC", 0), ("CBC", 7), ("CBC", 9), ("X9.23", 0), ("4700-PAD", 0)] {
        refused(enc(rule, length), LENGTH.0, LENGTH.1);
    }
    for rule in ["CBC", "X9.23", "4700-PAD"] {
        for length in [0, 7, 9] {
            refused(dec(rule, length), LENGTH.0, LENGTH.1);
        }
    }
    enc("X9.23", 1).unwrap();
    enc("CBC", 8).unwrap();
}

#[test]
fn what_does_not_end_in_padding_is_refused() {
    let keyed = Keyed::new(1);
    for (last, fine) in [(0, false), (1, true), (8, true), (9, false), (255, false)] {
        let text = cbc(&keyed.key, &[0; 8], &[7, 7, 7, 7, 7, 7, 7, last]);
        for rule in ["X9.23", "4700-PAD"] {
            let done = keyed.icsf().csnbdec(&mut id("K.DES"), &[rule], &text, &[0; 8], &mut [0; 18]);
            assert_eq!(done.map(|done| done.value.len()).ok(), fine.then(|| 8 - usize::from(last)), "{rule} {last}");
        }
    }
}

#[test]
fn a_key_of_another_type_and_none_at_all_are_refused() {
    let keyed = Keyed::new(1);
    let icsf = keyed.icsf();
    let call = |key: &mut KeyIdentifier| icsf.csnbenc(key, &["CBC"], &[0; 8], &[0; 8], 0, &mut [0; 18]);
    icsf.csnbkrc2(&label("M.HMAC"), hmac_token(icsf, 1)).unwrap();
    icsf.csnbkrc(&label("N.NULL")).unwrap();
    refused(call(&mut id("M.HMAC")), Code::WrongKeyType, (8, 2154, 39));
    refused(call(&mut KeyIdentifier::Token(hmac_token(icsf, 1))), Code::WrongKeyType, (8, 2154, 39));
    refused(icsf.csnbenc_key(&label("M.HMAC")), Code::WrongKeyType, (8, 2154, 39));
    refused(call(&mut id("N.NULL")), Code::WrongTokenClass, (8, 2040, 2040));
    refused(call(&mut KeyIdentifier::Token(KeyToken::Null)), Code::WrongTokenClass, (8, 2040, 2040));
    let error = refused(call(&mut id("NO.SUCH.KEY")), Code::LabelNotFound, (8, 10012, 30));
    assert_eq!(error.cause().label(), Some(&label("NO.SUCH.KEY")));
    refused(icsf.csnbenc_key(&label("NO.SUCH.KEY")), Code::LabelNotFound, (8, 10012, 30));
}

#[test]
fn a_key_opened_for_several_blocks_computes_what_cbc_with_zeros_does() {
    let keyed = Keyed::new(1);
    let opened = keyed.icsf().csnbenc_key(&label("K.DES")).unwrap();
    let mut blocks = [[1; 8], [2; 8], [1; 8]];
    opened.encipher(&mut blocks).unwrap();
    for (block, text) in blocks.iter().zip([[1; 8], [2; 8], [1; 8]]) {
        assert_eq!(block.to_vec(), keyed.encipher(&["CBC"], &text, &[0; 8], 0, &mut [0; 18]));
    }
    let again = keyed.icsf().csnbenc_key(&label("K.DES")).unwrap();
    assert_eq!(opened.id(), again.id(), "what was computed with it once holds while the key stays");
    keyed.icsf().csnbkrw(des_token(keyed.icsf(), 2), &label("K.DES")).unwrap();
    assert_ne!(opened.id(), keyed.icsf().csnbenc_key(&label("K.DES")).unwrap().id());
}
