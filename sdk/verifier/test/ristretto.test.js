import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js';
import { fromHex, hex, utf8 } from '../src/bytes.js';
import { addPoint, doublePoint, identity, multiply, negatePoint } from '../src/edwards.js';
import { LIMBS, fromBytes, toBytes } from '../src/field.js';
import { pedersenGenerators } from '../src/generators.js';
import { multiscalar } from '../src/multiscalar.js';
import { decode, encode, fromUniform, isIdentity, sqrtRatioM1 } from '../src/ristretto.js';
import { ORDER, invertAll, power, reduce, scalarOf, scalarOfWide, sumOfPowers } from '../src/scalar.js';
import { sha512 } from '../src/sha2.js';
import { Random, read } from './vectors.js';

/**
 * @type {{ multiples: string[], invalid: string[], derived: [string, string][], same: string[], same_element: string,
 *   roots: [string, string, boolean, string][] }}
 */
const rfc = read('vectors/rfc9496.json');

/** @param {Uint8Array} bytes */
function decoded(bytes) {
    const point = decode(bytes);
    assert.ok(point !== undefined);
    return point;
}

/** A random element, and the same as @noble/curves has it. @param {Random} random */
function pair(random) {
    const bytes = random.bytes(64);
    const deriveToCurve = ristretto255_hasher.deriveToCurve;
    assert.ok(deriveToCurve !== undefined);
    return { ours: fromUniform(bytes), theirs: deriveToCurve(bytes) };
}

test('RFC 9496, A.1: multiples of the generator', () => {
    const point = identity();
    rfc.multiples.forEach((expected, i) => {
        assert.equal(hex(encode(point)), expected);
        assert.equal(hex(encode(decoded(fromHex(expected)))), expected);
        assert.equal(hex(encode(multiply(BigInt(i), pedersenGenerators().value))), expected);
        assert.equal(isIdentity(point), i === 0);
        addPoint(point, 0, pedersenGenerators().value, 0);
    });
});

test('RFC 9496, A.2: bytes that encode no element', () => {
    for (const bytes of rfc.invalid) assert.equal(decode(fromHex(bytes)), undefined, bytes);
});

test('RFC 9496, A.3: elements out of uniform bytes', () => {
    for (const [text, expected] of rfc.derived) assert.equal(hex(encode(fromUniform(sha512(utf8(text))))), expected);
    for (const bytes of rfc.same) assert.equal(hex(encode(fromUniform(fromHex(bytes)))), rfc.same_element);
});

test('RFC 9496, A.4: roots of ratios', () => {
    /** @param {string} digits */
    const element = (digits) => {
        const f = new Float64Array(LIMBS);
        fromBytes(f, 0, fromHex(digits), 0);
        return f;
    };
    for (const [u, v, square, expected] of rfc.roots) {
        const { wasSquare, root } = sqrtRatioM1(element(u), element(v));
        assert.deepEqual([wasSquare, hex(toBytes(root, 0))], [square, expected]);
    }
});

test('elements, sums, doubles and negatives are those of @noble/curves', () => {
    const random = new Random(7);
    for (let i = 0; i < 60; i++) {
        const a = pair(random), b = pair(random);
        assert.deepEqual(encode(a.ours), a.theirs.toBytes());
        assert.deepEqual(encode(decoded(a.theirs.toBytes())), a.theirs.toBytes());
        const sum = a.ours.slice(), double = a.ours.slice(), negative = a.ours.slice();
        addPoint(sum, 0, b.ours, 0);
        doublePoint(double, 0);
        negatePoint(negative, 0);
        assert.deepEqual(encode(sum), a.theirs.add(b.theirs).toBytes());
        assert.deepEqual(encode(double), a.theirs.double().toBytes());
        assert.deepEqual(encode(negative), a.theirs.negate().toBytes());
        addPoint(negative, 0, a.ours, 0);
        assert.ok(isIdentity(negative) && !isIdentity(a.ours));
    }
});

test('bytes decode where they decode in @noble/curves, and nowhere else', () => {
    const random = new Random(8);
    let some = 0;
    for (let i = 0; i < 1000; i++) {
        const bytes = random.bytes(32);
        bytes[31] &= 0x7f;
        bytes[0] &= 0xfe;
        let theirs;
        try {
            theirs = ristretto255.Point.fromBytes(bytes).toBytes();
        } catch {
            theirs = undefined;
        }
        const ours = decode(bytes);
        assert.deepEqual(ours && encode(ours), theirs, hex(bytes));
        some += theirs === undefined ? 0 : 1;
    }
    assert.ok(some > 200 && some < 800, `${some} of 1000`);
    for (const length of [0, 31, 33]) assert.equal(decode(new Uint8Array(length)), undefined);
});

test('sums of multiples are those of @noble/curves', () => {
    const random = new Random(9);
    for (const count of [0, 1, 2, 3, 16, 150]) {
        const points = Array.from({ length: count }, () => pair(random));
        const scalars = points.map(() => random.integer(ORDER));
        // what goes wrong first: no multiple, the largest one, digits that all carry, the identity, a point twice
        [0n, ORDER - 1n, 2n ** 252n, 2n ** 252n - 1n, 1n].forEach((scalar, i) => {
            if (count > 3) scalars[i] = scalar;
        });
        if (count > 8) {
            points[6] = { ours: identity(), theirs: ristretto255.Point.ZERO };
            points[8] = points[7];
        }
        const expected = points.reduce(
            (sum, { theirs }, i) => (scalars[i] === 0n ? sum : sum.add(theirs.multiplyUnsafe(scalars[i]))),
            ristretto255.Point.ZERO,
        );
        assert.deepEqual(encode(multiscalar(scalars, points.map(({ ours }) => ours))), expected.toBytes(), `${count}`);
    }
});

test('the same scalar for all digits of a window: every bucket is met', () => {
    const base = pedersenGenerators().value;
    const scalars = Array.from({ length: 300 }, (_, i) => BigInt(i) * (ORDER / 300n));
    const total = reduce(scalars.reduce((sum, scalar) => sum + scalar, 0n));
    assert.deepEqual(encode(multiscalar(scalars, scalars.map(() => base))), encode(multiply(total, base)));
});

test('scalars', () => {
    const random = new Random(10);
    assert.equal(reduce(-1n), ORDER - 1n);
    assert.equal(reduce(ORDER), 0n);
    const order = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
    assert.equal(scalarOf(order), undefined);
    assert.equal(scalarOfWide(order), 0n);
    order[0] -= 1;
    assert.equal(scalarOf(order), ORDER - 1n);
    assert.equal(scalarOf(order.subarray(1)), undefined);
    const scalars = Array.from({ length: 20 }, () => random.integer(ORDER));
    invertAll(scalars).forEach((inverse, i) => assert.equal(reduce(inverse * scalars[i]), 1n));
    for (const count of [1, 2, 8, 64]) {
        const naive = Array.from({ length: count }, (_, i) => power(scalars[0], BigInt(i)));
        assert.equal(sumOfPowers(scalars[0], count), reduce(naive.reduce((sum, term) => sum + term)));
    }
});
