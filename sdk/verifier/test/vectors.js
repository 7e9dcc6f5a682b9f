/** The repository's vectors, as JSON of known shape, and random bytes. */
import { readFileSync } from 'node:fs';
import { decodeBase64url } from '../src/base64.js';
import { fromHex } from '../src/bytes.js';
import { parseCommitment } from '../src/commitment.js';
import { VerifyError } from '../src/error.js';

/** @typedef {{ name: string, value: string, blinding: string, commitment: string, error: string }} OpeningCase */
/** @typedef {{ size: string, root: string }} HeadJson */
/**
 * @typedef {object} ContextJson
 * @property {string} spec_hash @property {string} origin @property {HeadJson} start @property {HeadJson} end
 * @property {string} statement @property {string} policy_hash @property {string} bundle_digest
 */
/** @typedef {{ parts: { coefficient: string, commitment: string }[], constant: string }} TermJson */
/**
 * @typedef {object} RangeCase
 * @property {string} name @property {ContextJson} context @property {TermJson[]} terms
 * @property {32 | 64} bits @property {string} proof
 */

/**
 * A file below `tests/vectors` of the repository, or of this package.
 * @template T
 * @param {string} path relative to this folder
 * @returns {T}
 */
export function read(path) {
    return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
}

/** @param {string} text @returns {Uint8Array} */
export function fromBase64url(text) {
    const bytes = decodeBase64url(text);
    if (bytes === undefined) throw new Error(`expected base64url, got ${text}`);
    return bytes;
}

/** @param {HeadJson} head */
const headOf = ({ size, root }) => ({ size: BigInt(size), root: fromHex(root) });

/** @param {ContextJson} json @returns {import('../src/statement.js').Context} */
export function contextOf(json) {
    return {
        specHash: fromHex(json.spec_hash),
        origin: json.origin,
        start: headOf(json.start),
        end: headOf(json.end),
        statement: json.statement,
        policyHash: fromHex(json.policy_hash),
        bundleDigest: fromHex(json.bundle_digest),
    };
}

/** @param {TermJson[]} json @returns {import('../src/term.js').Term[]} */
export function termsOf(json) {
    return json.map(({ parts, constant }) => ({
        parts: parts.map(({ coefficient, commitment }) => (
            { coefficient: BigInt(coefficient), commitment: parseCommitment(fromHex(commitment)) }
        )),
        constant: BigInt(constant),
    }));
}

/** @param {RangeCase} json @returns {import('../src/batch.js').RangeStatement} */
export function rangeStatementOf({ context, terms, bits }) {
    return { context: contextOf(context), terms: termsOf(terms), bits };
}

/**
 * The code of the error that `run` throws, or undefined; any other error is thrown on.
 * @param {() => unknown} run
 */
export function codeOf(run) {
    try {
        run();
    } catch (error) {
        if (error instanceof VerifyError) return error.code;
        throw error;
    }
    return undefined;
}

/** Numbers that look random and are the same in every run (xorshift). */
export class Random {
    /** @param {number} seed not zero */
    constructor(seed) {
        this.state = seed;
    }

    /** @param {number} below */
    number(below) {
        this.state ^= this.state << 13;
        this.state ^= this.state >>> 17;
        this.state ^= this.state << 5;
        return (this.state >>> 0) % below;
    }

    /** @param {number} length */
    bytes(length) {
        return Uint8Array.from({ length }, () => this.number(65536) >> 4);
    }

    /** @param {bigint} below at most 2^256 */
    integer(below) {
        return this.bytes(32).reduce((sum, byte) => sum << 8n | BigInt(byte), 0n) % below;
    }
}
