import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyBundle } from '../src/bundle.js';
import { concat, utf8 } from '../src/bytes.js';
import { parseLogKeys } from '../src/checkpoint.js';
import { VerifyError } from '../src/error.js';
import { parsePolicy } from '../src/policy.js';
import { reportJson, reportText } from '../src/report.js';
import { parseStatementPolicy } from '../src/statement-policy.js';
import { STATEMENTS, STATEMENTS_TEXT } from '../src/statements.js';
import { answer } from '../src/worker.js';
import { Random, fromBase64url, read } from './vectors.js';

/** @typedef {import('../src/bundle.js').Verified} Verified */
/** @typedef {{ name: string, bundle: string, follows?: string, report: object }} ValidCase */
/**
 * @typedef {object} InvalidCase
 * @property {string} name @property {string} [bundle] @property {string} [of] @property {number} [at]
 * @property {number} [removed] @property {string} [inserted] @property {string} [follows] @property {string} [keys]
 * @property {string} [policy] @property {string} [witnesses] @property {string} error @property {string} [statement]
 * @property {number} [leaf]
 */
/** @type {{ statements: string, keys: string, policy: string, valid: ValidCase[], invalid: InvalidCase[] }} */
const vectors = read('../../../tests/vectors/compliance-proof.json');
const bundles = new Map(vectors.valid.map(({ name, bundle }) => [name, fromBase64url(bundle)]));
const rules = { keys: parseLogKeys(vectors.keys), policy: parseStatementPolicy(utf8(vectors.policy)) };

/** @param {string} name */
function bundleOf(name) {
    const bundle = bundles.get(name);
    assert.ok(bundle !== undefined, name);
    return bundle;
}

/** @type {Map<string, Verified>} */
const verified = new Map();
/** A valid bundle after those that it follows. @param {string | undefined} name @returns {Verified | undefined} */
function verify(name) {
    if (name === undefined) return undefined;
    let result = verified.get(name);
    if (result === undefined) {
        const follows = vectors.valid.find((vector) => vector.name === name)?.follows;
        result = verifyBundle(bundleOf(name), { ...rules, chain: verify(follows)?.chain });
        verified.set(name, result);
    }
    return result;
}

test('the statements are those of the specification', () => {
    const page = readFileSync(new URL('../../../docs/spec/compliance-proof.md', import.meta.url), 'utf8');
    assert.ok(page.includes(`\n${STATEMENTS_TEXT}\`\`\``));
    assert.equal(vectors.statements, STATEMENTS_TEXT);
    const lines = STATEMENTS_TEXT.split('\n').filter((line) => /^[ 1][0-9] /.test(line));
    assert.deepEqual(lines.map((line) => line.slice(3).split(' ')[0]), STATEMENTS.map(({ name }) => name));
    lines.slice(1).forEach((line, i) => {
        const kind = /(R32|R64|Z) /.exec(line)?.[1];
        assert.equal(kind, { 0: 'Z', 32: 'R32', 64: 'R64' }[STATEMENTS[i + 1].bits], line);
    });
});

for (const { name, report } of vectors.valid) {
    test(`valid: ${name}`, () => {
        const got = verify(name)?.report;
        assert.ok(got !== undefined);
        assert.deepEqual(JSON.parse(reportJson(got)), report);
        assert.equal(reportText(got).startsWith('NOTHING PROVED'), got.ownEntries === 0);
    });
}

/** @param {InvalidCase} vector */
function changed({ bundle, of, at, removed = 0, inserted = '' }) {
    if (bundle !== undefined) return fromBase64url(bundle);
    const whole = bundleOf(String(of));
    if (at === undefined) return whole;
    return concat(whole.subarray(0, at), fromBase64url(inserted), whole.subarray(at + removed));
}

for (const vector of vectors.invalid) {
    test(`invalid: ${vector.name}`, () => {
        const { keys, policy, witnesses, follows, error: word, statement, leaf } = vector;
        const bytes = changed(vector);
        const run = () => verifyBundle(bytes, {
            keys: keys === undefined ? rules.keys : parseLogKeys(keys),
            policy: policy === undefined ? rules.policy : parseStatementPolicy(utf8(policy)),
            witnessPolicy: witnesses === undefined ? undefined : parsePolicy(utf8(witnesses)),
            chain: verify(follows)?.chain,
        });
        assert.throws(run, (error) => {
            assert.ok(error instanceof VerifyError, String(error));
            assert.equal(error.code, `bundle-${word.replaceAll('_', '-')}`, error.message);
            if (statement !== undefined) assert.equal(error.statement, statement);
            if (leaf !== undefined) assert.equal(error.leafIndex, BigInt(leaf));
            return true;
        });
    });
}

/** What the length of a field may hold. */
const AWKWARD = [0, 1, 2, 0x7f, 0x80, 0xff];

/** One thing about the bytes, changed. @param {Random} random @param {Uint8Array} bytes @param {number} at */
function mutated(random, bytes, at) {
    const length = 1 + random.number(40);
    switch (random.number(6)) {
        case 0: return bytes.slice(0, at);
        case 1: return concat(bytes.subarray(0, at), bytes.subarray(at + length));
        case 2: return concat(bytes.subarray(0, at), random.bytes(length), bytes.subarray(at));
        case 3: {
            const other = random.number(bytes.length - length);
            return concat(bytes.subarray(0, at), bytes.subarray(other, other + length), bytes.subarray(at + length));
        }
        case 4: {
            const changed = bytes.slice();
            changed[at] = AWKWARD[random.number(AWKWARD.length)];
            return changed;
        }
        default: {
            const changed = bytes.slice();
            changed[at] ^= 1 << random.number(8);
            return changed;
        }
    }
}

test('2,000 mutations of a bundle are refused, and by nothing but a VerifyError', () => {
    const random = new Random(31);
    const bytes = bundleOf('small');
    // a proof is as good as another: most of the time goes to what is read before and after them
    const proofs = { from: 1675, to: bytes.length - 900 };
    let count = 0;
    while (count < 2000) {
        const inProofs = count % 100 === 0;
        const at = inProofs ? proofs.from + random.number(proofs.to - proofs.from) : random.number(bytes.length);
        if (!inProofs && at >= proofs.from - 3 && at < proofs.to) continue;
        const changed = mutated(random, bytes, at);
        if (Buffer.compare(changed, bytes) === 0) continue;
        assert.throws(() => verifyBundle(changed, rules), VerifyError, `mutation ${count} at ${at}`);
        count += 1;
    }
});

test('a refused day leaves what was kept as it was', () => {
    const chain = verify('a day')?.chain;
    assert.ok(chain !== undefined);
    const day = bundleOf('exceptions');
    const broken = day.slice();
    broken[day.length - 1] ^= 1;
    const before = chain.clone();
    assert.throws(() => verifyBundle(broken, { ...rules, chain }), { code: 'bundle-tree' });
    assert.deepEqual(chain, before);
    assert.throws(() => verifyBundle(day, { ...rules, chain: verify('exceptions')?.chain }), { code: 'bundle-chain' });
});

const chainNames = ['a day', 'exceptions', 'nothing'];

test('the command: a chain of days', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'grantbook-verifier-'));
    context.after(() => rmSync(folder, { recursive: true }));
    /** @param {string} name @param {string | Uint8Array} content */
    const file = (name, content) => {
        writeFileSync(join(folder, name), content);
        return join(folder, name);
    };
    const demands = ['--keys', file('vkey', vectors.keys), '--policy', file('policy.json', vectors.policy)];
    const [day, exceptions, nothing] = chainNames.map((name, i) => file(`${i}.bundle`, bundleOf(name)));
    const bin = new URL('../bin/verify-bundle.js', import.meta.url).pathname;
    /** @param {...string} items */
    const run = (...items) => spawnSync(process.execPath, [bin, ...items], { encoding: 'utf8' });

    const two = run(...demands, '--json', day, exceptions);
    assert.equal(two.status, 0, two.stderr);
    assert.deepEqual(two.stdout.trim().split('\n').map((line) => JSON.parse(line)), vectors.valid.slice(0, 2).map(({ report }) => report));
    const none = run(...demands, day, exceptions, nothing);
    assert.equal(none.status, 1);
    assert.match(none.stdout, /^NOTHING PROVED/m);
    const out = run(...demands, exceptions);
    assert.equal(out.status, 1);
    assert.match(out.stdout, /^REFUSED .*bundle-chain/);
    assert.equal(run(...demands).status, 2);
    assert.equal(run('--keys', day, '--policy', day, day).status, 2);
    assert.match(run(...demands, '--html', day).stdout, /^<!doctype html>/);
});

test('what a worker answers', () => {
    const question = { keys: vectors.keys, policy: utf8(vectors.policy) };
    const { reports, refused } = answer({ ...question, bundles: [bundleOf('small'), bundleOf('exceptions')] });
    assert.deepEqual(JSON.parse(reports[0].json), vectors.valid.find(({ name }) => name === 'small')?.report);
    assert.deepEqual([reports.length, refused?.code], [1, 'bundle-chain']);
});
