/** A customer's device: a browser context with an authenticator in it, and the ways that every script takes. */
import path from 'node:path';
import process from 'node:process';

/** @param {import('playwright-core').Browser} browser @param {string} locale @param {string[]} complaints what no page may do */
export async function device(browser, locale, complaints) {
    const context = await browser.newContext({ locale });
    context.setDefaultTimeout(20_000);
    await context.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    const page = await context.newPage();
    page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error}`));
    const cdp = await context.newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    await cdp.send('WebAuthn.addVirtualAuthenticator', {
        options: {
            protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
            isUserVerified: true, automaticPresenceSimulation: true,
        },
    });
    return { context, page };
}

/** Keeps a picture of the page, in light and dark, where a folder for them is named. */
export async function picture(page, name) {
    const folder = process.env.GRANTBOOK_SCREENS;
    if (!folder) return;
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        // buttons take their new colours by and by
        await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished)));
        await page.screenshot({ path: path.join(folder, `${name}.${colorScheme}.png`), fullPage: true });
    }
    await page.emulateMedia({ colorScheme: null });
}

/** Complaints but for answers that refuse, where a script has things refused. */
export const unexpected = (complaints) => complaints.filter((line) => !/status of 4\d\d/.test(line));

export const press = (page, answer) => page.click(`button[data-answer="${answer}"]`);

/** Writes a code down and says so. */
export async function writeDown(page) {
    const code = await page.textContent('#code');
    await press(page, 'written');
    await page.fill('#typed', code.slice(-4));
    await page.click('button[type=submit]');
    return code;
}

/** From an invitation to a key that waits for the enterprise's word; gives the recovery code. */
export async function enrol(page, link) {
    await page.goto(link);
    await press(page, 'fresh');
    await press(page, 'make');
    await page.waitForSelector('#code');
    const code = await writeDown(page);
    await press(page, 'enrol');
    await page.waitForFunction(() => !document.querySelector('button[data-answer=enrol]'));
    return code;
}
