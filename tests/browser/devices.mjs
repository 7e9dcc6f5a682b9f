/**
 * Two devices in Chromium, each with an authenticator of its own: `node devices.mjs ORIGIN LINK`. What has been done is said as lines of
 * JSON; between them it waits for lines that tell it to go on. Ends with status 1 where something is not as it should be.
 */
import process from 'node:process';
import { device as plainDevice, picture as plainPicture, press } from './customer.mjs';
import { check, complaints, play, say, told } from './script.mjs';

const [origin, link] = process.argv.slice(2);

const picture = (page, name) => plainPicture(page, `device-${name}`);
const device = (browser, locale) => plainDevice(browser, locale, complaints);

const heading = (page, text) => page.waitForFunction((text) => document.querySelector('h1')?.textContent === text, text);

/** Follows a link to the signing page as from another page. */
async function go(page, to) {
    await page.goto('about:blank');
    await page.goto(to.startsWith('http') ? to : `${origin}${to}`);
}

/** Sends a form of the portal's own pages; gives where it leads. */
async function form(page, action) {
    const answered = page.waitForResponse((response) => response.url() === `${origin}${action}`);
    await page.evaluate(async (action) => {
        const me = await (await fetch('/account/me')).json();
        await fetch(action, { method: 'POST', body: new URLSearchParams({ form_token: me.form_token }) });
    }, action);
    return (await answered).headers().location;
}

/** The first device begins; gives the link. */
async function offer(page, shot) {
    await go(page, '/sign/#add-device');
    await heading(page, 'Add a device');
    if (shot) await picture(page, 'add');
    await press(page, 'add');
    await heading(page, 'Open this on the other device');
    if (shot) await picture(page, 'link');
    return page.textContent('#link');
}

await play(async (browser) => {
    const { page: first } = await device(browser, 'en-GB');
    await first.goto(link);
    await press(first, 'fresh');
    await press(first, 'make');
    const code = await first.textContent('#code');
    await press(first, 'written');
    await first.fill('#typed', code.slice(-4));
    await first.click('button[type=submit]');
    await press(first, 'enrol');
    await heading(first, 'Almost there');
    say({ enrolled: true });
    const { request } = await told();
    await first.goto(`${origin}/my/account`);
    await first.waitForSelector('[data-this]:not([hidden])');

    // somebody else opens the link before: the digits differ from what the person sees, who says so
    const { page: thief } = await device(browser, 'en-GB');
    await go(thief, await offer(first, false));
    await thief.click('button[type=submit]');
    await press(thief, 'fresh');
    await heading(thief, 'Compare the digits');
    await heading(first, 'Compare the digits');
    check(await first.textContent('#digits') === await thief.textContent('#digits'), 'digits of one pairing that differ');
    await press(first, 'no');
    await heading(first, 'Nothing was added');
    await heading(thief, 'That did not work');

    // a server that puts another key in between: either the first sees that the promise was not kept, or the digits differ
    let meant = await offer(first, false);
    const { page: honest, context } = await device(browser, 'en-GB');
    await context.route('**/account/devices/step', async (route) => {
        const body = route.request().postDataJSON();
        const key = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k';
        if (body.step?.open) body.step.open.keys[0] = key;
        await route.continue({ postData: JSON.stringify(body) });
    });
    await go(honest, meant);
    await honest.click('button[type=submit]');
    await press(honest, 'fresh');
    await heading(first, 'That did not work');
    check((await first.textContent('main')).includes('not those that were compared'), 'a key in between');
    await honest.close();
    // the same with the promise, too: then it is the digits
    meant = await offer(first, false);
    const { page: misled, context: between } = await device(browser, 'en-GB');
    await between.route('**/account/devices/{join,step}', async (route) => {
        const body = route.request().postDataJSON();
        const key = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k';
        const promise = async (nonce, keys) => {
            const text = ['grantbook-device-commitment/v1', nonce, ...keys, ''].join('\n');
            const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
            return Buffer.from(hash).toString('base64url');
        };
        const opening = { nonce: 'A'.repeat(43), keys: [key] };
        if (body.commitment) body.commitment = await promise(opening.nonce, opening.keys);
        if (body.step?.open) body.step.open = opening;
        await route.continue({ postData: JSON.stringify(body) });
    });
    await go(misled, meant);
    await misled.click('button[type=submit]');
    await press(misled, 'fresh');
    await heading(first, 'Compare the digits');
    await heading(misled, 'Compare the digits');
    check(await first.textContent('#digits') !== await misled.textContent('#digits'), 'the digits do not show a key in between');
    await press(first, 'no');
    await heading(first, 'Nothing was added');
    await misled.close();
    say({ refused: true });
    await told();

    // the device that was meant, in Chinese
    const { page: second } = await device(browser, 'zh-CN');
    const address = await offer(first, true);
    await go(second, address);
    await heading(second, '把这台设备加进来');
    check((await second.inputValue('#typed')).startsWith('Chrome'), 'a name of the platform');
    await picture(second, 'come');
    await second.fill('#typed', '厨房电脑');
    await second.click('button[type=submit]');
    await picture(second, 'passkey');
    await press(second, 'fresh');
    await heading(first, 'Compare the digits');
    await heading(second, '比对数字');
    check(await first.textContent('#digits') === await second.textContent('#digits'), 'the same digits on both');
    check((await first.textContent('main')).includes('厨房电脑'), 'the name of the other');
    await picture(first, 'compare');
    await picture(second, 'compare-zh');
    await press(first, 'yes');
    await press(second, 'enrol');
    await heading(second, '请在第一台设备上签名');
    await first.waitForSelector('button[data-answer="sign"]');
    await picture(first, 'sign');
    await press(first, 'sign');
    await heading(first, 'Added');
    await press(second, 'in');
    await heading(second, '这台设备已可使用');
    await picture(second, 'done');
    // the link is worthless from here on
    await go(thief, address);
    await heading(thief, 'That did not work');
    say({ added: true });
    await told();

    await go(second, await form(second, `/my/requests/${request}/agree`));
    await heading(second, '您是否同意？');
    await press(second, 'yes');
    await heading(second, '已签署');
    await second.goto(`${origin}/my/account`);
    await second.waitForSelector('[data-this]:not([hidden])');
    check(await second.$$eval('[data-this]:not([hidden])', (all) => all.length) === 1, 'one device is this one');
    check((await second.textContent('[data-keys]:has([data-this]:not([hidden])) h3')) === '厨房电脑', 'which one');
    await picture(second, 'account-zh');
    say({ granted: true });
    const { request: another } = await told();

    // the first prepares a grant; the second ends it before that is signed
    const prepared = await form(first, `/my/requests/${another}/agree`);
    await go(first, prepared);
    await heading(first, 'Do you agree?');
    await second.click('[data-keys]:has([data-this][hidden]) a[href*="end-device"]');
    await heading(second, '停用这台设备？');
    await picture(second, 'end-zh');
    await press(second, 'yes');
    await heading(second, '已停用');
    await press(first, 'yes');
    await heading(first, 'That did not work');
    const me = await first.evaluate(async () => (await fetch('/account/me')).status);
    check(me === 401, `the ended device is still logged in: ${me}`);
    await go(first, '/sign/#log-in=/my');
    await press(first, 'in');
    await heading(first, 'That did not work');
    say({ ended: true });
    await told();

    // the one that is left is ended with a warning only
    await second.goto(`${origin}/my/account`);
    await second.click('[data-keys] a[href*="end-device"]');
    await heading(second, '停用这台设备？');
    check((await second.textContent('[role=alert]')).includes('最后一台'), 'a warning');
    await picture(second, 'last-zh');
    await press(second, 'no');
    await second.waitForURL(`${origin}/my/account`);
    say({ done: true });
}, { refuses: true });
