#!/usr/bin/env node
/**
 * The regulator's pages on a running server, in Chromium: node tests/browser/regulator.mjs ADDRESS RECEIPT.
 *
 * Prints what each check said, a line each: the first visit, the second when `more` comes on standard input, the receipt, the
 * receipt with one byte changed, and the visit to a log that shows another history. Exit status 1 if the browser complained.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { launch } from './tools.mjs';

const [address, receipt] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const complaints = [];
const browser = await launch();
const page = await (await browser.newContext()).newPage();
page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
page.on('pageerror', (error) => complaints.push(error.message));

/** Sends the form, and gives the verdict: good or bad, and its words. */
async function check() {
    await page.click('main form button[type="submit"]');
    const verdict = page.locator('#outcome .verdict');
    await verdict.waitFor({ timeout: 60_000 });
    const bad = await verdict.evaluate((element) => element.classList.contains('bad'));
    return `${bad ? 'bad' : 'good'}: ${(await verdict.innerText()).replaceAll(/\s+/g, ' ')}`;
}

try {
    await page.goto(`${address}/regulator?lang=en`);
    console.log(await check());
    await lines.next();
    await page.reload();
    console.log(await check());

    await page.goto(`${address}/regulator/receipt?lang=en`);
    await page.setInputFiles('input[name="file"]', receipt);
    console.log(await check());
    const bytes = readFileSync(receipt);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(`${receipt}.changed`, bytes);
    await page.setInputFiles('input[name="file"]', `${receipt}.changed`);
    await page.evaluate(() => document.getElementById('outcome').replaceChildren());
    console.log(await check());

    // what a log would have to show that has changed its past: the state of a visit that it does not go on from
    await page.goto(`${address}/regulator?lang=en`);
    await page.route('**/log/tile/**', async (route) => {
        const answer = await route.fetch();
        const tile = await answer.body();
        for (let at = 0; at < tile.length; at += 32) tile[at] ^= 1;
        await route.fulfill({ response: answer, body: tile });
    });
    console.log((await lines.next()).value === 'end' ? await check() : 'no more');
} finally {
    await browser.close();
    // whoever asks may keep asking; nothing more is answered
    process.stdin.destroy();
}
for (const complaint of complaints) console.log(`complaint: ${complaint}`);
process.exitCode = complaints.length === 0 ? 0 : 1;
