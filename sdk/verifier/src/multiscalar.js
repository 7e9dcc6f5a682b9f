/**
 * Sums of many multiples of points: Pippenger's method with signed digits. Not constant in time.
 */
import { POINT, PREPARED, addPoint, addPrepared, doublePoint, identity, prepare } from './edwards.js';

/** @typedef {import('./edwards.js').Point} Point */

/** Bits of a digit with which the whole takes the fewest additions. @param {number} count */
function widthFor(count) {
    let best = 1, least = Infinity;
    for (let width = 2; width <= 16; width++) {
        const cost = Math.ceil(254 / width) * (count + 2 ** width);
        if (cost < least) [best, least] = [width, cost];
    }
    return best;
}

/**
 * Writes a scalar as digits from -2^(width-1) to 2^(width-1), the smallest first.
 * @param {bigint} scalar below 2^253 @param {number} width
 * @param {Int32Array} digits @param {number} at @param {number} windows
 */
function writeDigits(scalar, width, digits, at, windows) {
    const words = new BigUint64Array(5);
    for (let i = 0, rest = scalar; i < 4; i++, rest >>= 64n) words[i] = BigInt.asUintN(64, rest);
    const halves = new Uint32Array(words.buffer);
    let over = 0;
    for (let window = 0; window < windows; window++) {
        const bit = window * width, half = bit >> 5, shift = bit & 31;
        let digit = halves[half] >>> shift;
        if (shift > 0) digit |= halves[half + 1] << (32 - shift);
        digit = (digit & (1 << width) - 1) + over;
        over = digit > 1 << (width - 1) ? 1 : 0;
        digits[at + window] = digit - (over << width);
    }
}

/**
 * Σ scalars[i] · points[i].
 * @param {readonly bigint[]} scalars from 0 to ℓ - 1
 * @param {readonly Point[]} points as many
 * @returns {Point}
 */
export function multiscalar(scalars, points) {
    const count = points.length;
    const width = widthFor(count);
    const windows = Math.ceil(254 / width); // of 253 bits and what the last digit but one may carry
    const prepared = prepare(points);
    const digits = new Int32Array(windows * count);
    scalars.forEach((scalar, i) => writeDigits(scalar, width, digits, i * windows, windows));

    const buckets = new Float64Array(POINT * (1 << (width - 1)));
    const empty = identity();
    const result = identity();
    for (let window = windows - 1; window >= 0; window--) {
        for (let i = 0; i < width; i++) doublePoint(result, 0);
        for (let at = 0; at < buckets.length; at += POINT) buckets.set(empty, at);
        for (let i = 0; i < count; i++) {
            const digit = digits[i * windows + window];
            if (digit === 0) continue;
            addPrepared(buckets, POINT * (Math.abs(digit) - 1), prepared, PREPARED * i, digit < 0);
        }
        // 1 · first + 2 · second + …, as the sum of the sums from the end
        const running = identity();
        for (let at = buckets.length - POINT; at >= 0; at -= POINT) {
            addPoint(running, 0, buckets, at);
            addPoint(result, 0, running, 0);
        }
    }
    return result;
}
