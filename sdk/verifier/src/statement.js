/** What every statement has in common: context, terms, transcript and header (docs/spec/commitment.md, "Statements"). */
import { bigEndian, utf8 } from './bytes.js';
import { VerifyError } from './error.js';
import { GENERATORS_HASH } from './generators.js';
import { Transcript } from './merlin.js';
import { sha256 } from './sha2.js';

/** @typedef {import('./term.js').Term} Term */
/**
 * @typedef {{ size: bigint, root: Uint8Array }} Head size and root of a checkpoint
 *
 * @typedef {object} Context where and under which rules a statement is made
 * @property {Uint8Array} specHash SHA-256 of the specification of the statements
 * @property {string} origin of the log
 * @property {Head} start checkpoint at which the period starts
 * @property {Head} end checkpoint at which it ends
 * @property {string} statement its name
 * @property {Uint8Array} policyHash SHA-256 of the policy
 * @property {Uint8Array} bundleDigest of the bundle that the proof stands in
 *
 * @typedef {object} Shape the rest of what a transcript begins with
 * @property {number} bits 0 for a proof of zero
 * @property {number} aggregated values, padding included; of a proof of zero, the number of terms
 * @property {number} chunk from 0
 * @property {number} chunks
 */

const VERSION = 1;

/**
 * SHA-256(0x44 ‖ for each: number of parts u32 ‖ for each part: coefficient i64 ‖ commitment ‖ constant i64).
 * @param {readonly Term[]} terms
 */
export function derivedHash(terms) {
    const length = terms.reduce((sum, { parts }) => sum + 12 + 40 * parts.length, 1);
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    bytes[0] = 0x44;
    let at = 1;
    for (const { parts, constant } of terms) {
        bytes.set(bigEndian(parts.length, 4), at);
        at += 4;
        for (const { coefficient, commitment } of parts) {
            view.setBigInt64(at, coefficient);
            bytes.set(commitment.bytes, at + 8);
            at += 40;
        }
        view.setBigInt64(at, constant);
        at += 8;
    }
    return sha256(bytes);
}

/**
 * The transcript of one chunk, ready for the messages of the proof itself.
 * @param {Context} context @param {Uint8Array} derived hash of the terms @param {Shape} shape
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
    transcript.append('bundle', context.bundleDigest);
    transcript.append('generators', GENERATORS_HASH);
    transcript.append('derived', derived);
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
