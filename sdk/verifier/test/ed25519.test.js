import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { concat, fromHex, integerLittleEndian } from '../src/bytes.js';
import { isPublicKey, verifyEd25519 } from '../src/ed25519.js';
import { ORDER } from '../src/scalar.js';
import { sha512 } from '../src/sha2.js';
import { Random } from './vectors.js';

/** @param {bigint} value */
const littleEndian = (value) => Uint8Array.from({ length: 32 }, (_, i) => Number(value >> BigInt(8 * i) & 255n));

test('signatures of @noble/curves verify, and no changed one does', async () => {
    const random = new Random(11);
    for (let i = 0; i < 20; i++) {
        const secret = random.bytes(32), message = random.bytes(i * 17);
        const key = ed25519.getPublicKey(secret), signature = ed25519.sign(message, secret);
        assert.ok(verifyEd25519(key, message, signature));
        const imported = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
        assert.ok(await crypto.subtle.verify('Ed25519', imported, signature, message));
        for (const changed of [signature, key, message]) {
            if (changed.length === 0) continue;
            const at = random.number(changed.length), bit = 1 << random.number(8);
            changed[at] ^= bit;
            assert.ok(!verifyEd25519(key, message, signature));
            changed[at] ^= bit;
        }
        assert.ok(!verifyEd25519(key, message, signature.subarray(1)));
        assert.ok(!verifyEd25519(key.subarray(1), message, signature));
    }
});

test('a scalar that is not reduced is refused', () => {
    const secret = new Uint8Array(32).fill(7), message = new Uint8Array(3);
    const key = ed25519.getPublicKey(secret), signature = ed25519.sign(message, secret);
    const s = integerLittleEndian(signature.subarray(32));
    assert.ok(verifyEd25519(key, message, signature));
    assert.ok(!verifyEd25519(key, message, concat(signature.subarray(0, 32), littleEndian(s + ORDER))));
});

test('keys and R of small order are refused', () => {
    // the eight points of small order, and spellings of them that are not canonical
    const small = [
        '0100000000000000000000000000000000000000000000000000000000000000',
        'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
        '0000000000000000000000000000000000000000000000000000000000000000',
        '0000000000000000000000000000000000000000000000000000000000000080',
        '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
        '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
        'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
        'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
        '0100000000000000000000000000000000000000000000000000000000000080',
        'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
        'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    ].map(fromHex);
    for (const point of small) {
        assert.ok(!isPublicKey(point));
        // s = 0 and R = A satisfy the equation with some of these keys
        assert.ok(!verifyEd25519(point, new Uint8Array(0), concat(point, new Uint8Array(32))));
    }
    // under the identity as a key, s and s·B satisfy the equation whatever the message is
    const five = littleEndian(5n);
    const r5 = ed25519.Point.BASE.multiply(5n).toBytes();
    assert.ok(!verifyEd25519(small[0], new Uint8Array(9), concat(r5, five)));
    // R of small order under an honest key: s = k·a mod ℓ makes s·B - k·A the identity
    const secret = new Uint8Array(32).fill(9);
    const { scalar } = ed25519.utils.getExtendedPublicKey(secret);
    const key = ed25519.getPublicKey(secret), r = small[0], message = new Uint8Array(5);
    const k = integerLittleEndian(sha512(concat(r, key, message))) % ORDER;
    assert.ok(isPublicKey(key));
    assert.ok(!verifyEd25519(key, message, concat(r, littleEndian(k * scalar % ORDER))));
});

test('keys that are not canonical are refused', () => {
    let found = 0;
    for (let y = 2n; y < 19n; y++) {
        // of large order, unlike most that can be spelled twice
        if (!isPublicKey(littleEndian(y))) continue;
        found += 1;
        assert.ok(!isPublicKey(littleEndian(2n ** 255n - 19n + y)), `${y}`);
    }
    assert.ok(found > 0);
});
