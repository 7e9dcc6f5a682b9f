/** Verifies a receipt (docs/spec/receipt.md) in the browser, with the second verifier's parts. Nothing here touches a page. */
import { decodeBase64url } from '../../sdk/verifier/src/base64.js';
import { sameBytes, textOf, utf8 } from '../../sdk/verifier/src/bytes.js';
import { verifyCosignature } from '../../sdk/verifier/src/checkpoint.js';
import { verifyOpening } from '../../sdk/verifier/src/commitment.js';
import { entryDigest, entryLink, parseEntry } from '../../sdk/verifier/src/entry.js';
import { parseKey, signaturesOf, verifyJws } from '../../sdk/verifier/src/jws.js';
import { parseProofFile, verifyProofFile } from '../../sdk/verifier/src/proof-file.js';
import { CLASSES, CURRENCIES } from '../../sdk/verifier/src/registry.js';
import { sha256 } from '../../sdk/verifier/src/sha2.js';
import { parseJson } from '../../sdk/verifier/src/strict-json.js';
import { leafHash, verifyInclusion } from '../../sdk/verifier/src/tree.js';

/** @typedef {import('../../sdk/verifier/src/checkpoint.js').LogKeys} LogKeys */
/** @typedef {import('../../sdk/verifier/src/entry.js').Entry} Entry */
/** @typedef {import('../../sdk/verifier/src/strict-json.js').Json} Json */
/** @typedef {Map<string, Json>} Members */
/** @typedef {'log' | 'included' | 'digest' | 'signed' | 'batch' | 'committed'} Step */

/**
 * @typedef {object} Checked a receipt that holds
 * @property {string} kind of the entry
 * @property {bigint} leafIndex
 * @property {bigint} signedAt Unix seconds of the clock's cosignature
 * @property {Step[]} steps that were taken, in order
 * @property {string} content what was recorded: JSON
 * @property {{ quantity: string, value: bigint }[]} opened the hidden figures
 * @property {string} tenant whose record it is
 * @property {Members} said the payload's or the record's members
 * @property {bigint} size of the tree whose checkpoint the proof leads to
 * @property {Uint8Array} root of that tree
 * @property {number} currency of the entry
 * @property {Uint8Array | undefined} signer the first key that signed an event
 * @property {Uint8Array} salt of the entry's digest
 */

const BYTES_MAX = 524_288;
const SECONDS_PER_DAY = 86_400n;
const EPOCH_2020 = 1_577_836_800n;
/** The committed stand-in for "no cap" and "no limit". */
const UNLIMITED = 2n ** 32n - 1n;
const MEMBERS = ['v', 'proof', 'entry', 'salt', 'link', 'content', 'openings'];

/** Why a receipt does not hold. */
export class ReceiptError extends Error {
    /** @param {Step} step that failed @param {string} message */
    constructor(step, message) {
        super(message);
        this.step = step;
    }
}

/**
 * @param {Uint8Array} bytes of the receipt @param {LogKeys} keys
 * @returns {Checked} throws a `ReceiptError` or a `VerifyError`
 */
export function verifyReceipt(bytes, keys) {
    return verifyMembers(parseReceipt(bytes), keys);
}

/** The same of a receipt that was parsed as part of something else. @param {Json | undefined} json @param {LogKeys} keys @returns {Checked} */
export function verifyMembers(json, keys) {
    const receipt = membersOf(json);
    const entryBytes = base64(receipt, 'entry');

    const file = parseProofFile(utf8(text(receipt, 'proof')));
    demand(file.extra === undefined, 'included', 'the proof has extra data');
    verifyProofFile(file, leafHash(entryBytes), keys.log);
    const signedAt = verifyCosignature(file.checkpoint, keys.clock);

    const entry = parseEntry(entryBytes);
    const lastDay = (signedAt - EPOCH_2020) / SECONDS_PER_DAY + 1n;
    demand(BigInt(entry.day) <= lastDay, 'log', 'the entry is of a later day than its checkpoint');
    checkLink(object(receipt, 'link'), entry);

    const content = object(receipt, 'content');
    const salt = hash(receipt, 'salt');
    const event = content.get('event'), use = content.get('use');
    demand(content.size === 1 && (event instanceof Map) !== (use instanceof Map), 'digest', 'the content is neither');
    const recorded = event instanceof Map
        ? checkEvent(event, salt, entry)
        : { ...checkUse(/** @type {Members} */ (use), salt, entry), signer: undefined };
    const opened = checkOpenings(list(receipt, 'openings'), entry);
    if (event instanceof Map && entry.kind.name.startsWith('grant.') && CLASSES[entry.class].includes('cap')) {
        checkTerms(recorded.said, entry, opened);
    }
    const { size, root } = file.checkpoint.checkpoint;
    return {
        ...recorded,
        size,
        root,
        currency: entry.currency,
        salt,
        kind: entry.kind.name,
        leafIndex: file.index,
        signedAt,
        steps: ['log', 'included', 'digest', event instanceof Map ? 'signed' : 'batch',
            ...(opened.length > 0 ? [/** @type {Step} */ ('committed')] : [])],
        opened,
    };
}

/** @param {boolean} holds @param {Step} step @param {string} message */
function demand(holds, step, message) {
    if (!holds) throw new ReceiptError(step, message);
}

/** One spelling: that in which this writes it again. @param {Uint8Array} bytes @returns {Members} */
function parseReceipt(bytes) {
    demand(bytes.length <= BYTES_MAX, 'log', `a receipt of ${bytes.length} bytes`);
    const receipt = membersOf(parseJson(bytes));
    const written = write(receipt);
    const given = textOf(bytes);
    demand(given === written || given === `${written}\n`, 'log', 'not in its one spelling');
    return receipt;
}

/** @param {Json | undefined} json @returns {Members} */
function membersOf(json) {
    if (!(json instanceof Map) || [...json.keys()].join() !== MEMBERS.join()) {
        throw new ReceiptError('log', 'not the members of a receipt');
    }
    demand(json.get('v') === 1n, 'log', 'a receipt of another version');
    return json;
}

/** @param {Json} json @returns {string} */
function write(json) {
    if (json instanceof Map) return `{${[...json].map(([name, value]) => `${JSON.stringify(name)}:${write(value)}`).join(',')}}`;
    if (Array.isArray(json)) return `[${json.map(write).join(',')}]`;
    return typeof json === 'bigint' ? json.toString() : JSON.stringify(json);
}

/** @param {Members} members @param {string} name */
function text(members, name) {
    const value = members.get(name);
    if (typeof value !== 'string') throw new ReceiptError('log', `${name} is no text`);
    return value;
}

/** @param {Members} members @param {string} name */
function number(members, name) {
    const value = members.get(name);
    if (typeof value !== 'bigint') throw new ReceiptError('log', `${name} is no number`);
    return value;
}

/** @param {Members} members @param {string} name @returns {Members} */
function object(members, name) {
    const value = members.get(name);
    if (!(value instanceof Map)) throw new ReceiptError('log', `${name} is no object`);
    return value;
}

/** @param {Members} members @param {string} name */
function list(members, name) {
    const value = members.get(name);
    if (!Array.isArray(value)) throw new ReceiptError('log', `${name} is no list`);
    return value;
}

/** @param {Members} members @param {string} name */
function base64(members, name) {
    const bytes = decodeBase64url(text(members, name));
    if (bytes === undefined) throw new ReceiptError('log', `${name} is no base64url`);
    return bytes;
}

/** @param {Members} members @param {string} name */
function hash(members, name) {
    const bytes = base64(members, name);
    demand(bytes.length === 32, 'log', `${name} has not 32 bytes`);
    return bytes;
}

/** Step 6. @param {Members} link @param {Entry} entry */
function checkLink(link, entry) {
    const target = object(link, 'target');
    const named = {
        originHash: hash(target, 'origin_sha256'),
        leafIndex: number(target, 'leaf_index'),
        leafHash: hash(target, 'leaf_hash'),
    };
    const opened = entryLink(hash(link, 'salt'), Number(number(link, 'group')), named);
    demand(sameBytes(opened, entry.link), 'digest', 'the link is not the entry’s');
    const none = named.originHash.every((byte) => byte === 0);
    demand(!entry.kind.linked || !none, 'digest', 'the entry has to name an earlier one');
}

/** What is attached, or what the digest covers of it. @param {Members} event */
function attachedTo(event) {
    const attached = event.get('attached');
    if (attached === undefined) return undefined;
    demand(attached instanceof Map && attached.size === 1, 'digest', 'what is attached is neither shown nor hidden');
    const of = /** @type {Members} */ (attached);
    if (of.has('hidden')) return hash(of, 'hidden');
    const shown = object(of, 'shown');
    return { salt: hash(shown, 'salt'), bytes: base64(shown, 'bytes') };
}

/** Step 7. @param {Members} event @param {Uint8Array} salt @param {Entry} entry */
function checkEvent(event, salt, entry) {
    const envelope = base64(event, 'envelope');
    demand(sameBytes(entryDigest(salt, sha256(envelope), attachedTo(event)), entry.digest), 'digest', 'the digest is not the entry’s');
    const signatures = signaturesOf(envelope);
    const keys = list(event, 'keys');
    demand(keys.length === signatures.length, 'signed', `${signatures.length} signatures by ${keys.length} keys`);
    const signed = signatures.map((signature, i) => verifyJws(signature, parseKey(keys[i])));
    const [first] = signed;
    for (const { typ, payload } of signed) {
        demand(typ === `grantbook-${entry.kind.name}+jwt`, 'signed', `signed as ${typ}`);
        demand(sameBytes(payload, first.payload), 'signed', 'signatures over different payloads');
    }
    const said = parseJson(first.payload);
    if (!(said instanceof Map)) throw new ReceiptError('signed', 'the event is malformed');
    return { content: textOf(first.payload) ?? '', said, tenant: text(said, 'aud'), signer: parseKey(keys[0]).key };
}

/** Step 8. @param {Members} use @param {Uint8Array} salt @param {Entry} entry */
function checkUse(use, salt, entry) {
    const recorded = text(use, 'record');
    const digest = entryDigest(salt, sha256(utf8(recorded)));
    demand(sameBytes(digest, entry.digest), 'digest', 'the digest is not the entry’s');
    const record = parseJson(utf8(recorded));
    demand(record instanceof Map, 'digest', 'the record is malformed');
    const outcome = object(/** @type {Members} */ (record), 'outcome');
    const kind = outcome.has('permitted') ? 'use.recorded' : outcome.has('denied') ? 'use.denied' : 'use.voided';
    demand(kind === entry.kind.name, 'digest', `the record is one of ${kind}`);
    const { typ, payload } = verifyJws(text(use, 'head'), parseKey(use.get('key')));
    demand(typ === 'grantbook-use.batch+jwt', 'batch', `signed as ${typ}`);
    const claims = parseJson(payload);
    demand(claims instanceof Map, 'batch', 'the head is malformed');
    const head = object(/** @type {Members} */ (claims), 'event');
    demand(text(/** @type {Members} */ (record), 'gate') === text(head, 'gate'), 'batch', 'another gate signed');
    const at = number(/** @type {Members} */ (record), 'seq') - number(head, 'first');
    const path = list(use, 'path').map((step) => decodeBase64url(String(step)) ?? new Uint8Array());
    verifyInclusion(leafHash(digest), at, number(head, 'count'), path, hash(head, 'root'));
    return { content: recorded, said: /** @type {Members} */ (record), tenant: text(/** @type {Members} */ (claims), 'aud') };
}

/** Step 9. @param {Json[]} openings @param {Entry} entry */
function checkOpenings(openings, entry) {
    demand(openings.length === entry.commitments.length, 'committed', 'not one opening for each hidden figure');
    return openings.map((opening, i) => {
        if (!(opening instanceof Map)) throw new ReceiptError('committed', 'an opening is no object');
        const value = number(opening, 'value');
        verifyOpening(entry.commitments[i], value, hash(opening, 'blinding'));
        return { quantity: CLASSES[entry.class][i], value };
    });
}

/** Step 10. @param {Members} claims @param {Entry} entry @param {{ quantity: string, value: bigint }[]} opened */
function checkTerms(claims, entry, opened) {
    const event = object(claims, 'event');
    const terms = object(event, 'terms');
    const validity = object(terms, 'validity');
    const limits = terms.has('limits') ? object(terms, 'limits') : new Map();
    const uses = limits.get('uses') ?? UNLIMITED;
    const { price, currency } = priceOf(terms.get('compensation'));
    const birthDay = event.get('birth_day');
    demand(entry.class === (birthDay === undefined ? 3 : 4), 'committed', 'the class is not that of the terms');
    demand((CURRENCIES.get(entry.currency) ?? '') === currency, 'committed', 'the currency is not that of the terms');
    /** @type {Record<string, Json | undefined>} */
    const said = {
        start: entry.kind.name === 'grant.amended' ? undefined : number(validity, 'start') - EPOCH_2020,
        end: number(validity, 'end') - EPOCH_2020,
        cap: uses,
        price,
        retention_days: retention(limits, terms.get('obligations')),
        birth_day: birthDay,
    };
    for (const { quantity, value } of opened) {
        demand(said[quantity] === undefined || said[quantity] === value, 'committed', `${quantity} is not that of the terms`);
    }
}

/** @param {Json | undefined} compensation */
function priceOf(compensation) {
    const none = { price: 0n, currency: '' };
    if (!(compensation instanceof Map)) return none;
    const [mode, what] = [...compensation][0] ?? ['', ''];
    if (!(what instanceof Map) || mode === 'benefit') return none;
    const currency = text(what, 'currency');
    return { price: mode.endsWith('share') ? 0n : number(what, 'minor'), currency };
}

/** Days after a use in which its data must be deleted. @param {Members} limits @param {Json | undefined} obligations */
function retention(limits, obligations) {
    const days = [limits.get('retention_days')];
    for (const obligation of Array.isArray(obligations) ? obligations : []) {
        const deletion = obligation instanceof Map ? obligation.get('delete_by') : undefined;
        if (deletion instanceof Map) days.push(deletion.get('days'));
    }
    const stated = days.filter((day) => typeof day === 'bigint');
    return stated.length === 0 ? UNLIMITED : stated.reduce((least, day) => (day < least ? day : least));
}

