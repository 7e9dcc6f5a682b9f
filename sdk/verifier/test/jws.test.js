import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { utf8 } from '../src/bytes.js';
import { VerifyError } from '../src/error.js';
import { idOfLog, parseKey, verifyEnvelope, verifyJws } from '../src/jws.js';
import { parseJson } from '../src/strict-json.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const { x } = publicKey.export({ format: 'jwk' });
const signer = parseKey(parseJson(utf8(`{"kty":"OKP","crv":"Ed25519","x":"${x}"}`)));
const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
const base64url = (/** @type {string} */ text) => Buffer.from(text).toString('base64url');

/** @param {object} header @param {string} payload */
function jws(header, payload) {
    const input = `${base64url(JSON.stringify(header))}.${base64url(payload)}`;
    return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
}

/** @param {string} text */
function envelope(text) {
    return Uint8Array.of(0, 0, text.length >> 8, text.length & 255, ...utf8(text));
}

test('what a key has signed verifies, and nothing else', () => {
    const header = { alg: 'Ed25519', typ: 'tea', kid };
    const good = jws(header, '{"a":1}');
    assert.deepEqual(verifyJws(good, signer), { typ: 'tea', payload: utf8('{"a":1}') });
    assert.equal(verifyEnvelope(envelope(good), signer).typ, 'tea');
    const [head, payload, signature] = good.split('.');
    for (const wrong of [
        '', `${head}.${payload}`, `${good}.`, `${head}.${base64url('{"a":2}')}.${signature}`, `${head}.${payload}.${signature.slice(4)}`,
        jws({ ...header, alg: 'EdDSA' }, '{}'), jws({ ...header, crit: 'a' }, '{}'), jws({ ...header, kid: base64url('x'.repeat(32)) }, '{}'),
        jws({ alg: 'Ed25519', typ: 'tea' }, '{}'), `${base64url('{}')}.${payload}.${signature}`, `${head}=.${payload}.${signature}`,
    ]) assert.throws(() => verifyJws(wrong, signer), VerifyError, wrong);
    for (const wrong of [new Uint8Array(), envelope(good).subarray(1), Uint8Array.of(...envelope(good), 0), envelope(good).slice(0, -1)]) {
        assert.throws(() => verifyEnvelope(wrong, signer), VerifyError);
    }
});

test('keys are those of Ed25519', () => {
    for (const jwk of ['{}', '[]', `{"kty":"OKP","crv":"X25519","x":"${x}"}`, '{"kty":"OKP","crv":"Ed25519","x":"AA"}',
        `{"kty":"OKP","crv":"Ed25519","x":"${'A'.repeat(43)}"}`]) {
        assert.throws(() => parseKey(parseJson(utf8(jwk))), VerifyError, jwk);
    }
});

test('the id of a log is that of the specification', () => {
    assert.equal(idOfLog('grantbook.example/sandbox'), '549bb825-a2b7-85e4-9ebb-355835e9074b');
});
