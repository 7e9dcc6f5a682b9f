/**
 * Looks at pages on which others have written, in Chromium: `node stored.mjs ORIGIN`, and on standard input one JSON object:
 * `planted` (what is looked for as text) and `visits`, each with `role`, `cookie` of a session (`name=value`, or nothing) and
 * `pages` (paths). Says as the last line which pages were opened, and which show what was planted; ends with status 1 where any
 * of it ran, became markup or ran into the policy.
 */
import process from 'node:process';
import { readFileSync } from 'node:fs';
import { launch } from './tools.mjs';

const [origin] = process.argv.slice(2);
const { visits, planted } = JSON.parse(readFileSync(0, 'utf8'));
// of the same host: browsers send secure cookies to `localhost` over plain HTTP too, but take none of this name from there by command
const secureOrigin = origin.replace(/^http:/, 'https:');
const browser = await launch();
const found = [];
const shown = [];
const opened = [];

async function visit({ role, cookie, pages }, language) {
    const context = await browser.newContext({ locale: language });
    context.setDefaultTimeout(20_000);
    const at = cookie.indexOf('=');
    await context.addCookies([
        ...(cookie ? [{ name: cookie.slice(0, at), value: cookie.slice(at + 1), url: secureOrigin, secure: true, httpOnly: true, sameSite: 'Strict' }] : []),
        { name: 'lang', value: language, url: origin },
    ]);
    await context.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    const page = await context.newPage();
    let here = '';
    const complain = (what) => found.push(`${role} ${language} ${here}: ${what}`);
    page.on('console', (message) => {
        if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complain(message.text());
    });
    page.on('pageerror', (error) => complain(String(error)));
    page.on('dialog', (dialog) => { complain('a dialog'); dialog.dismiss(); });
    page.on('request', (request) => { if (/\/planted/.test(new URL(request.url()).pathname)) complain(`asked for ${request.url()}`); });
    for (here of pages) {
        // a fragment alone loads nothing anew
        await page.goto('about:blank');
        await page.goto(origin + here, { waitUntil: 'load' });
        await page.waitForSelector('h1');
        if (here.startsWith('/sign/')) await page.waitForTimeout(400);
        for (const details of await page.$$('details:not([open])')) await details.evaluate((element) => { element.open = true; });
        const seen = await page.evaluate((text) => {
            const elements = [...document.querySelectorAll('*')];
            const active = (element) => [...element.attributes].some(({ name, value }) => name.startsWith('on') || /^\s*javascript:/i.test(value));
            const values = [...document.querySelectorAll('input, textarea')].map((field) => field.value).join('\n');
            const scripts = [...document.scripts].filter((script) => !script.src && script.type !== 'importmap');
            return {
                ran: 'planted' in window,
                markup: elements.filter((element) => active(element) || element.hasAttribute('data-planted')).length + scripts.length,
                text: (document.body.textContent + values).includes(text),
            };
        }, planted);
        if (seen.ran) complain('a script ran');
        if (seen.markup) complain(`${seen.markup} elements of what was written`);
        if (seen.text) shown.push(`${role} ${language} ${here}`);
        opened.push(`${role} ${language} ${here}`);
    }
    await context.close();
}

for (const one of visits) for (const language of ['en', 'zh-CN']) await visit(one, language);
await browser.close();
console.log(JSON.stringify({ shown, opened, found }));
process.exit(found.length ? 1 : 0);
