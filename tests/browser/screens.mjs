#!/usr/bin/env node
/**
 * Screenshots of every screen in every state, in both languages and themes, from telephone to desktop.
 *
 * node tests/browser/screens.mjs [part of screen/state] [--few]: into target/screens. With --few: one theme and two widths.
 * First: cargo build -p grantbook-portal --features gallery --example gallery
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { gallery, launch, root, screens } from './tools.mjs';

const few = process.argv.includes('--few');
const wanted = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? '';
const folder = path.join(root, 'target/screens');
const languages = ['en', 'zh-CN'];
const themes = few ? ['light'] : ['light', 'dark'];
const widths = few ? [390, 1180] : [360, 768, 1180];

await mkdir(folder, { recursive: true });
const { address, stop } = await gallery();
const browser = await launch();
let count = 0;
try {
    for (const theme of themes) {
        for (const width of widths) {
            const context = await browser.newContext({
                colorScheme: theme, viewport: { width, height: width < 600 ? 800 : 900 }, reducedMotion: 'reduce',
            });
            const page = await context.newPage();
            for (const { screen, state } of await screens(address)) {
                if (!`${screen}/${state}`.includes(wanted)) continue;
                for (const language of languages) {
                    await page.goto(`${address}/gallery/${screen}/${state}?lang=${language}`);
                    const file = `${screen}-${state}.${language}.${theme}.${width}.png`;
                    await page.screenshot({ path: path.join(folder, file), fullPage: true });
                    count += 1;
                }
            }
            await context.close();
        }
    }
} finally {
    await browser.close();
    stop();
}
console.log(`${count} screenshots in ${folder}`);
