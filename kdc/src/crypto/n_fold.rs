//! n-fold: stretches or shrinks a string so that every bit of it counts alike (RFC 3961 section 5.1).

/// Folds `input`, which is not empty, to `N` bytes: copies of it, each rotated right by 13 bits more than the one before,
/// are written one after another until a multiple of `N` bytes is there, and its pieces of `N` bytes are added in ones'
/// complement.
pub(super) fn n_fold<const N: usize>(input: &[u8]) -> [u8; N] {
    let (bits, twice) = (input.len() * 8, input.repeat(2));
    let mut sums = [0_u32; N];
    let mut place = 0;
    for copy in 0..N / common_divisor(N, input.len()) {
        // The copy begins with this bit of the input.
        let first = (bits - 13 * copy % bits) % bits;
        let bytes = twice.get(first / 8..=first / 8 + input.len()).unwrap_or_default();
        for pair in bytes.windows(2) {
            let two = pair.iter().fold(0, |two, byte| two << 8 | u32::from(*byte));
            if let Some(sum) = sums.get_mut(place) {
                *sum += two << (first % 8) >> 8 & 0xff;
            }
            place = if place + 1 == N { 0 } else { place + 1 };
        }
    }
    let mut carry = 0;
    loop {
        for sum in sums.iter_mut().rev() {
            carry += *sum;
            *sum = carry & 0xff;
            carry >>= 8;
        }
        if carry == 0 {
            break;
        }
    }
    sums.map(|sum| sum.to_le_bytes()[0])
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER_PERMISSIVE as HEX;

    use super::n_fold;

    fn folds<const N: usize>(input: &str, output: &str) {
        assert_eq!(HEX.encode(&n_fold::<N>(input.as_bytes())), output, "{N} bytes of {input:?}");
    }

    /// RFC 3961 appendix A.1.
    #[test]
    fn folds_as_the_rfc_shows() {
        folds::<8>("012345", "be072631276b1955");
        folds::<7>("password", "78a07b6caf85fa");
        folds::<8>("Rough Consensus, and Running Code", "bb6ed30870b7f0e0");
        folds::<21>("password", "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e");
        folds::<24>("MASSACHVSETTS INSTITVTE OF TECHNOLOGY", "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b");
        folds::<21>("Q", "518a54a215a8452a518a54a215a8452a518a54a215");
        folds::<21>("ba", "fb25d531ae8974499f52fd92ea9857c4ba24cf297e");
        folds::<8>("kerberos", "6b65726265726f73");
        folds::<16>("kerberos", "6b65726265726f737b9b5b2b93132b93");
        folds::<21>("kerberos", "8372c236344e5f1550cd0747e15d62ca7a5a3bcea4");
        folds::<32>("kerberos", "6b65726265726f737b9b5b2b93132b935c9bdcdad95c9899c4cae4dee6d6cae4");
    }
}
