/** Commitments C = value·B + blinding·B̃ and their openings (docs/spec/commitment.md). */
import { sameBytes } from './bytes.js';
import { VerifyError } from './error.js';
import { pedersenGenerators } from './generators.js';
import { multiscalar } from './multiscalar.js';
import { decode, encode, isIdentity } from './ristretto.js';
import { scalarOf } from './scalar.js';

/** @typedef {import('./edwards.js').Point} Point */
/** @typedef {{ statement?: string, index?: number }} Where which of many, for the error */

/**
 * @typedef {object} Commitment
 * @property {Uint8Array} bytes its encoding, of 32 bytes
 * @property {Point} point not the identity
 */

/**
 * Decodes a commitment.
 * @param {Uint8Array} bytes @param {Where} [where]
 * @returns {Commitment}
 */
export function parseCommitment(bytes, where) {
    const point = decode(bytes);
    if (point === undefined) {
        throw new VerifyError(
            'commitment-encoding', 'expected the canonical encoding of a ristretto point, got other bytes', where,
        );
    }
    return { bytes, point: refuseIdentity(point, where) };
}

/** @param {Point} point @param {Where} [where] @returns {Point} */
export function refuseIdentity(point, where) {
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
    parseCommitment(commitment);
    if (value < 0n || value >= 2n ** 64n || !sameBytes(commit(value, scalar), commitment)) {
        throw new VerifyError('opening-mismatch', 'expected an opening of this commitment, got the opening of another');
    }
}
