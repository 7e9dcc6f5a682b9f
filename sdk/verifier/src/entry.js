/** Entries of the log, and what their salted hashes and tags are made of (docs/spec/entry.md). */
import { bigEndian, concat, u64BigEndian, utf8 } from './bytes.js';
import { VerifyError } from './error.js';
import { CLASSES, CURRENCIES, KINDS } from './registry.js';
import { hmacSha256, sha256 } from './sha2.js';

/** @typedef {import('./registry.js').Kind} Kind */

const VERSION = 1;
const HEADER_BYTES = 87;
const COMMITMENT_BYTES = 32;

/**
 * @typedef {object} Entry
 * @property {Kind} kind
 * @property {number} kindNumber
 * @property {number} class
 * @property {number} currency numeric code, 0 for none
 * @property {number} day of admission, days since 2020-01-01
 * @property {Uint8Array} tag
 * @property {Uint8Array} digest
 * @property {Uint8Array} link
 * @property {Uint8Array[]} commitments to the class's quantities, in order; not decoded
 */

/**
 * Parses an entry.
 * @param {Uint8Array} bytes
 * @returns {Entry}
 */
export function parseEntry(bytes) {
    /** @param {number} expected */
    const length = (expected) => (
        new VerifyError('entry-length', `entry of ${bytes.length} bytes, expected ${expected}`)
    );
    if (bytes.length < 3) throw length(HEADER_BYTES);
    const [version, kindNumber, classNumber] = bytes;
    if (version !== VERSION) {
        throw new VerifyError('entry-version', `entry version ${version}, expected ${VERSION}`);
    }
    if (bytes.length < HEADER_BYTES) throw length(HEADER_BYTES);
    const kind = KINDS.get(kindNumber);
    if (kind === undefined) {
        throw new VerifyError('entry-kind', `entry kind ${kindNumber}, expected one of the registry`);
    }
    if (!kind.classes.includes(classNumber)) {
        throw new VerifyError('entry-class', `entry class ${classNumber}, expected one that its kind may have`);
    }
    const currency = bytes[3] << 8 | bytes[4];
    if (currency !== 0 && !CURRENCIES.has(currency)) {
        throw new VerifyError(
            'entry-currency', `entry currency ${currency}, expected an ISO 4217 numeric code or 0`,
        );
    }
    const count = CLASSES[classNumber].length;
    if (bytes.length !== HEADER_BYTES + COMMITMENT_BYTES * count) throw length(HEADER_BYTES + COMMITMENT_BYTES * count);
    return {
        kind,
        kindNumber,
        class: classNumber,
        currency,
        day: bytes[5] << 8 | bytes[6],
        tag: bytes.slice(7, 23),
        digest: bytes.slice(23, 55),
        link: bytes.slice(55, 87),
        commitments: Array.from({ length: count }, (_, i) => {
            const at = HEADER_BYTES + COMMITMENT_BYTES * i;
            return bytes.slice(at, at + COMMITMENT_BYTES);
        }),
    };
}

/**
 * The digest of what is recorded.
 * @param {Uint8Array} salt @param {Uint8Array} recordHash SHA-256 of the envelope or use record
 * @param {{ salt: Uint8Array, bytes: Uint8Array } | Uint8Array} [attachments] or what the digest covers of them
 */
export function entryDigest(salt, recordHash, attachments) {
    const a = attachments === undefined ? new Uint8Array(32)
        : attachments instanceof Uint8Array ? attachments
            : sha256(concat(Uint8Array.of(0x41), attachments.salt, attachments.bytes));
    return sha256(concat(Uint8Array.of(0x47), salt, recordHash, a));
}

/**
 * The link to an earlier entry; where it names none, all of the target is zero.
 * @param {Uint8Array} salt @param {number} group of terms, 0 for none
 * @param {{ originHash: Uint8Array, leafIndex: bigint, leafHash: Uint8Array }} target
 */
export function entryLink(salt, group, { originHash, leafIndex, leafHash }) {
    return sha256(concat(
        Uint8Array.of(0x4c), salt, bigEndian(group, 2), originHash, u64BigEndian(leafIndex), leafHash,
    ));
}

/** K(tenant, day) out of the tenant's tag key. @param {Uint8Array} tagKey @param {number} day */
export function dayKey(tagKey, day) {
    return hmacSha256(tagKey, bigEndian(day, 2));
}

/** The tag key of public kinds. @param {string} origin */
export function publicTagKey(origin) {
    return sha256(concat(Uint8Array.of(0x50), utf8(origin)));
}

/**
 * The tag of an entry: 16 bytes.
 * @param {Uint8Array} key of the day @param {string} origin @param {bigint} leafIndex
 */
export function entryTag(key, origin, leafIndex) {
    return hmacSha256(key, concat(utf8(origin), u64BigEndian(leafIndex))).slice(0, 16);
}
