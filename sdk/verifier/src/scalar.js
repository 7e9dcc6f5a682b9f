/** Integers modulo the prime order ℓ of ristretto255, as `bigint`s from 0 to ℓ - 1. Not constant in time. */
import { integerLittleEndian } from './bytes.js';

/** ℓ, the order of the group. */
export const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** Any integer, modulo ℓ. @param {bigint} integer */
export function reduce(integer) {
    const rest = integer % ORDER;
    return rest < 0n ? rest + ORDER : rest;
}

/** 32 bytes, little-endian, below ℓ; undefined if they are not. @param {Uint8Array} bytes */
export function scalarOf(bytes) {
    const integer = integerLittleEndian(bytes);
    return bytes.length === 32 && integer < ORDER ? integer : undefined;
}

/** Any bytes, little-endian, reduced. @param {Uint8Array} bytes */
export function scalarOfWide(bytes) {
    return integerLittleEndian(bytes) % ORDER;
}

/** base^exponent. @param {bigint} base @param {bigint} exponent not negative */
export function power(base, exponent) {
    let result = 1n;
    for (let square = base, rest = exponent; rest > 0n; rest >>= 1n) {
        if (rest & 1n) result = result * square % ORDER;
        square = square * square % ORDER;
    }
    return result;
}

/** The inverses of scalars, none of them zero, at the cost of one. @param {readonly bigint[]} scalars */
export function invertAll(scalars) {
    const before = [1n];
    scalars.forEach((scalar, i) => before.push(before[i] * scalar % ORDER));
    let inverse = power(before[scalars.length], ORDER - 2n);
    const inverses = scalars.slice();
    for (let i = scalars.length - 1; i >= 0; i--) {
        inverses[i] = inverse * before[i] % ORDER;
        inverse = inverse * scalars[i] % ORDER;
    }
    return inverses;
}

/** 1 + x + x² + … of `count` terms, a power of two. @param {bigint} x @param {number} count */
export function sumOfPowers(x, count) {
    let sum = 1n;
    for (let terms = 1, factor = x; terms < count; terms *= 2) {
        sum = sum * (1n + factor) % ORDER;
        factor = factor * factor % ORDER;
    }
    return sum;
}
