import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as field from '../src/field.js';
import { integerLittleEndian } from '../src/bytes.js';
import { Random } from './vectors.js';

const { LIMBS, P } = field;
const OFFSETS = [0, 22, 43, 64, 85, 107, 128, 149, 170, 192, 213, 234, 255];
const modulo = (/** @type {bigint} */ value) => ((value % P) + P) % P;

/** @param {Float64Array} f */
const integerOf = (f) => integerLittleEndian(field.toBytes(f, 0));

/** The integer that limbs stand for, whatever their size. @param {Float64Array} f */
const valueOf = (f) => modulo(Array.from(f).reduce((sum, limb) => sum + BigInt(limb), 0n));

/** Limbs as large as they may be, times `bound`. @param {number} bound @param {(i: number) => number} sign */
function extreme(bound, sign) {
    // limbs 1 and 7 take a last carry, and so may be a little larger
    return Float64Array.from({ length: LIMBS }, (_, i) => {
        const unit = 2 ** OFFSETS[i];
        const largest = 2 ** (OFFSETS[i + 1] - OFFSETS[i] - 1) + (i === 1 || i === 7 ? 2 ** 14 : 0);
        return sign(i) * bound * largest * unit;
    });
}

const EDGES = [0n, 1n, 2n, 18n, 19n, 20n, P - 1n, P - 2n, P, P + 1n, P + 18n, 2n ** 255n - 1n, 2n ** 254n, 2n ** 22n];

test('arithmetic is that of integers', () => {
    const random = new Random(3);
    const values = [...EDGES, ...Array.from({ length: 60 }, () => random.integer(P))];
    const o = new Float64Array(LIMBS);
    for (const a of values) {
        const f = field.fromInteger(a);
        assert.equal(integerOf(f), modulo(a));
        field.square(o, 0, f, 0);
        assert.equal(integerOf(o), modulo(a * a));
        field.negate(o, 0, f, 0);
        assert.equal(integerOf(o), modulo(-a));
        assert.equal(field.isZero(f, 0), modulo(a) === 0n);
        assert.equal(field.isNegative(f, 0), (modulo(a) & 1n) === 1n);
        field.invert(o, 0, f, 0);
        assert.equal(modulo(integerOf(o) * a), modulo(a) === 0n ? 0n : 1n);
        for (const b of values) {
            const g = field.fromInteger(b);
            field.mul(o, 0, f, 0, g, 0);
            assert.equal(integerOf(o), modulo(a * b));
            field.add(o, 0, f, 0, g, 0);
            assert.equal(integerOf(o), modulo(a + b));
            field.sub(o, 0, f, 0, g, 0);
            assert.equal(integerOf(o), modulo(a - b));
            assert.equal(field.equal(f, 0, g, 0), modulo(a) === modulo(b));
        }
    }
});

test('bytes are read without their highest bit, and reduced', () => {
    const random = new Random(4);
    const f = new Float64Array(LIMBS);
    for (let i = 0; i < 200; i++) {
        const bytes = random.bytes(32);
        if (i % 3 === 0) bytes.fill(0xff, 1);
        field.fromBytes(f, 0, bytes, 0);
        assert.equal(integerOf(f), modulo(integerLittleEndian(bytes) & 2n ** 255n - 1n));
    }
});

test('no product of factors within their bounds is rounded', () => {
    const random = new Random(5);
    const o = new Float64Array(LIMBS);
    /** @type {((i: number) => number)[]} */
    const signs = [() => 1, () => -1, (i) => (i % 2 === 0 ? 1 : -1)];
    for (let i = 0; i < 100; i++) signs.push(() => (random.number(2) === 0 ? 1 : -1));
    for (const [one, other] of [[1, 1], [1, 12], [3, 3], [3, 4], [2, 6], [12, 1]]) {
        for (const sign of signs) {
            for (const second of signs.slice(0, 5)) {
                const f = extreme(one, sign), g = extreme(other, second);
                const expected = modulo(valueOf(f) * valueOf(g));
                field.mul(o, 0, f, 0, g, 0);
                assert.equal(valueOf(o), expected);
                assert.equal(integerOf(o), expected);
                assert.ok(o.every((limb, i) => Math.abs(limb) <= Math.abs(extreme(1, () => 1)[i])), 'tight');
            }
        }
    }
    for (const sign of signs) {
        const f = extreme(3, sign);
        field.square(o, 0, f, 0);
        assert.equal(valueOf(o), modulo(valueOf(f) ** 2n));
        field.carry(o, 0, f, 0);
        assert.equal(valueOf(o), valueOf(f));
    }
});

test('the power for roots', () => {
    const random = new Random(6);
    const o = new Float64Array(LIMBS);
    for (const a of [...EDGES, random.integer(P)]) {
        let expected = 1n;
        for (const bit of ((P - 5n) / 8n).toString(2)) expected = modulo(expected * expected * (bit === '1' ? a : 1n));
        field.powerForRoot(o, field.fromInteger(a));
        assert.equal(integerOf(o), expected);
    }
});
