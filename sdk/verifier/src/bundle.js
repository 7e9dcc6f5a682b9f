/** Verifies a proof bundle: that a day's entries of an enterprise kept to a policy (docs/spec/compliance-proof.md). */
import { Batch, ZERO_BYTES, rangeLength } from './batch.js';
import { Cursor } from './bundle-cursor.js';
import { readClose, verifyClose } from './close.js';
import { VerifyError } from './error.js';
import { Kept } from './kept.js';
import { readEntries, readExceptions, readGroups, readHeader, readLinks } from './preamble.js';
import { reportOf } from './report.js';
import { sha256 } from './sha2.js';
import { SPEC_HASH, STATEMENTS } from './statements.js';
import { asks, termsOf } from './terms.js';
import { walk } from './walk.js';

/** @typedef {import('./checkpoint.js').LogKeys} LogKeys */
/** @typedef {import('./policy.js').Policy} WitnessPolicy */
/** @typedef {import('./preamble.js').Header} Header */
/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./statement-policy.js').StatementPolicy} StatementPolicy */
/** @typedef {import('./statement.js').Context} Context */
/** @typedef {import('./terms.js').Terms} Terms */

const BYTES_MAX = 2_147_483_648;

/**
 * @typedef {object} Rules
 * @property {LogKeys} keys of the log
 * @property {StatementPolicy} policy as the regulator set it
 * @property {WitnessPolicy} [witnessPolicy] whose cosignatures are asked for
 * @property {Kept} [chain] what verifying the day before has given; none for the first bundle of a chain
 *
 * @typedef {object} Verified
 * @property {Report} report
 * @property {Kept} chain for the bundle after it
 */

/**
 * Verifies a bundle, or throws a `VerifyError` that names the first check that failed.
 * @param {Uint8Array} bytes @param {Rules} rules
 * @returns {Verified}
 */
export function verifyBundle(bytes, { keys, policy, witnessPolicy, chain: before }) {
    if (bytes.length > BYTES_MAX) {
        throw new VerifyError('bundle-too-large', `expected at most ${BYTES_MAX} bytes, got ${bytes.length}`);
    }
    const cursor = new Cursor(bytes);
    const header = readHeader(cursor, keys.log.name, policy, before);
    const own = readEntries(cursor, header);
    const chain = before?.clone() ?? new Kept();
    const groups = readGroups(cursor, chain.groups);
    const links = readLinks(cursor, header, own, chain);
    const asked = (/** @type {number} */ statement) => statement !== 1 && asks(policy, statement);
    const exceptions = readExceptions(cursor, own, chain, asked);
    const day = walk(chain, header.day, own, links, groups, exceptions);
    const terms = termsOf(cursor, chain, header.day, day, policy, exceptions);
    exceptions.demandUsed();
    const digest = sha256(bytes.subarray(0, cursor.at));
    const proofs = terms.map(({ list }, statement) => cursor.take(proofLength(statement, list)));
    const close = readClose(cursor);
    cursor.end();

    const vouched = verifyClose(close, header, keys, witnessPolicy);
    verifyProofs(terms, proofs, header, policy, digest);
    if (before === undefined) chain.fromSize = header.start.size;
    Object.assign(chain, { digest, day: header.day, end: header.end, dayKeys: header.dayKeys });
    return { report: reportOf({ header, policy, chain, own, vouched, day, terms, exceptions }), chain };
}

/** @param {number} statement @param {{ length: number }} terms */
function proofLength(statement, terms) {
    if (terms.length === 0) return 0;
    const { bits } = STATEMENTS[statement];
    return bits === 0 ? ZERO_BYTES : rangeLength(terms, bits);
}

/**
 * Step 10.
 * @param {readonly Terms[]} terms @param {readonly Uint8Array[]} proofs @param {Header} header
 * @param {StatementPolicy} policy @param {Uint8Array} bundleDigest
 */
function verifyProofs(terms, proofs, { origin, start, end }, { hash: policyHash }, bundleDigest) {
    const batch = new Batch();
    const context = { specHash: SPEC_HASH, origin, start, end, policyHash, bundleDigest };
    const verify = () => {
        if (batch.items.length > 0) batch.verify();
    };
    try {
        terms.forEach(({ list, statement }) => {
            if (list.length === 0) return;
            const { name, bits } = STATEMENTS[statement];
            const about = { context: { ...context, statement: name }, terms: list.map(({ term }) => term) };
            try {
                if (bits === 0) batch.addZero(about, proofs[statement]);
                else batch.addRange({ ...about, bits }, proofs[statement]);
            } catch (malformed) {
                verify(); // a false proof before it comes first
                throw malformed;
            }
        });
        verify();
    } catch (error) {
        if (!(error instanceof VerifyError)) throw error;
        throw new VerifyError('bundle-statement', error.message, error);
    }
}
