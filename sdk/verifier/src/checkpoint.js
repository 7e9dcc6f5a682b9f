/** Checkpoints and the keys of a log (docs/spec/checkpoint.md). */
import { decodeBase64, encodeBase64 } from './base64.js';
import { sameBytes } from './bytes.js';
import { parseDecimal } from './decimal.js';
import { VerifyError } from './error.js';
import {
    KIND_COSIGNATURE, KIND_ED25519, KIND_ML_DSA_44, isKeyName, madeBy, parseNote, parseVerifierKey, verifyNote,
} from './note.js';
import { emptyRoot } from './tree.js';

/** @typedef {import('./note.js').Note} Note */
/** @typedef {import('./note.js').NoteSignature} NoteSignature */
/** @typedef {import('./note.js').VerifierKey} VerifierKey */
/** @typedef {{ origin: string, size: bigint, root: Uint8Array }} Checkpoint */
/** @typedef {{ checkpoint: Checkpoint, note: Note }} ParsedCheckpoint nothing of it verified */

/**
 * @typedef {object} LogKeys what a log is known by
 * @property {VerifierKey} log signs checkpoints; its name is the origin
 * @property {VerifierKey} clock cosigns each with its time
 * @property {VerifierKey | undefined} postQuantum of ML-DSA-44; this library does not verify with it
 *
 * @typedef {object} TimedCheckpoint signed by the log and its clock
 * @property {Checkpoint} checkpoint
 * @property {bigint} time Unix seconds of the clock's cosignature
 * @property {NoteSignature[]} others the other lines, none of them verified: witnesses', and the log's of ML-DSA-44
 */

/**
 * A note's text: origin, size and root.
 * @param {string} text
 * @returns {Checkpoint}
 */
function parseCheckpointText(text) {
    const lines = text.split('\n');
    if (lines.length !== 4 || lines[3] !== '') {
        throw new VerifyError('lines', 'a checkpoint\'s text has the lines origin, tree size and root hash');
    }
    const [origin, sizeText, rootText] = lines;
    const size = parseDecimal(sizeText);
    if (size === undefined) {
        throw new VerifyError('size', 'the tree size must be a decimal number below 2^64 without leading zeros');
    }
    const root = decodeBase64(rootText);
    if (root?.length !== 32) throw new VerifyError('root', 'the root hash must be the standard base64 of 32 bytes');
    if (!isKeyName(origin)) {
        throw new VerifyError(
            'origin', 'the origin must be a key name: 1 to 255 bytes, no space, control character or plus',
        );
    }
    if (size === 0n && !sameBytes(root, emptyRoot())) {
        throw new VerifyError(
            'empty-tree-root', `a tree of size 0 has the root ${encodeBase64(emptyRoot())}, got ${rootText}`,
        );
    }
    return { origin, size, root };
}

/**
 * Parses a signed checkpoint.
 * @param {Uint8Array} bytes
 * @returns {ParsedCheckpoint}
 */
export function parseCheckpoint(bytes) {
    const note = parseNote(bytes);
    return { checkpoint: parseCheckpointText(note.text), note };
}

/**
 * Verifies that a parsed checkpoint is of the log whose origin is the key's name, and signed by it.
 * @param {ParsedCheckpoint} parsed @param {VerifierKey} key
 * @returns {NoteSignature[]} the other lines, none of them verified
 */
export function verifyOrigin({ checkpoint, note }, key) {
    if (checkpoint.origin !== key.name) {
        throw new VerifyError('other-origin', `expected origin ${key.name}, got ${checkpoint.origin}`);
    }
    demandKind(key, KIND_ED25519);
    verifyNote(note, key);
    return note.signatures.filter((signature) => !madeBy(key, signature));
}

/**
 * The two or three lines of `/log/vkey`.
 * @param {string} text
 * @returns {LogKeys}
 */
export function parseLogKeys(text) {
    const lines = text.split('\n');
    if (![3, 4].includes(lines.length) || lines[lines.length - 1] !== '') {
        throw new VerifyError(
            'log-keys', 'expected two or three lines: the log\'s verifier key, the clock\'s, and its ML-DSA-44 key',
        );
    }
    const [log, clock, postQuantum] = lines.slice(0, -1).map(parseVerifierKey);
    demandKind(log, KIND_ED25519);
    demandKind(clock, KIND_COSIGNATURE);
    demandName(clock, `${log.name}/clock`);
    if (postQuantum !== undefined) {
        demandKind(postQuantum, KIND_ML_DSA_44);
        demandName(postQuantum, log.name);
    }
    return { log, clock, postQuantum };
}

/**
 * Verifies that a checkpoint is signed by the log and cosigned by its clock.
 * @param {Uint8Array} bytes @param {LogKeys} keys
 * @returns {TimedCheckpoint}
 */
export function verifyCheckpoint(bytes, keys) {
    const parsed = parseCheckpoint(bytes);
    const others = verifyOrigin(parsed, keys.log).filter((signature) => !madeBy(keys.clock, signature));
    const time = verifyCosignature(parsed, keys.clock);
    return { checkpoint: parsed.checkpoint, time, others };
}

/**
 * Verifies the one cosignature by this key, a clock's or a witness's.
 * @param {ParsedCheckpoint} parsed @param {VerifierKey} key
 * @returns {bigint} its Unix seconds
 */
export function verifyCosignature({ note }, key) {
    demandKind(key, KIND_COSIGNATURE);
    return verifyNote(note, key) ?? 0n;
}

/** @param {VerifierKey} key @param {number} kind */
function demandKind(key, kind) {
    if (key.kind !== kind) {
        throw new VerifyError('note-wrong-kind', `expected a key of type ${kind}, got one of type ${key.kind}`);
    }
}

/** @param {VerifierKey} key @param {string} name */
function demandName(key, name) {
    if (key.name !== name) throw new VerifyError('key-name', `expected a key named ${name}, got ${key.name}`);
}
