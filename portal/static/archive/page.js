/** The page of one customer's archive: checks it as it is opened, then shows what it holds. Everything is put in as text. */
import { utf8 } from '../../../sdk/verifier/src/bytes.js';
import { parseJson } from '../../../sdk/verifier/src/strict-json.js';
import { archiveIn, checkSummary, verifyArchive } from './check.js';
import { WORDS } from './words.js';

/** @typedef {import('../../../sdk/verifier/src/strict-json.js').Json} Json */
/** @typedef {Map<string, Json>} Members */
/** @typedef {import('./check.js').Archive} Archive */
/** @typedef {ReturnType<typeof checkSummary>} Consents */
/** @typedef {{ archive: Archive, consents: Consents } | { error: Error } | undefined} Shown */

/** How often the page paints while it checks. */
const PAINT_MILLIS = 100;
/** What is said of a fault, by what an `ArchiveError` says is wrong. @type {Record<string, string>} */
const FAULTS = { missing: 'missing', again: 'again', other: 'other_record', summary: 'summary', keys: 'keys_differ' };

let language = navigator.language.startsWith('zh') ? 1 : 0;
/** @type {Shown} */
let shown;
/** The log's keys that the reader has given. */
let own = '';

/** @param {string} word */
const say = (word) => WORDS[word]?.[language] ?? word;
const contentOf = (/** @type {string} */ id) => document.getElementById(id)?.textContent ?? '';

/** @param {string} tag @param {Record<string, string>} attributes @param {...(Node | string)} children */
function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
}

/** @param {bigint} seconds */
function moment(seconds) {
    const at = new Date(Number(seconds) * 1000);
    const shownAt = at.toLocaleString(language === 1 ? 'zh-CN' : 'en', { dateStyle: 'medium', timeStyle: 'short' });
    return element('time', { datetime: at.toISOString() }, shownAt);
}

/** JSON of what was parsed; members keep their order. @param {Json} json @returns {unknown} */
function ordinary(json) {
    if (json instanceof Map) return Object.fromEntries([...json].map(([name, value]) => [name, ordinary(value)]));
    if (Array.isArray(json)) return json.map(ordinary);
    return typeof json === 'bigint' ? Number(json) : json;
}

/** @param {string} words @param {string} file @param {string | Uint8Array<ArrayBuffer>} content @param {string} type */
function download(words, file, content, type) {
    const href = URL.createObjectURL(new Blob([content], { type }));
    return element('a', { href, download: file, class: 'button' }, words);
}

/** A name of the enterprise's, beside what was signed. @param {Json | undefined} json */
function named(json) {
    const of = json instanceof Map ? json : new Map();
    return element('span', {}, `${of.get(language === 1 ? 'chinese' : 'english')} `, element('code', {}, String(of.get('id'))));
}

/** @param {Members} terms @param {string} name */
const inner = (terms, name) => {
    const of = terms.get(name);
    return of instanceof Map ? of : new Map();
};

/** @param {Consents[number]} consent @param {bigint} now */
function card({ grant, names, iso, kantara }, now) {
    const { id, state, terms, givenAt, sinceAt, uses } = grant;
    const [validity, limits] = [inner(terms, 'validity'), inner(terms, 'limits')];
    const over = state.status === 'active' && validity.get('end') <= now;
    const most = limits.get('uses'), kept = limits.get('retention_days');
    const data = names.get('data');
    /** @type {[string, (Node | string)[]][]} */
    const rows = [
        ['controller', [named(names.get('controller'))]],
        ['purpose', [named(names.get('purpose'))]],
        ['data', [element('ul', {}, ...(Array.isArray(data) ? data : []).map((one) => element('li', {}, named(one))))]],
        ['validity', [moment(validity.get('start')), ' – ', moment(validity.get('end'))]],
        ['uses', [most === undefined ? String(uses) : `${uses} (${say('atMost')} ${most})`]],
        ['kept', [kept === undefined ? say('noLimit') : `${kept} ${say('days')}`]],
        ['given', [moment(givenAt)]],
    ];
    const standing = element('span', { class: `chip ${state.status === 'active' && !over ? 'on' : 'off'}` }, say(over ? 'expired' : state.status));
    const since = state.status === 'active' ? [] : [' ', moment(sinceAt)];
    return element('article', { 'data-status': state.status },
        element('h3', {}, named(names.get('recipient')), ' ', standing, ...since),
        element('dl', {}, ...rows.map(([word, what]) => element('div', {}, element('dt', {}, say(word)), element('dd', {}, ...what)))),
        element('p', {},
            download(say('iso'), `${id}.iso27560.jsonld`, JSON.stringify(ordinary(iso), null, 2), 'application/ld+json'), ' ',
            download(say('kantara'), `${id}.kantara.json`, JSON.stringify(ordinary(kantara), null, 2), 'application/json')));
}

/** @param {Archive} archive */
function recordTable({ records }) {
    const rows = records.map(({ checked, at, flag, inWindow }) => {
        const marks = [...(flag === undefined ? [] : [`${say('flagged')}: ${flag}`]), ...(inWindow ? [say('window')] : [])];
        return element('tr', {},
            element('td', { class: 'n' }, String(checked.leafIndex)), element('td', {}, moment(at)),
            element('td', {}, say(checked.kind), ' ', element('code', {}, checked.kind), ...(marks.length > 0 ? [` · ${marks.join(' · ')}`] : [])));
    });
    const head = ['entry', 'when', 'what'].map((word) => element('th', { scope: 'col' }, say(word)));
    return element('table', {}, element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...rows));
}

/** @param {Archive} archive */
function verdict({ records, proved, below, vkey, pinned }) {
    return element('section', { class: 'verdict good', role: 'status', id: 'verdict' },
        element('h2', {}, say('good')),
        element('p', {}, `${records.length} ${say('records')}`),
        element('p', {}, proved === undefined ? say('notProved') : `${say('proved')} ${proved.size} `, ...(proved === undefined ? [] : ['(', moment(proved.signedAt), ')'])),
        element('p', {}, `${say('claimed')} ${below}`),
        ...(pinned ? [element('p', {}, say('pinned'))] : [element('details', {}, element('summary', {}, say('onWord')), element('pre', {}, vkey))]));
}

/** @param {Error} error */
function refusal(error) {
    const what = 'what' in error ? FAULTS[String(error.what)] : undefined;
    const at = 'record' in error ? [element('p', {}, `${say('record')} ${String(error.record)}`)] : [];
    return element('section', { class: 'verdict bad', role: 'alert', id: 'verdict' },
        element('h2', {}, say('bad')), element('p', {}, say(what ?? 'changed')), ...at, element('p', {}, element('code', {}, error.message)));
}

function keyForm() {
    const keys = /** @type {HTMLTextAreaElement} */ (element('textarea', { rows: '3', id: 'keys', spellcheck: 'false' }));
    keys.value = own;
    const button = element('button', { type: 'button' }, say('verify'));
    button.addEventListener('click', () => {
        own = keys.value.replaceAll('\r', '').trim();
        void check();
    });
    return element('section', { class: 'form' }, element('h2', {}, say('keys')), element('label', { for: 'keys' }, say('keysSay')), keys, button);
}

/** @param {string} [progress] */
function draw(progress) {
    document.documentElement.lang = language === 1 ? 'zh-CN' : 'en';
    document.title = say('title');
    const other = element('button', { type: 'button', id: 'language', lang: language === 1 ? 'en' : 'zh-CN' }, say('other'));
    other.addEventListener('click', () => {
        language = 1 - language;
        draw();
    });
    const parts = [element('header', {}, element('h1', {}, say('title')), other), element('p', {}, say('intro'))];
    if (progress !== undefined) parts.push(element('section', { role: 'status' }, `${say('working')} ${progress}`));
    else if (shown !== undefined && 'error' in shown) parts.push(refusal(shown.error), keyForm());
    else if (shown !== undefined) {
        const { archive, consents } = shown;
        const about = [['at', `${archive.name} (${archive.tenant})`], ['known', archive.subject], ['log', archive.vkey.split('+')[0]]];
        parts.push(
            verdict(archive),
            element('section', {}, element('dl', {}, ...about.map(([word, what]) => element('div', {}, element('dt', {}, say(word)), element('dd', {}, what))))),
            element('section', { id: 'consents' }, element('h2', {}, say('consents')), element('p', { class: 'soft' }, say(consents.length === 0 ? 'none' : 'names')),
                ...[...consents].reverse().map((consent) => card(consent, archive.signedAt))),
            element('section', { class: 'wide' }, element('h2', {}, say('all')), recordTable(archive),
                element('p', {}, download(say('raw'), 'records.archive', archiveIn(contentOf('archive')), 'application/jsonl'))),
            keyForm());
    }
    parts.push(element('p', { class: 'soft' }, say('page'), ' ', element('code', {}, 'grantbook verify archive FILE --vkey vkey')));
    document.getElementById('main')?.replaceChildren(...parts);
}

async function check() {
    shown = undefined;
    let painted = 0;
    draw('…');
    try {
        const bytes = archiveIn(contentOf('archive'));
        const archive = await verifyArchive(bytes, own === '' ? undefined : `${own}\n`, async (done, of) => {
            if (performance.now() - painted < PAINT_MILLIS) return;
            draw(`${done} ${say('of')} ${of}`);
            await new Promise((resolve) => setTimeout(resolve, 0));
            painted = performance.now();
        });
        shown = { archive, consents: checkSummary(parseJson(utf8(contentOf('summary'))), archive) };
    } catch (error) {
        shown = { error: error instanceof Error ? error : new Error(String(error)) };
    }
    draw();
}

void check();
