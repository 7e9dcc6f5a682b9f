#!/usr/bin/env node
/**
 * The sandbox as whoever opens it finds it: every role by one click, the tours, the company's sign-in, a request from a template,
 * and the customer who sees it. node tests/browser/desk.mjs ADDRESS TOKEN [FOLDER]
 *
 * TOKEN is one of the sandbox's enterprise. With FOLDER, pictures go there. Prints a line of JSON for each step; exit status 1 if
 * the browser complained or a policy was violated.
 */
import path from 'node:path';
import { launch } from './tools.mjs';

const [address, token, pictures] = process.argv.slice(2);
const complaints = [];
const browser = await launch();
const say = (step) => console.log(JSON.stringify(step));

/** A browser of its own, which says when something is wrong. */
async function person(language, script = true) {
    const context = await browser.newContext({
        locale: language, javaScriptEnabled: script, viewport: { width: 1180, height: 900 }, reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
        // a page that is refused is an error to the console; that it is refused is what is looked at
        if (message.type() === 'error' && !/status of 40[13]/.test(message.text())) complaints.push(message.text());
    });
    return page;
}

async function picture(page, name) {
    if (pictures !== undefined) await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
}

async function go(page, button) {
    const before = page.url();
    await Promise.all([page.waitForURL((url) => url.href !== before), page.click(button)]);
}

const SUBMIT = (action) => `form[action="${action}"] button[type="submit"]`;

/** Follows a tour to its end; gives the headings that it passed. */
async function tour(page) {
    const passed = [];
    for (;;) {
        const aside = page.locator('aside.tour');
        const [said, heading] = [await aside.boundingBox(), await page.locator('main h1').boundingBox()];
        if (said.y + said.height > heading.y) throw new Error('the tour covers what it explains');
        passed.push(await page.locator('main h1').innerText());
        if (await aside.locator('a[rel="next"]').count() === 0) break;
        await go(page, 'aside.tour a[rel="next"]');
    }
    await page.locator('aside.tour a:last-of-type').click();
    if (await page.locator('aside.tour').count() !== 0) throw new Error('the tour does not end');
    return passed;
}

try {
    // every role at once, without any script
    for (const language of ['en', 'zh-CN']) {
        const page = await person(language, false);
        await page.goto(`${address}/?lang=${language}`);
        await picture(page, `front.${language}`);
        const mark = await page.locator('aside.sandbox').innerText();
        await go(page, SUBMIT('/sandbox/customer'));
        await picture(page, `customer.${language}`);
        const customer = await tour(page);
        await page.goto(`${address}/`);
        await go(page, SUBMIT('/sandbox/company'));
        await picture(page, `company.${language}`);
        const company = await tour(page);
        await page.goto(`${address}/regulator?tour=regulator-1`);
        const regulator = await tour(page);
        // both at once in one browser, each on their own pages
        await page.goto(`${address}/my`);
        const still = (await page.locator('nav.main a[href="/my"]').count()) === 1;
        await page.goto(`${address}/company`);
        await go(page, SUBMIT('/company/sign-out'));
        await page.goto(`${address}/company`);
        const out = await page.locator('a[href="/company/sign-in"]').count();
        say({ step: 'roles', language, mark, customer, company, regulator, still, out });
        await page.context().close();
    }

    // a customer with a key of their own
    const customer = await person('en');
    const session = await customer.context().newCDPSession(customer);
    await session.send('WebAuthn.enable');
    await session.send('WebAuthn.addVirtualAuthenticator', {
        options: {
            protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
            isUserVerified: true, automaticPresenceSimulation: true,
        },
    });
    await customer.goto(`${address}/?lang=en`);
    await go(customer, SUBMIT('/sandbox/own-key'));
    say({ step: 'invited', path: new URL(customer.url()).pathname });

    // the company signs in with its token and asks the story's customer, whose pages are looked at
    const company = await person('en', false);
    await company.goto(`${address}/company/sign-in?lang=en`);
    await company.fill('#token', 'gbk_wrong');
    await go(company, SUBMIT('/company/sign-in'));
    const refused = await company.locator('[role="alert"]').innerText();
    await company.fill('#token', token);
    await go(company, SUBMIT('/company/sign-in'));
    const cookies = await company.context().cookies();
    const kept = cookies.some(({ value }) => value.includes(token));
    const desk = cookies.find(({ name }) => name === '__Host-desk');
    say({ step: 'signed-in', refused, kept, strict: desk.httpOnly && desk.secure && desk.sameSite === 'Strict' });
    await company.goto(`${address}/company/requests/preview?template=charging-quote`);
    await company.fill('[name="customer"]', 'sandbox-customer-1');
    await company.fill('[name="from"]', '2025-07-01');
    await company.fill('[name="to"]', '2025-09-30');
    await company.fill('[name="price"]', '0.10');
    await company.click('form[action="/company/requests/preview"] button[type="submit"]');
    const faults = await company.locator('[role="alert"] li').allInnerTexts();
    await picture(company, 'faults');
    await company.fill('[name="price"]', '0.90');
    await company.click('form[action="/company/requests/preview"] button[type="submit"]');
    await picture(company, 'preview');
    const facts = await company.locator('section.panel').filter({ hasText: 'What for' }).innerText();
    await go(company, SUBMIT('/company/requests'));
    const made = await company.locator('[role="status"]').innerText();
    await picture(company, 'made');
    say({ step: 'asked', faults, facts: facts.includes('0.90'), made });

    // the customer who was asked sees the same facts, in either language; to agree takes a key of their own
    const asked = await person('en', false);
    await asked.goto(`${address}/?lang=en`);
    await go(asked, SUBMIT('/sandbox/customer'));
    const waiting = await asked.locator('a[href^="/my/requests/"]').evaluateAll((links) => links.map(({ href }) => href));
    const seen = [];
    for (const href of new Set(waiting)) {
        await asked.goto(href);
        const text = await asked.locator('section.panel').filter({ hasText: 'What for' }).innerText();
        if (text !== facts) continue;
        await picture(asked, 'request');
        seen.push(text.includes('0.90'));
        await asked.goto(`${href}?lang=zh-CN`);
        seen.push((await asked.locator('main').innerText()).includes('0.90'));
        await go(asked, `form[action$="/agree"] button[type="submit"]`);
    }
    say({ step: 'seen', waiting: new Set(waiting).size, seen, own: asked.url().endsWith('/#own-key') });
} finally {
    await browser.close();
}
for (const complaint of complaints) say({ complaint });
process.exitCode = complaints.length === 0 ? 0 : 1;
