/** The portal's check of receipts, against the vectors that every reader has to agree on; its proofs, against every size. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { consistencyProof, tilePath } from '../../portal/static/consistency.js';
import { ReceiptError, verifyReceipt } from '../../portal/static/receipt-check.js';
import { parseLogKeys } from '../../sdk/verifier/src/checkpoint.js';
import { VerifyError } from '../../sdk/verifier/src/error.js';
import { leafHash, rootOf, verifyConsistency } from '../../sdk/verifier/src/tree.js';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { cases, setup } = JSON.parse(readFileSync(path.join(root, 'tests/vectors/receipt.json'), 'utf8'));
const keys = parseLogKeys(setup.vkey ?? setup.log_keys);

for (const { name, input, expect } of cases) {
    test(`receipt: ${name}`, () => {
        const bytes = new TextEncoder().encode(input.receipt);
        if (expect === 'ok') {
            assert.ok(verifyReceipt(bytes, keys).steps.length >= 4);
        } else {
            assert.throws(() => verifyReceipt(bytes, keys), (error) => error instanceof ReceiptError || error instanceof VerifyError);
        }
    });
}

test('no byte of a receipt can change unnoticed', () => {
    const [{ input }] = cases.filter(({ name }) => name === 'grant.withdrawn');
    const bytes = new TextEncoder().encode(input.receipt);
    verifyReceipt(bytes, keys);
    for (let at = 0; at < bytes.length; at += 7) {
        const changed = bytes.slice();
        changed[at] ^= 1;
        assert.throws(() => verifyReceipt(changed, keys), (error) => error instanceof ReceiptError || error instanceof VerifyError, `byte ${at}`);
    }
});

/** The tile of a tree whose leaves are known. */
function tileOf(leaves, address) {
    const [, level, rest] = /^\/log\/tile\/(\d)\/(.*)$/.exec(address);
    const [indexText, width = '256'] = rest.split('.p/');
    const index = Number(indexText.replaceAll('x', '').replaceAll('/', ''));
    const span = 256 ** Number(level);
    const hashes = Array.from({ length: Number(width) }, (_, i) => {
        const first = (index * 256 + i) * span;
        return rootOf(leaves.slice(first, first + span));
    });
    return Buffer.concat(hashes);
}

test('tiles lead from any size of a tree to any larger one', async () => {
    const leaves = Array.from({ length: 1030 }, (_, i) => leafHash(Uint8Array.of(i >> 8, i & 255)));
    const sizes = [1, 2, 3, 5, 8, 255, 256, 257, 300, 511, 512, 513, 768, 1023, 1024, 1030];
    const roots = new Map(sizes.map((size) => [size, rootOf(leaves.slice(0, size))]));
    for (const newer of sizes) {
        for (const older of sizes.filter((size) => size <= newer)) {
            const fetched = async (address) => new Uint8Array(tileOf(leaves.slice(0, newer), address));
            const proof = await consistencyProof(BigInt(older), BigInt(newer), fetched);
            verifyConsistency(BigInt(older), roots.get(older), BigInt(newer), roots.get(newer), proof);
        }
    }
});

test('tiles are named as C2SP names them', () => {
    assert.equal(tilePath(0, 1234067n, 256), '/log/tile/0/x001/x234/067');
    assert.equal(tilePath(1, 0n, 3), '/log/tile/1/000.p/3');
});
