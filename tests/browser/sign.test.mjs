/** The signing page's modules against the specifications' own examples, in Node. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const module = (name) => import(path.join(root, 'portal/static/sign', name));
const { parse, proof, recoveryKey, reveal, fresh } = await module('code.js');
const { claims, enrolled, envelope, newId, sign } = await module('jws.js');
const { thumbprintOf } = await module('keys.js');
const { decode, fromBase64url, toBase64url } = await module('bytes.js');

/** The example of a page between its fences. */
function example(page, name) {
    const text = readFileSync(path.join(root, `docs/spec/${page}.md`), 'utf8');
    return text.split(`example=${name}\n`)[1].split('\n```')[0];
}

const lines = Object.fromEntries(example('event', 'recovery-code').split('\n').map((line) => line.split(/ {2,}/)));

test('a code gives the recovery key of the specification', async () => {
    const code = await parse(lines.code);
    assert.equal((await recoveryKey(code, lines.tenant)).thumbprint, lines['recovery key']);
    assert.equal(await reveal(code), lines.code);
});

test('a code reads back however it is typed, and a mistyped one is none', async () => {
    const code = await parse(lines.code);
    for (const typed of [lines.code.toLowerCase(), lines.code.replaceAll('-', ' '), lines.code.replaceAll('0', 'o').replaceAll('1', 'l')]) {
        assert.deepEqual(await parse(typed), code, typed);
    }
    for (const typed of ['', lines.code.slice(1), `${lines.code}0`, lines.code.replace('G', 'U'), lines.code.replace('G', 'H')]) {
        assert.equal(await parse(typed), null, typed);
    }
});

test('what logs in tells neither the code nor a key, and is no other codes’', async () => {
    const [one, two] = [fresh(), fresh()];
    const [first, second] = [await proof(one), await proof(two)];
    assert.deepEqual(await proof(one), first);
    assert.equal(new Set([first.lookup, first.proof, second.lookup, second.proof]).size, 4);
    assert.equal(fromBase64url(first.proof).length, 32);
});

test('a JWS is spelt as the specification does, over the payload as it is', async () => {
    const [header, payload] = ['envelope-header', 'envelope-payload'].map((name) => example('envelope', name));
    const signer = { thumbprint: JSON.parse(header).kid, sign: async () => new Uint8Array(64) };
    const jws = await sign('grant.withdrawn', new TextEncoder().encode(payload), signer);
    const [first, second] = jws.split('.').map((part) => part);
    assert.equal(decode(fromBase64url(first)), header);
    assert.equal(decode(fromBase64url(second)), payload);
    const framed = envelope(jws, jws);
    assert.deepEqual([...framed.subarray(0, 4)], [0, 0, jws.length >> 8, jws.length & 255]);
    assert.equal(framed.length, 2 * (4 + jws.length));
});

test('an id is a UUIDv7 of its second', () => {
    const { jti, iat } = newId();
    assert.match(jti, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(Math.floor(parseInt(jti.replaceAll('-', '').slice(0, 12), 16) / 1000), iat);
    assert.ok(Math.abs(iat - Date.now() / 1000) < 2);
});

test('bytes go to text and back', () => {
    for (let length = 0; length < 70; length += 1) {
        const bytes = crypto.getRandomValues(new Uint8Array(length));
        assert.deepEqual(fromBase64url(toBase64url(bytes)), bytes);
    }
    assert.throws(() => fromBase64url('a+b'));
});

test('a device signs for no other key, person or power than were compared', async () => {
    const tenant = '07070707-0707-4707-8707-070707070707';
    const person = 'cs-00004';
    const made = async () => {
        const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign']);
        const { x } = await crypto.subtle.exportKey('jwk', pair.publicKey);
        const jwk = { crv: 'Ed25519', kty: 'OKP', x };
        const raw = async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, message));
        return { jwk, thumbprint: await thumbprintOf(jwk), sign: raw };
    };
    const [its, other] = [await made(), await made()];
    const good = { sub: person, key: its.jwk, evidence: 'enrolled_key' };
    const takes = async (event, { kind = 'key.enrolled', aud = tenant, signer = its, seconds, compared = [its.thumbprint] } = {}) => {
        const jws = await sign(kind, claims(aud, event, seconds), signer);
        return (await enrolled({ tenant, jws }, person, new Set(compared))) !== null;
    };
    assert.equal(await takes(good), true);
    assert.equal(await takes({ ...good, sub: 'cs-00005' }), false, 'another person');
    assert.equal(await takes({ ...good, evidence: 'enterprise' }), false, 'another evidence');
    assert.equal(await takes({ ...good, recovery: other.thumbprint }), false, 'a recovery key with it');
    assert.equal(await takes({ ...good, key: other.jwk }), false, 'another key than signs');
    assert.equal(await takes({ ...good, key: other.jwk }, { signer: other }), false, 'a key that was not compared');
    assert.equal(await takes(good, { kind: 'key.rotated' }), false, 'another kind');
    assert.equal(await takes(good, { aud: '08080808-0808-4808-8808-080808080808' }), false, 'another enterprise');
    assert.equal(await takes(good, { seconds: 60 }), false, 'a member that was not shown');
    // each of them once
    const compared = new Set([its.thumbprint]);
    const jws = await sign('key.enrolled', claims(tenant, good), its);
    assert.ok(await enrolled({ tenant, jws }, person, compared));
    assert.equal(await enrolled({ tenant, jws }, person, compared), null);
    assert.equal(await enrolled({ tenant, jws: `${jws}.x` }, person, new Set([its.thumbprint])), null);
});
