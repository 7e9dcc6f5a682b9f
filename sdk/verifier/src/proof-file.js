/** Proof files: an inclusion proof and its checkpoint in one text (docs/spec/checkpoint.md, "Proof file"). */
import { decodeBase64 } from './base64.js';
import { textOf, utf8 } from './bytes.js';
import { parseCheckpoint, verifyOrigin } from './checkpoint.js';
import { parseDecimal } from './decimal.js';
import { VerifyError } from './error.js';
import { verifyInclusion } from './tree.js';

/** @typedef {import('./checkpoint.js').Checkpoint} Checkpoint */
/** @typedef {import('./checkpoint.js').ParsedCheckpoint} ParsedCheckpoint */
/** @typedef {import('./note.js').NoteSignature} NoteSignature */
/** @typedef {import('./note.js').VerifierKey} VerifierKey */

const HEADER = 'c2sp.org/tlog-proof@v1\n';
const BYTES_MAX = 160 * 1024;
const EXTRA_BYTES_MAX = 64 * 1024;
const HASHES_MAX = 64;

/**
 * @typedef {object} ProofFile nothing of it verified
 * @property {Uint8Array | undefined} extra authenticated by nothing
 * @property {bigint} index
 * @property {Uint8Array[]} hashes
 * @property {ParsedCheckpoint} checkpoint
 */

/**
 * Parses a proof file.
 * @param {Uint8Array} bytes
 * @returns {ProofFile}
 */
export function parseProofFile(bytes) {
    if (bytes.length > BYTES_MAX) {
        throw new VerifyError('too-long', `a proof file has at most ${BYTES_MAX} bytes, got ${bytes.length}`);
    }
    const text = textOf(bytes);
    if (text === undefined) throw new VerifyError('utf8', 'a proof file is UTF-8');
    if (!text.startsWith(HEADER)) throw new VerifyError('header', `the first line must be ${HEADER.trim()}`);
    // the first blank line ends the proof; the checkpoint has one of its own
    const blank = text.indexOf('\n\n', HEADER.length);
    if (blank < 0) {
        throw new VerifyError('layout', 'expected a blank line and a checkpoint after the inclusion proof');
    }
    const lines = text.slice(HEADER.length, blank).split('\n');
    const extra = lines[0].startsWith('extra ') ? parseExtra(lines.shift() ?? '') : undefined;
    const indexLine = lines.shift() ?? '';
    const index = indexLine.startsWith('index ') ? parseDecimal(indexLine.slice('index '.length)) : undefined;
    if (index === undefined) {
        throw new VerifyError(
            'index', 'expected a line of index and a decimal number below 2^64 without leading zeros',
        );
    }
    const hashes = lines.map((line, i) => {
        if (i >= HASHES_MAX) {
            throw new VerifyError('too-many-hashes', `an inclusion proof has at most ${HASHES_MAX} hashes, got more`);
        }
        const hash = decodeBase64(line);
        if (hash?.length !== 32) {
            throw new VerifyError('hash-line', `proof line ${i + 1} must be the standard base64 of 32 bytes`);
        }
        return hash;
    });
    return { extra, index, hashes, checkpoint: parseCheckpoint(utf8(text.slice(blank + 2))) };
}

/** @param {string} line */
function parseExtra(line) {
    const extra = decodeBase64(line.slice('extra '.length));
    if (extra === undefined || extra.length === 0 || extra.length > EXTRA_BYTES_MAX) {
        throw new VerifyError('extra', `extra data must be the standard base64 of 1 to ${EXTRA_BYTES_MAX} bytes`);
    }
    return extra;
}

/**
 * Verifies that the leaf is in the log of the key, under a checkpoint that it has signed.
 * @param {ProofFile} file @param {Uint8Array} leaf its hash @param {VerifierKey} key
 * @returns {{ checkpoint: Checkpoint, others: NoteSignature[] }} the other lines are not verified
 */
export function verifyProofFile(file, leaf, key) {
    const others = verifyOrigin(file.checkpoint, key);
    const { checkpoint } = file.checkpoint;
    verifyInclusion(leaf, file.index, checkpoint.size, file.hashes, checkpoint.root);
    return { checkpoint, others };
}
