/** That the log signed the end of the day, and that the day was over (docs/spec/compliance-proof.md, "Close"). */
import { verifyCheckpoint } from './checkpoint.js';
import { secondsOf, unixSeconds } from './calendar.js';
import { VerifyError } from './error.js';
import { verifyWitnessed } from './policy.js';
import { entryOf } from './preamble.js';
import { leafHash, verifyConsistency, verifyInclusion } from './tree.js';

/** @typedef {import('./bundle-cursor.js').Cursor} Cursor */
/** @typedef {import('./checkpoint.js').LogKeys} LogKeys */
/** @typedef {import('./policy.js').Policy} WitnessPolicy */
/** @typedef {import('./preamble.js').Header} Header */

/**
 * @typedef {object} Close
 * @property {Uint8Array} checkpoint
 * @property {Uint8Array[]} consistency
 * @property {Uint8Array} entry
 * @property {Uint8Array[]} inclusion
 *
 * @typedef {object} Vouched who vouches for the end
 * @property {string[]} witnesses that have cosigned
 * @property {boolean} witnessed whether they are the quorum that was asked for
 * @property {bigint} time Unix seconds: the median of theirs, or the clock's
 */

/** @param {Cursor} cursor @returns {Close} */
export function readClose(cursor) {
    return {
        checkpoint: cursor.take(cursor.u32()),
        consistency: cursor.hashes(cursor.u16()),
        entry: cursor.take(cursor.u16()),
        inclusion: cursor.hashes(cursor.u16()),
    };
}

/**
 * Step 9.
 * @param {Close} close @param {Header} header @param {LogKeys} keys @param {WitnessPolicy} [witnessPolicy]
 * @returns {Vouched}
 */
export function verifyClose({ checkpoint: note, consistency, entry, inclusion }, { day, end }, keys, witnessPolicy) {
    const { checkpoint: { size, root }, time, cosigned } = under('bundle-checkpoint', () => (
        witnessPolicy === undefined ? { ...verifyCheckpoint(note, keys), cosigned: undefined }
            : verifyWitnessed(note, keys, witnessPolicy)
    ));
    if (cosigned?.quorum === false) {
        throw new VerifyError('bundle-unwitnessed', 'expected cosignatures of the quorum, got fewer');
    }
    under('bundle-tree', () => verifyConsistency(end.size, end.root, size, root, consistency));
    if (size === end.size) {
        if (entry.length > 0 || inclusion.length > 0) {
            throw new VerifyError('bundle-tree', 'expected no entry after the last one, got one');
        }
        if (time <= unixSeconds(secondsOf(day).to)) throw notOver();
    } else {
        under('bundle-tree', () => verifyInclusion(leafHash(entry), end.size, size, inclusion, root));
        if (entryOf(entry, end.size).day <= day) throw notOver();
    }
    const witnessed = cosigned?.time !== undefined;
    return { witnesses: cosigned?.by.map(({ name }) => name) ?? [], witnessed, time: cosigned?.time ?? time };
}

const notOver = () => new VerifyError('bundle-day-not-over', 'expected an entry or a time after the day, got one before its end');

/**
 * What `run` gives; its refusals under another code.
 * @template T
 * @param {import('./error.js').Code} code @param {() => T} run
 * @returns {T}
 */
function under(code, run) {
    try {
        return run();
    } catch (error) {
        if (error instanceof VerifyError) throw new VerifyError(code, error.message);
        throw error;
    }
}
