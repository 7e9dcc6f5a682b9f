/**
 * A linear combination of points that should be the identity, collected over many proofs: coefficients of the
 * generators, which all proofs share, and of points that each proof brings.
 */
import { BITS_MAX, PARTIES, pedersenGenerators, rangeGenerators } from './generators.js';
import { multiscalar } from './multiscalar.js';
import { isIdentity } from './ristretto.js';
import { reduce } from './scalar.js';

/** @typedef {import('./edwards.js').Point} Point */

export class Combination {
    constructor() {
        /** Coefficients of B and B̃. Like all here they are integers that need not be reduced. */
        this.value = 0n;
        this.blinding = 0n;
        /** Coefficients of G and H: party · 64 + bit; undefined where not used. @type {(bigint | undefined)[]} */
        this.g = new Array(PARTIES * BITS_MAX).fill(undefined);
        /** @type {(bigint | undefined)[]} */
        this.h = new Array(PARTIES * BITS_MAX).fill(undefined);
        /** Coefficients of points; the same object again is the same point. @type {Map<Point, bigint>} */
        this.points = new Map();
    }

    /** @param {bigint} scalar @param {Point} point */
    add(scalar, point) {
        this.points.set(point, reduce(scalar + (this.points.get(point) ?? 0n)));
    }

    /** Whether it all adds up to the identity. */
    holds() {
        const { value, blinding } = pedersenGenerators();
        const scalars = [...this.points.values(), reduce(this.value), reduce(this.blinding)];
        const points = [...this.points.keys(), value, blinding];
        for (const [side, coefficients] of /** @type {const} */ ([['G', this.g], ['H', this.h]])) {
            coefficients.forEach((coefficient, i) => {
                if (coefficient === undefined) return;
                scalars.push(reduce(coefficient));
                points.push(rangeGenerators(side, Math.floor(i / BITS_MAX))[i % BITS_MAX]);
            });
        }
        return isIdentity(multiscalar(scalars, points));
    }
}
