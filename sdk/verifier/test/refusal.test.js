import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyRange, verifyZero } from '../src/batch.js';
import { parseCheckpoint, parseLogKeys } from '../src/checkpoint.js';
import { verifyOpening } from '../src/commitment.js';
import { concat, fromHex, utf8 } from '../src/bytes.js';
import { verifyEd25519 } from '../src/ed25519.js';
import { parseEntry } from '../src/entry.js';
import { parseNote, parseVerifierKey } from '../src/note.js';
import { parsePolicy } from '../src/policy.js';
import { parseProofFile } from '../src/proof-file.js';
import { parseBundle, parseBundlePath, parseTilePath } from '../src/tile.js';
import { Random, codeOf, contextOf, rangeStatementOf, read, termsOf } from './vectors.js';

/** @typedef {import('./vectors.js').RangeCase} RangeCase */
/** @type {{ valid: RangeCase[] }} */
const ranges = read('../../../tests/vectors/range-proof.json');
/** @type {{ checkpoints: { note: string }[], proof_files: { file: string }[], verifier_keys: { vkey: string }[] }} */
const log = read('../../../tests/vectors/checkpoint.json');
const range = ranges.valid[2];

/** What reads bytes, with bytes that it takes. @type {[string, (bytes: Uint8Array) => unknown, Uint8Array][]} */
const readers = [
    ['checkpoint', parseCheckpoint, utf8(log.checkpoints[1].note)],
    ['note', parseNote, utf8(log.checkpoints[1].note)],
    ['proof file', parseProofFile, utf8(log.proof_files[1].file)],
    ['verifier key', (bytes) => parseVerifierKey(String.fromCharCode(...bytes)), utf8(log.verifier_keys[0].vkey)],
    ['log keys', (bytes) => parseLogKeys(String.fromCharCode(...bytes)), utf8(`${log.verifier_keys[0].vkey}\n`)],
    ['policy', parsePolicy, utf8('witness a b\ngroup g any a\nquorum none\n')],
    ['entry', parseEntry, concat(Uint8Array.of(1, 28, 1), new Uint8Array(116))],
    ['bundle', (bytes) => parseBundle(bytes, 3), Uint8Array.of(0, 2, 7, 8, 0, 0, 0, 1, 9)],
    ['tile path', (bytes) => parseTilePath(String.fromCharCode(...bytes)), utf8('tile/0/x001/x234/067.p/8')],
    ['bundle path', (bytes) => parseBundlePath(String.fromCharCode(...bytes)), utf8('tile/entries/x001/067')],
    ['opening', (bytes) => verifyOpening(bytes.slice(0, 32), 80n, bytes.slice(32)), new Uint8Array(64).fill(1)],
    ['signature', (bytes) => verifyEd25519(bytes.slice(0, 32), bytes.slice(32, 40), bytes.slice(40)), new Uint8Array(104)],
    ['range proof', (bytes) => verifyRange(rangeStatementOf(range), bytes), fromHex(range.proof)],
    ['proof of zero', (bytes) => verifyZero({
        context: contextOf(range.context), terms: termsOf(range.terms),
    }, bytes), concat(Uint8Array.of(1, 2), new Uint8Array(64).fill(2))],
];

for (const [name, readIt, bytes] of readers) {
    test(`${name}: whatever comes is read or refused`, () => {
        const random = new Random(14);
        const rounds = ['range proof', 'signature', 'opening'].includes(name) ? 60 : 600;
        let refused = 0;
        for (let i = 0; i < rounds; i++) {
            const changed = bytes.slice(0, i % 3 === 0 ? random.number(bytes.length + 1) : bytes.length);
            for (let flips = random.number(4); flips >= 0 && changed.length > 0; flips--) {
                changed[random.number(changed.length)] = random.number(256);
            }
            const noise = random.bytes(random.number(200));
            // codeOf throws on whatever is no VerifyError
            for (const input of [changed, noise, concat(bytes, noise)]) {
                if (codeOf(() => readIt(input)) !== undefined) refused += 1;
            }
        }
        assert.ok(refused > 0 || name === 'signature');
    });
}
