/**
 * Looks at pages on which others have written, in Chromium: `node stored.mjs ORIGIN`, and on standard input one JSON object:
 * `cookie` of a session (`name=value`), `pages` (paths), `planted` (what is looked for as text). Says as the last line which pages
 * show what was planted; ends with status 1 where any of it ran, became markup or ran into the policy.
 */
import process from 'node:process';
import { readFileSync } from 'node:fs';
import { launch } from './tools.mjs';

const [origin] = process.argv.slice(2);
const { cookie, pages, planted } = JSON.parse(readFileSync(0, 'utf8'));
const [name, value] = cookie.split('=', 2);
const browser = await launch();
const found = [];
const shown = [];
for (const language of ['en', 'zh-CN']) {
    const context = await browser.newContext({ locale: language });
    context.setDefaultTimeout(20_000);
    await context.addCookies([
        { name, value, url: origin, secure: true, httpOnly: true, sameSite: 'Strict' },
        { name: 'lang', value: language, url: origin },
    ]);
    await context.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    const page = await context.newPage();
    let at = '';
    const complain = (what) => found.push(`${language} ${at}: ${what}`);
    page.on('console', (message) => {
        if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complain(message.text());
    });
    page.on('pageerror', (error) => complain(String(error)));
    page.on('dialog', (dialog) => { complain('a dialog'); dialog.dismiss(); });
    page.on('request', (request) => { if (/planted/.test(request.url())) complain(`asked for ${request.url()}`); });
    for (at of pages) {
        // a fragment alone loads nothing anew
        await page.goto('about:blank');
        await page.goto(origin + at, { waitUntil: 'load' });
        if (at.startsWith('/sign/')) await page.waitForSelector('main h1, #main h1, h1');
        await page.waitForTimeout(150);
        for (const details of await page.$$('details:not([open]) > summary')) await details.click().catch(() => {});
        const seen = await page.evaluate((text) => ({
            ran: 'planted' in window,
            markup: document.querySelectorAll('[data-planted], [onerror], [onfocus], [onload]').length,
            text: document.body.textContent.includes(text),
        }), planted);
        if (seen.ran) complain('a script ran');
        if (seen.markup) complain(`${seen.markup} elements of what was written`);
        if (seen.text) shown.push(`${language} ${at}`);
    }
    await context.close();
}
await browser.close();
console.log(JSON.stringify({ shown, found }));
process.exit(found.length ? 1 : 0);
