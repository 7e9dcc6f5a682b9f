/**
 * Standing rules in Chromium, with real keys: `node rules.mjs ORIGIN LINK`. Enrols, fills in a rule, sees what it would do, signs it, lets
 * the browser answer by it, and ends it. What it has done it says as lines of JSON; between them it waits for lines that tell it what
 * has happened outside. Ends with status 1 where something is not as it should be, or where a page has broken its policy.
 */
import process from 'node:process';
import { device, enrol, press } from './customer.mjs';
import { check, complaints, play, say, told } from './script.mjs';

const [origin, link] = process.argv.slice(2);

await play(async (browser) => {
    const { page } = await device(browser, 'en-GB', complaints);
    const follow = (selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);
    const go = async (to) => {
        await page.goto('about:blank');
        await page.goto(`${origin}${to}`);
    };
    /** Fills in a rule, sees what it would do, and goes on to sign it. */
    const make = async () => {
        await page.fill('input[name=price]', '0.50');
        await page.selectOption('select[name=currency]', 'CNY');
        await page.fill('input[name=uses]', '5');
        await page.selectOption('select[name=outside]', 'decline');
        await follow('form.form button');
        const verdicts = await page.$$eval('table td:last-child', (all) => all.map((cell) => cell.textContent.trim()));
        check(verdicts[0]?.startsWith('Agreed to') && verdicts[1]?.startsWith('Declined'), `what it would do: ${verdicts}`);
        await follow('.choices form button');
        await page.waitForSelector('button[data-answer=yes]');
    };
    const answers = async () => {
        await go('/my/rules');
        await follow('a[href="/sign/#answer"]');
        await page.waitForSelector('button[data-answer=yes]');
        const found = await page.$$eval('h2', (all) => all.map((one) => one.textContent));
        check(found.length === 2, `two answers: ${found}`);
    };
    await enrol(page, link);
    say({ enrolled: true });
    await told();

    await go('/my/rules');
    await page.waitForSelector('.empty');
    await follow('a[href$="/new"]');
    check((await page.$$('input:checked, option[selected]')).length === 0, 'nothing is chosen for the customer');
    // what cannot be is said, and what was filled in stays
    await page.fill('input[name=price]', 'much');
    await follow('form.form button');
    check((await page.textContent('[role=alert]')).includes('0.80'), 'an example of what was expected');
    check((await page.inputValue('input[name=price]')) === 'much', 'what was filled in stays');
    await make();
    const words = await page.textContent('dl');
    for (const word of ['at most 5 uses', 'pays at least', '0.50', 'is declined']) check(words.includes(word), `${word}: ${words}`);
    check((await page.textContent('pre')).includes('"agent":{"crv":"Ed25519"'), 'the bytes name the key that answers');
    await press(page, 'yes');
    await page.waitForSelector('a.button[href="/my/rules"]');
    say({ made: true });
    await told();

    // seen, and not sent
    await answers();
    await press(page, 'no');
    await page.waitForSelector('a.button[href="/my/rules"]');
    await go('/my/rules');
    await follow('form[action$="/end"] button');
    await page.waitForSelector('.chip.off');
    check((await page.$$('form[action$="/end"]')).length === 0, 'it has ended');
    check((await page.$$('a[href="/sign/#answer"]')).length === 0, 'a rule that has ended answers nothing');
    await go('/sign/#answer');
    await page.waitForSelector('a.button[href="/my/rules"]');
    check((await page.$$('button')).length === 0, 'nor does the browser');
    say({ ended: true });
    await told();

    await go('/my/rules');
    await follow('a[href$="/new"]');
    await make();
    await press(page, 'yes');
    await page.waitForSelector('a.button[href="/my/rules"]');
    await answers();
    await press(page, 'yes');
    await page.waitForSelector('a.button[href="/my/rules"]');
    await go('/my/rules');
    check((await page.$$('.links a[href^="/my/grants/"]')).length === 1, 'what was agreed to under the rule');
    say({ answered: true });
});
