/** Commitments C = value·B + blinding·B̃ and their openings (docs/spec/commitment.md). */
import { sameBytes } from './bytes.js';
import { addPoint, multiply, negatePoint } from './edwards.js';
import { VerifyError } from './error.js';
import { pedersenGenerators } from './generators.js';
import { multiscalar } from './multiscalar.js';
import { decode, encode, isIdentity } from './ristretto.js';
import { scalarOf } from './scalar.js';

/** @typedef {import('./edwards.js').Point} Point */
/** @typedef {{ statement?: string, index?: number }} Where which of many, for the error */

/**
 * The point of a commitment.
 * @param {Uint8Array} commitment @param {Where} [where]
 * @returns {Point}
 */
export function commitmentPoint(commitment, where) {
    const point = decode(commitment);
    if (point === undefined) {
        throw new VerifyError(
            'commitment-encoding', 'expected the canonical encoding of a ristretto point, got other bytes', where,
        );
    }
    return refuseIdentity(point, where);
}

/** @param {Point} point @param {Where} [where] @returns {Point} */
function refuseIdentity(point, where) {
    if (isIdentity(point)) {
        throw new VerifyError(
            'commitment-identity', 'expected a point other than the identity, got the identity', where,
        );
    }
    return point;
}

/** A blinding: 32 bytes, below ℓ and not zero. @param {Uint8Array} bytes @returns {bigint} */
export function parseBlinding(bytes) {
    const blinding = scalarOf(bytes);
    if (blinding === undefined) {
        throw new VerifyError('blinding-encoding', 'expected a blinding below the group order, got a larger number');
    }
    if (blinding === 0n) throw new VerifyError('blinding-zero', 'expected a blinding other than zero, got zero');
    return blinding;
}

/**
 * The commitment to a value. Takes secrets, and its time tells of them: for openings that were given to be checked.
 * @param {bigint} value of at most 64 bits @param {bigint} blinding
 * @returns {Uint8Array}
 */
export function commit(value, blinding) {
    const { value: b, blinding: tilde } = pedersenGenerators();
    return encode(multiscalar([value, blinding], [b, tilde]));
}

/**
 * Checks that value and blinding open the commitment. Of several faults, the blinding's comes first.
 * @param {Uint8Array} commitment @param {bigint} value @param {Uint8Array} blinding
 */
export function verifyOpening(commitment, value, blinding) {
    const scalar = parseBlinding(blinding);
    commitmentPoint(commitment);
    if (value < 0n || value >= 2n ** 64n || !sameBytes(commit(value, scalar), commitment)) {
        throw new VerifyError('opening-mismatch', 'expected an opening of this commitment, got the opening of another');
    }
}

/**
 * A sum of commitments with public coefficients, less a public value: Σ coefficient·C - shift·B.
 * @param {readonly { coefficient: bigint, commitment: Uint8Array }[]} terms @param {bigint} shift
 * @returns {Uint8Array} its encoding; never the identity
 */
export function combine(terms, shift) {
    const sum = multiply(absolute(shift), pedersenGenerators().value);
    if (shift > 0n) negatePoint(sum, 0);
    terms.forEach(({ coefficient, commitment }, index) => {
        const term = multiply(absolute(coefficient), commitmentPoint(commitment, { index }));
        if (coefficient < 0n) negatePoint(term, 0);
        addPoint(sum, 0, term, 0);
    });
    return encode(refuseIdentity(sum));
}

/** @param {bigint} integer */
const absolute = (integer) => (integer < 0n ? -integer : integer);

/**
 * The points C - shift·B. A result that is the identity is refused.
 * @param {readonly Point[]} points @param {bigint} shift not negative @param {string} [statement] for the error
 * @returns {Point[]}
 */
export function shiftPoints(points, shift, statement) {
    if (shift === 0n) return points.slice();
    const less = multiply(shift, pedersenGenerators().value);
    negatePoint(less, 0);
    return points.map((point, index) => {
        const shifted = point.slice();
        addPoint(shifted, 0, less, 0);
        return refuseIdentity(shifted, { statement, index });
    });
}
