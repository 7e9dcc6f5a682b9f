/**
 * Statements proved by range proofs and proofs of zero, verified together by one sum of multiples of points.
 *
 * Each equation is weighted by a scalar drawn from a hash of all statements and all proofs, so that no false one can be
 * made up for by others. The weights are the verifier's own; no format depends on them.
 */
import { Combination } from './combination.js';
import { commitmentPoint, shiftPoints } from './commitment.js';
import { VerifyError } from './error.js';
import { PARTIES } from './generators.js';
import { Transcript } from './merlin.js';
import { RangeProof, elementOf, rangeProofLength, scalarOfProof } from './range-proof.js';
import { encode, isIdentity } from './ristretto.js';
import { derivedHash, proofBody, statementTranscript } from './statement.js';

/** @typedef {import('./edwards.js').Point} Point */
/** @typedef {import('./statement.js').Context} Context */
/** @typedef {import('./statement.js').Listed} Listed */

const RANGE = 1;
const ZERO = 2;

/**
 * @typedef {object} RangeStatement each listed value less each shift lies from 0 to 2^bits - 1
 * @property {Context} context
 * @property {readonly Listed[]} derived the commitments, from the log
 * @property {readonly bigint[]} shifts public values to subtract; 0n for the plain values
 * @property {32 | 64} bits
 *
 * @typedef {object} ZeroStatement the target, a combination of what is listed, opens to zero
 * @property {Context} context
 * @property {readonly Listed[]} derived
 * @property {Uint8Array} target computed from the list
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
    }

    /**
     * Takes a range statement and its proof. What is malformed is refused at once, what is false by {@link verify}.
     * @param {RangeStatement} statement @param {Uint8Array} proof
     */
    addRange({ context, derived, shifts, bits }, proof) {
        const { statement } = context;
        const count = derived.length * shifts.length;
        if (count === 0) throw empty(statement);
        const chunks = Math.ceil(count / PARTIES);
        const lengths = Array.from({ length: chunks }, (_, chunk) => (
            rangeProofLength(bits, powerOfTwo(Math.min(count - chunk * PARTIES, PARTIES)))
        ));
        const body = proofBody(proof, RANGE, lengths.reduce((sum, length) => sum + length, 2), statement);

        const points = derived.map(({ commitment }, index) => commitmentPoint(commitment, { statement, index }));
        const terms = shifts.flatMap((shift) => shiftPoints(points, shift, statement).map((point, index) => ({
            point, bytes: shift === 0n ? derived[index].commitment : encode(point),
        })));
        const hash = derivedHash(derived);
        let at = 0;
        const items = lengths.map((length, chunk) => {
            const where = { statement, chunk };
            const here = terms.slice(chunk * PARTIES, (chunk + 1) * PARTIES);
            const aggregated = powerOfTwo(here.length);
            const padding = Array.from({ length: aggregated - here.length }, () => IDENTITY);
            const parsed = new RangeProof(body.subarray(at, at += length), bits, aggregated, where);
            const transcript = statementTranscript(context, hash, { shifts, bits, aggregated, chunk, chunks });
            const values = [...here.map(({ bytes }) => bytes), ...padding];
            const replayed = parsed.challenges(transcript, values, here.map(({ point }) => point));
            return {
                digest: digestOf(transcript, parsed.last()),
                where,
                addTo: (/** @type {Combination} */ sum, /** @type {bigint} */ alpha, /** @type {bigint} */ gamma) => (
                    replayed.addTo(sum, alpha, gamma)
                ),
            };
        });
        this.items.push(...items);
    }

    /**
     * Takes a statement that a combination opens to zero, and its proof.
     * @param {ZeroStatement} statement @param {Uint8Array} proof
     */
    addZero({ context, derived, target }, proof) {
        const { statement } = context;
        const where = { statement, chunk: 0 };
        if (derived.length === 0) throw empty(statement);
        const body = proofBody(proof, ZERO, 66, statement);
        const nonce = elementOf(body.slice(0, 32), where);
        const response = scalarOfProof(body.slice(32), where);
        const x = commitmentPoint(target, { statement, index: 0 });
        if (isIdentity(nonce.point)) {
            throw new VerifyError('proof-rejected', 'expected a proof without the identity, got one with it', where);
        }
        const shape = { shifts: [], bits: 0, aggregated: 1, chunk: 0, chunks: 1 };
        const transcript = statementTranscript(context, derivedHash(derived), shape);
        transcript.append('zero X', target);
        transcript.append('zero K', nonce.bytes);
        const e = transcript.challengeScalar('zero e');
        this.items.push({
            digest: digestOf(transcript, response.bytes),
            where,
            addTo: (sum, alpha) => {
                sum.blinding += alpha * response.integer;
                sum.add(-alpha, nonce.point);
                sum.add(-alpha * e, x);
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
    return new VerifyError('proof-empty', 'expected at least one commitment to verify about, got none', { statement });
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
