/** Terms: public linear combinations of commitments, which statements are about (docs/spec/commitment.md, "Statements"). */
import { addPoint, identity, multiply, negatePoint } from './edwards.js';
import { refuseIdentity } from './commitment.js';
import { pedersenGenerators } from './generators.js';
import { encode } from './ristretto.js';

/** @typedef {import('./edwards.js').Point} Point */
/** @typedef {import('./combination.js').Combination} Combination */
/** @typedef {import('./commitment.js').Commitment} Commitment */
/** @typedef {import('./commitment.js').Where} Where */

/**
 * @typedef {object} Part
 * @property {bigint} coefficient of 64 bits with a sign
 * @property {Commitment} commitment
 *
 * @typedef {object} Term Σ coefficient·C + constant·B
 * @property {readonly Part[]} parts
 * @property {bigint} constant of 64 bits with a sign
 */

/** The term that is a commitment alone. @param {Commitment} commitment @returns {Term} */
export function termOf(commitment) {
    return { parts: [{ coefficient: 1n, commitment }], constant: 0n };
}

/** Encodings of terms; keeps the multiples of B, as most terms of a statement share theirs. */
export class TermEncoder {
    constructor() {
        /** @type {Map<bigint, Point>} */
        this.constants = new Map();
    }

    /**
     * The encoding of a term, which must not be the identity.
     * @param {Term} term @param {Where} [where] for the error
     * @returns {Uint8Array}
     */
    encode({ parts, constant }, where) {
        const [first] = parts;
        if (parts.length === 1 && first.coefficient === 1n && constant === 0n) return first.commitment.bytes;
        const sum = this.timesBase(constant).slice();
        for (const { coefficient, commitment } of parts) {
            addPoint(sum, 0, multiple(coefficient, commitment.point), 0);
        }
        return encode(refuseIdentity(sum, where));
    }

    /** @param {bigint} constant @returns {Point} */
    timesBase(constant) {
        let point = this.constants.get(constant);
        if (point === undefined) {
            point = multiple(constant, pedersenGenerators().value);
            this.constants.set(constant, point);
        }
        return point;
    }
}

/** @param {bigint} coefficient @param {Point} point @returns {Point} */
function multiple(coefficient, point) {
    if (coefficient === 0n) return identity();
    if (coefficient === 1n) return point;
    const result = multiply(coefficient < 0n ? -coefficient : coefficient, point);
    if (coefficient < 0n) negatePoint(result, 0);
    return result;
}

/** Adds scalar times the term. @param {Combination} sum @param {bigint} scalar @param {Term} term */
export function addTerm(sum, scalar, { parts, constant }) {
    for (const { coefficient, commitment } of parts) sum.add(scalar * coefficient, commitment.point);
    sum.value += scalar * constant;
}
