import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Batch, verifyRange, verifyZero } from '../src/batch.js';
import { Combination } from '../src/combination.js';
import { parseCommitment, verifyOpening } from '../src/commitment.js';
import { concat, fromHex, hex } from '../src/bytes.js';
import { multiply } from '../src/edwards.js';
import { GENERATORS_HASH, pedersenGenerators, rangeGenerators } from '../src/generators.js';
import { Transcript } from '../src/merlin.js';
import { RangeProof } from '../src/range-proof.js';
import { encode } from '../src/ristretto.js';
import { invertAll, reduce, scalarOfWide } from '../src/scalar.js';
import { sha256 } from '../src/sha2.js';
import { derivedHash, statementTranscript } from '../src/statement.js';
import { TermEncoder, termOf } from '../src/term.js';
import { Random, codeOf, contextOf, rangeStatementOf, read, termsOf } from './vectors.js';

/** @typedef {import('./vectors.js').OpeningCase} OpeningCase */
/** @typedef {import('./vectors.js').RangeCase} RangeCase */
/** @typedef {import('./vectors.js').ContextJson} ContextJson */
/** @typedef {import('./vectors.js').TermJson} TermJson */

/**
 * @type {{ generators: { B: string, B_blinding: string, hash: string }, valid: OpeningCase[], invalid: OpeningCase[],
 *   range: RangeCase[], zero: { context: ContextJson, terms: TermJson[], proof: string } }}
 */
const commitments = read('../../../tests/vectors/commitment.json');
/** @type {{ valid: RangeCase[], invalid: RangeCase[] }} */
const ranges = read('../../../tests/vectors/range-proof.json');
const CODES = new Map([
    ['mismatch', 'opening-mismatch'], ['encoding', 'commitment-encoding'], ['identity', 'commitment-identity'],
    ['blinding_encoding', 'blinding-encoding'], ['blinding_zero', 'blinding-zero'],
]);

/** @param {string} name */
function rangeCase(name) {
    const found = ranges.valid.find((candidate) => candidate.name === name);
    assert.ok(found !== undefined, name);
    return { statement: rangeStatementOf(found), proof: fromHex(found.proof) };
}

const zero = () => ({
    statement: { context: contextOf(commitments.zero.context), terms: termsOf(commitments.zero.terms) },
    proof: fromHex(commitments.zero.proof),
});

test('the generators are the frozen ones', () => {
    const { value, blinding } = pedersenGenerators();
    assert.equal(hex(encode(value)), commitments.generators.B);
    assert.equal(hex(encode(blinding)), commitments.generators.B_blinding);
    const parts = [encode(value), encode(blinding)];
    for (const side of /** @type {const} */ (['G', 'H'])) {
        for (let party = 0; party < 64; party++) parts.push(...rangeGenerators(side, party).map(encode));
    }
    assert.equal(hex(sha256(concat(...parts))), commitments.generators.hash);
    assert.equal(hex(GENERATORS_HASH), commitments.generators.hash);
});

test('openings', () => {
    /** @param {OpeningCase} vector */
    const open = ({ commitment, value, blinding }) => verifyOpening(fromHex(commitment), BigInt(value), fromHex(blinding));
    for (const vector of commitments.valid) open(vector);
    for (const vector of commitments.invalid) assert.equal(codeOf(() => open(vector)), CODES.get(vector.error), vector.name);
    const [{ commitment, blinding }] = commitments.valid;
    const higher = 2n ** 64n;
    assert.equal(codeOf(() => verifyOpening(fromHex(commitment), higher, fromHex(blinding))), 'opening-mismatch');
});

test('terms', () => {
    const encoder = new TermEncoder();
    const { parts: [payout, price] } = zero().statement.terms[0];
    const c = price.commitment;
    /** @param {import('../src/term.js').Part[]} parts @param {bigint} constant */
    const encode = (parts, constant) => parseCommitment(encoder.encode({ parts, constant }));
    assert.deepEqual(encode([{ coefficient: 1n, commitment: c }], 0n).bytes, c.bytes);
    // 3 C - 2 C - 5 B is C - 5 B, and the constant comes back
    const less = encode([{ coefficient: 3n, commitment: c }, { coefficient: -2n, commitment: c }], -5n);
    assert.notDeepEqual(less.bytes, c.bytes);
    assert.deepEqual(encode([{ coefficient: 1n, commitment: less }], 5n).bytes, c.bytes);
    assert.notDeepEqual(encode([payout, price], 0n).bytes, encode([price, payout], 1n).bytes);
    const nothing = [{ coefficient: 1n, commitment: c }, { coefficient: -1n, commitment: c }];
    assert.equal(codeOf(() => encode(nothing, 0n)), 'commitment-identity');
});

test('the frozen range proofs and the frozen proof of zero', () => {
    assert.deepEqual(commitments.range.map(({ bits }) => bits), [32, 64]);
    for (const vector of commitments.range) {
        const statement = rangeStatementOf(vector), proof = fromHex(vector.proof);
        verifyRange(statement, proof);
        const [first, ...rest] = statement.terms;
        const other = [{ ...first, constant: first.constant + 1n }, ...rest];
        assert.equal(codeOf(() => verifyRange({ ...statement, terms: other }, proof)), 'proof-rejected');
    }
    const { statement, proof } = zero();
    verifyZero(statement, proof);
    const context = contextOf(commitments.range[0].context);
    assert.equal(codeOf(() => verifyZero({ ...statement, context }, proof)), 'proof-rejected');
    assert.equal(codeOf(() => verifyZero({ ...statement, terms: statement.terms.slice(1) }, proof)), 'proof-rejected');
});

test('the 16 proofs that dalek froze', (context) => {
    const path = new URL('../../../../shared/vectors/bulletproofs-16-frozen.json', import.meta.url);
    if (!existsSync(path)) {
        context.skip('needs the vectors bulletproofs-16-frozen.json beside the repository');
        return;
    }
    /** @type {{ n: number, m: number, proof: string, vc: string[] }[]} */
    const frozen = read(path.href);
    assert.equal(frozen.length, 16);
    for (const { n, m, proof, vc } of frozen) {
        /** @param {Uint8Array} bytes */
        const holds = (bytes) => {
            const where = { statement: `${n} × ${m}`, chunk: 0 };
            const values = vc.map(fromHex);
            const terms = values.map((value) => termOf(parseCommitment(value)));
            const replayed = new RangeProof(bytes, n, m, where)
                .challenges(new Transcript('Deserialize-And-Verify Test'), values, terms);
            const sum = new Combination();
            replayed.addTo(sum, 1n, 2n ** 128n + 5n);
            return sum.holds();
        };
        const bytes = fromHex(proof);
        assert.ok(holds(bytes), `${n} × ${m}`);
        bytes[32 * 4] ^= 1; // of t_x
        assert.ok(!holds(bytes), `${n} × ${m} changed`);
    }
});

test('frozen range statements hold, changed ones do not', () => {
    for (const vector of ranges.valid) verifyRange(rangeStatementOf(vector), fromHex(vector.proof));
    for (const vector of ranges.invalid) {
        assert.ok(codeOf(() => verifyRange(rangeStatementOf(vector), fromHex(vector.proof))), vector.name);
    }
});

test('why a statement is refused', () => {
    const expected = new Map([
        ['version 2', 'proof-version'], ['kind 2', 'proof-kind'], ['a byte missing', 'proof-length'],
        ['a byte too many', 'proof-length'], ['no proof', 'proof-length'], ['no term', 'proof-empty'],
        ['a term that is the identity', 'commitment-identity'], ['a commitment that is no point', 'commitment-encoding'],
        ['a commitment that is the identity', 'commitment-identity'], ['A no point', 'proof-encoding'],
        ['A the identity', 'proof-rejected'], ['L of round 7 the identity', 'proof-rejected'],
        ['t_x not reduced', 'proof-encoding'], ['b not reduced', 'proof-encoding'], ['a zero', 'proof-rejected'],
        ['another coefficient', 'proof-rejected'], ['a part in two', 'proof-rejected'], ['another origin', 'proof-rejected'],
        ['two chunks swapped', 'proof-rejected'], ['another range', 'proof-length'],
    ]);
    for (const [name, code] of expected) {
        const vector = ranges.invalid.find((candidate) => candidate.name === name);
        assert.ok(vector !== undefined, name);
        assert.equal(codeOf(() => verifyRange(rangeStatementOf(vector), fromHex(vector.proof))), code, name);
    }
});

test('the identity within a proof is refused before any equation', () => {
    for (const vector of ranges.invalid.filter(({ name }) => name.endsWith('the identity') && !name.startsWith('a '))) {
        const batch = new Batch();
        const add = () => batch.addRange(rangeStatementOf(vector), fromHex(vector.proof));
        assert.equal(codeOf(add), 'proof-rejected', vector.name);
    }
});

test('weights depend on every byte of a proof', () => {
    const { statement, proof } = rangeCase('3 values of 32 bits');
    /** @param {Uint8Array} bytes */
    const digest = (bytes) => {
        const batch = new Batch();
        batch.addRange(statement, bytes);
        return hex(batch.items[0].digest);
    };
    const digests = new Set([digest(proof)]);
    // scalars stay below the order with their lowest bit changed
    const scalars = [4, 5, 6, 21, 22].map((part) => 2 + 32 * part);
    for (const at of scalars) {
        const changed = proof.slice();
        changed[at] ^= 1;
        digests.add(digest(changed));
    }
    assert.equal(digests.size, 1 + scalars.length);
});

test('a term that is the identity is refused', () => {
    const { statement, proof } = rangeCase('3 values of 32 bits');
    const terms = statement.terms.slice();
    terms[1] = { ...termOf(parseCommitment(encode(pedersenGenerators().value))), constant: -1n };
    assert.throws(
        () => verifyRange({ ...statement, terms }, proof), { code: 'commitment-identity', index: 1, statement: 'range' },
    );
});

test('no bit of a proof can change', () => {
    const random = new Random(12);
    const { statement, proof } = rangeCase('3 values of 32 bits');
    for (let at = 0; at < proof.length; at += 5) {
        const changed = proof.slice();
        changed[at] ^= 1 << random.number(8);
        assert.ok(codeOf(() => verifyRange(statement, changed)), `byte ${at}`);
    }
    const { statement: target, proof: ofZero } = zero();
    for (let at = 0; at < ofZero.length; at++) {
        const changed = ofZero.slice();
        changed[at] ^= 1 << random.number(8);
        assert.ok(codeOf(() => verifyZero(target, changed)), `byte ${at}`);
    }
    const identity = concat(ofZero.subarray(0, 2), new Uint8Array(64));
    assert.equal(codeOf(() => verifyZero(target, identity)), 'proof-rejected');
});

/** Makes a chunk false, and leaves it well-formed: the last scalar, on which no challenge depends, differs in a bit. */
function falsify(/** @type {Uint8Array} */ proof, /** @type {number} */ end) {
    const changed = proof.slice();
    changed[end - 30] ^= 1;
    return changed;
}

test('around every boundary of a chunk, one false proof at any place is named', () => {
    for (const count of [1, 2, 63, 64, 65, 127, 128, 129]) {
        const { statement, proof } = rangeCase(`${count} values of 32 bits`);
        const chunks = Math.ceil(count / 64);
        for (let chunk = 0; chunk < chunks; chunk++) {
            const end = chunk < chunks - 1 ? 2 + 992 * (chunk + 1) : proof.length;
            assert.throws(() => verifyRange(statement, falsify(proof, end)), { code: 'proof-rejected', chunk }, `${count}`);
        }
    }
});

test('a batch of many statements holds, and with one false proof at any place names that one', () => {
    const names = ['1 values of 32 bits', '65 values of 32 bits', 'both ends of 64 bits', '33 values, and above 80'];
    /** All the statements and that of zero, one of which may have a false proof. @param {number} [bad] */
    const batchWith = (bad) => {
        const batch = new Batch();
        names.forEach((name, i) => {
            const { statement, proof } = rangeCase(name);
            batch.addRange(statement, i === bad ? falsify(proof, proof.length) : proof);
        });
        const { statement, proof } = zero();
        batch.addZero(statement, bad === names.length ? falsify(proof, proof.length) : proof);
        return batch;
    };
    batchWith().verify();
    for (const [bad, statement, chunk] of /** @type {[number, string, number][]} */ ([
        [0, 'range', 0], [1, 'range', 1], [2, 'range', 0], [3, 'range', 1], [4, 'payout-is-price', 0],
    ])) {
        assert.throws(() => batchWith(bad).verify(), { code: 'proof-rejected', statement, chunk });
    }
});

test('two false proofs do not make up for each other', () => {
    // the response of one is as much too large as that of the other is too small
    const { statement, proof } = zero();
    const more = proof.slice(), less = proof.slice();
    more[34] += 1;
    less[34] -= 1;
    const batch = new Batch();
    batch.addZero(statement, more);
    batch.addZero(statement, less);
    assert.equal(codeOf(() => batch.verify()), 'proof-rejected');
});

test('weights are not known before the proofs', () => {
    // errors that would make up for each other under the weights of a transcript without the proofs
    const known = new Transcript('grantbook batch');
    const first = known.challengeScalar('alpha');
    known.challengeScalar('gamma');
    const second = known.challengeScalar('alpha');
    const { statement, proof } = zero();
    /** @param {bigint} error */
    const wrong = (error) => {
        const s = reduce(scalarOfWide(proof.subarray(34)) + error);
        const bytes = Uint8Array.from({ length: 32 }, (_, i) => Number(s >> BigInt(8 * i) & 255n));
        return concat(proof.subarray(0, 34), bytes);
    };
    const batch = new Batch();
    batch.addZero(statement, wrong(1n));
    batch.addZero(statement, wrong(-first * invertAll([second])[0]));
    assert.equal(codeOf(() => batch.verify()), 'proof-rejected');
});

test('a proof of zero without a nonce is refused', () => {
    const { context } = zero().statement;
    const { blinding } = pedersenGenerators();
    const terms = [termOf(parseCommitment(encode(multiply(5n, blinding))))];
    /** The proof that its maker would give, who knows that the term is 5·B̃. @param {bigint} k */
    const prove = (k) => {
        const nonce = encode(multiply(k, blinding));
        const shape = { bits: 0, aggregated: 1, chunk: 0, chunks: 1 };
        const transcript = statementTranscript(context, derivedHash(terms), shape);
        transcript.challengeScalar('zero w');
        transcript.append('zero K', nonce);
        const s = reduce(k + 5n * transcript.challengeScalar('zero e'));
        const response = Uint8Array.from({ length: 32 }, (_, i) => Number(s >> BigInt(8 * i) & 255n));
        return concat(Uint8Array.of(1, 2), nonce, response);
    };
    verifyZero({ context, terms }, prove(3n));
    assert.equal(codeOf(() => verifyZero({ context, terms }, prove(0n))), 'proof-rejected');
});

test('a batch of nothing is refused', () => {
    assert.equal(codeOf(() => new Batch().verify()), 'proof-empty');
});
