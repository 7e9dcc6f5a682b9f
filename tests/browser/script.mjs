/**
 * What every script does that a test runs step by step: it says lines of JSON about what it has done, waits in between to be told what has
 * happened outside, and ends with status 1 where something is not as it should be, or where a page has broken its policy.
 */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { unexpected } from './customer.mjs';
import { launch } from './tools.mjs';

const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();

/** What no page may do, as it happens. @type {string[]} */
export const complaints = [];
export const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
export const told = async () => JSON.parse((await lines.next()).value);

export function check(holds, what) {
    if (!holds) throw new Error(what);
}

/**
 * Plays a script in a browser of its own. Where it fails it says which pages were open.
 * @param {(browser: import('playwright-core').Browser) => Promise<void>} act
 * @param {{ refuses?: boolean }} [of] whether something is refused in it on purpose, which the browser complains of
 */
export async function play(act, { refuses = false } = {}) {
    const browser = await launch();
    try {
        await act(browser);
        const left = refuses ? unexpected(complaints) : complaints;
        check(left.length === 0, left.join('\n'));
    } catch (error) {
        for (const context of browser.contexts()) {
            for (const page of context.pages()) process.stderr.write(`${page.url()}\n${await page.textContent('body').catch(() => '')}\n`);
        }
        process.stderr.write(`${complaints.join('\n')}\n`);
        throw error;
    } finally {
        await browser.close();
        input.close();
        process.stdin.destroy();
    }
    process.exit();
}
