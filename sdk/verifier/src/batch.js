/**
 * Statements proved by range proofs and proofs of zero, verified together by one sum of multiples of points.
 *
 * Each equation is weighted by a scalar drawn from a hash of all statements and all proofs, so that no false one can be
 * made up for by others. The weights are the verifier's own; no format depends on them.
 */
import { Combination } from './combination.js';
import { refuseIdentity } from './commitment.js';
import { VerifyError } from './error.js';
import { PARTIES } from './generators.js';
import { Transcript } from './merlin.js';
import { RangeProof, elementOf, rangeProofLength, scalarOfProof } from './range-proof.js';
import { isIdentity } from './ristretto.js';
import { ORDER, reduce } from './scalar.js';
import { derivedHash, proofBody, statementTranscript } from './statement.js';
import { TermEncoder, addTerm } from './term.js';

/** @typedef {import('./statement.js').Context} Context */
/** @typedef {import('./term.js').Term} Term */

const RANGE = 1;
const ZERO = 2;
/** Bytes of every proof of zero. */
export const ZERO_BYTES = 66;

/**
 * Bytes of the proof of a range statement.
 * @param {{ length: number }} terms at least one @param {32 | 64} bits @param {string} [statement] for the error
 */
export function rangeLength({ length }, bits, statement) {
    if (length === 0) throw empty(statement);
    const whole = Math.ceil(length / PARTIES) - 1;
    return 2 + whole * rangeProofLength(bits, PARTIES) + rangeProofLength(bits, powerOfTwo(length - whole * PARTIES));
}

/**
 * @typedef {object} RangeStatement each term lies from 0 to 2^bits - 1
 * @property {Context} context
 * @property {readonly Term[]} terms derived from the log
 * @property {32 | 64} bits
 *
 * @typedef {object} ZeroStatement each term is zero
 * @property {Context} context
 * @property {readonly Term[]} terms derived from the log
 *
 * @typedef {object} Item one proof, its challenges known
 * @property {Uint8Array} digest of its statement and all of its bytes
 * @property {{ statement: string, chunk: number }} where
 * @property {(sum: Combination, alpha: bigint, gamma: bigint) => void} addTo
 */

export class Batch {
    constructor() {
        /** @type {Item[]} */
        this.items = [];
        this.encoder = new TermEncoder();
    }

    /**
     * Takes a range statement and its proof. What is malformed is refused at once, what is false by {@link verify}.
     * @param {RangeStatement} statement @param {Uint8Array} proof
     */
    addRange({ context, terms, bits }, proof) {
        const { statement } = context;
        const body = proofBody(proof, RANGE, rangeLength(terms, bits, statement), statement);
        demandUsable(terms, statement);
        const encodings = terms.map((term, index) => this.encoder.encode(term, { statement, index }));
        const hash = derivedHash(terms);
        const chunks = Math.ceil(terms.length / PARTIES);
        const items = [];
        for (let chunk = 0, at = 0; chunk < chunks; chunk++) {
            const here = terms.slice(chunk * PARTIES, (chunk + 1) * PARTIES);
            const aggregated = powerOfTwo(here.length);
            const values = encodings.slice(chunk * PARTIES, (chunk + 1) * PARTIES);
            while (values.length < aggregated) values.push(IDENTITY);
            const where = { statement, chunk };
            const length = rangeProofLength(bits, aggregated);
            const parsed = new RangeProof(body.subarray(at, at += length), bits, aggregated, where);
            const transcript = statementTranscript(context, hash, { bits, aggregated, chunk, chunks });
            const replayed = parsed.challenges(transcript, values, here);
            items.push({
                digest: digestOf(transcript, parsed.last()),
                where,
                addTo: (/** @type {Combination} */ sum, /** @type {bigint} */ alpha, /** @type {bigint} */ gamma) => (
                    replayed.addTo(sum, alpha, gamma)
                ),
            });
        }
        this.items.push(...items);
    }

    /**
     * Takes a statement that terms are zero, and its proof.
     * @param {ZeroStatement} statement @param {Uint8Array} proof
     */
    addZero({ context, terms }, proof) {
        const { statement } = context;
        const where = { statement, chunk: 0 };
        if (terms.length === 0) throw empty(statement);
        const body = proofBody(proof, ZERO, ZERO_BYTES, statement);
        const nonce = elementOf(body.slice(0, 32), where);
        const response = scalarOfProof(body.slice(32), where);
        if (isIdentity(nonce.point)) {
            throw new VerifyError('proof-rejected', 'expected a proof without the identity, got one with it', where);
        }
        demandUsable(terms, statement);
        const shape = { bits: 0, aggregated: terms.length, chunk: 0, chunks: 1 };
        const transcript = statementTranscript(context, derivedHash(terms), shape);
        const w = transcript.challengeScalar('zero w');
        transcript.append('zero K', nonce.bytes);
        const e = transcript.challengeScalar('zero e');
        this.items.push({
            digest: digestOf(transcript, response.bytes),
            where,
            addTo: (sum, alpha) => {
                sum.blinding += alpha * response.integer;
                sum.add(-alpha, nonce.point);
                let coefficient = reduce(-alpha * e);
                for (const term of terms) {
                    addTerm(sum, coefficient, term);
                    coefficient = coefficient * w % ORDER;
                }
            },
        });
    }

    /** Verifies all that was added; refuses it by naming the first proof that does not hold, and if nothing was. */
    verify() {
        if (this.items.length === 0) throw empty();
        const weights = new Transcript('grantbook batch');
        for (const { digest } of this.items) weights.append('proof', digest);
        const weighted = this.items.map((item) => ({
            item, alpha: weights.challengeScalar('alpha'), gamma: weights.challengeScalar('gamma'),
        }));
        /** @param {number} from @param {number} to */
        const holds = (from, to) => {
            const sum = new Combination();
            for (const { item, alpha, gamma } of weighted.slice(from, to)) item.addTo(sum, alpha, gamma);
            return sum.holds();
        };
        let from = 0, to = this.items.length;
        if (holds(from, to)) return;
        // the first false one is from `from` on and before `to`
        while (to - from > 1) {
            const middle = from + to >> 1;
            if (holds(from, middle)) from = middle;
            else to = middle;
        }
        throw new VerifyError('proof-rejected', 'the proof does not hold for this statement', this.items[from].where);
    }
}

/** Sums of commitments may be the identity, which no statement takes. @param {readonly Term[]} terms @param {string} statement */
function demandUsable(terms, statement) {
    terms.forEach(({ parts }, index) => {
        for (const { commitment } of parts) refuseIdentity(commitment.point, { statement, index });
    });
}

/** The encoding of the identity. */
const IDENTITY = new Uint8Array(32);

/** @param {Transcript} transcript that knows all but the last scalars @param {Uint8Array} last */
function digestOf(transcript, last) {
    transcript.append('last', last);
    return transcript.challenge('digest', 32);
}

/** The least power of two that is not below. @param {number} count */
function powerOfTwo(count) {
    return 1 << 32 - Math.clz32(count - 1);
}

/** @param {string} [statement] */
function empty(statement) {
    return new VerifyError('proof-empty', 'expected at least one term to verify about, got none', { statement });
}

/** Verifies one range statement. @param {RangeStatement} statement @param {Uint8Array} proof */
export function verifyRange(statement, proof) {
    const batch = new Batch();
    batch.addRange(statement, proof);
    batch.verify();
}

/** Verifies one statement of zero. @param {ZeroStatement} statement @param {Uint8Array} proof */
export function verifyZero(statement, proof) {
    const batch = new Batch();
    batch.addZero(statement, proof);
    batch.verify();
}
