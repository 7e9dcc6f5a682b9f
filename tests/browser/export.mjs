#!/usr/bin/env node
/**
 * Opens pages of archives from the disk, in Chromium without any network: node tests/browser/export.mjs PAGE... [--shots=FOLDER]
 *
 * Prints for each what it says of itself, a line each: good or bad, the verdict's words, and the consents with their status. Then
 * what axe-core finds, and what the browser complained of. Exit status 1 with any of these.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { axeSource, launch } from './tools.mjs';

const pages = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const shots = process.argv.find((argument) => argument.startsWith('--shots='))?.slice('--shots='.length);
const complaints = [];
const browser = await launch();

async function open(file, colorScheme, locale) {
    const context = await browser.newContext({ offline: true, colorScheme, locale, viewport: { width: 1100, height: 900 } });
    const page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && complaints.push(`${file}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(`${file}: ${error.message}`));
    page.on('request', (request) => !/^(?:file|blob):/.test(request.url()) && complaints.push(`${file} asked for ${request.url()}`));
    await page.goto(pathToFileURL(path.resolve(file)).href);
    await page.locator('#verdict').waitFor({ timeout: 120_000 });
    return { page, context };
}

async function says(page) {
    const verdict = page.locator('#verdict');
    const bad = await verdict.evaluate((element) => element.classList.contains('bad'));
    const consents = await page.locator('article').evaluateAll((all) => all.map((one) => one.dataset.status));
    return `${bad ? 'bad' : 'good'}: ${(await verdict.innerText()).replaceAll(/\s+/g, ' ')} [${consents.join(', ')}]`;
}

try {
    for (const file of pages) {
        for (const [colorScheme, locale] of [['light', 'en'], ['dark', 'zh-CN']]) {
            const { page, context } = await open(file, colorScheme, locale);
            // axe evaluates its own source, which the page's policy rightly forbids; the protocol may
            await page.evaluate(axeSource());
            const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
            complaints.push(...violations.map(({ id, nodes }) => `${file}: axe ${id}: ${nodes[0]?.html}`));
            if (locale === 'en') {
                console.log(await says(page));
                await page.click('#language');
                console.log(await says(page));
            }
            if (shots !== undefined) await page.screenshot({ path: path.join(shots, `${path.basename(file, '.html')}-${colorScheme}.png`), fullPage: true });
            await context.close();
        }
    }
} finally {
    await browser.close();
}
for (const complaint of complaints) console.log(`complaint: ${complaint}`);
process.exitCode = complaints.length === 0 ? 0 : 1;
