/**
 * One aggregated range proof: its bytes, its challenges and the two equations it must satisfy
 * (docs/spec/commitment.md, "Range proof").
 */
import { concat, utf8 } from './bytes.js';
import { VerifyError } from './error.js';
import { BITS_MAX } from './generators.js';
import { decode, isIdentity } from './ristretto.js';
import { ORDER, invertAll, power, scalarOf, sumOfPowers } from './scalar.js';
import { addTerm } from './term.js';

/** @typedef {import('./edwards.js').Point} Point */
/** @typedef {import('./merlin.js').Transcript} Transcript */
/** @typedef {import('./combination.js').Combination} Combination */
/** @typedef {import('./term.js').Term} Term */
/** @typedef {{ statement: string, chunk: number }} Where */
/** @typedef {{ bytes: Uint8Array, point: Point }} Element */
/** @typedef {{ bytes: Uint8Array, integer: bigint }} Scalar */

const RANGE_PROOF = utf8('rangeproof v1');
const INNER_PRODUCT = utf8('ipp v1');

/** How often a vector of n·m is halved. @param {number} n @param {number} m both powers of two */
function halvings(n, m) {
    return 31 - Math.clz32(n * m);
}

/** Bytes of a proof of m values of n bits, both powers of two. @param {number} n @param {number} m */
export function rangeProofLength(n, m) {
    return 32 * (9 + 2 * halvings(n, m));
}

export class RangeProof {
    /**
     * Parses a proof of {@link rangeProofLength} bytes.
     * @param {Uint8Array} bytes @param {number} n @param {number} m @param {Where} where for the error
     */
    constructor(bytes, n, m, where) {
        let at = 0;
        const take = () => bytes.slice(at, at += 32);
        const element = () => elementOf(take(), where);
        const scalar = () => scalarOfProof(take(), where);
        /** @readonly */
        this.n = n;
        /** @readonly */
        this.m = m;
        this.where = where;
        // names are those of the specification
        this.A = element();
        this.S = element();
        this.T1 = element();
        this.T2 = element();
        this.t = scalar();
        this.tTilde = scalar();
        this.eTilde = scalar();
        this.rounds = Array.from({ length: halvings(n, m) }, () => ({ left: element(), right: element() }));
        this.a = scalar();
        this.b = scalar();
    }

    /**
     * Replays the proof on its statement's transcript.
     * @param {Transcript} transcript
     * @param {readonly Uint8Array[]} values encodings of the m values
     * @param {readonly Term[]} terms the same, without padding
     */
    challenges(transcript, values, terms) {
        transcript.append('dom-sep', RANGE_PROOF);
        transcript.appendU64('n', BigInt(this.n));
        transcript.appendU64('m', BigInt(this.m));
        for (const value of values) transcript.append('V', value);
        this.append(transcript, 'A', this.A);
        this.append(transcript, 'S', this.S);
        const y = transcript.challengeScalar('y');
        const z = transcript.challengeScalar('z');
        this.append(transcript, 'T_1', this.T1);
        this.append(transcript, 'T_2', this.T2);
        const x = transcript.challengeScalar('x');
        transcript.append('t_x', this.t.bytes);
        transcript.append('t_x_blinding', this.tTilde.bytes);
        transcript.append('e_blinding', this.eTilde.bytes);
        const w = transcript.challengeScalar('w');
        transcript.append('dom-sep', INNER_PRODUCT);
        transcript.appendU64('n', BigInt(this.n * this.m));
        const u = this.rounds.map(({ left, right }) => {
            this.append(transcript, 'L', left);
            this.append(transcript, 'R', right);
            return transcript.challengeScalar('u');
        });
        return new ReplayedRangeProof(this, terms, { y, z, x, w, u });
    }

    /** What no challenge depends on. @returns {Uint8Array} */
    last() {
        return concat(this.a.bytes, this.b.bytes);
    }

    /** @param {Transcript} transcript @param {string} label @param {Element} element */
    append(transcript, label, element) {
        if (isIdentity(element.point)) {
            throw new VerifyError(
                'proof-rejected', 'expected a proof without the identity, got one with it', this.where,
            );
        }
        transcript.append(label, element.bytes);
    }
}

/** A proof with its challenges, ready to be checked. */
export class ReplayedRangeProof {
    /**
     * @param {RangeProof} proof @param {readonly Term[]} terms
     * @param {{ y: bigint, z: bigint, x: bigint, w: bigint, u: bigint[] }} challenges
     */
    constructor(proof, terms, challenges) {
        this.proof = proof;
        this.terms = terms;
        this.challenges = challenges;
    }

    /**
     * Adds α times the equation of the inner product and γ times that of t(x), each the identity if it holds.
     * @param {Combination} sum @param {bigint} alpha @param {bigint} gamma
     */
    addTo(sum, alpha, gamma) {
        const { proof } = this;
        const { n, m } = proof;
        const { y, z, x, w, u } = this.challenges;
        const a = proof.a.integer, b = proof.b.integer;
        const zz = z * z % ORDER;
        const [yInverse, ...uInverse] = invertAll([y, ...u]);

        sum.add(alpha, proof.A.point);
        sum.add(alpha * x, proof.S.point);
        sum.add(gamma * x, proof.T1.point);
        sum.add(gamma * x % ORDER * x, proof.T2.point);
        proof.rounds.forEach(({ left, right }, i) => {
            sum.add(alpha * u[i] % ORDER * u[i], left.point);
            sum.add(alpha * uInverse[i] % ORDER * uInverse[i], right.point);
        });
        sum.blinding -= alpha * proof.eTilde.integer + gamma * proof.tTilde.integer;
        const ones = (z - zz) * sumOfPowers(y, n * m);
        const twos = zz * z % ORDER * (2n ** BigInt(n) - 1n) % ORDER * sumOfPowers(z, m);
        const t = proof.t.integer;
        sum.value += alpha * w % ORDER * ((t - a * b) % ORDER) + gamma * ((ones - twos - t) % ORDER);
        let coefficient = gamma * zz % ORDER;
        for (const term of this.terms) {
            addTerm(sum, coefficient, term);
            coefficient = coefficient * z % ORDER;
        }

        // Coefficients of G and H at j n + k are made of products of what depends on j and what depends on k: so there
        // are n + m of each to reduce, not n m. Bit i of the index (from the lowest) goes with the i-th u from the end.
        const bits = halvings(n, 1);
        const byBit = u.slice().reverse(), byBitInverse = uInverse.slice().reverse();
        const squares = byBit.map((challenge) => challenge * challenge % ORDER);
        const squaresInverse = byBitInverse.map((challenge) => challenge * challenge % ORDER);
        const yPowers = repeatedSquares(yInverse, byBit.length);
        // G: -α z - α a s, with s[0] = 1 / (u u …) and u² for each bit set
        const gLow = products(byBitInverse.slice(0, bits).reduce(times, 1n), squares.slice(0, bits));
        const gHigh = products(byBitInverse.slice(bits).reduce(times, alpha * a % ORDER), squares.slice(bits));
        // H: α z + y^-i (α z² z^j 2^k - α b / s)
        const inverses = squaresInverse.map((square, i) => square * yPowers[i] % ORDER);
        const hLow = products(byBit.slice(0, bits).reduce(times, 1n), inverses.slice(0, bits));
        const hHigh = products(byBit.slice(bits).reduce(times, alpha * b % ORDER), inverses.slice(bits));
        const twoLow = products(1n, repeatedSquares(2n * yInverse % ORDER, bits));
        const perValue = repeatedSquares(z * power(yInverse, BigInt(n)) % ORDER, byBit.length - bits);
        const zHigh = products(alpha * zz % ORDER, perValue);
        const shared = alpha * z % ORDER;
        for (let j = 0; j < m; j++) {
            for (let k = 0; k < n; k++) {
                const at = j * BITS_MAX + k;
                sum.g[at] = (sum.g[at] ?? 0n) - shared - gHigh[j] * gLow[k];
                sum.h[at] = (sum.h[at] ?? 0n) + shared + zHigh[j] * twoLow[k] - hHigh[j] * hLow[k];
            }
        }
    }
}

/** @param {bigint} a @param {bigint} b */
const times = (a, b) => a * b % ORDER;

/**
 * All products of `start` and some of the factors: at i with those of the bits set in i.
 * @param {bigint} start @param {bigint[]} factors
 */
function products(start, factors) {
    const table = [start];
    for (const factor of factors) {
        for (let i = 0, count = table.length; i < count; i++) table.push(table[i] * factor % ORDER);
    }
    return table;
}

/** x, x², x⁴, … @param {bigint} x @param {number} count */
function repeatedSquares(x, count) {
    const squares = [];
    for (let i = 0, square = x; i < count; i++, square = square * square % ORDER) squares.push(square);
    return squares;
}

/** @param {Uint8Array} bytes @param {Where} where @returns {Element} */
export function elementOf(bytes, where) {
    const point = decode(bytes);
    if (point === undefined) {
        throw new VerifyError('proof-encoding', 'expected canonical points, got other bytes', where);
    }
    return { bytes, point };
}

/** @param {Uint8Array} bytes @param {Where} where @returns {Scalar} */
export function scalarOfProof(bytes, where) {
    const integer = scalarOf(bytes);
    if (integer === undefined) {
        throw new VerifyError('proof-encoding', 'expected canonical scalars, got other bytes', where);
    }
    return { bytes, integer };
}
