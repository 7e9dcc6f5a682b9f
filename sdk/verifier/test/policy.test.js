import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { encodeBase64 } from '../src/base64.js';
import { concat, fromHex, hex, u64BigEndian, utf8 } from '../src/bytes.js';
import { parseLogKeys } from '../src/checkpoint.js';
import { parsePolicy, verifyWitnessed } from '../src/policy.js';
import { sha256 } from '../src/sha2.js';
import { codeOf } from './vectors.js';

const ORIGIN = 'log.example/grantbook';

/** A key that signs, of a seed. @param {string} name @param {number} kind @param {number} seed */
function signer(name, kind, seed) {
    const secret = new Uint8Array(32).fill(seed);
    const typed = concat(Uint8Array.of(kind), ed25519.getPublicKey(secret));
    const id = hex(sha256(concat(utf8(`${name}\n`), typed)).slice(0, 4));
    /** @param {Uint8Array} bytes */
    const line = (bytes) => `— ${name} ${encodeBase64(concat(fromHex(id), bytes))}\n`;
    return {
        vkey: `${name}+${id}+${encodeBase64(typed)}`,
        sign: (/** @type {string} */ text) => line(ed25519.sign(utf8(text), secret)),
        cosign: (/** @type {string} */ text, /** @type {bigint} */ time) => (
            line(concat(u64BigEndian(time), ed25519.sign(utf8(`cosignature/v1\ntime ${time}\n${text}`), secret)))
        ),
    };
}

const log = signer(ORIGIN, 1, 17), clock = signer(`${ORIGIN}/clock`, 4, 34);
const witnesses = Array.from({ length: 5 }, (_, i) => signer(`witness.example/w${i}`, 4, 51 + i));
const keys = parseLogKeys(`${log.vkey}\n${clock.vkey}\n`);
const TEXT = `${ORIGIN}\n11\n${encodeBase64(new Uint8Array(32).fill(1))}\n`;
const SIGNED = `${TEXT}\n${log.sign(TEXT)}${clock.cosign(TEXT, 1000n)}`;

/** @param {string} rest after the lines of the witnesses */
function policyOf(rest) {
    return parsePolicy(utf8(witnesses.map(({ vkey }, i) => `witness w${i} ${vkey} https://example/${i}\n`).join('') + rest));
}

/** @param {string} rest of the policy @param {[number, bigint][]} cosigners number and time */
function witnessed(rest, cosigners) {
    const lines = cosigners.map(([number, time]) => witnesses[number].cosign(TEXT, time)).join('');
    return verifyWitnessed(utf8(SIGNED + lines), keys, policyOf(rest)).cosigned;
}

test('a quorum is reached by those whom the policy asks for', () => {
    const rest = 'group x 2 w0 w1 w2\ngroup y any w3 w4\n# comment\n\n\tgroup both all  x y\nquorum both\n';
    for (let set = 0; set < 32; set++) {
        const members = [0, 1, 2, 3, 4].filter((i) => set >> i & 1);
        const expected = members.filter((i) => i < 3).length >= 2 && members.some((i) => i >= 3);
        const { by, quorum, time } = witnessed(rest, members.map((i) => [i, 7n]));
        assert.deepEqual([quorum, time], [expected, expected ? 7n : undefined], `${members}`);
        assert.deepEqual(by, members.map((i) => ({ name: `w${i}`, time: 7n })));
    }
    assert.equal(witnessed('quorum none\n', []).quorum, true);
});

test('the time of a witnessed checkpoint is the median', () => {
    const largest = 2n ** 63n - 1n;
    for (const [times, expected] of /** @type {[bigint[], bigint | undefined][]} */ ([
        [[], undefined], [[7n], 7n], [[9n, 7n], 7n], [[9n, largest, 7n], 9n], [[9n, 0n, 7n], 7n], [[1n, 2n, 3n, 4n], 2n],
    ])) {
        assert.equal(witnessed('quorum none\n', times.map((time, i) => [i, time])).time, expected);
    }
});

test('lines of witnesses count once, and hold', () => {
    const rest = 'quorum w0\n';
    assert.equal(codeOf(() => witnessed(rest, [[0, 1n], [0, 2n]])), 'note-repeated');
    const wrong = witnesses[0].cosign(`${TEXT}x`, 1n);
    assert.equal(codeOf(() => verifyWitnessed(utf8(SIGNED + wrong), keys, policyOf(rest))), 'note-signature');
    const stranger = signer('witness.example/w9', 4, 99).cosign(`${TEXT}x`, 1n);
    const { cosigned, others } = verifyWitnessed(utf8(SIGNED + stranger), keys, policyOf(rest));
    assert.deepEqual([cosigned.quorum, others.map(({ name }) => name)], [false, ['witness.example/w9']]);
});

test('a policy that names logs accepts no other', () => {
    const other = signer(ORIGIN, 1, 18);
    assert.ok(verifyWitnessed(utf8(SIGNED), keys, policyOf(`log ${log.vkey}\nquorum none\n`)).cosigned.quorum);
    const policy = policyOf(`log ${other.vkey} https://example\nquorum none\n`);
    assert.equal(codeOf(() => verifyWitnessed(utf8(SIGNED), keys, policy)), 'other-log');
});

test('policies that are refused', () => {
    const [w0, w1] = witnesses.map(({ vkey }) => vkey);
    const two = `witness a ${w0}\nwitness b ${w1}\n`;
    for (const [text, code, line] of /** @type {[string, string, number?][]} */ ([
        [`${two}group g 0 a b\nquorum g\n`, 'policy-line', 3],
        [`${two}group g 3 a b\nquorum g\n`, 'policy-line', 3],
        [`${two}group g 01 a b\nquorum g\n`, 'policy-line', 3],
        [`${two}group g some a b\nquorum g\n`, 'policy-line', 3],
        [`${two}group g all\nquorum none\n`, 'policy-line', 3],
        [`${two}group g all a a\nquorum g\n`, 'policy-line', 3],
        [`${two}group g any a\ngroup h any a\nquorum h\n`, 'policy-line', 4],
        [`${two}group g any g\nquorum none\n`, 'policy-line', 3],
        [`${two}group a any b\nquorum none\n`, 'policy-line', 3],
        [`${two}group none any b\nquorum none\n`, 'policy-line', 3],
        [`${two}quorum c\n`, 'policy-line', 3],
        [`quorum a\nwitness a ${w0}\n`, 'policy-line', 1],
        [`witness a ${w0}\nwitness b ${w0}\nquorum a\n`, 'policy-line', 2],
        [`witness a ${log.vkey}\nquorum a\n`, 'policy-line', 1],
        [`log ${w0}\nquorum none\n`, 'policy-line', 1],
        [`log ${log.vkey}\nlog ${log.vkey}\nquorum none\n`, 'policy-line', 2],
        [`log ${log.vkey} a b\nquorum none\n`, 'policy-line', 1],
        ['witness a key\nquorum a\n', 'note-verifier-key-form'],
        ['Quorum none\n', 'policy-line', 1],
        ['', 'policy-quorum'],
        ['quorum none\nquorum none\n', 'policy-quorum'],
        ['quorum none', 'policy-text'],
        ['quorum\u000bnone\n', 'policy-text'],
        ['quorum none\r\n', 'policy-text'],
        [`${'#'.repeat(512 * 1024)}\n`, 'policy-too-long'],
    ])) {
        const message = line === undefined ? /./ : new RegExp(`^line ${line}: `);
        assert.throws(() => parsePolicy(utf8(text)), { name: 'VerifyError', code, message }, text.slice(0, 99));
    }
    assert.equal(codeOf(() => parsePolicy(Uint8Array.of(0xff, 0x0a))), 'policy-text');
    const chain = (/** @type {number} */ count) => Array.from({ length: count - 1 }, (_, i) => `group g${i + 1} any g${i}\n`);
    const many = (/** @type {number} */ count) => `witness w ${w0}\ngroup g0 any w\n${chain(count).join('')}quorum none\n`;
    parsePolicy(utf8(many(64)));
    assert.equal(codeOf(() => parsePolicy(utf8(many(65)))), 'policy-line');
});
