//! Nonces as Heimdal sends them: every second one is negative, and the reply has the same.

use icsf_core::backend::Etype;
use icsf_core::clock::Clock;
use icsf_kdc::crypto::decrypt;
use rasn_kerberos as wire;

use crate::client::{ask, replied};
use crate::support::{Site, client_key};

const POSITIVE: [u8; 8] = [0xa7, 6, 2, 4, 0x6b, 0xa6, 0x63, 0xb8];
const NEGATIVE: [u8; 8] = [0xa7, 6, 2, 4, 0xeb, 0xa6, 0x63, 0xb8];

#[test]
fn a_negative_nonce_comes_back_as_it_was() {
    let site = Site::new();
    let mut request: wire::AsReq = rasn::der::decode(&ask().as_req(site.clock.now())).unwrap();
    request.0.req_body.nonce = 0x6ba6_63b8;
    let request = rasn::der::encode(&request).unwrap();
    for nonce in [POSITIVE, NEGATIVE] {
        let mut request = request.clone();
        let at = request.windows(8).position(|bytes| bytes == POSITIVE).unwrap();
        request[at..at + 8].copy_from_slice(&nonce);
        let reply: wire::AsRep = rasn::der::decode(&replied(site.handle(&request)).unwrap()).unwrap();
        let plain = decrypt(&client_key("alice", Etype::Aes256Sha1), 3, &reply.0.enc_part.cipher).unwrap();
        // In the reply it is field 2.
        let expected = [&[0xa2], &nonce[1..]].concat();
        assert!(plain.windows(8).any(|bytes| bytes == expected), "{nonce:x?}");
    }
}
