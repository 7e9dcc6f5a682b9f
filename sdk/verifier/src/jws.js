/** Compact JWSs in the profile of docs/spec/envelope.md, and the keys that sign them. */
import { decodeBase64url } from './base64.js';
import { concat, sameBytes, textOf, utf8 } from './bytes.js';
import { isPublicKey, verifyEd25519 } from './ed25519.js';
import { VerifyError } from './error.js';
import { sha256 } from './sha2.js';
import { parseJson } from './strict-json.js';

/** @typedef {import('./strict-json.js').Json} Json */
/** @typedef {{ typ: string, payload: Uint8Array }} Signed */

/** @param {string} expected */
const refused = (expected) => new VerifyError('jws', `expected ${expected}`);

/**
 * The public key of a JWK with the members `kty`, `crv` and `x`.
 * @param {Json | undefined} jwk
 */
export function parseKey(jwk) {
    const is = (/** @type {string} */ name, /** @type {string} */ value) => jwk instanceof Map && jwk.get(name) === value;
    const x = jwk instanceof Map ? jwk.get('x') : undefined;
    const key = typeof x === 'string' ? decodeBase64url(x) : undefined;
    if (!is('kty', 'OKP') || !is('crv', 'Ed25519') || key === undefined || !isPublicKey(key)) {
        throw refused('the JWK of an Ed25519 key');
    }
    return { key, thumbprint: sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)) };
}

/**
 * What a compact JWS says that this key has signed.
 * @param {string} text @param {{ key: Uint8Array, thumbprint: Uint8Array }} signer
 * @returns {Signed}
 */
export function verifyJws(text, { key, thumbprint }) {
    const segments = text.split('.');
    const [header, payload, signature] = segments.map(decodeBase64url);
    if (segments.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
        throw refused('three segments of base64url separated by dots');
    }
    const members = parseJson(header);
    const typ = members instanceof Map ? members.get('typ') : undefined;
    const kid = members instanceof Map ? members.get('kid') : undefined;
    if (!(members instanceof Map) || members.size !== 3 || members.get('alg') !== 'Ed25519'
        || typeof typ !== 'string' || typeof kid !== 'string') {
        throw refused('a header of alg Ed25519, typ and kid');
    }
    const named = decodeBase64url(kid);
    const signed = utf8(`${segments[0]}.${segments[1]}`);
    if (named === undefined || !sameBytes(named, thumbprint) || !verifyEd25519(key, signed, signature)) {
        throw refused('a signature by the key that is shown');
    }
    return { typ, payload };
}

/**
 * The JWSs of an envelope, each behind its length in four bytes.
 * @param {Uint8Array} bytes
 */
export function signaturesOf(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const found = [];
    for (let at = 0; at < bytes.length;) {
        const end = bytes.length - at < 4 ? Infinity : at + 4 + view.getUint32(at);
        const text = end > bytes.length ? undefined : textOf(bytes.subarray(at + 4, end));
        if (text === undefined || found.length === 4) throw refused('an envelope of one to four signatures');
        found.push(text);
        at = end;
    }
    if (found.length === 0) throw refused('an envelope of one to four signatures');
    return found;
}

/**
 * What an envelope with one signature says.
 * @param {Uint8Array} bytes @param {{ key: Uint8Array, thumbprint: Uint8Array }} signer
 */
export function verifyEnvelope(bytes, signer) {
    const [text, ...others] = signaturesOf(bytes);
    if (others.length > 0) throw refused('an envelope of one signature');
    return verifyJws(text, signer);
}

/** The id under which a log records public events. @param {string} origin */
export function idOfLog(origin) {
    const bytes = sha256(concat(Uint8Array.of(0x4f), utf8(origin))).slice(0, 16);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
