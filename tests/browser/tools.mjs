/** The browser, and what judges pages in it: packages that nobody here wrote, installed outside of the source tree. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');
const tools = createRequire(path.join(target, 'outside/browser/package.json'));

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The source of axe-core, for `page.evaluate`. */
export const axeSource = () => readFileSync(tools.resolve('axe-core/axe.min.js'), 'utf8');

/** Debian's Chromium, with a fresh profile. */
export async function launch() {
    const { chromium } = tools('playwright-core');
    return chromium.launch({
        executablePath: CHROMIUM.find((file) => existsSync(file)),
        args: [
            '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
            '--disable-component-update', '--disable-sync', '--force-color-profile=srgb',
        ],
    });
}

/** Runs the gallery and gives its address with what stops it. */
export async function gallery() {
    const program = path.join(target, 'debug/examples/gallery');
    const child = execFile(program, { cwd: root });
    const address = await new Promise((resolve, reject) => {
        child.stdout.once('data', (line) => resolve(String(line).trim()));
        child.once('error', reject);
        child.once('exit', (code) => reject(new Error(`the gallery ended with status ${code}`)));
    });
    return { address, stop: () => child.kill() };
}

/** Names of all screens with their states. */
export async function screens(address) {
    const text = await (await fetch(`${address}/gallery`)).text();
    return text.trim().split('\n').map((line) => {
        const [screen, state] = line.split('/');
        return { screen, state };
    });
}
