//! Properties that hold for whatever is signed or sent.

use grantbook_record::day::{DataDay, DataPeriod, UnixMillis};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Claims, GrantPaused};
use grantbook_record::scope::AttributeValue;
use grantbook_record::strict_json::parse;
use grantbook_record::uses::{BatchTree, UseBatch, UseRecord, batch_root, sign_batch};
use grantbook_record::{
    Currency, Entry, Envelope, Event, Jti, Kind, Price, Salt, SubjectId, TenantId, Term, UnixSeconds,
};
use grantbook_tlog::{Hash, LeafIndex, TreeSize, leaf_hash, verify_inclusion};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::ledger::Ledger;
use crate::story::{
    SAMPLES, customer, enterprise, gate, guardian, operator, record, sample, second_key, tenant,
};

/// What a careful reader does with an envelope for the story's tenant.
fn verify(bytes: &[u8]) -> bool {
    let keys =
        [customer(), second_key(), enterprise(), operator(), guardian()].map(|signer| *signer.public_key());
    Envelope::parse(bytes).is_ok_and(|envelope| {
        envelope.event().is_ok()
            && envelope
                .verify_signatures(|kid| keys.iter().find(|key| key.thumbprint() == *kid).copied())
                .is_ok()
    })
}

#[test]
fn no_byte_of_an_envelope_can_change() {
    for kind in SAMPLES {
        let good = sample(kind).envelope();
        assert!(verify(&good), "{kind}");
        let mut changed = good.clone();
        for at in 0..good.len() {
            for mask in [0x01, 0x20, 0x80] {
                changed[at] = good[at] ^ mask;
                // framing, header and payload are parsed before any signature is looked at, so this is quick
                assert!(!verify(&changed), "{kind}: byte {at} ^ {mask:#x}");
            }
            changed[at] = good[at];
        }
    }
}

prop_compose! {
    fn term()(text in "[a-z][a-z0-9_-]{0,63}") -> Term { Term::parse(&text).unwrap() }
}

proptest! {
    #[test]
    fn envelopes_give_back_what_was_signed(
        sub in "[A-Za-z0-9._:-]{1,64}",
        at in 0..1_u64 << 47,
        random in any::<[u8; 10]>(),
        signers in 1..4_usize,
    ) {
        let (jti, sub) = (Jti::new(UnixMillis(at), random), SubjectId::parse(&sub).unwrap());
        let claims = Claims::new(tenant(), jti, GrantPaused { sub, grant: jti });
        let all = [customer(), second_key(), enterprise()];
        let signers: Vec<_> = all.iter().take(signers).collect();
        let bytes = Envelope::sign(Kind::GrantPaused, &claims.to_json(), &signers);
        prop_assert!(verify(&bytes));
        let envelope = Envelope::parse(&bytes).unwrap();
        prop_assert_eq!(envelope.as_bytes(), bytes.as_slice());
        let read = envelope.event().unwrap();
        prop_assert_eq!((read.jti, read.iat), (jti, UnixSeconds(at / 1000)));
        prop_assert_eq!(read.event, Event::GrantPaused(claims.event));
    }

    #[test]
    fn a_second_of_clock_decides_at_the_bound(iat in 200_000..1_u64 << 38, ahead in any::<bool>(), apart in 0..200_000_u64) {
        let jti = Jti::new(UnixMillis(iat * 1000), [0; 10]);
        let claims = Claims::new(tenant(), jti, ());
        let now = if ahead { iat - apart } else { iat + apart };
        prop_assert_eq!(claims.check(tenant(), UnixSeconds(now)).is_ok(), apart <= 86_400);
        let other = TenantId::from_bytes([8; 16]);
        prop_assert!(claims.check(other, UnixSeconds(now)).is_err());
    }

    #[test]
    fn entries_have_one_spelling(at in 0..8_usize, byte in 0..87_usize, to in any::<u8>(), length in 0..400_usize) {
        let log = Ledger::story();
        let mut bytes = log.items[at].entry.clone();
        prop_assert_eq!(Entry::parse(&bytes).unwrap().to_bytes(), bytes.clone());
        bytes[byte] = to;
        if let Ok(entry) = Entry::parse(&bytes) {
            prop_assert_eq!(entry.to_bytes(), bytes.clone());
        }
        let right = bytes.len();
        bytes.resize(length, 0);
        prop_assert!(length == right || Entry::parse(&bytes).is_err() || bytes[2] != log.items[at].entry[2]);
    }

    #[test]
    fn every_record_of_a_batch_has_its_path(count in 1..40_usize, salt in any::<[u8; 32]>()) {
        let records: Vec<(UseRecord, Salt)> = (0..count)
            .map(|at| (UseRecord { seq: at as u64, ..record(41) }, Salt(Bytes32(salt))))
            .collect();
        let wire = sign_batch(&Claims::new(tenant(), Jti::new(UnixMillis(0), [0; 10]), ()), &records, &gate()).unwrap();
        let batch = UseBatch::parse(&serde_json::to_vec(&wire).unwrap()).unwrap();
        batch.verify_signature(gate().public_key()).unwrap();
        let digests: Vec<Bytes32> = batch.records.iter().map(|record| record.digest).collect();
        let root = Hash(batch_root(digests.iter()).0);
        let tree = BatchTree::new(&digests);
        for (at, digest) in digests.iter().enumerate() {
            let path = tree.path(at).unwrap();
            let (index, size) = (LeafIndex(at as u64), TreeSize(count as u64));
            prop_assert!(verify_inclusion(&leaf_hash(&digest.0), index, size, &path, &root).is_ok());
        }
        prop_assert!(tree.path(count).is_none());
    }

    #[test]
    fn small_values_read_what_they_write(
        from in -700_000..700_000_i32,
        days in 0..400_000_i32,
        minor in any::<u32>(),
        word in term(),
        value in "\\PC{1,16}",
    ) {
        let from = DataDay(from);
        if let Some(period) = DataPeriod::new(from, DataDay(from.0 + days)) {
            let json = serde_json::to_vec(&period).unwrap();
            prop_assert_eq!(parse::<DataPeriod>(&json), Ok(period));
        }
        let price = Price { currency: Currency::parse("EUR").unwrap(), minor };
        prop_assert_eq!(parse::<Price>(&serde_json::to_vec(&price).unwrap()), Ok(price));
        prop_assert_eq!(parse::<Term>(&serde_json::to_vec(&word).unwrap()), Ok(word));
        if let Ok(value) = AttributeValue::try_from(value) {
            prop_assert_eq!(parse::<AttributeValue>(&serde_json::to_vec(&value).unwrap()), Ok(value));
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic_or_quote_them(noise in vec(any::<u8>(), 0..200), word in "[0-9]{8,12}") {
        for kind in SAMPLES {
            let _ = Event::parse(kind, &noise);
            // a number that could be somebody's, at every place of a payload where a value or a name stands
            let payload = String::from_utf8(sample(kind).payload).unwrap();
            for mark in ["\":\"", "{\"", ":1,\""] {
                let spoilt = payload.replace(mark, &format!("{mark}{word} "));
                if let Err(error) = Event::parse(kind, spoilt.as_bytes()) {
                    prop_assert!(!error.to_string().contains(&word), "{}", error);
                }
            }
        }
        let _ = (Envelope::parse(&noise), Entry::parse(&noise), UseRecord::parse(&noise));
    }
}
