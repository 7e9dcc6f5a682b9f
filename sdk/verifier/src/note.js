/** Signed notes and their keys (C2SP signed-note; docs/spec/checkpoint.md). */
import { decodeBase64, encodeBase64 } from './base64.js';
import { bigEndian, concat, hex, readU64BigEndian, sameBytes, textOf, utf8 } from './bytes.js';
import { isPublicKey, verifyEd25519 } from './ed25519.js';
import { VerifyError } from './error.js';
import { sha256 } from './sha2.js';

const NOTE_BYTES_MAX = 64 * 1024;
const SIGNATURES_MAX = 100;
const KEY_NAME_BYTES_MAX = 255;

/** Ed25519 over the note's text; over a time and the text; and a kind that is read here but cannot be verified. */
export const KIND_ED25519 = 1, KIND_COSIGNATURE = 4, KIND_ML_DSA_44 = 6;
/** Bytes of a public key of each kind. @type {ReadonlyMap<number, number>} */
const KEY_BYTES = new Map([[KIND_ED25519, 32], [KIND_COSIGNATURE, 32], [KIND_ML_DSA_44, 1312]]);

/** @typedef {{ name: string, id: string, bytes: Uint8Array }} NoteSignature a line, not verified; id in hex */
/** @typedef {{ text: string, signatures: NoteSignature[] }} Note nothing of it verified */
/** @typedef {{ name: string, id: string, kind: number, publicKey: Uint8Array }} VerifierKey */

/** Whether it can name a key. @param {string} name */
export function isKeyName(name) {
    const length = utf8(name).length;
    return length >= 1 && length <= KEY_NAME_BYTES_MAX && !/[\p{White_Space}\p{Cc}+]/u.test(name);
}

/**
 * `<name>+<key id>+<base64 of kind and key>`.
 * @param {string} text
 * @returns {VerifierKey}
 */
export function parseVerifierKey(text) {
    const form = () => new VerifyError(
        'note-verifier-key-form',
        'expected a verifier key as name, key id in 8 hex digits, and base64 of type and key, joined by plus',
    );
    const match = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/s.exec(text);
    if (match === null || ![44, 1752].includes(match[3].length)) throw form();
    const [, name, id, encoded] = match;
    const decoded = decodeBase64(encoded);
    if (decoded === undefined) throw form();
    const kind = decoded[0], publicKey = decoded.slice(1);
    const length = KEY_BYTES.get(kind);
    if (length === undefined) {
        throw new VerifyError('note-unknown-kind', `expected signature type 1, 4 or 6, got ${kind}`);
    }
    if (publicKey.length !== length) throw form();
    if (!isKeyName(name)) {
        throw new VerifyError(
            'note-key-name', 'a key name has 1 to 255 bytes and no space, control character or plus',
        );
    }
    if (kind !== KIND_ML_DSA_44 && !isPublicKey(publicKey)) {
        throw new VerifyError('note-weak-key', `the public key of ${name} is no point of the curve or of small order`);
    }
    const expected = hex(sha256(concat(utf8(name), Uint8Array.of(0x0a, kind), publicKey)).slice(0, 4));
    if (expected !== id) {
        throw new VerifyError('note-key-id', `the verifier key says key id ${id}, its name and key have ${expected}`);
    }
    return { name, id, kind, publicKey };
}

/**
 * Parses a note.
 * @param {Uint8Array} bytes
 * @returns {Note}
 */
export function parseNote(bytes) {
    if (bytes.length > NOTE_BYTES_MAX) {
        throw new VerifyError('note-too-long', `a note has at most ${NOTE_BYTES_MAX} bytes, got ${bytes.length}`);
    }
    const note = textOf(bytes);
    if (note === undefined || bytes.some((byte) => byte < 0x20 && byte !== 0x0a)) {
        throw new VerifyError('note-character', 'a note is UTF-8 without control characters other than newline');
    }
    // the last blank line ends the text, which may have blank lines of its own
    const blank = note.lastIndexOf('\n\n');
    if (blank < 0 || blank + 2 === note.length || !note.endsWith('\n')) {
        throw new VerifyError(
            'note-layout', 'expected a text, a blank line and signature lines that each end in a newline',
        );
    }
    const signatures = note.slice(blank + 2, -1).split('\n').map((line, i) => {
        if (i >= SIGNATURES_MAX) {
            throw new VerifyError('note-too-many-signatures', `a note has at most ${SIGNATURES_MAX} signature lines`);
        }
        return signatureOf(line, i + 1);
    });
    return { text: note.slice(0, blank + 1), signatures };
}

/** @param {string} line @param {number} number @returns {NoteSignature} */
function signatureOf(line, number) {
    const [, name = '', encoded = ''] = /^— ([^ ]*) (.*)$/s.exec(line) ?? [];
    const decoded = decodeBase64(encoded);
    if (decoded === undefined || decoded.length < 5 || !isKeyName(name)) {
        throw new VerifyError(
            'note-signature-line',
            `signature line ${number} is not an em dash, a key name and the base64 of key id and signature`,
        );
    }
    return { name, id: hex(decoded.slice(0, 4)), bytes: decoded.slice(4) };
}

/** Whether a line carries the key's name and id. @param {VerifierKey} key @param {NoteSignature} signature */
export function madeBy(key, signature) {
    return key.name === signature.name && key.id === signature.id;
}

/**
 * Verifies the one line by this key: none, several or a wrong one are refused.
 * @param {Note} note @param {VerifierKey} key of kind 1 or 4
 * @returns {bigint | undefined} the seconds of a cosignature
 */
export function verifyNote(note, key) {
    const [line, second] = note.signatures.filter((signature) => madeBy(key, signature));
    const by = `${key.name}+${key.id}`;
    if (line === undefined) throw new VerifyError('note-missing', `expected a signature by ${by}, got none`);
    const time = verifyLine(note.text, key, line, by);
    if (second !== undefined) throw new VerifyError('note-repeated', `expected one signature by ${by}, got several`);
    return time;
}

/** @param {string} text @param {VerifierKey} key @param {NoteSignature} line @param {string} by */
function verifyLine(text, key, line, by) {
    const invalid = () => new VerifyError('note-signature', `the signature by ${by} is not valid`);
    let message = text, signature = line.bytes;
    /** @type {bigint | undefined} */
    let time;
    if (key.kind === KIND_COSIGNATURE) {
        if (signature.length < 8) throw invalid();
        time = readU64BigEndian(signature, 0);
        if (time >= 2n ** 63n) {
            throw new VerifyError('note-time', `a cosignature's time is at most 2^63 - 1 seconds, got ${time}`);
        }
        message = `cosignature/v1\ntime ${time}\n${text}`;
        signature = signature.subarray(8);
    } else if (key.kind !== KIND_ED25519) {
        throw new VerifyError('note-wrong-kind', `expected a key of type 1 or 4, got one of type ${key.kind}`);
    }
    if (!verifyEd25519(key.publicKey, utf8(message), signature)) throw invalid();
    return time;
}

/** The line as a verifier key. @param {VerifierKey} key */
export function verifierKeyText({ name, id, kind, publicKey }) {
    return `${name}+${id}+${encodeBase64(concat(bigEndian(kind, 1), publicKey))}`;
}

/** @param {VerifierKey} a @param {VerifierKey} b */
export function sameKey(a, b) {
    return a.name === b.name && a.kind === b.kind && sameBytes(a.publicKey, b.publicKey);
}
