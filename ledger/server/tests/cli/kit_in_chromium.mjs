// A kit's page in Chromium, as a regulator uses it: node kit_in_chromium.mjs PAGE KIT VKEY PROFILE PICTURE
// Prints what the page says, and what the browser complained about.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [page, kit, vkey, profile, picture] = process.argv.slice(2);
const browser = spawn('chromium', [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--remote-debugging-pipe', `--user-data-dir=${profile}`,
], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const [, , , to, from] = browser.stdio;
const waiting = new Map();
const complaints = [];
let last = 0, buffer = '';
from.setEncoding('utf8');
from.on('data', (text) => {
    const messages = (buffer + text).split('\0');
    buffer = messages.pop();
    for (const message of messages.map((json) => JSON.parse(json))) {
        const { id, method, params, result, error } = message;
        if (method === 'Log.entryAdded') complaints.push(params.entry.text);
        if (method === 'Runtime.exceptionThrown') complaints.push(params.exceptionDetails.text);
        if (method === 'Network.requestWillBeSent' && !params.request.url.startsWith('file:')) complaints.push(params.request.url);
        waiting.get(id)?.(error === undefined ? result : Promise.reject(new Error(error.message)));
    }
});
const deadline = setTimeout(() => {
    console.error('the page took longer than 60 s');
    browser.kill('SIGKILL');
    process.exit(1);
}, 60_000);
const send = (method, params = {}, sessionId) => new Promise((resolve) => {
    last += 1;
    waiting.set(last, resolve);
    to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
});
const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
const ask = (method, params) => send(method, params, sessionId);
for (const domain of ['Log', 'Runtime', 'Network', 'Page', 'DOM']) await ask(`${domain}.enable`);
await ask('Emulation.setDeviceMetricsOverride', { width: 1280, height: 900, deviceScaleFactor: 1, mobile: false });
await ask('Page.navigate', { url: pathToFileURL(page).href });
const evaluate = async (expression) => (await ask('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })).result.value;
/** @param {string} condition */
const until = async (condition) => {
    while (!await evaluate(condition)) await new Promise((go) => { setTimeout(go, 50); });
};
await until('document.querySelector("#folder") !== null');
const { root } = await ask('DOM.getDocument');
const { nodeId } = await ask('DOM.querySelector', { nodeId: root.nodeId, selector: '#folder' });
await ask('DOM.setFileInputFiles', { nodeId, files: [kit] });
await until('!document.querySelector("#verify").disabled');
await evaluate(`document.querySelector('#keys').value = ${JSON.stringify(readFileSync(vkey, 'utf8'))}`);
await evaluate('document.querySelector("#verify").click()');
await until('document.querySelector(".verdict") !== null');
const english = await evaluate('document.querySelector("#outcome").innerText');
const shot = async (name) => {
    const { cssContentSize: { width, height } } = await ask('Page.getLayoutMetrics');
    const clip = { x: 0, y: 0, width, height, scale: 1 };
    const { data } = await ask('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true, clip });
    writeFileSync(`${picture}.${name}.png`, Buffer.from(data, 'base64'));
};
await shot('en');
await evaluate('document.querySelector("header button").click()');
const chinese = await evaluate('document.querySelector("#outcome").innerText');
await shot('zh');
clearTimeout(deadline);
await send('Browser.close');
console.log(JSON.stringify({ english, chinese, complaints }));
