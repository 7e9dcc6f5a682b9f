/**
 * A customer's keys in Chromium, driven step by step: `node keys.mjs ORIGIN LINK`. What it has done it says as lines of JSON; between
 * them it waits for lines that tell it of requests. Ends with status 1 where something is not as it should be.
 */
import process from 'node:process';
import { device as plainDevice, picture as plainPicture, press, unexpected } from './customer.mjs';
import { check, complaints, play, say, told } from './script.mjs';

const [origin, link] = process.argv.slice(2);

const picture = (page, name) => plainPicture(page, `sign-${name}`);
const device = (browser, locale) => plainDevice(browser, locale, complaints);

const heading = async (page, text) => page.waitForFunction((text) => document.querySelector('h1')?.textContent === text, text);

/** Writes a code down and says so. */
async function writeDown(page) {
    const code = await page.textContent('#code');
    await picture(page, 'code');
    await press(page, 'written');
    await page.fill('#typed', 'XXXX');
    await page.click('button[type=submit]');
    await page.waitForFunction(() => document.querySelector('.hint')?.textContent !== '');
    await page.fill('#typed', code.slice(-4).toLowerCase());
    await page.click('button[type=submit]');
    return code;
}

/** Sends a form of the portal's own pages; gives where it leads. */
async function form(page, action, more = {}) {
    const answered = page.waitForResponse((response) => response.url() === `${origin}${action}`);
    await page.evaluate(async ([action, more]) => {
        const me = await (await fetch('/account/me')).json();
        await fetch(action, { method: 'POST', body: new URLSearchParams({ form_token: me.form_token, ...more }) });
    }, [action, more]);
    const response = await answered;
    check(response.status() === 303, `${action}: ${response.status()}`);
    return response.headers().location;
}

/** Follows a link to the signing page as from another page. */
async function go(page, to) {
    await page.goto('about:blank');
    await page.goto(`${origin}${to}`);
}

await play(async (browser) => {
    const first = await device(browser, 'en-GB');
    let { page } = first;
    await page.goto(link);
    await heading(page, 'voltway invites you');
    check(!page.url().includes('/i/'), 'the token stays out of the path');
    await picture(page, 'invited');
    await press(page, 'fresh');
    await press(page, 'make');
    const code = await writeDown(page);
    await page.waitForSelector('button[data-answer="enrol"]');
    await picture(page, 'key');
    await press(page, 'enrol');
    await heading(page, 'Almost there');
    await picture(page, 'waiting');
    say({ enrolled: true });
    const { request } = await told();

    // what it says is what the bytes say
    await go(page, await form(page, `/my/requests/${request}/agree`, { uses: '3' }));
    await heading(page, 'Do you agree?');
    await picture(page, 'agree');
    const shown = await page.textContent('dl');
    for (const part of ['voltway', 'recommender', 'Fitting a service to you', 'Purchases', 'January 1, 1997', 'September 30, 1997', 'at most 3 times', 'CNY', '0.80']) {
        check(shown.includes(part), `${part} is not in: ${shown}`);
    }
    const sizes = await page.$$eval('.choices button', (all) => all.map((one) => [one.offsetWidth, one.offsetHeight].join()));
    check(sizes.length === 2 && sizes[0] === sizes[1], `unequal buttons: ${sizes}`);
    await press(page, 'no');
    await heading(page, 'Nothing was signed');
    const prepared = await form(page, `/my/requests/${request}/agree`, { uses: '3' });
    await go(page, prepared);
    await press(page, 'yes');
    await heading(page, 'Signed');
    say({ agreed: true });
    const { grant } = await told();

    // no script of the page can read the key
    const readable = await page.evaluate(async () => {
        const database = await new Promise((resolve) => {
            const open = indexedDB.open('grantbook', 1);
            open.onsuccess = () => resolve(open.result);
        });
        const all = await new Promise((resolve) => {
            const got = database.transaction('keys').objectStore('keys').getAll();
            got.onsuccess = () => resolve(got.result);
        });
        const formats = ['pkcs8', 'jwk', 'raw'];
        const tries = all.flatMap(({ key }) => formats.map((format) => crypto.subtle.exportKey(format, key).then(() => true, () => false)));
        return { keys: all.length, out: (await Promise.all(tries)).some(Boolean), inline: document.querySelector('main').innerHTML.length > 0 };
    });
    check(readable.keys === 1 && !readable.out, `keys that leave: ${JSON.stringify(readable)}`);
    check(unexpected(complaints).length === 0, unexpected(complaints).join('\n'));
    // nothing of a string becomes markup, and nothing from elsewhere is fetched
    const blocked = await page.evaluate(async () => {
        const tries = { markup: false, fetched: false, script: false };
        try { document.querySelector('main').innerHTML = '<b>x</b>'; tries.markup = true; } catch { /* as it should be */ }
        try { await fetch('http://127.0.0.1:9/'); tries.fetched = true; } catch { /* as it should be */ }
        try { document.body.append(Object.assign(document.createElement('script'), { textContent: 'globalThis.ran = true' })); } catch { /* as it should be */ }
        tries.script = globalThis.ran === true;
        return tries;
    });
    check(!blocked.markup && !blocked.fetched && !blocked.script, JSON.stringify(blocked));
    // each of these is a complaint, which may come late
    await page.waitForTimeout(1000);
    complaints.length = 0;

    // another device, with nothing but the code, in Chinese
    const second = await device(browser, 'zh-CN');
    ({ page } = second);
    await page.goto(`${origin}/sign/#recover`);
    await heading(page, '用恢复码找回');
    await page.fill('#typed', code.replaceAll('-', ' ').toLowerCase());
    await page.click('button[type=submit]');
    await page.waitForSelector('#code');
    const next = await writeDown(page);
    check(next !== code, 'a new code');
    await press(page, 'enrol');
    await heading(page, '已找回');
    say({ recovered: true });
    const again = await told();
    // the first device is logged out, and its key is worthless
    const me = await first.page.evaluate(async () => (await fetch('/account/me')).status);
    check(me === 401, `the lost device is still logged in: ${me}`);
    await go(page, await form(page, `/my/requests/${again.request}/agree`));
    await heading(page, '您是否同意？');
    await picture(page, 'agree-zh');
    await press(page, 'yes');
    await heading(page, '已签署');
    const stopped = await form(page, `/my/grants/${grant}/stop`);
    check(stopped === `/my/grants/${grant}/stopped`, stopped);
    // what was prepared for one device is signed on none that has not the key
    await second.context.clearCookies();
    await go(page, prepared);
    await heading(page, '登录');
    await press(page, 'in');
    await page.waitForFunction(() => document.querySelector('h1')?.textContent !== '登录');
    say({ stopped: true });
}, { refuses: true });
