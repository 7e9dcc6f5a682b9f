/**
 * Several people for one customer in Chromium, with real keys: `node several.mjs ORIGIN LINK LOCALE`. Ann comes by the link and lets Bo in,
 * both agree that two must sign, Ann agrees to a request and Bo signs it, too. Then the mother comes by a link that it is told and is the
 * guardian of Cai, for whom she signs. What was done it says as lines of JSON; between them it waits to be told what has happened outside.
 */
import process from 'node:process';
import { device, enrol, picture as plainPicture, press, writeDown } from './customer.mjs';
import { check, complaints, play, say, told } from './script.mjs';

const [origin, link, locale] = process.argv.slice(2);

const picture = (page, name) => plainPicture(page, `several-${locale}-${name}`);
const follow = (page, selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);
const go = async (page, to) => {
    await page.goto('about:blank');
    await page.goto(`${origin}${to}`);
};
const typed = async (page, text) => {
    await page.waitForSelector('#typed');
    await page.fill('#typed', text);
    await page.click('button[type=submit]');
};

/** Somebody without an account opens an invitation to act beside others: as far as the key that is to be made. */
async function comes(page, url, names) {
    await page.goto(url);
    await press(page, 'fresh');
    await press(page, 'make');
    await page.waitForSelector('#code');
    await writeDown(page);
    for (const name of names) {
        await page.waitForFunction(() => !document.querySelector('#typed')?.value);
        await typed(page, name);
        await page.waitForFunction((was) => document.querySelector('#typed')?.value !== was, name);
    }
    await picture(page, `comes-${names.length}`);
    await press(page, 'enrol');
}

let pictures = 0;

/** The first card on the home page that waits for a signature of whoever looks. */
async function cosigns(page, expected) {
    await go(page, '/my');
    const cards = await page.$$eval('a[href^="/sign/#cosign="]', (all) => all.length);
    check(cards === 1, `one thing to sign, not ${cards}`);
    await follow(page, 'a[href^="/sign/#cosign="]');
    await page.waitForSelector('button[data-answer=yes]');
    const words = await page.textContent('main');
    for (const word of expected) check(words.includes(word), `${word}: ${words}`);
    pictures += 1;
    await picture(page, `cosigns-${pictures}`);
    await press(page, 'yes');
    await page.waitForSelector('a.button[href="/my"]');
}

/** Agrees to a request as far as the page that says that others must sign, too. */
async function agrees(page, request) {
    await go(page, `/my/requests/${request}`);
    await follow(page, 'form[action$="/agree"] button');
    await press(page, 'yes');
    await page.waitForSelector('a.button[href="/my"]');
    await picture(page, 'waits');
}

await play(async (browser) => {
    const open = () => device(browser, locale, complaints);
    const ann = (await open()).page;
    await enrol(ann, link);
    say({ enrolled: true });
    await told();

    // Ann lets Bo in
    await go(ann, '/my/account/signers');
    check((await ann.$$('form[action^="/my/account/signers/"]')).length === 0, 'one key leaves nothing to choose');
    await follow(ann, 'a[href^="/sign/#invite-signer="]');
    await typed(ann, 'Ann');
    const invitation = await ann.textContent('#link');
    await picture(ann, 'link');
    const bo = (await open()).page;
    await comes(bo, invitation, ['Bo']);
    const number = await bo.textContent('#digits');
    await picture(bo, 'number');
    check(/^(\d{5} ){5}\d{5}$/.test(number), `thirty digits: ${number}`);
    await go(bo, '/my');
    check(!(await bo.textContent('main')).includes('voltway'), 'nobody sees anything before somebody has vouched');
    // a second one does not come by the same link
    const late = (await open()).page;
    await late.goto(invitation);
    await late.waitForSelector('[role=alert]');
    await late.context().close();
    await cosigns(ann, ['Bo', number]);
    say({ joined: true });
    await told();

    // both count, and two must sign: one signature changes that from then on no more
    await go(ann, '/my/account/signers');
    check((await ann.$$('input:checked')).length === 0, 'nothing is chosen for anybody');
    check((await ann.textContent('main')).includes('Bo'), 'Bo by name');
    for (const box of await ann.$$('input[name=key]')) await box.check();
    await ann.selectOption('select[name=needed]', '2');
    await follow(ann, 'form[action^="/my/account/signers/"] button');
    await ann.waitForSelector('button[data-answer=yes]');
    check((await ann.textContent('main')).includes('Bo'), 'whose keys count');
    await picture(ann, 'rule');
    await press(ann, 'yes');
    await ann.waitForSelector('a.button[href="/my/account/signers"]');
    say({ agreed: true });
    const { request, other } = await told();

    await agrees(ann, request);
    say({ waits: true });
    await told();
    await cosigns(bo, []);
    say({ granted: true });
    await told();
    // what Bo begins Ann can drop
    await agrees(bo, other);
    await go(ann, '/my');
    await follow(ann, 'form[action^="/my/signatures/"] button');
    check((await ann.$$('a[href^="/sign/#cosign="]')).length === 0, 'it is dropped');
    say({ dropped: true });

    // a guardian comes; the minor, who has a key, agrees
    const { child, guardian } = await told();
    const cai = (await open()).page;
    await enrol(cai, child);
    say({ child: true });
    await told();
    const mother = (await open()).page;
    await comes(mother, guardian, ['Mother', 'Cai']);
    const hers = await mother.textContent('#digits');
    await cosigns(cai, ['Mother', hers]);
    say({ named: true });
    const { asked, alone } = await told();

    await agrees(cai, asked);
    await go(mother, '/my');
    check((await mother.textContent('main')).includes('Cai'), 'for whom it is');
    await cosigns(mother, ['Cai']);
    // hers alone is enough, where the rules do not have the minor heard
    await go(mother, `/my/requests/${alone}`);
    await follow(mother, 'form[action$="/agree"] button');
    await press(mother, 'yes');
    await mother.waitForSelector('a.button[href^="/my/grants/"]');
    await go(mother, '/my/account/signers');
    check((await mother.textContent('main')).includes('Cai'), 'for whom she signs');
    say({ guarded: true });
}, { refuses: true });
