/**
 * Points of the twisted Edwards curve -x² + y² = 1 + d x² y² over the field of 2^255 - 19, on which Ed25519 and
 * ristretto255 rest. Formulas: Hisil, Wong, Carter and Dawson 2008, which hold for all points.
 *
 * Not constant in time: for public data alone.
 */
import { LIMBS, add, fromInteger, invert, mul, negate, square, sub } from './field.js';

/** Where the coordinates stand in a point: extended, x = X/Z, y = Y/Z, xy = T/Z. All are tight. */
export const X = 0, Y = LIMBS, Z = 2 * LIMBS, T = 3 * LIMBS;
/** Doubles of a point. */
export const POINT = 4 * LIMBS;
/** Doubles of a point prepared for adding: y + x, y - x, 2 d x y. */
export const PREPARED = 3 * LIMBS;

/** The curve's d. */
export const D = fromInteger(37095705934669439343138083508754565189542113879843219016388785533085940283555n);
const TWO_D = fromInteger(2n * 37095705934669439343138083508754565189542113879843219016388785533085940283555n);
const ONE = fromInteger(1n);

/** @typedef {Float64Array} Point of {@link POINT} doubles */

/** @returns {Point} */
export function identity() {
    const point = new Float64Array(POINT);
    point.set(ONE, Y);
    point.set(ONE, Z);
    return point;
}

// products and sums of one formula, each of LIMBS doubles
const s = new Float64Array(8 * LIMBS);
const A = 0, B = LIMBS, C = 2 * LIMBS, E = 3 * LIMBS, F = 4 * LIMBS, G = 5 * LIMBS, H = 6 * LIMBS, U = 7 * LIMBS;

/** The last step of all: o = (E F : G H : F G : E H). @param {Float64Array} o @param {number} oi */
function finish(o, oi) {
    mul(o, oi + X, s, E, s, F);
    mul(o, oi + Y, s, G, s, H);
    mul(o, oi + Z, s, F, s, G);
    mul(o, oi + T, s, E, s, H);
}

/**
 * p = p + q, or p - q.
 * @param {Float64Array} p @param {number} pi @param {Float64Array} q prepared @param {number} qi @param {boolean} minus
 */
export function addPrepared(p, pi, q, qi, minus) {
    const sum = minus ? qi + LIMBS : qi, difference = minus ? qi : qi + LIMBS;
    sub(s, U, p, pi + Y, p, pi + X);
    mul(s, A, s, U, q, difference);
    add(s, U, p, pi + Y, p, pi + X);
    mul(s, B, s, U, q, sum);
    mul(s, C, p, pi + T, q, qi + 2 * LIMBS);
    add(s, U, p, pi + Z, p, pi + Z);
    sub(s, E, s, B, s, A); // of bound 2, like H
    sub(s, minus ? G : F, s, U, s, C); // of bound 3, like G: their product is 9
    add(s, minus ? F : G, s, U, s, C);
    add(s, H, s, B, s, A);
    finish(p, pi);
}

/**
 * p = p + q.
 * @param {Float64Array} p @param {number} pi @param {Float64Array} q @param {number} qi
 */
export function addPoint(p, pi, q, qi) {
    sub(s, U, p, pi + Y, p, pi + X);
    sub(s, E, q, qi + Y, q, qi + X);
    mul(s, A, s, U, s, E);
    add(s, U, p, pi + Y, p, pi + X);
    add(s, E, q, qi + Y, q, qi + X);
    mul(s, B, s, U, s, E);
    mul(s, C, p, pi + T, q, qi + T);
    mul(s, C, s, C, TWO_D, 0);
    mul(s, U, p, pi + Z, q, qi + Z);
    add(s, U, s, U, s, U);
    sub(s, E, s, B, s, A);
    sub(s, F, s, U, s, C);
    add(s, G, s, U, s, C);
    add(s, H, s, B, s, A);
    finish(p, pi);
}

/** p = 2 p. @param {Float64Array} p @param {number} pi */
export function doublePoint(p, pi) {
    add(s, U, p, pi + X, p, pi + Y);
    square(s, E, s, U);
    square(s, A, p, pi + X);
    square(s, B, p, pi + Y);
    square(s, C, p, pi + Z);
    add(s, C, s, C, s, C);
    sub(s, G, s, B, s, A); // of bound 2
    // F and H are the formula's with the other sign, which changes that of all four coordinates: the same point
    add(s, H, s, B, s, A);
    sub(s, E, s, E, s, H); // of bound 3
    sub(s, F, s, C, s, G); // of bound 4: its product with E is 12
    finish(p, pi);
}

/** p = -p. @param {Float64Array} p @param {number} pi */
export function negatePoint(p, pi) {
    negate(p, pi + X, p, pi + X);
    negate(p, pi + T, p, pi + T);
}

/**
 * scalar · p, by doubling and adding.
 * @param {bigint} scalar not negative
 * @param {Point} p
 * @returns {Point}
 */
export function multiply(scalar, p) {
    const result = identity();
    for (const bit of scalar.toString(2)) {
        doublePoint(result, 0);
        if (bit === '1') addPoint(result, 0, p, 0);
    }
    return result;
}

/**
 * Prepares points for adding, at the cost of one inversion.
 * @param {readonly Point[]} points
 * @returns {Float64Array} of {@link PREPARED} doubles each
 */
export function prepare(points) {
    const count = points.length;
    const prepared = new Float64Array(PREPARED * count);
    if (count === 0) return prepared;
    // the products of all Z before each, then their inverses backwards
    const before = new Float64Array(LIMBS * (count + 1));
    before.set(ONE, 0);
    for (let i = 0; i < count; i++) mul(before, LIMBS * (i + 1), before, LIMBS * i, points[i], Z);
    const inverse = new Float64Array(LIMBS);
    const x = new Float64Array(LIMBS), y = new Float64Array(LIMBS), z = new Float64Array(LIMBS);
    invert(inverse, 0, before, LIMBS * count);
    for (let i = count - 1; i >= 0; i--) {
        const at = PREPARED * i, point = points[i];
        mul(z, 0, inverse, 0, before, LIMBS * i);
        mul(inverse, 0, inverse, 0, point, Z);
        mul(x, 0, point, X, z, 0);
        mul(y, 0, point, Y, z, 0);
        add(prepared, at, y, 0, x, 0);
        sub(prepared, at + LIMBS, y, 0, x, 0);
        mul(z, 0, x, 0, y, 0);
        mul(prepared, at + 2 * LIMBS, z, 0, TWO_D, 0);
    }
    return prepared;
}
