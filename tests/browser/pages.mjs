#!/usr/bin/env node
/**
 * Every screen of the gallery in Chromium: axe-core, the content security policy, weight, layout shift, reflow, equal answers,
 * the keyboard. Pairwise over screen × state × language × theme × width; with --full, all of them.
 *
 * node tests/browser/pages.mjs ADDRESS [--full] [--only=part of screen/state]: exit status 1 if anything is wrong.
 */
import { axeSource, launch, screens } from './tools.mjs';

const address = process.argv[2];
const full = process.argv.includes('--full');
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length) ?? '';
const BYTES_MAX = 100_000;
const LANGUAGES = ['en', 'zh-CN'], THEMES = ['light', 'dark'], WIDTHS = [360, 1180];

let pages = 0;
/** @type {string[]} */
const wrong = [];

/** Which languages, themes and widths a screen is seen in. Two of the eight for each: over all screens, every pair of choices. */
function combinations(at) {
    const all = LANGUAGES.flatMap((language) => THEMES.flatMap((theme) => WIDTHS.map((width) => ({ language, theme, width }))));
    if (full) return all;
    const first = at % 4;
    return [all[first], all[7 - first]]; // one is the other with every choice turned
}

/** Runs in the page, before anything else of it. */
function watch() {
    window.seen = { shifts: [], violations: [], evil: 0 };
    window.alert = () => { window.seen.evil += 1; };
    new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
            const moved = sources.map(({ node, previousRect: from, currentRect: to }) => (
                `${node?.nodeName}.${node?.className} ${from.x},${from.y} ${from.width}x${from.height} → ${to.x},${to.y} ${to.width}x${to.height}`
            ));
            window.seen.shifts.push(`${value}: ${moved.join('; ')}`);
        }
    }).observe({ type: 'layout-shift', buffered: true });
    document.addEventListener('securitypolicyviolation', (event) => (
        window.seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`)
    ));
}

/** Runs in the page: facts of it that a test can judge. */
function facts() {
    const box = (element) => {
        const { width, height } = element.getBoundingClientRect();
        const { fontSize, fontWeight, color, backgroundColor, borderTopWidth, borderTopColor } = getComputedStyle(element);
        return { width, height, look: [fontSize, fontWeight, color, backgroundColor, borderTopWidth, borderTopColor].join() };
    };
    return {
        ...window.seen,
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        ticked: document.querySelectorAll('input:checked, option:checked:not([value=""])').length,
        planted: document.querySelectorAll('main img, main script, [onerror]').length,
        choices: [...document.querySelectorAll('.choice')].map(box),
        bytes: performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
            .reduce((sum, entry) => sum + entry.encodedBodySize, 0),
    };
}

const browser = await launch();
const axe = axeSource();
try {
    const contexts = new Map();
    if (only === '' || only === 'keyboard') await keyboard(await browser.newPage());
    const list = (await screens(address)).filter(({ screen, state }) => `${screen}/${state}`.includes(only));
    for (const [at, { screen, state }] of list.entries()) {
        for (const { language, theme, width } of combinations(at)) {
            const kind = `${theme} ${width}`;
            if (!contexts.has(kind)) {
                // the policy stays in force; axe is put in from outside of the page
                contexts.set(kind, await browser.newContext({ colorScheme: theme, viewport: { width, height: 800 }, reducedMotion: 'reduce' }));
            }
            const name = `${screen}/${state} ${language} ${theme} ${width}`;
            await see(await contexts.get(kind).newPage(), `${address}/gallery/${screen}/${state}?lang=${language}`, name);
        }
    }
} finally {
    await browser.close();
}

async function see(page, url, name) {
    const complain = (what) => wrong.push(`${name}: ${what}`);
    page.on('console', (message) => {
        if (message.type() === 'error' && !/status of (4|5)\d\d/.test(message.text())) complain(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => complain(`script: ${error.message}`));
    await page.addInitScript(watch);
    // what is live has nobody to hear from in the gallery
    await page.route('**/taken', (route) => route.fulfill({ contentType: 'text/event-stream', body: 'retry: 100000\n\n' }));
    await page.goto(url, { waitUntil: 'load' });
    await page.evaluate(() => document.fonts.ready);
    const { shifts, violations, evil, overflow, ticked, planted, choices, bytes } = await page.evaluate(facts);
    for (const violation of violations) complain(`policy: ${violation}`);
    if (shifts.length > 0) {
        // a machine that is short of time may paint a page of which it has read a part: what moves, moves again
        await page.reload({ waitUntil: 'load' });
        const again = await page.evaluate(() => window.seen.shifts);
        for (const shift of again) complain(`layout shift ${shift}`);
        if (again.length === 0) console.log(`${name}: moved once, and not again: ${shifts.join(' and ')}`);
    }
    if (evil > 0 || planted > 0) complain('what somebody wrote became part of the page');
    if (overflow > 0) complain(`${overflow} px wider than the window`);
    // settings, and a rule that was tried, show what the customer has chosen; nothing is consented to there
    const shows = name.startsWith('mail/') || (name.startsWith('rule/') && !name.startsWith('rule/new'));
    if (ticked > 0 && !shows) complain(`${ticked} inputs are ticked or chosen beforehand`);
    if (bytes > BYTES_MAX) complain(`first view of ${bytes} bytes`);
    if (choices.length > 0) {
        const [first, second] = choices;
        const same = choices.length === 2 && Math.abs(first.width - second.width) < 1
            && Math.abs(first.height - second.height) < 1 && first.look === second.look;
        if (!same) complain(`the answers differ: ${JSON.stringify(choices)}`);
    }
    // every fold is opened: what is in it is judged as well
    await page.evaluate(() => document.querySelectorAll('details').forEach((details) => { details.open = true; }));
    await page.evaluate(axe);
    const { violations: found } = await page.evaluate(() => window.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    for (const { id, help, nodes } of found) {
        complain(`axe ${id}: ${help}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(' | ')}`);
    }
    pages += 1;
    await page.close();
}

/** Agreeing and stopping with the keyboard alone, and no more steps to stop than to agree. */
async function keyboard(page) {
    /** Tabs until the focus is where `selector` says; gives how many stops that took, each of which has to be seen. */
    const tabTo = async (selector) => {
        for (let stops = 1; stops < 60; stops += 1) {
            await page.keyboard.press('Tab');
            const { there, seen } = await page.evaluate((wanted) => {
                const focused = document.activeElement;
                const outlined = (element, part) => getComputedStyle(element, part).outlineStyle !== 'none';
                return {
                    there: focused?.matches(wanted) ?? false,
                    seen: focused !== null && (outlined(focused) || outlined(focused, '::after')),
                };
            }, selector);
            if (!seen) wrong.push(`keyboard: stop ${stops} on the way to ${selector} is not seen`);
            if (there) return stops;
        }
        wrong.push(`keyboard: ${selector} is out of reach`);
        return Infinity;
    };
    /** The form that is sent when Enter is pressed. */
    const sent = async () => {
        await page.keyboard.press('Enter');
        await page.waitForURL(`${address}/my/**`, { timeout: 5000 }).catch(() => undefined);
        return page.url();
    };
    const expectSent = async (what, ending) => {
        const url = await sent();
        if (!url.endsWith(ending)) wrong.push(`keyboard: ${what} sent ${url}`);
    };

    // nobody takes the forms in: that they are sent is what is asked
    await page.route(`${address}/my/**`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>sent</title>' }));

    await page.goto(`${address}/gallery/request/plain`);
    await tabTo('form[action$="/decline"] button');
    await expectSent('declining', '/decline');
    await page.goto(`${address}/gallery/request/plain`);
    await tabTo('form[action$="/agree"] button');
    await expectSent('agreeing', '/agree');
    await page.goto(`${address}/gallery/my/full`);
    const agree = await page.evaluate(() => document.querySelectorAll('a[href^="/my/requests/"]').length);
    const stop = await page.evaluate(() => document.querySelectorAll('a[href$="/stop"]').length);
    if (agree < 1 || stop < 4) wrong.push(`from the first page ${stop} ways to stop, ${agree} to agree: both are one step`);
    await tabTo('a[href$="/stop"]');
    await page.goto(`${address}/gallery/stop/plain`);
    await tabTo('form[action$="/stop"] button');
    await expectSent('stopping', '/stop');
}

for (const complaint of wrong) console.log(complaint);
console.log(`${pages} pages, ${wrong.length} faults`);
process.exitCode = wrong.length === 0 && pages > 0 ? 0 : 1;
