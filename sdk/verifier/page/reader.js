/** The page that reads a regulator kit: a form, what the verifier says, and the tables. Everything is put in as text. */
import { hex, utf8 } from '../src/bytes.js';
import { dateText } from '../src/calendar.js';
import { parseLogKeys } from '../src/checkpoint.js';
import { VerifyError } from '../src/error.js';
import { verifyKit } from '../src/kit.js';
import { verifierKeyText } from '../src/note.js';
import { parsePolicy } from '../src/policy.js';
import { sha256 } from '../src/sha2.js';
import { parseStatementPolicy } from '../src/statement-policy.js';
import { WORDS } from './words.js';

/** @typedef {import('../src/strict-json.js').Json} Json */
/** @typedef {{ report: import('../src/kit.js').KitReport, fingerprint: string, pinned: boolean }} Shown */

let language = 0;
/** @type {Shown | undefined} */
let shown;

/** @param {string} word */
const say = (word) => WORDS[word][language];

/**
 * An element with attributes, and with text or elements in it.
 * @param {string} tag @param {Record<string, string>} attributes @param {...(Node | string)} children
 */
function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
}

/** @param {Json | undefined} of @param {string} name */
const member = (of, name) => (of instanceof Map ? of.get(name) : undefined);
/** @param {Json | undefined} of @param {string} name */
const list = (of, name) => {
    const found = member(of, name);
    return Array.isArray(found) ? found : [];
};
/** @param {Json | undefined} value */
const plain = (value) => (typeof value === 'string' || typeof value === 'bigint' ? String(value) : '');

/** A figure, or the word that stands for it. @param {Json | undefined} value @param {(number: bigint) => string} [form] */
function figure(value, form = String) {
    if (typeof value === 'bigint') return form(value);
    return typeof value === 'string' && Object.hasOwn(WORDS, value) ? say(value) : plain(value);
}
const percent = (/** @type {bigint} */ points) => `${points / 100n}.${String(points % 100n).padStart(2, '0')} %`;
const seconds = (/** @type {bigint} */ number) => `${number} s`;

/** @param {string[]} head @param {(Node | string)[][]} rows of which the last cells are numbers @param {number} [numbers] */
function table(head, rows, numbers = 0) {
    const names = head.map((name, i) => element('th', { scope: 'col', class: i >= head.length - numbers ? 'n' : '' }, name));
    const body = rows.map((row) => element('tr', {}, ...row.map((cell, i) => (
        element('td', i >= row.length - numbers ? { class: 'n' } : {}, cell)
    ))));
    const of = head.length === 0 ? [] : [element('thead', {}, element('tr', {}, ...names))];
    return element('table', {}, ...of, element('tbody', {}, ...body));
}

/** @param {string} title @param {string | undefined} says @param {...Node} content */
function section(title, says, ...content) {
    const text = says === undefined ? [] : [element('p', { class: 'soft' }, says)];
    return element('section', {}, element('h2', {}, title), ...text, ...content);
}

/** What the enterprise has added about somebody. @param {Json | undefined} details @param {string} of @param {Json | undefined} name */
function added(details, of, name) {
    const about = member(member(details, of), plain(name));
    const texts = about instanceof Map ? Array.from(about.values(), plain) : [say('notKnown')];
    return element('div', {}, plain(name), element('br', {}), element('small', {}, texts.join('; ')));
}

/** @param {Map<string, Json>} tables */
function recordSection(tables) {
    const details = tables.get('details');
    const record = tables.get('record');
    const names = (/** @type {Json} */ activity, /** @type {string} */ of) => list(activity, of).map(plain).join(', ');
    const rows = list(record, 'activities').map((activity) => [
        added(details, 'controllers', member(activity, 'controller')),
        plain(member(activity, 'purpose')),
        names(activity, 'categories'),
        added(details, 'recipients', member(activity, 'recipient')),
        plain(member(activity, 'retention_days_max')) || say('unlimited'),
        names(activity, 'obligations'),
        names(activity, 'consents'),
        `${plain(member(activity, 'template'))} ${plain(member(activity, 'version'))}`,
        figure(member(activity, 'active_grants')),
    ]);
    const head = ['controller', 'purpose', 'categories', 'recipient', 'retention', 'safeguards', 'consents', 'template', 'grants'];
    const of = (/** @type {string} */ name) => plain(member(details, name)) || say('notKnown');
    return section(
        say('record'), say('recordSays'),
        table(head.map(say), [...rows, [say('all'), '', '', '', '', '', '', '', figure(member(record, 'active_grants'))]], 1),
        table([], [[say('subjects'), of('subjects')], [say('measures'), of('measures')]]),
    );
}

/** @param {Map<string, Json>} tables */
function ratesSection(tables) {
    const [requests, withdrawals] = [tables.get('requests'), tables.get('withdrawals')];
    const reaches = member(requests, 'reaches_line');
    const line = reaches === undefined ? '–' : say(reaches === true ? 'reached' : 'missed');
    const steps = list(withdrawals, 'steps').map((step) => [
        `${say('within')} ${figure(member(step, 'within'), seconds)}`, figure(member(step, 'count')),
    ]);
    return section(say('rates'), say('floor'), table([], [
        ...['made', 'granted', 'declined', 'unanswered'].map((name) => [say(name), figure(member(requests, name))]),
        [say('authorisation'), figure(member(requests, 'authorisation_rate'), percent)],
        [say('response'), figure(member(requests, 'response_rate'), percent)],
        [say('line'), `${figure(member(requests, 'response_line'), percent)}: ${line}`],
        [say('withdrawals'), figure(member(withdrawals, 'made'))],
        ...steps,
        ...['p50', 'p90', 'max'].map((name) => [say(name), figure(member(withdrawals, name), seconds)]),
        [say('unreadable'), figure(tables.get('unreadable'))],
    ], 1));
}

/** @param {Map<string, Json>} tables */
function fairnessSection(tables) {
    const rows = list(tables, 'fairness').map((day) => [
        plain(member(day, 'day')), figure(member(day, 'outcome')),
        figure(member(day, 'comparisons')), figure(member(day, 'exceptions')),
    ]);
    const head = ['day', 'outcome', 'comparisons', 'exceptions'].map(say);
    return section(say('fairness'), say('fairnessSays'), table(head, rows, 2));
}

/** @param {Shown} of */
function bundlesSection({ report: { reports } }) {
    const rows = reports.map(({ day, ownEntries, statements, exceptions, vouched }) => [
        dateText(day),
        vouched.witnessed ? vouched.witnesses.join(', ') : say('ownClock'),
        String(ownEntries),
        String(statements.filter(({ asked, entries }) => asked && entries > 0).length),
        String(exceptions.length),
    ]);
    const head = ['day', 'vouched', 'entries', 'statements', 'exceptions'].map(say);
    return section(say('bundles'), say('bundlesSay'), table(head, rows, 3));
}

/** @param {Shown} of */
function verdict({ report: { findings }, pinned }) {
    if (findings.length === 0) {
        return element('section', { class: `verdict ${pinned ? 'good' : 'doubt'}`, role: 'status' }, say(pinned ? 'clean' : 'onWord'));
    }
    const rows = findings.map(({ file, what }) => [element('code', {}, file), what]);
    return element(
        'section', { class: 'verdict bad', role: 'status' }, say('wrong'), table([say('file'), say('what')], rows),
    );
}

/** @param {Shown} of */
function results(of) {
    const { report: { manifest, tables, operator }, fingerprint } = of;
    const about = manifest === undefined ? [] : [section(say('about'), undefined, table([], [
        [say('enterprise'), `${plain(tables?.get('enterprise'))} (${manifest.tenant})`],
        [say('log'), manifest.origin],
        [say('period'), `${manifest.from} – ${manifest.to}`],
        [say('fingerprint'), element('code', {}, fingerprint)],
        [say('operator'), element('code', {}, operator ?? '')],
    ]))];
    const parts = tables === undefined ? [] : [recordSection(tables), ratesSection(tables), fairnessSection(tables)];
    return [verdict(of), ...about, ...parts, ...(of.report.reports.length === 0 ? [] : [bundlesSection(of)])];
}

/** SHA-256 of the log's and the clock's verifier keys, each on a line. @param {import('../src/checkpoint.js').LogKeys} keys */
function fingerprintOf({ log, clock }) {
    const digest = hex(sha256(utf8(`${verifierKeyText(log)}\n${verifierKeyText(clock)}\n`)));
    return digest.replace(/(.{8})(?!$)/g, '$1 ');
}

/** The chosen files by their names within the kit. @param {FileList | null} chosen */
async function filesOf(chosen) {
    /** @type {Map<string, Uint8Array>} */
    const files = new Map();
    for (const file of chosen ?? []) {
        const path = file.webkitRelativePath.split('/').slice(1).join('/');
        const name = path || (/\.(?:bundle|policy\.json)$/.test(file.name) ? `proofs/${file.name}` : file.name);
        files.set(name, new Uint8Array(await file.arrayBuffer()));
    }
    return files;
}

/** Lines as they are pasted: without carriage returns, with one line feed at the end. @param {string} text */
const lines = (text) => `${text.replaceAll('\r', '').trim()}\n`;

/** The bytes of the file that was chosen, if one was. @param {HTMLInputElement} input */
async function bytesOf({ files }) {
    const file = files?.[0];
    return file === undefined ? undefined : new Uint8Array(await file.arrayBuffer());
}

/**
 * @typedef {object} Form
 * @property {HTMLTextAreaElement} keys
 * @property {HTMLInputElement} folder
 * @property {HTMLInputElement} policy
 * @property {HTMLInputElement} witnesses
 */

/** @param {Form} form @param {HTMLElement} status */
async function verify({ keys: own, folder, policy, witnesses }, status) {
    const files = await filesOf(folder.files);
    const [asked, quorum] = [await bytesOf(policy), await bytesOf(witnesses)];
    const pinned = own.value.trim() !== '';
    const kept = files.get('vkey');
    const keys = parseLogKeys(pinned ? lines(own.value) : new TextDecoder().decode(kept));
    const report = await verifyKit(files, {
        keys,
        policyHash: asked === undefined ? undefined : parseStatementPolicy(asked).hash,
        witnessPolicy: quorum === undefined ? undefined : parsePolicy(quorum),
        pause: async (name) => {
            status.textContent = `${say('working')}: ${name}`;
            await new Promise((go) => { setTimeout(go, 0); });
        },
    });
    return { report, fingerprint: fingerprintOf(keys), pinned };
}

/** @param {HTMLElement} main */
function start(main) {
    const input = (/** @type {string} */ id, /** @type {Record<string, string>} */ attributes = {}) => (
        /** @type {HTMLInputElement} */ (element('input', { id, type: 'file', ...attributes }))
    );
    const area = element('textarea', { id: 'keys', rows: '3', spellcheck: 'false', autocomplete: 'off' });
    const form = {
        keys: /** @type {HTMLTextAreaElement} */ (area),
        folder: input('folder', { multiple: '', webkitdirectory: '' }),
        policy: input('policy'),
        witnesses: input('witnesses'),
    };
    const status = element('p', { class: 'soft', 'aria-live': 'polite' });
    const outcome = element('div', { id: 'outcome' });
    const button = /** @type {HTMLButtonElement} */ (element('button', { class: 'main', id: 'verify', disabled: '' }));
    // a browser takes its time to list a folder
    form.folder.addEventListener('change', () => { button.disabled = (form.folder.files ?? []).length === 0; });
    const show = () => outcome.replaceChildren(...(shown === undefined ? [] : results(shown)));
    const paint = () => {
        document.documentElement.lang = ['en', 'zh-CN'][language];
        document.title = say('title');
        const other = element('button', {}, say('other'));
        other.addEventListener('click', () => {
            language = 1 - language;
            paint();
        });
        const field = (/** @type {keyof Form} */ name, /** @type {string[]} */ ...says) => [
            element('label', { for: name }, say(name)), ...says.map((word) => element('small', {}, say(word), element('br', {}))), form[name],
        ];
        button.textContent = say('verify');
        main.replaceChildren(
            element('header', {}, element('h1', {}, say('title')), other),
            element(
                'section', { class: 'form' }, element('p', {}, say('intro')), ...field('keys', 'keysSay'), ...field('folder'),
                ...field('policy', 'policySays'), ...field('witnesses', 'witnessesSay'), button, status,
            ),
            outcome,
        );
        show();
    };
    button.addEventListener('click', async () => {
        button.disabled = true;
        status.textContent = say('working');
        try {
            shown = await verify(form, status);
            status.textContent = '';
        } catch (error) {
            if (!(error instanceof VerifyError)) throw error;
            shown = undefined;
            status.textContent = error.message;
        } finally {
            button.disabled = false;
            show();
        }
    });
    paint();
}

// in Node, where the tests load the page's modules, there is no page
if (typeof document !== 'undefined') {
    const main = document.getElementById('main');
    if (main !== null) start(main);
}
