//! The messages that carry a nonce, with nonces as clients send them.
//!
//! RFC 4120 has them from 0 to 2^32 - 1, and so has rasn-kerberos; in RFC 1510 they were signed, and Heimdal (7.8) still
//! sends every second one as a negative number and looks for the same one in the reply. Fields and their order are those
//! of rasn-kerberos in all else.

use rasn::types::{Integer, SequenceOf};
use rasn::{AsnType, Decode, Decoder, Encode, Encoder};
use rasn_kerberos as wire;

/// AS-REQ.
#[derive(AsnType, Debug, Decode)]
#[cfg_attr(test, derive(Encode))]
#[rasn(tag(explicit(application, 10)), delegate)]
pub(crate) struct AsReq(pub(crate) KdcReq);

/// TGS-REQ.
#[derive(AsnType, Debug, Decode)]
#[cfg_attr(test, derive(Encode))]
#[rasn(tag(explicit(application, 12)), delegate)]
pub(crate) struct TgsReq(pub(crate) KdcReq);

/// Both of them.
#[derive(AsnType, Debug, Decode)]
#[cfg_attr(test, derive(Encode))]
pub(crate) struct KdcReq {
    #[rasn(tag(explicit(1)))]
    pub(crate) pvno: Integer,
    #[rasn(tag(explicit(2)))]
    pub(crate) msg_type: Integer,
    #[rasn(tag(explicit(3)))]
    pub(crate) padata: Option<SequenceOf<wire::PaData>>,
    #[rasn(tag(explicit(4)))]
    pub(crate) req_body: KdcReqBody,
}

/// What is asked for.
#[derive(AsnType, Debug, Decode)]
#[cfg_attr(test, derive(Encode))]
pub(crate) struct KdcReqBody {
    #[rasn(tag(explicit(0)))]
    pub(crate) kdc_options: wire::KdcOptions,
    #[rasn(tag(explicit(1)))]
    pub(crate) cname: Option<wire::PrincipalName>,
    #[rasn(tag(explicit(2)))]
    pub(crate) realm: wire::Realm,
    #[rasn(tag(explicit(3)))]
    pub(crate) sname: Option<wire::PrincipalName>,
    #[rasn(tag(explicit(4)))]
    pub(crate) from: Option<wire::KerberosTime>,
    #[rasn(tag(explicit(5)))]
    pub(crate) till: wire::KerberosTime,
    #[rasn(tag(explicit(6)))]
    pub(crate) rtime: Option<wire::KerberosTime>,
    #[rasn(tag(explicit(7)))]
    pub(crate) nonce: i64,
    #[rasn(tag(explicit(8)))]
    pub(crate) etype: SequenceOf<i32>,
    #[rasn(tag(explicit(9)))]
    pub(crate) addresses: Option<wire::HostAddresses>,
    #[rasn(tag(explicit(10)))]
    pub(crate) enc_authorization_data: Option<wire::EncryptedData>,
    #[rasn(tag(explicit(11)))]
    pub(crate) additional_tickets: Option<SequenceOf<wire::Ticket>>,
}

/// The encrypted part of an AS-REP.
#[derive(AsnType, Encode)]
#[rasn(tag(explicit(application, 25)), delegate)]
pub(crate) struct EncAsRepPart(pub(crate) EncKdcRepPart);

/// The encrypted part of a TGS-REP.
#[derive(AsnType, Encode)]
#[rasn(tag(explicit(application, 26)), delegate)]
pub(crate) struct EncTgsRepPart(pub(crate) EncKdcRepPart);

/// Both of them.
#[derive(AsnType, Encode)]
pub(crate) struct EncKdcRepPart {
    #[rasn(tag(explicit(0)))]
    pub(crate) key: wire::EncryptionKey,
    #[rasn(tag(explicit(1)))]
    pub(crate) last_req: wire::LastReq,
    #[rasn(tag(explicit(2)))]
    pub(crate) nonce: i64,
    #[rasn(tag(explicit(3)))]
    pub(crate) key_expiration: Option<wire::KerberosTime>,
    #[rasn(tag(explicit(4)))]
    pub(crate) flags: wire::TicketFlags,
    #[rasn(tag(explicit(5)))]
    pub(crate) auth_time: wire::KerberosTime,
    #[rasn(tag(explicit(6)))]
    pub(crate) start_time: Option<wire::KerberosTime>,
    #[rasn(tag(explicit(7)))]
    pub(crate) end_time: wire::KerberosTime,
    #[rasn(tag(explicit(8)))]
    pub(crate) renew_till: Option<wire::KerberosTime>,
    #[rasn(tag(explicit(9)))]
    pub(crate) srealm: wire::Realm,
    #[rasn(tag(explicit(10)))]
    pub(crate) sname: wire::PrincipalName,
    #[rasn(tag(explicit(11)))]
    pub(crate) caddr: Option<wire::HostAddresses>,
    #[rasn(tag(explicit(12)))]
    pub(crate) encrypted_pa_data: Option<SequenceOf<wire::PaData>>,
}

#[cfg(test)]
mod tests {
    use rasn::types::{GeneralString, OctetString, UtcTime};

    use super::*;

    fn text() -> GeneralString {
        GeneralString::from_bytes(b"EXAMPLE.COM").unwrap()
    }

    fn name() -> wire::PrincipalName {
        wire::PrincipalName { r#type: 2, string: vec![text(), text()] }
    }

    fn time() -> wire::KerberosTime {
        wire::KerberosTime(UtcTime::from_timestamp(1_795_159_756, 0).unwrap().fixed_offset())
    }

    fn addresses() -> wire::HostAddresses {
        vec![wire::HostAddress { addr_type: 2, address: OctetString::from(vec![127, 0, 0, 1]) }]
    }

    fn padata() -> Vec<wire::PaData> {
        vec![wire::PaData { r#type: 2, value: OctetString::from(vec![1, 2, 3]) }]
    }

    /// In a message with every field there is nothing that is read otherwise than rasn-kerberos reads it.
    #[test]
    fn requests_are_those_of_rasn_kerberos() {
        let sealed = || wire::EncryptedData { etype: 18, kvno: Some(3), cipher: OctetString::from(vec![4; 40]) };
        let ticket = || wire::Ticket { tkt_vno: 5.into(), realm: text(), sname: name(), enc_part: sealed() };
        let body = wire::KdcReqBody {
            kdc_options: crate::flags::KdcOptions::FORWARDABLE.into(),
            cname: Some(name()),
            realm: text(),
            sname: Some(name()),
            from: Some(time()),
            till: time(),
            rtime: Some(time()),
            nonce: u32::MAX,
            etype: vec![18, -128],
            addresses: Some(addresses()),
            enc_authorization_data: Some(sealed()),
            additional_tickets: Some(vec![ticket()]),
        };
        let theirs = wire::KdcReq { pvno: 5.into(), msg_type: 10.into(), padata: Some(padata()), req_body: body };
        let bytes = rasn::der::encode(&wire::AsReq(theirs.clone())).unwrap();
        let ours: AsReq = rasn::der::decode(&bytes).unwrap();
        assert_eq!((ours.0.req_body.nonce, ours.0.req_body.etype.as_slice()), (u32::MAX.into(), &[18, -128][..]));
        assert_eq!(rasn::der::encode(&ours).unwrap(), bytes);
        let bytes = rasn::der::encode(&wire::TgsReq(theirs)).unwrap();
        let ours: TgsReq = rasn::der::decode(&bytes).unwrap();
        assert_eq!(rasn::der::encode(&ours).unwrap(), bytes);
    }

    #[test]
    fn replies_are_those_of_rasn_kerberos() {
        let key = || wire::EncryptionKey { r#type: 18, value: OctetString::from(vec![6; 32]) };
        let last_req = || vec![wire::LastReqValue { r#type: 0, value: time() }];
        let flags: wire::TicketFlags = crate::flags::TicketFlags::INITIAL.into();
        let ours = |nonce| EncKdcRepPart {
            key: key(),
            last_req: last_req(),
            nonce,
            key_expiration: Some(time()),
            flags: flags.clone(),
            auth_time: time(),
            start_time: Some(time()),
            end_time: time(),
            renew_till: Some(time()),
            srealm: text(),
            sname: name(),
            caddr: Some(addresses()),
            encrypted_pa_data: Some(padata()),
        };
        let bytes = rasn::der::encode(&EncAsRepPart(ours(u32::MAX.into()))).unwrap();
        let theirs = rasn::der::decode::<wire::EncAsRepPart>(&bytes).unwrap();
        assert_eq!(
            (theirs.0.nonce, &theirs.0.flags, theirs.0.encrypted_pa_data.as_ref()),
            (u32::MAX, &flags, Some(&padata()))
        );
        assert_eq!(rasn::der::encode(&theirs).unwrap(), bytes);
        let bytes = rasn::der::encode(&EncTgsRepPart(ours(1))).unwrap();
        assert_eq!(rasn::der::encode(&rasn::der::decode::<wire::EncTgsRepPart>(&bytes).unwrap()).unwrap(), bytes);
        let negative = rasn::der::encode(&EncAsRepPart(ours(-0x1459_9c48))).unwrap();
        assert!(negative.windows(8).any(|bytes| bytes == [0xa2, 6, 2, 4, 0xeb, 0xa6, 0x63, 0xb8]));
    }
}
