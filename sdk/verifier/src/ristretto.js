/**
 * ristretto255 (RFC 9496): a group of prime order out of points of the Edwards curve, each element with one encoding.
 * Steps and names are those of section 4.
 */
import { sameBytes } from './bytes.js';
import { D, POINT, T, X, Y, Z, addPoint } from './edwards.js';
import {
    LIMBS, add, carry, copy, equal, fromBytes, fromInteger, isNegative, isZero, mul, negate, powerForRoot, square, sub,
    toBytes,
} from './field.js';

/** @typedef {import('./edwards.js').Point} Point */
/** @typedef {import('./field.js').Limbs} Limbs */

// section 4.1
const SQRT_M1 = fromInteger(19681161376707505956807079304988542015446066515923890162744021073123829784752n);
const SQRT_AD_MINUS_ONE = fromInteger(25063068953384623474111414158702152701244531502492656460079210482610430750235n);
const INVSQRT_A_MINUS_D = fromInteger(54469307008909316920995813868745141605393597292927456921205312896311721017578n);
const ONE_MINUS_D_SQ = fromInteger(1159843021668779879193775521855586647937357759715417654439879720876111806838n);
const D_MINUS_ONE_SQ = fromInteger(40440834346308536858101042469323190826248399146238708352240133220865137265952n);
const ONE = fromInteger(1n);
const MINUS_ONE = fromInteger(-1n);

/** Elements for one operation, which begins with `used = 0`: what it gives back is copied, so none outlives it. */
const pool = Array.from({ length: 80 }, () => new Float64Array(LIMBS));
let used = 0;
const element = () => pool[used++];

/** f · g. @param {Limbs} f @param {Limbs} g */
function product(f, g) {
    const o = element();
    mul(o, 0, f, 0, g, 0);
    return o;
}

/** f². @param {Limbs} f */
function squared(f) {
    const o = element();
    square(o, 0, f, 0);
    return o;
}

/** f + g, tight. @param {Limbs} f @param {Limbs} g */
function sum(f, g) {
    const o = element();
    add(o, 0, f, 0, g, 0);
    carry(o, 0, o, 0);
    return o;
}

/** f - g, tight. @param {Limbs} f @param {Limbs} g */
function difference(f, g) {
    const o = element();
    sub(o, 0, f, 0, g, 0);
    carry(o, 0, o, 0);
    return o;
}

/** -f. @param {Limbs} f */
function negated(f) {
    const o = element();
    negate(o, 0, f, 0);
    return o;
}

/** Whichever of f and -f is not negative. @param {Limbs} f */
function absolute(f) {
    return isNegative(f, 0) ? negated(f) : f;
}

/**
 * The root of u/v if there is one, otherwise that of SQRT_M1 · u/v.
 * @param {Limbs} u @param {Limbs} v
 * @returns {{ wasSquare: boolean, root: Limbs }}
 */
function sqrtRatio(u, v) {
    const v3 = product(squared(v), v);
    const v7 = product(squared(v3), v);
    const raised = element();
    powerForRoot(raised, product(u, v7));
    const root = product(product(u, v3), raised);
    const check = product(v, squared(root));
    const minusU = negated(u);
    const correct = equal(check, 0, u, 0);
    const flipped = equal(check, 0, minusU, 0);
    const flippedI = equal(check, 0, product(minusU, SQRT_M1), 0);
    const turned = flipped || flippedI ? product(root, SQRT_M1) : root;
    return { wasSquare: correct || flipped, root: absolute(turned) };
}

/**
 * Decode (4.3.1); undefined for bytes that encode no element.
 * @param {Uint8Array} bytes
 * @returns {Point | undefined}
 */
export function decode(bytes) {
    if (bytes.length !== 32 || (bytes[0] & 1) === 1) return undefined;
    used = 0;
    const s = element();
    fromBytes(s, 0, bytes, 0);
    if (!sameBytes(toBytes(s, 0), bytes)) return undefined;
    const ss = squared(s);
    const u1 = difference(ONE, ss);
    const u2 = sum(ONE, ss);
    const u2Squared = squared(u2);
    const v = difference(negated(product(D, squared(u1))), u2Squared);
    const { wasSquare, root } = sqrtRatio(ONE, product(v, u2Squared));
    const denX = product(root, u2);
    const denY = product(product(root, denX), v);
    const x = absolute(product(sum(s, s), denX));
    const y = product(u1, denY);
    const t = product(x, y);
    if (!wasSquare || isNegative(t, 0) || isZero(y, 0)) return undefined;
    return pointOf(x, y, ONE, t);
}

/**
 * Encode (4.3.2): 32 bytes.
 * @param {Point} point
 */
export function encode(point) {
    used = 0;
    const x0 = point.subarray(X, X + LIMBS), y0 = point.subarray(Y, Y + LIMBS);
    const z0 = point.subarray(Z, Z + LIMBS), t0 = point.subarray(T, T + LIMBS);
    const u1 = product(sum(z0, y0), difference(z0, y0));
    const u2 = product(x0, y0);
    const { root } = sqrtRatio(ONE, product(u1, squared(u2)));
    const den1 = product(root, u1);
    const den2 = product(root, u2);
    const zInverse = product(product(den1, den2), t0);
    const rotate = isNegative(product(t0, zInverse), 0);
    const x = rotate ? product(y0, SQRT_M1) : x0;
    let y = rotate ? product(x0, SQRT_M1) : y0;
    const denInverse = rotate ? product(den1, INVSQRT_A_MINUS_D) : den2;
    if (isNegative(product(x, zInverse), 0)) y = negated(y);
    return toBytes(absolute(product(denInverse, difference(z0, y))), 0);
}

/** MAP (4.3.4) of half of the bytes. @param {Uint8Array} bytes @param {number} at @returns {Point} */
function map(bytes, at) {
    used = 0;
    const t = element();
    fromBytes(t, 0, bytes, at);
    const r = product(SQRT_M1, squared(t));
    const u = product(sum(r, ONE), ONE_MINUS_D_SQ);
    const v = product(difference(MINUS_ONE, product(r, D)), sum(r, D));
    const { wasSquare, root } = sqrtRatio(u, v);
    const s = wasSquare ? root : negated(absolute(product(root, t)));
    const c = wasSquare ? MINUS_ONE : r;
    const n = difference(product(product(c, difference(r, ONE)), D_MINUS_ONE_SQ), v);
    const w0 = product(sum(s, s), v);
    const w1 = product(n, SQRT_AD_MINUS_ONE);
    const ss = squared(s);
    const w2 = difference(ONE, ss);
    const w3 = sum(ONE, ss);
    return pointOf(product(w0, w3), product(w2, w1), product(w1, w3), product(w0, w2));
}

/**
 * Element derivation (4.3.4).
 * @param {Uint8Array} bytes 64 of them
 * @returns {Point}
 */
export function fromUniform(bytes) {
    const point = map(bytes, 0);
    addPoint(point, 0, map(bytes, 32), 0);
    return point;
}

/**
 * SQRT_RATIO_M1 (4.2), for the points of Ed25519.
 * @param {Limbs} u @param {Limbs} v neither of them above twice tight
 * @returns {{ wasSquare: boolean, root: Limbs }}
 */
export function sqrtRatioM1(u, v) {
    used = 0;
    const { wasSquare, root } = sqrtRatio(u, v);
    return { wasSquare, root: root.slice() };
}

/** Whether the point is the identity of the group (4.3.3 with 0 and 1). @param {Point} point */
export function isIdentity(point) {
    return isZero(point, X) || isZero(point, Y);
}

/** @param {Limbs} x @param {Limbs} y @param {Limbs} z @param {Limbs} t @returns {Point} */
function pointOf(x, y, z, t) {
    const point = new Float64Array(POINT);
    copy(point, X, x, 0);
    copy(point, Y, y, 0);
    copy(point, Z, z, 0);
    copy(point, T, t, 0);
    return point;
}
