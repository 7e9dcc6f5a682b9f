//! Whatever changes in a statement or its proof, the batch refuses it and names it.

use proptest::prelude::*;

use super::*;

/// Gives a good proof, then this one, then the good one again.
fn between_good_ones(statement: &RangeStatement<'_>, proof: &[u8]) -> Result<(), BatchError> {
    let good = Proved::counting(1, Bits::ThirtyTwo);
    let mut batch = Batch::new();
    batch.range(&good.statement(), &good.proof).unwrap();
    batch.range(statement, proof)?;
    batch.range(&good.statement(), &good.proof).unwrap();
    batch.verify()
}

#[test]
fn no_element_of_a_proof_can_change() {
    let proved = Proved::new(&[80, 90], &[0, 80], Bits::ThirtyTwo);
    assert_eq!(between_good_ones(&proved.statement(), &proved.proof), Ok(()));
    let basepoint = RISTRETTO_BASEPOINT_COMPRESSED.to_bytes();
    for element in 0..proved.proof.len() / 32 {
        let at = 2 + 32 * element;
        // another point that is well-formed, a scalar that is
        for other in [basepoint, [0; 32], Scalar::from(7_u8).to_bytes()] {
            let mut proof = proved.proof.clone();
            proof[at..at + 32].copy_from_slice(&other);
            let refused = between_good_ones(&proved.statement(), &proof).unwrap_err();
            assert_eq!(refused.index, 1, "element {element}");
        }
    }
}

#[test]
fn no_field_of_a_statement_can_change() {
    let proved = Proved::new(&[80, 81, 82], &[0, 80], Bits::ThirtyTwo);
    let base = proved.statement();
    let context = |context| RangeStatement { context, ..base };
    let [one, two, three] = [0, 1, 2].map(|at: usize| proved.terms[at].clone());
    let changed = |change: &dyn Fn(&mut Vec<Term>)| {
        let mut terms = proved.terms.clone();
        change(&mut terms);
        terms
    };
    let lists = [
        changed(&|terms| terms.swap(0, 1)),
        changed(&|terms| terms[2] = two.clone()),
        changed(&|terms| terms[2].constant += 1),
        changed(&|terms| terms[5].constant += 1),
        changed(&|terms| terms[2].parts = one.parts.clone()),
        changed(&|terms| terms[2].parts[0].0 = 2),
        // the same point
        changed(&|terms| terms[2].parts = [(2, three.parts[0].1), (-1, three.parts[0].1)].to_vec()),
        // one more fits the padding
        changed(&|terms| terms.push(three.clone())),
    ];
    let statements = other_contexts()
        .into_iter()
        .map(context)
        .chain(lists.iter().map(|terms| RangeStatement { terms, ..base }))
        // 64 bits of three values make a longer proof
        .chain([RangeStatement { bits: Bits::SixtyFour, ..base }]);
    for statement in statements {
        let refused = between_good_ones(&statement, &proved.proof).unwrap_err();
        assert_eq!(refused.index, 1, "{statement:?}");
    }
}

/// Encodings that RFC 9496 (appendix A.2) has refused, and those of the points of small order on the curve beneath.
const NOT_POINTS: [&str; 9] = [
    // not below p
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // negative
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // no square
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    // the curve's points of order 2 and 8
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

#[test]
fn what_does_not_encode_a_point_is_refused_everywhere() {
    let proved = Proved::new(&[80], &[0], Bits::ThirtyTwo);
    let (terms, zero_proof) = equal();
    for digits in NOT_POINTS {
        let bytes: [u8; 32] =
            std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap());
        let malformed = Err(VerifyError::Encoding { chunk: 0 });
        for element in (0..4).chain(7..17) {
            let mut proof = proved.proof.clone();
            proof[2 + 32 * element..34 + 32 * element].copy_from_slice(&bytes);
            assert_eq!(range::verify(&proved.statement(), &proof), malformed, "{digits} as {element}");
        }
        let mut proof = zero_proof.clone();
        proof[2..34].copy_from_slice(&bytes);
        assert_eq!(zero::verify(&zero_statement(&terms), &proof), malformed);

        let list = [Term::of(Commitment(bytes))];
        let unusable = Err(VerifyError::Commitment { index: 0, source: CommitmentError::Encoding });
        assert_eq!(zero::verify(&zero_statement(&list), &zero_proof), unusable);
        let statement = RangeStatement { terms: &list, ..proved.statement() };
        assert_eq!(range::verify(&statement, &proved.proof), unusable);
    }
}

#[test]
fn the_identity_is_a_point_of_no_proof() {
    let proved = Proved::new(&[80], &[0], Bits::ThirtyTwo);
    for element in (0..4).chain(7..17) {
        let mut proof = proved.proof.clone();
        proof[2 + 32 * element..34 + 32 * element].fill(0);
        let expected = Err(VerifyError::Rejected { chunk: 0 });
        assert_eq!(range::verify(&proved.statement(), &proof), expected, "{element}");
    }
}

#[test]
fn scalars_that_are_not_below_the_order_are_refused() {
    let proved = Proved::new(&[80], &[0], Bits::ThirtyTwo);
    let mut order = (-Scalar::ONE).to_bytes();
    order[0] += 1;
    for element in [4, 5, 6, 17, 18] {
        for bytes in [order, [0xFF; 32]] {
            let mut proof = proved.proof.clone();
            proof[2 + 32 * element..34 + 32 * element].copy_from_slice(&bytes);
            let expected = Err(VerifyError::Encoding { chunk: 0 });
            assert_eq!(range::verify(&proved.statement(), &proof), expected, "{element}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..1500),
        count in 0_usize..4,
        commitments: [[u8; 32]; 3],
        coefficient: i64,
        constant: i64,
        wide: bool,
        headed: bool,
    ) {
        let terms: Vec<_> = (commitments[..count].iter())
            .map(|bytes| Term { parts: vec![(coefficient, Commitment(*bytes))], constant })
            .collect();
        let bits = if wide { Bits::SixtyFour } else { Bits::ThirtyTwo };
        let statement = RangeStatement { context: CONTEXT, terms: &terms, bits };
        let mut bytes = bytes;
        if headed && bytes.len() > 2 {
            bytes[..2].copy_from_slice(&[1, range::KIND]);
        }
        prop_assert!(range::verify(&statement, &bytes).is_err());
        let mut batch = Batch::new();
        prop_assert!(batch.zero(&zero_statement(&terms), &bytes).is_err());
        prop_assert!(batch.verify().is_err());
    }
}
