/**
 * A customer's whole life in Chromium, with real keys: `node life.mjs ORIGIN LINK LOCALE`. Enrols, agrees to less than was asked with
 * the keyboard alone, declines, sees a use and the money, checks a receipt, comes back on a new device, stops with the keyboard alone,
 * takes an archive along, and is erased. What it has done it says as lines of JSON; between them it waits for lines that tell it what has happened outside.
 * Ends with status 1 where something is not as it should be, or where a page has broken its policy.
 */
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { device as plainDevice, enrol, picture as plainPicture, press, writeDown } from './customer.mjs';
import { check, complaints, play, say, told } from './script.mjs';

const [origin, link, locale, archive] = process.argv.slice(2);
const TABS_MAX = 200;

const picture = (page, name) => plainPicture(page, `life-${locale}-${name}`);

/** A device on which nothing is chosen for the customer, whatever page it is. */
async function device(browser) {
    const made = await plainDevice(browser, locale, complaints);
    made.page.on('load', () => {
        made.page.$$eval('input:checked, option[selected]', (all) => all.length).then(
            (ticked) => { if (ticked > 0) complaints.push(`${made.page.url()}: ${ticked} ticked beforehand`); },
            () => { /* it has gone on to another page */ },
        );
    });
    return made;
}

const there = (page, selector) => page.waitForSelector(selector);

/** Goes to a page of the portal, as by a new look. */
async function go(page, to) {
    await page.goto('about:blank');
    const response = await page.goto(`${origin}${to}`);
    check(response === null || response.status() === 200, `${to}: ${response?.status()}`);
}

/** Counts what the customer does, and does it with the keyboard alone: Tab until it is focused, then the key. */
function keyboard(page) {
    let acts = 0;
    const act = async (selector, key) => {
        for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
            await page.keyboard.press('Tab');
            if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) {
                const seen = await page.evaluate(() => {
                    // a card's link is outlined around its card
                    return [null, '::after'].some((part) => {
                        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement, part);
                        return outlineStyle !== 'none' && parseFloat(outlineWidth) > 0;
                    });
                });
                check(seen, `${selector} is focused, and nobody sees it`);
                acts += 1;
                await page.keyboard.press(key);
                return;
            }
        }
        throw new Error(`no way to ${selector} with the keyboard on ${page.url()}`);
    };
    return { act, count: () => acts };
}

async function equalButtons(page, selector) {
    const sizes = await page.$$eval(selector, (all) => all.map((one) => [one.offsetWidth, one.offsetHeight].join()));
    check(sizes.length === 2 && sizes[0] === sizes[1], `unequal buttons on ${page.url()}: ${sizes}`);
}

/** A click that leads to another page. */
async function follow(page, selector) {
    await Promise.all([page.waitForNavigation(), page.click(selector)]);
}

/** Agrees to a request with separate consents, with the keyboard alone; gives how many acts it took. */
async function agree(page, request) {
    await go(page, '/my');
    const hands = keyboard(page);
    await hands.act(`a[href="/my/requests/${request}"]`, 'Enter');
    await there(page, '#consents');
    await equalButtons(page, '.choices .choice');
    await picture(page, 'request');

    // what the browser does not hold back, the server does
    await page.$$eval('input[name=consent]', (all) => all.forEach((box) => box.removeAttribute('required')));
    await follow(page, 'form#agree button');
    check(page.url().includes('lacking=1'), `agreed without a consent: ${page.url()}`);
    await there(page, '[role=alert]');
    await picture(page, 'lacking');

    await hands.act('input[name=consent][value=third-party]', 'Space');
    await hands.act('form#agree button', 'Enter');
    await there(page, '.consent input');
    await equalButtons(page, '.choices button');
    await picture(page, 'sign');
    // one that is needed is not given here, either
    await press(page, 'yes');
    await page.waitForFunction(() => document.querySelector('section .hint')?.textContent !== '');
    check((await page.$$('button[data-answer]:disabled')).length === 0, 'nothing was signed, and one may still answer');
    const asked = await page.$$eval('.consent input', (all) => all.map((box) => box.dataset.consent));
    check(asked.join() === 'third-party', `what was not ticked is not signed: ${asked}`);
    await page.evaluate(() => document.getElementById('main').focus());
    await hands.act('.consent input', 'Space');
    check((await page.textContent('pre')).includes('"given_at":'), 'the bytes that are signed say when');
    await hands.act('button[data-answer=yes]', 'Enter');
    await there(page, 'a.button[href^="/my/grants/"]');
    return hands.count();
}

/** Narrows a request before agreeing. */
async function narrowed(page, request) {
    await go(page, `/my/requests/${request}`);
    await page.click('summary:has(~ form[method=get])');
    await page.fill('input[name=uses]', '3');
    await page.check('input[name=without][value="purchases/quantity"]');
    await follow(page, 'form[method=get] button');
    await there(page, '#narrowed');
    check((await page.textContent('table.diff')).includes('3'), 'the difference is marked');
    await page.check('input[name=consent][value=third-party]');
    await follow(page, 'form#agree button');
    await there(page, '.consent input');
    await page.check('.consent input');
    await press(page, 'yes');
    await there(page, 'a.button[href^="/my/grants/"]');
}

async function decline(page, request) {
    await go(page, `/my/requests/${request}`);
    await page.click('summary:has(~ form[action$="/decline"])');
    await page.fill('input[name=unless_uses]', '2');
    await page.fill('input[name=unless_price]', '1.20');
    await picture(page, 'unless');
    await follow(page, 'form.form[action$="/decline"] button');
    await there(page, 'button[data-answer=yes]');
    check((await page.textContent('dl')).includes('1.20'), 'what is signed says what would be acceptable');
    await press(page, 'yes');
    await there(page, 'a.button[href="/"]');
}

/** Stops a grant with the keyboard alone; gives how many acts it took. */
async function stop(page, grant) {
    await go(page, '/my');
    const hands = keyboard(page);
    await hands.act(`.quick a[href="/my/grants/${grant}/stop"]`, 'Enter');
    await there(page, 'form .choices button');
    await equalButtons(page, 'form .choices .choice');
    check((await page.textContent('.points')).includes('0.80'), 'what is owed is paid all the same');
    await picture(page, 'stop');
    await hands.act('form .choices button', 'Enter');
    await there(page, '.done');
    return hands.count();
}

await play(async (browser) => {
    const first = await device(browser);
    let { page } = first;
    const code = await enrol(page, link);
    say({ enrolled: true });
    const { wide, narrow, unwanted } = await told();

    const toAgree = await agree(page, wide);
    await narrowed(page, narrow);
    await decline(page, unwanted);
    say({ agreed: true });
    const { grant } = await told();

    // what was used, and what it brought
    await go(page, `/my/grants/${grant}`);
    check((await page.$$('.story .plus')).length === 1, 'one use, with what it brought');
    check((await page.textContent('.story')).includes('0.80'), await page.textContent('.story'));
    await picture(page, 'grant');
    await follow(page, '.story li:first-child .entry a');
    await page.click('#check button');
    await page.waitForSelector('#outcome strong');
    check((await page.$$('#outcome ul li')).length >= 5, await page.textContent('#outcome'));
    await picture(page, 'receipt');
    await go(page, '/my/value');
    check((await page.textContent('.figures')).includes('0.80'), 'the money shows');
    await picture(page, 'value');
    say({ seen: true });
    await told();
    await go(page, '/my/value');
    const [earned, paid, pending] = await page.$$eval('.figures dd', (all) => all.map((one) => one.textContent ?? ''));
    check(earned.includes('0.80') && paid.includes('0.80') && !pending.includes('0.80'), `paid out: ${earned}, ${paid}, ${pending}`);
    const payments = await page.$$eval('#payments ~ table tbody td', (all) => all.map((one) => one.textContent ?? ''));
    check(payments[0].includes('0.80') && payments[1].includes('0.16'), `the payment, and the tax of it: ${payments}`);
    await picture(page, 'paid');

    // a new device, with nothing but the code; the old one is locked out
    const second = await device(browser);
    ({ page } = second);
    await page.goto(`${origin}/sign/#recover`);
    await page.fill('#typed', code);
    await page.click('button[type=submit]');
    await there(page, '#code');
    await writeDown(page);
    await press(page, 'enrol');
    await there(page, 'a.button[href="/"]');
    const locked = await first.context.request.get(`${origin}/my`);
    check(locked.status() === 401, `the lost device still looks: ${locked.status()}`);
    say({ recovered: true });
    await told();

    const toStop = await stop(page, grant);
    check(toStop <= toAgree, `${toStop} acts to stop, ${toAgree} to agree`);
    say({ stopped: true });
    // the page says by itself when the gates know
    await page.waitForSelector('#taken li.yes', { timeout: 60_000 });
    const taken = await page.textContent('#taken');
    check(taken.includes('till-1') && /\d\d:\d\d:\d\d/.test(taken), `which gate, and when: ${taken}`);
    check((await page.$$('#taken li.no')).length === 0, `no other gate: ${taken}`);
    await picture(page, 'stopped');
    await told();

    // taken along, and checked by itself without any network
    await go(page, '/my/account/data');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('a[href$="/archive"]')]);
    await download.saveAs(archive);
    const offline = await browser.newContext({ locale, offline: true });
    const opened = await offline.newPage();
    await opened.goto(pathToFileURL(archive).href);
    await opened.waitForSelector('#verdict', { timeout: 120_000 });
    check((await opened.$$('#verdict.bad')).length === 0, await opened.textContent('#verdict'));
    check((await opened.$$('article[data-status=withdrawn]')).length === 1, 'the archive has what was stopped');
    await picture(opened, 'archive');
    await offline.close();
    say({ exported: true });
    await told();

    await go(page, '/my/account/data');
    await follow(page, 'a[href$="/erase"]');
    await equalButtons(page, 'form .choices .choice');
    await picture(page, 'erase');
    await follow(page, 'form .choices button');
    if (page.url().includes('/sign/')) {
        await press(page, 'show');
        await there(page, 'form .choices button');
        await follow(page, 'form .choices button');
    }
    for (let looks = 0; (await page.$('.done')) === null; looks += 1) {
        check(looks < 120, `never erased: ${await page.textContent('main')}`);
        await page.waitForTimeout(500);
        await page.reload();
    }
    await picture(page, 'erased');
    await go(page, '/my');
    check((await page.$$('.card')).length === 0, 'nothing is left to see');
    say({ erased: true });
});
