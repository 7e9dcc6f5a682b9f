/** Verifies one customer's archive (docs/spec/archive.md) with the second verifier's parts. Nothing here touches a page. */
import { decodeBase64url } from '../../../sdk/verifier/src/base64.js';
import { concat, sameBytes, utf8 } from '../../../sdk/verifier/src/bytes.js';
import { parseLogKeys, verifyCheckpoint } from '../../../sdk/verifier/src/checkpoint.js';
import { verifyEd25519 } from '../../../sdk/verifier/src/ed25519.js';
import { parseKey } from '../../../sdk/verifier/src/jws.js';
import { sha256 } from '../../../sdk/verifier/src/sha2.js';
import { parseJson } from '../../../sdk/verifier/src/strict-json.js';
import { verifyConsistency } from '../../../sdk/verifier/src/tree.js';
import { verifyMembers } from '../receipt-check.js';
import { Grants, demand, hash, members, number, text, verifyStateProof } from './states.js';

/** @typedef {import('../../../sdk/verifier/src/strict-json.js').Json} Json */
/** @typedef {import('../../../sdk/verifier/src/checkpoint.js').LogKeys} LogKeys */
/** @typedef {import('../receipt-check.js').Checked} Checked */
/** @typedef {Map<string, Json>} Members */
/** @typedef {{ size: bigint, root: Uint8Array }} Tree */

/**
 * @typedef {object} Archive that holds
 * @property {string} vkey the log's keys
 * @property {boolean} pinned whether the reader brought them
 * @property {string} tenant
 * @property {string} name of the enterprise
 * @property {string} subject
 * @property {bigint} below which leaf index it claims to be complete
 * @property {{ size: bigint, signedAt: bigint } | undefined} proved up to where the operator's signed states show that
 * @property {bigint} signedAt when the log's clock cosigned its checkpoint
 * @property {{ checked: Checked, at: bigint, flag: string | undefined, inWindow: boolean }[]} records
 * @property {import('./states.js').Grant[]} grants
 */

const LABEL = 'grantbook-archive/v1';
const LINE_BYTES_MAX = 2 * 524_288 + 64 * 1024;
const EPOCH_2020 = 1_577_836_800n;
const HEADER = ['v', 'vkey', 'tenant', 'subject', 'checkpoint', 'earlier', 'complete_below', 'states', 'records'];
const RECORD = ['before', 'admitted_at', 'flag', 'in_window', 'receipt', 'first'];

/** Lines without their line feeds; the last one has one, too. @param {Uint8Array} bytes */
function linesOf(bytes) {
    const lines = [];
    for (let at = 0; at < bytes.length;) {
        const feed = bytes.indexOf(10, at);
        demand(feed >= 0, 'schema', 'the archive breaks off within a line');
        demand(feed - at <= LINE_BYTES_MAX, 'schema', 'a line that is too long');
        lines.push(bytes.subarray(at, feed));
        at = feed + 1;
    }
    return lines;
}

/** @param {Members} header @param {LogKeys} keys @returns {{ trees: Tree[], signedAt: bigint }} of one history */
function treesOf(header, keys) {
    const last = verifyCheckpoint(utf8(text(header, 'checkpoint', 'schema')), keys);
    const trees = [last.checkpoint];
    const earlier = header.get('earlier');
    if (earlier !== undefined) {
        const of = members(earlier, ['checkpoint', 'proof'], 'schema');
        const { checkpoint } = verifyCheckpoint(utf8(text(of, 'checkpoint', 'schema')), keys);
        const proof = of.get('proof');
        demand(Array.isArray(proof), 'schema', 'no consistency proof');
        const hashes = /** @type {Json[]} */ (proof).map((step) => hash(step, 'schema'));
        verifyConsistency(checkpoint.size, checkpoint.root, last.checkpoint.size, last.checkpoint.root, hashes);
        trees.push(checkpoint);
    }
    return { trees, signedAt: last.time };
}

/** The customer whom a record is about. @param {Checked} record */
function subjectOf({ kind, said }) {
    const facts = said.get('facts');
    if (kind.startsWith('use.') && facts instanceof Map) return facts.get('data_subject');
    const event = said.get('event');
    return event instanceof Map ? event.get('sub') : undefined;
}

/** When a record was admitted must be what its entry commits to. @param {Checked} record @param {bigint} at */
function checkAdmitted({ kind, opened, signedAt }, at) {
    const said = (/** @type {string} */ name) => opened.find(({ quantity }) => quantity === name)?.value;
    const [time, start] = [said('time'), said('start')];
    const differs = !kind.startsWith('use.') && time !== undefined && time !== at - EPOCH_2020;
    const early = kind === 'grant.amended' && start !== undefined && at - EPOCH_2020 > start;
    demand(!differs && !early && at <= signedAt + 86_400n, 'time', 'not admitted when the entry says');
}

/** The signed bytes of a receipt. @param {Json | undefined} receipt */
function contentOf(receipt) {
    const content = receipt instanceof Map ? receipt.get('content') : undefined;
    const [inner] = content instanceof Map ? content.values() : [];
    const of = inner instanceof Map ? inner : new Map();
    return of.get('envelope') ?? of.get('record');
}

/** What was first admitted in another log must be the same. @param {Json} json @param {Json | undefined} receipt @param {Checked} here */
function checkFirst(json, receipt, here) {
    const first = members(json, ['vkey', 'operator_key', 'receipt'], 'schema');
    const there = verifyMembers(first.get('receipt'), parseLogKeys(text(first, 'vkey', 'schema')));
    const values = (/** @type {Checked} */ of) => [of.currency, ...of.opened.map(({ quantity, value }) => `${quantity} ${value}`)].join();
    demand(contentOf(first.get('receipt')) === contentOf(receipt) && values(there) === values(here), 'first', 'another record in the first log');
}

/**
 * Verifies all of it; throws an `ArchiveError`, a `ReceiptError` or a `VerifyError`, whose `record` says which record it was.
 * @param {Uint8Array} bytes @param {string} [pinned] the log's keys as the reader knows them
 * @param {(done: number, of: number) => Promise<void>} [progress]
 * @returns {Promise<Archive>}
 */
export async function verifyArchive(bytes, pinned, progress = async () => {}) {
    const [first, ...lines] = linesOf(bytes);
    const header = members(parseJson(first ?? new Uint8Array()), HEADER, 'schema');
    demand(header.get('v') === 1n, 'schema', 'an archive of another version');
    const vkey = text(header, 'vkey', 'schema');
    demand(pinned === undefined || pinned === vkey, 'keys', 'the log’s keys are not those that were given');
    const keys = parseLogKeys(vkey);
    const { trees, signedAt } = treesOf(header, keys);
    const isTree = (/** @type {Tree} */ { size, root }) => trees.some((tree) => tree.size === size && sameBytes(tree.root, root));
    const tenant = members(header.get('tenant'), ['id', 'name', 'enterprise_key', 'operator_key', 'gates'], 'schema');
    const tenantId = text(tenant, 'id', 'schema');
    const subject = text(header, 'subject', 'schema');
    demand(header.get('complete_below') === trees[0].size, 'schema', 'no claim to be complete');
    const states = header.has('states') ? verifyStateProof(header.get('states'), keys) : undefined;
    if (states !== undefined) {
        const operator = parseKey(tenant.get('operator_key')).key;
        const same = states.tenant === tenantId && states.subject === subject;
        demand(same && states.signer !== undefined && sameBytes(states.signer, operator), 'states', 'states of somebody else');
        demand(isTree(states.tree), 'tree', 'the states are under another checkpoint');
    }
    const count = number(header, 'records', 'schema');
    let chain = sha256(utf8(LABEL));
    const take = (/** @type {Uint8Array} */ line) => {
        chain = sha256(concat(chain, line, Uint8Array.of(10)));
    };
    const follows = (/** @type {Members} */ of) => demand(sameBytes(hash(of.get('before'), 'schema'), chain), 'chain', 'a line before was changed');
    take(first);
    demand(BigInt(lines.length) === count + 1n, 'count', `${lines.length} lines after the first, expected ${count + 1n}`);

    /** @type {Archive['records']} */
    const records = [];
    const grants = new Grants();
    let checked = states === undefined;
    let last = -1n;
    /** @param {bigint} leaf of the next record */
    const checkStates = (leaf) => {
        if (states === undefined || checked || leaf < states.size) return;
        grants.check(states.states);
        checked = true;
    };
    for (const [i, line] of lines.slice(0, -1).entries()) {
        try {
            const record = members(parseJson(line), RECORD, 'schema');
            follows(record);
            const receipt = verifyMembers(record.get('receipt'), keys);
            demand(isTree(receipt), 'tree', 'the receipt is under another checkpoint');
            demand(receipt.leafIndex > last, 'order', 'records out of order');
            const about = subjectOf(receipt);
            demand(receipt.tenant === tenantId, 'other', 'a record of another enterprise');
            demand(about === undefined || about === subject, 'other', 'a record about somebody else');
            const at = number(record, 'admitted_at', 'schema');
            checkAdmitted(receipt, at);
            const firstly = record.get('first');
            if (firstly !== undefined) checkFirst(firstly, record.get('receipt'), receipt);
            checkStates(receipt.leafIndex);
            grants.take(receipt, at);
            const flag = record.get('flag');
            records.push({ checked: receipt, at, flag: typeof flag === 'string' ? flag : undefined, inWindow: record.get('in_window') === true });
            last = receipt.leafIndex;
            take(line);
        } catch (error) {
            if (error instanceof Error) Object.assign(error, { record: i + 1 });
            throw error;
        }
        await progress(i + 1, Number(count));
    }
    const end = members(parseJson(lines[lines.length - 1]), ['before', 'signature'], 'schema');
    follows(end);
    const signature = decodeBase64url(text(end, 'signature', 'schema'));
    const lineDigest = text(end, 'before', 'schema');
    const signed = utf8(`${LABEL}\ntenant ${tenantId}\nrecords ${count}\nlines ${lineDigest}\n`);
    demand(signature !== undefined && verifyEd25519(keys.clock.publicKey, signed, /** @type {Uint8Array} */ (signature)), 'signature', 'not signed by the log’s clock key');
    checkStates(trees[0].size);
    return {
        vkey,
        pinned: pinned !== undefined,
        tenant: tenantId,
        name: text(tenant, 'name', 'schema'),
        subject,
        below: trees[0].size,
        proved: states === undefined ? undefined : { size: states.size, signedAt: states.signedAt },
        signedAt,
        records,
        grants: grants.all,
    };
}

/**
 * Holds what a page says of the consents against what the records come to; what it calls them is on the enterprise's word.
 * @param {Json} summary @param {Archive} archive
 */
export function checkSummary(summary, { grants }) {
    const of = members(summary, ['v', 'laws', 'consents'], 'summary');
    const consents = of.get('consents');
    demand(of.get('v') === 1n && Array.isArray(consents) && consents.length === grants.length, 'summary', 'not a summary of these grants');
    return grants.map((grant, i) => {
        const said = members(/** @type {Json[]} */ (consents)[i], ['grant', 'state', 'names', 'iso27560', 'kantara'], 'summary');
        const state = members(said.get('state'), ['given', 'terms', 'status', 'since'], 'summary');
        const same = said.get('grant') === grant.id
            && Object.entries(grant.state).every(([name, value]) => state.get(name) === value);
        demand(same, 'summary', `the summary of grant ${grant.id} is not what its receipts say`);
        const names = members(said.get('names'), ['recipient', 'controller', 'purpose', 'data'], 'summary');
        const id = (/** @type {string} */ part) => members(names.get(part), ['id', 'english', 'chinese'], 'summary').get('id');
        demand(['recipient', 'controller', 'purpose'].every((part) => id(part) === grant.terms.get(part)), 'summary', 'names of other terms');
        const data = names.get('data');
        const scope = grant.terms.get('scope');
        const clauses = scope instanceof Map ? scope.get('include') : undefined;
        const wanted = Array.isArray(clauses) ? clauses.map((clause) => (clause instanceof Map ? clause.get('category') : undefined)) : [];
        demand(Array.isArray(data) && data.length === wanted.length
            && data.every((one, k) => members(one, ['id', 'english', 'chinese'], 'summary').get('id') === wanted[k]), 'summary', 'names of other data');
        const kantara = said.get('kantara'), iso = said.get('iso27560');
        demand(kantara instanceof Map && kantara.get('consentReceiptID') === grant.id && kantara.get('consentTimestamp') === grant.givenAt, 'summary', 'a consent receipt of another grant');
        demand(iso instanceof Map && iso.get('dct:identifier') === grant.id, 'summary', 'a consent record of another grant');
        return { grant, names, iso, kantara };
    });
}

/** The archive within a page: base64url in its element. @param {string} base64url */
export function archiveIn(base64url) {
    const binary = atob(base64url.trim().replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
    return bytes;
}
