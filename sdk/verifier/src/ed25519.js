/**
 * Verification of Ed25519 (RFC 8032), strictly: encodings must be canonical, neither the key nor R of small order, and
 * the equation holds without the cofactor. WebCrypto leaves these to the browser.
 */
import { concat, fromHex, sameBytes } from './bytes.js';
import { D, POINT, T, X, Y, Z, doublePoint, negatePoint } from './edwards.js';
import {
    LIMBS, add, equal, fromBytes, fromInteger, invert, isNegative, isZero, mul, negate, square, sub, toBytes,
} from './field.js';
import { multiscalar } from './multiscalar.js';
import { sqrtRatioM1 } from './ristretto.js';
import { scalarOf, scalarOfWide } from './scalar.js';
import { sha512 } from './sha2.js';

/** @typedef {import('./edwards.js').Point} Point */

const ONE = fromInteger(1n);

/**
 * Section 5.1.3; undefined for bytes that are no point.
 * @param {Uint8Array} bytes 32 of them
 * @returns {Point | undefined}
 */
function decodePoint(bytes) {
    const sign = bytes[31] >> 7;
    const yBytes = new Uint8Array(bytes);
    yBytes[31] &= 0x7f;
    const point = new Float64Array(POINT);
    fromBytes(point, Y, yBytes, 0);
    if (!sameBytes(toBytes(point, Y), yBytes)) return undefined;
    // x² = (y² - 1) / (d y² + 1)
    const u = new Float64Array(LIMBS), v = new Float64Array(LIMBS);
    square(u, 0, point, Y);
    mul(v, 0, u, 0, D, 0);
    sub(u, 0, u, 0, ONE, 0);
    add(v, 0, v, 0, ONE, 0);
    const { wasSquare, root } = sqrtRatioM1(u, v);
    if (!wasSquare || (sign === 1 && isZero(root, 0))) return undefined;
    point.set(root, X);
    if (isNegative(root, 0) !== (sign === 1)) negate(point, X, point, X);
    point.set(ONE, Z);
    mul(point, T, point, X, point, Y);
    return point;
}

/** Section 5.1.2. @param {Point} point */
function encodePoint(point) {
    const inverse = new Float64Array(LIMBS), x = new Float64Array(LIMBS), y = new Float64Array(LIMBS);
    invert(inverse, 0, point, Z);
    mul(x, 0, point, X, inverse, 0);
    mul(y, 0, point, Y, inverse, 0);
    const bytes = toBytes(y, 0);
    if (isNegative(x, 0)) bytes[31] |= 0x80;
    return bytes;
}

/** Whether 8 times the point is the identity. @param {Point} point */
function isOfSmallOrder(point) {
    const eightfold = point.slice();
    for (let i = 0; i < 3; i++) doublePoint(eightfold, 0);
    return isZero(eightfold, X) && equal(eightfold, Y, eightfold, Z);
}

/** @type {Point | undefined} */
let base;

/** The base point, y = 4/5. @returns {Point} */
function basePoint() {
    base ??= decodePoint(fromHex(`58${'66'.repeat(31)}`));
    if (base === undefined) throw new Error('the base point is no point');
    return base;
}

/**
 * Whether the bytes are a public key to verify with: a point, not of small order.
 * @param {Uint8Array} publicKey
 */
export function isPublicKey(publicKey) {
    if (publicKey.length !== 32) return false;
    const point = decodePoint(publicKey);
    return point !== undefined && !isOfSmallOrder(point);
}

/**
 * Whether the signature is the key's over the message.
 * @param {Uint8Array} publicKey @param {Uint8Array} message @param {Uint8Array} signature
 */
export function verifyEd25519(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    const key = decodePoint(publicKey);
    const r = signature.subarray(0, 32);
    const s = scalarOf(signature.subarray(32));
    if (key === undefined || s === undefined || isOfSmallOrder(key)) return false;
    const k = scalarOfWide(sha512(concat(r, publicKey, message)));
    negatePoint(key, 0);
    const expected = multiscalar([s, k], [basePoint(), key]);
    return !isOfSmallOrder(expected) && sameBytes(encodePoint(expected), r);
}
