/** The page's check of archives, against the vectors that the ledger's own reader passes; and its summaries. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyArchive } from '../../portal/static/archive/check.js';
import { ArchiveError } from '../../portal/static/archive/states.js';
import { WORDS } from '../../portal/static/archive/words.js';
import { ReceiptError } from '../../portal/static/receipt-check.js';
import { VerifyError } from '../../sdk/verifier/src/error.js';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { cases, setup } = JSON.parse(readFileSync(path.join(root, 'tests/vectors/archive.json'), 'utf8'));
const bytesOf = (input) => new TextEncoder().encode(input.archive);
const refused = (error) => error instanceof ArchiveError || error instanceof ReceiptError || error instanceof VerifyError;

for (const { name, input, expect } of cases) {
    test(`archive: ${name}`, async () => {
        // the page reads one customer's alone
        const ofTenant = !input.archive.split('\n', 1)[0].includes('"subject"');
        if (expect === 'ok' && !ofTenant) {
            const archive = await verifyArchive(bytesOf(input), setup.log_keys);
            assert.equal(archive.subject, 'cs-00004');
            assert.deepEqual(archive.grants.map(({ state }) => state), [{ given: 3n, terms: 3n, status: 'withdrawn', since: 7n }]);
            assert.equal(archive.grants[0].uses, 2n);
        } else {
            await assert.rejects(verifyArchive(bytesOf(input), setup.log_keys), refused);
        }
    });
}

test('a withheld withdrawal is named as such', async () => {
    const [{ input }] = cases.filter(({ name }) => name === 'the withdrawal withheld');
    await assert.rejects(verifyArchive(bytesOf(input)), (error) => error.what === 'missing');
    const [other] = cases.filter(({ name }) => name === 'a record about somebody else');
    await assert.rejects(verifyArchive(bytesOf(other.input)), (error) => error.what === 'other');
    const [again] = cases.filter(({ name }) => name === 'a withdrawal put on the log once more');
    await assert.rejects(verifyArchive(bytesOf(again.input)), (error) => error.what === 'again');
});

test('keys that the reader brings must be the archive’s', async () => {
    const [{ input }] = cases;
    await assert.rejects(verifyArchive(bytesOf(input), `${setup.log_keys}\n`), (error) => error.what === 'keys');
    assert.equal((await verifyArchive(bytesOf(input))).pinned, false);
});

test('every word is there in both languages', () => {
    for (const [word, texts] of Object.entries(WORDS)) {
        assert.ok(texts.length === 2 && texts.every((text) => text.trim() !== ''), word);
        assert.match(word === 'other' ? '中' : texts[1], /\p{Script=Han}|^\//u, word);
    }
});
