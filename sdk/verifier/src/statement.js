/** What every statement has in common: context, list, transcript and header (docs/spec/commitment.md, "Statements"). */
import { bigEndian, concat, u64BigEndian, utf8 } from './bytes.js';
import { VerifyError } from './error.js';
import { GENERATORS_HASH } from './generators.js';
import { Transcript } from './merlin.js';
import { sha256 } from './sha2.js';

/**
 * @typedef {{ size: bigint, root: Uint8Array }} Head size and root of a checkpoint
 *
 * @typedef {object} Context where and under which rules a statement is made
 * @property {Uint8Array} specHash SHA-256 of the specification of the statements
 * @property {string} origin of the log
 * @property {Head} start checkpoint at which the period starts
 * @property {Head} end checkpoint at which it ends
 * @property {string} statement identifier within the policy
 * @property {Uint8Array} policyHash SHA-256 of the policy
 *
 * @typedef {object} Listed a commitment that the verifier found in the log
 * @property {bigint} leafIndex of its entry
 * @property {number} field its position in the entry's class
 * @property {Uint8Array} commitment 32 bytes
 *
 * @typedef {object} Shape the rest of what a transcript begins with
 * @property {readonly bigint[]} shifts
 * @property {number} bits 0 for a proof of zero
 * @property {number} aggregated values, padding included
 * @property {number} chunk from 0
 * @property {number} chunks
 */

const VERSION = 1;

/**
 * SHA-256(0x44 ‖ for each: leaf index u64 big-endian ‖ field u8 ‖ commitment).
 * @param {readonly Listed[]} derived
 */
export function derivedHash(derived) {
    const parts = derived.flatMap(({ leafIndex, field, commitment }) => [
        u64BigEndian(leafIndex), bigEndian(field, 1), commitment,
    ]);
    return sha256(concat(Uint8Array.of(0x44), ...parts));
}

/**
 * The transcript of one chunk, ready for the messages of the proof itself.
 * @param {Context} context @param {Uint8Array} derived hash of the list @param {Shape} shape
 */
export function statementTranscript(context, derived, shape) {
    const transcript = new Transcript('grantbook statement v1');
    transcript.append('spec', context.specHash);
    transcript.append('origin', utf8(context.origin));
    transcript.appendU64('start size', context.start.size);
    transcript.append('start root', context.start.root);
    transcript.appendU64('end size', context.end.size);
    transcript.append('end root', context.end.root);
    transcript.append('statement', utf8(context.statement));
    transcript.append('policy', context.policyHash);
    transcript.append('generators', GENERATORS_HASH);
    transcript.append('derived', derived);
    transcript.appendU64('shifts', BigInt(shape.shifts.length));
    for (const shift of shape.shifts) transcript.appendU64('shift', shift);
    transcript.appendU64('n', BigInt(shape.bits));
    transcript.appendU64('m', BigInt(shape.aggregated));
    transcript.appendU64('chunk', BigInt(shape.chunk));
    transcript.appendU64('chunks', BigInt(shape.chunks));
    return transcript;
}

/**
 * Checks version, kind and length; gives what follows them.
 * @param {Uint8Array} proof @param {number} kind @param {number} expected @param {string} statement for the error
 */
export function proofBody(proof, kind, expected, statement) {
    const where = { statement };
    const length = `expected a proof of ${expected} bytes, got ${proof.length}`;
    if (proof.length < 2) throw new VerifyError('proof-length', length, where);
    if (proof[0] !== VERSION) {
        throw new VerifyError('proof-version', `expected proof version ${VERSION}, got ${proof[0]}`, where);
    }
    if (proof[1] !== kind) throw new VerifyError('proof-kind', `expected proof kind ${kind}, got ${proof[1]}`, where);
    if (proof.length !== expected) throw new VerifyError('proof-length', length, where);
    return proof.subarray(2);
}
