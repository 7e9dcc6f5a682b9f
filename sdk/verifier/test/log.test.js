import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeBase64, encodeBase64 } from '../src/base64.js';
import { concat, utf8 } from '../src/bytes.js';
import { parseLogKeys, verifyCheckpoint, verifyCosignature, parseCheckpoint } from '../src/checkpoint.js';
import { VerifyError } from '../src/error.js';
import { parseVerifierKey, sameKey, verifierKeyText } from '../src/note.js';
import { parseProofFile, verifyProofFile } from '../src/proof-file.js';
import { bundlePath, parseBundle, parseBundlePath, parseTile, parseTilePath } from '../src/tile.js';
import { leafHash, nodeHash, rootOf, verifyConsistency, verifyInclusion } from '../src/tree.js';
import { Random, codeOf, read } from './vectors.js';

/** @typedef {{ name: string, yields?: Record<string, unknown>, error?: string }} Case */
/**
 * @type {{ keys: { log: string, clock: string, witness: string }, checkpoints: (Case & { note: string })[],
 *   proof_files: (Case & { file: string, leaf: string })[], verifier_keys: (Case & { vkey: string })[],
 *   tile_paths: (Case & { path: string })[] }}
 */
const vectors = read('../../../tests/vectors/checkpoint.json');

/** `Note(TooManySignatures` is the code note-too-many-signatures. @param {string} name */
function codeNamed(name) {
    return name.replace(/^Checkpoint\(/, '').split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
        .map((word) => word.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase()).join('-');
}

/**
 * Runs one list of the vectors: the valid give what they must yield, the others are refused for the stated reason.
 * @template {Case} T
 * @param {T[]} cases @param {(vector: T) => unknown} run @param {string} [family] what codes begin with
 */
function frozen(cases, run, family = '') {
    for (const vector of cases) {
        if (vector.error === undefined) assert.deepEqual(run(vector), vector.yields, vector.name);
        else assert.equal(codeOf(() => run(vector)), family + codeNamed(vector.error), vector.name);
    }
    assert.ok(cases.some(({ error }) => error === undefined) && cases.some(({ error }) => error !== undefined));
}

/** A number of the vectors, which JSON has rounded if it is large. @param {bigint} value */
const rounded = (value) => Number(value);

/** @param {string} text */
function base64(text) {
    const bytes = decodeBase64(text);
    assert.ok(bytes !== undefined);
    return bytes;
}

test('checkpoints', () => {
    const keys = parseLogKeys(`${vectors.keys.log}\n${vectors.keys.clock}\n`);
    frozen(vectors.checkpoints, ({ note }) => {
        const { checkpoint, time, others } = verifyCheckpoint(utf8(note), keys);
        return {
            size: rounded(checkpoint.size),
            root: encodeBase64(checkpoint.root),
            time: rounded(time),
            others: others.map(({ name }) => name),
        };
    });
});

test('a witness\'s cosignature', () => {
    const witness = parseVerifierKey(vectors.keys.witness);
    const [without, cosigned] = vectors.checkpoints.map(({ note }) => utf8(note));
    assert.equal(verifyCosignature(parseCheckpoint(cosigned), witness), 1790000003n);
    assert.equal(codeOf(() => verifyCosignature(parseCheckpoint(without), witness)), 'note-missing');
    const log = parseVerifierKey(vectors.keys.log);
    assert.equal(codeOf(() => verifyCosignature(parseCheckpoint(cosigned), log)), 'note-wrong-kind');
});

test('keys of a log', () => {
    const { log, clock, witness } = vectors.keys;
    const third = `log+00000000+${encodeBase64(concat(Uint8Array.of(6), new Uint8Array(1312)))}`;
    for (const [text, code] of [
        [`${log}\n${clock}`, 'log-keys'], [`${log}\n`, 'log-keys'], ['', 'log-keys'],
        [`${log}\n${clock}\n${clock}\n${clock}\n`, 'log-keys'], [`${clock}\n${log}\n`, 'note-wrong-kind'],
        [`${log}\n${witness}\n`, 'key-name'], [`${log}\n${clock}\n${clock}\n`, 'note-wrong-kind'],
        [`${log}\n${clock}\n${third}\n`, 'note-key-id'],
    ]) {
        assert.equal(codeOf(() => parseLogKeys(text)), code, text);
    }
});

test('proof files', () => {
    const key = parseVerifierKey(vectors.keys.log);
    frozen(vectors.proof_files, ({ file, leaf }) => {
        const parsed = parseProofFile(utf8(file));
        const { checkpoint, others } = verifyProofFile(parsed, base64(leaf), key);
        return {
            index: rounded(parsed.index),
            size: rounded(checkpoint.size),
            extra: parsed.extra === undefined ? null : new TextDecoder().decode(parsed.extra),
            others: others.map(({ name }) => name),
        };
    });
});

test('verifier keys', () => {
    frozen(vectors.verifier_keys, ({ vkey }) => {
        const key = parseVerifierKey(vkey);
        assert.equal(verifierKeyText(key), vkey);
        assert.ok(sameKey(key, parseVerifierKey(vkey)));
        return { name: key.name, id: key.id, type: key.kind };
    }, 'note-');
    const [log, clock] = [vectors.keys.log, vectors.keys.clock].map(parseVerifierKey);
    assert.ok(!sameKey(log, clock));
});

test('tile paths', () => {
    frozen(vectors.tile_paths, ({ path }) => {
        if (path.startsWith('tile/entries')) {
            const bundle = parseBundlePath(path);
            assert.equal(bundlePath(bundle), path);
            return { index: rounded(bundle.index), width: bundle.width };
        }
        const { level, index, width } = parseTilePath(path);
        return { level, index: rounded(index), width };
    }, 'tile-');
});

test('entry bundles and tiles', () => {
    const bundle = Uint8Array.of(0, 2, 7, 8, 0, 0, 0, 1, 9);
    assert.deepEqual(parseBundle(bundle, 3).map((entry) => Array.from(entry)), [[7, 8], [], [9]]);
    assert.equal(codeOf(() => parseBundle(bundle, 2)), 'tile-entry-count');
    assert.equal(codeOf(() => parseBundle(bundle, 4)), 'tile-entry-count');
    for (const end of [1, 3, 5, 8]) assert.equal(codeOf(() => parseBundle(bundle.subarray(0, end), 3)), 'tile-truncated');
    assert.deepEqual(parseTile(new Uint8Array(64), 2), [new Uint8Array(32), new Uint8Array(32)]);
    assert.equal(codeOf(() => parseTile(new Uint8Array(63), 2)), 'tile-length');
});

/** The root as RFC 6962, section 2.1 defines it. @param {Uint8Array[]} leaves @returns {Uint8Array} */
function definedRoot(leaves) {
    if (leaves.length < 2) return leaves[0] ?? rootOf([]);
    const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
    return nodeHash(definedRoot(leaves.slice(0, split)), definedRoot(leaves.slice(split)));
}

/** PATH of section 2.1.1. @param {number} index @param {Uint8Array[]} leaves @returns {Uint8Array[]} */
function path(index, leaves) {
    if (leaves.length < 2) return [];
    const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
    return index < split
        ? [...path(index, leaves.slice(0, split)), definedRoot(leaves.slice(split))]
        : [...path(index - split, leaves.slice(split)), definedRoot(leaves.slice(0, split))];
}

/** SUBPROOF of section 2.1.2. @param {number} old @param {Uint8Array[]} leaves @param {boolean} whole @returns {Uint8Array[]} */
function subproof(old, leaves, whole) {
    if (old === leaves.length) return whole ? [] : [definedRoot(leaves)];
    const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
    return old <= split
        ? [...subproof(old, leaves.slice(0, split), whole), definedRoot(leaves.slice(split))]
        : [...subproof(old - split, leaves.slice(split), false), definedRoot(leaves.slice(0, split))];
}

test('trees of up to 20 leaves: roots, inclusion and consistency as RFC 6962 defines them', () => {
    const leaves = Array.from({ length: 20 }, (_, i) => leafHash(utf8(`entry ${i}`)));
    for (let size = 0; size <= leaves.length; size++) {
        const tree = leaves.slice(0, size), root = definedRoot(tree), n = BigInt(size);
        assert.deepEqual(rootOf(tree), root);
        tree.forEach((leaf, index) => {
            const proof = path(index, tree);
            verifyInclusion(leaf, BigInt(index), n, proof, root);
            for (const other of [BigInt(index ^ 1), n]) {
                assert.ok(size < 2 || codeOf(() => verifyInclusion(leaf, other, n, proof, root)), `${index} of ${size}`);
            }
            const tooLong = [...proof, leaf];
            assert.equal(codeOf(() => verifyInclusion(leaf, BigInt(index), n, tooLong, root)), 'inclusion-length');
            const short = proof.slice(1);
            assert.ok(proof.length === 0
                || codeOf(() => verifyInclusion(leaf, BigInt(index), n, short, root)) === 'inclusion-length');
        });
        for (let old = 0; old <= size; old++) {
            const proof = old === 0 ? [] : subproof(old, tree, true);
            const oldRoot = definedRoot(leaves.slice(0, old)), o = BigInt(old);
            verifyConsistency(o, oldRoot, n, root, proof);
            const wrong = leafHash(utf8('wrong'));
            assert.ok(codeOf(() => verifyConsistency(o, wrong, n, root, proof)), `${old} to ${size}`);
            assert.ok(old === 0 || codeOf(() => verifyConsistency(o, oldRoot, n, wrong, proof)), `${old} to ${size}`);
            assert.ok(codeOf(() => verifyConsistency(o, oldRoot, n, root, [...proof, wrong])), `${old} to ${size}`);
            assert.ok(proof.length === 0 || codeOf(() => verifyConsistency(o, oldRoot, n, root, proof.slice(1))));
        }
        assert.equal(codeOf(() => verifyConsistency(n + 1n, root, n, root, [])), 'consistency-size-shrinks');
    }
});

test('the vectors of transparency-dev for proofs', (context) => {
    const sources = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry/src');
    const folders = (existsSync(sources) ? readdirSync(sources) : [])
        .flatMap((registry) => readdirSync(join(sources, registry)).map((crate) => join(sources, registry, crate)))
        .filter((crate) => crate.includes('sigstore-merkle-0.15.'))
        .map((crate) => join(crate, 'test-data/merkle/testdata'));
    const [folder] = folders;
    if (folder === undefined) {
        context.skip('needs the sources of the crate sigstore-merkle 0.15 in cargo\'s registry');
        return;
    }
    /** @param {string} kind */
    const files = (kind) => readdirSync(join(folder, kind), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.json'))
        .map((name) => ({ name, json: JSON.parse(readFileSync(join(folder, kind, name), 'utf8')) }));
    /** @param {string} text 32 bytes, or an error that is among those wanted */
    const hash = (text) => {
        const bytes = decodeBase64(text);
        if (bytes?.length !== 32) throw new VerifyError('hash-line', 'no hash');
        return bytes;
    };
    /** @param {string[] | null} list */
    const hashes = (list) => (list ?? []).map(hash);
    const inclusion = files('inclusion'), consistency = files('consistency');
    assert.deepEqual([inclusion.length, consistency.length], [98, 97]);
    for (const { name, json } of inclusion) {
        const code = codeOf(() => verifyInclusion(
            hash(json.leafHash), BigInt(json.leafIdx), BigInt(json.treeSize), hashes(json.proof), hash(json.root),
        ));
        assert.equal(code !== undefined, json.wantErr, name);
    }
    for (const { name, json } of consistency) {
        const code = codeOf(() => verifyConsistency(
            BigInt(json.size1), hash(json.root1), BigInt(json.size2), hash(json.root2), hashes(json.proof),
        ));
        // two cases want equal roots of 12 bytes to be consistent, which no tree has
        const short = /sizes-are-equal-and-proof-is-not-empty-where-both-sizes-are-(one|zero)\.json$/.test(name);
        assert.equal(code !== undefined, json.wantErr || short, name);
    }
});

test('base64 has one spelling', () => {
    const random = new Random(13);
    for (let length = 0; length < 50; length++) {
        const bytes = random.bytes(length), text = Buffer.from(bytes).toString('base64');
        assert.equal(encodeBase64(bytes), text);
        assert.deepEqual(decodeBase64(text), bytes);
    }
    for (const text of ['A', 'AA', 'AA=', 'AB==', 'AAB=', 'AA==A', 'A===', '====', 'AA\n=', 'AA-_', 'AAA==', 'AA=A', ' AA=']) {
        assert.equal(decodeBase64(text), undefined, text);
    }
});
