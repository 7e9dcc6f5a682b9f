import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as noble2 from '@noble/hashes/sha2.js';
import * as noble3 from '@noble/hashes/sha3.js';
import { hmac } from '@noble/hashes/hmac.js';
import { hex, utf8 } from '../src/bytes.js';
import { sha3of512, shake256 } from '../src/keccak.js';
import { Transcript } from '../src/merlin.js';
import { hmacSha256, sha256, sha512 } from '../src/sha2.js';
import { Random } from './vectors.js';

test('hashes are those of @noble/hashes at every length around their blocks', () => {
    const random = new Random(1);
    for (let length = 0; length <= 300; length++) {
        const message = random.bytes(length);
        assert.deepEqual(sha256(message), noble2.sha256(message));
        assert.deepEqual(sha512(message), noble2.sha512(message));
        assert.deepEqual(sha3of512(message), noble3.sha3_512(message));
        assert.deepEqual(shake256(message, length), noble3.shake256(message, { dkLen: length }));
    }
    const long = random.bytes(100_000);
    assert.deepEqual(sha256(long), noble2.sha256(long));
    assert.deepEqual(sha512(long), noble2.sha512(long));
});

test('HMAC-SHA-256 is that of @noble/hashes for keys of every length around a block', () => {
    const random = new Random(2);
    for (const length of [0, 1, 32, 63, 64, 65, 200]) {
        const key = random.bytes(length), message = random.bytes(100);
        assert.deepEqual(hmacSha256(key, message), hmac(noble2.sha256, key, message));
    }
});

test('the transcript of merlin\'s own test', () => {
    const transcript = new Transcript('test protocol');
    transcript.append('some label', utf8('some data'));
    assert.equal(
        hex(transcript.challenge('challenge', 32)), 'd5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615',
    );
});

test('a transcript of long messages and many challenges', () => {
    // of merlin's test equivalence_complex, as the crate merlin 3 gives it
    const transcript = new Transcript('test protocol');
    transcript.append('step1', utf8('some data'));
    const data = new Uint8Array(1024).fill(99);
    /** @type {Uint8Array} */
    let challenge = new Uint8Array(0);
    for (let i = 0; i < 32; i++) {
        challenge = transcript.challenge('challenge', 32);
        transcript.append('bigdata', data);
        transcript.append('challengedata', challenge);
    }
    assert.equal(hex(challenge), 'a8c933f54fae76e3f9bea93648c1308e7dfa2152dd51674ff3ca438351cf003c');
});

test('a copy of a transcript goes its own way', () => {
    const one = new Transcript('test protocol');
    one.append('some label', utf8('some data'));
    const other = one.clone();
    other.append('more', utf8('data'));
    const challenge = hex(one.challenge('challenge', 32));
    assert.equal(challenge, 'd5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615');
    assert.notEqual(hex(other.challenge('challenge', 32)), challenge);
});
