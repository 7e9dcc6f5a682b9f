import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { verifyBundle } from '../src/bundle.js';
import { concat, utf8 } from '../src/bytes.js';
import { parseLogKeys } from '../src/checkpoint.js';
import { VerifyError } from '../src/error.js';
import { parsePolicy } from '../src/policy.js';
import { reportJson, reportText } from '../src/report.js';
import { parseStatementPolicy } from '../src/statement-policy.js';
import { STATEMENTS, STATEMENTS_TEXT } from '../src/statements.js';
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
