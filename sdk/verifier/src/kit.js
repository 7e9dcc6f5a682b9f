/** Verifies a regulator kit (docs/spec/regulator-kit.md): signatures, digests, proof bundles, and what the tables say of them. */
import { decodeBase64url } from './base64.js';
import { verifyBundle } from './bundle.js';
import { concat, fromHex, sameBytes, textOf, utf8 } from './bytes.js';
import { dateText } from './calendar.js';
import { parseLogKeys, verifyCheckpoint } from './checkpoint.js';
import { entryDigest, entryLink, parseEntry } from './entry.js';
import { VerifyError } from './error.js';
import { idOfLog, parseKey, signaturesOf, verifyEnvelope, verifyJws } from './jws.js';
import { sameKey } from './note.js';
import { verifyWitnessed } from './policy.js';
import { parseProofFile, verifyProofFile } from './proof-file.js';
import { sha256 } from './sha2.js';
import { parseStatementPolicy } from './statement-policy.js';
import { parseJson } from './strict-json.js';
import { leafHash } from './tree.js';

/** @typedef {import('./bundle.js').Verified} Verified */
/** @typedef {import('./checkpoint.js').LogKeys} LogKeys */
/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./strict-json.js').Json} Json */
/** @typedef {{ file: string, what: string }} Finding */
/** @typedef {{ name: string, size: bigint, sha256: Uint8Array }} Listed */
/** @typedef {{ origin: string, tenant: string, from: string, to: string, files: Listed[] }} Manifest */

/**
 * @typedef {object} KitRules
 * @property {LogKeys} keys of the log, from anywhere but the kit
 * @property {import('./policy.js').Policy} [witnessPolicy] whose cosignatures are asked for
 * @property {Uint8Array} [policyHash] of the statement policy that is asked for; without it the kit's are taken
 * @property {(name: string) => Promise<void>} [pause] is waited for before each bundle
 *
 * @typedef {object} KitReport
 * @property {Finding[]} findings everything that is wrong
 * @property {Manifest | undefined} manifest
 * @property {Map<string, Json> | undefined} tables where they are what is signed
 * @property {Report[]} reports of the bundles, up to the first that does not verify
 * @property {string | undefined} operator thumbprint of the key that signed, base64url
 */

const VERSION = 1n;
const MANIFEST = 'manifest.jws', ISSUED = 'issued.json', TABLES = 'kit.json', VKEY = 'vkey', CHECKPOINT = 'checkpoint';
const EVERY_KIT = [
    TABLES, VKEY, CHECKPOINT, 'reader.html', 'record.csv', 'rates.csv', 'fairness.csv', 'kit.en.html', 'kit.zh.html',
];
const BUNDLE = /^proofs\/([0-9]{4}-[0-9]{2}-[0-9]{2})\.bundle$/;
const POLICY = /^proofs\/([0-9]{4}-[0-9]{2}-[0-9]{2})\.policy\.json$/;
const NAME = /^(?=.{1,64}$)[a-z0-9-][a-z0-9.-]*(?:\/[a-z0-9-][a-z0-9.-]*)?$/;

/** @param {string} expected */
const refused = (expected) => new VerifyError('kit', `expected ${expected}`);

/**
 * Verifies the files of a kit by their names within its folder.
 * @param {ReadonlyMap<string, Uint8Array>} files @param {KitRules} rules
 * @returns {Promise<KitReport>}
 */
export async function verifyKit(files, rules) {
    /** @type {KitReport} */
    const report = { findings: [], manifest: undefined, tables: undefined, reports: [], operator: undefined };
    /** @type {(file: string, what: string) => void} */
    const find = (file, what) => void report.findings.push({ file, what });
    /** What `run` gives; its refusal as a finding. @template T @param {string} file @param {() => T} run */
    const noted = (file, run) => {
        try {
            return run();
        } catch (error) {
            if (!(error instanceof VerifyError)) throw error;
            find(file, error.message);
            return undefined;
        }
    };
    /** @param {string} name */
    const bytesOf = (name) => {
        const bytes = files.get(name);
        if (bytes === undefined) throw refused(`the file ${name} in the kit`);
        return bytes;
    };

    const issued = noted(ISSUED, () => verifyIssued(bytesOf(ISSUED), rules));
    if (issued === undefined) return report;
    const manifest = noted(MANIFEST, () => verifyManifest(bytesOf(MANIFEST), issued, rules.keys));
    if (manifest === undefined) return report;
    report.manifest = manifest;
    report.operator = issued.operator;

    const listed = new Map(manifest.files.map((file) => [file.name, file]));
    for (const name of files.keys()) {
        if (!listed.has(name) && name !== MANIFEST && name !== ISSUED) find(name, 'is not in the manifest');
    }
    for (const name of EVERY_KIT) {
        if (!listed.has(name)) find(name, 'is not in the manifest, expected it in every kit');
    }
    /** @type {Map<string, Uint8Array>} */
    const signed = new Map();
    for (const { name, size, sha256: digest } of manifest.files) {
        const bytes = files.get(name);
        if (bytes === undefined) find(name, 'is missing');
        else if (BigInt(bytes.length) !== size || !sameBytes(sha256(bytes), digest)) find(name, 'differs from what the manifest says');
        else signed.set(name, bytes);
    }
    const vkey = signed.get(VKEY);
    if (vkey !== undefined) noted(VKEY, () => expectKeys(vkey, rules.keys));
    const checkpoint = signed.get(CHECKPOINT);
    if (checkpoint !== undefined) noted(CHECKPOINT, () => expectCheckpoint(checkpoint, rules));
    const tables = signed.get(TABLES);
    if (tables !== undefined) report.tables = noted(TABLES, () => parseTables(tables, manifest));
    await verifyBundles(signed, manifest, rules, report, find, noted);
    const { tables: said } = report;
    if (said !== undefined) noted(TABLES, () => expectFairness(said, manifest, report.reports));
    return report;
}

/**
 * Days since 1970 of `YYYY-MM-DD`; undefined if it is no day.
 * @param {string} text
 */
function dayOf(text) {
    const time = /^20[2-9][0-9]-[0-9]{2}-[0-9]{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
    const isIt = !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
    return isIt ? time / 86_400_000 : undefined;
}

/**
 * The bundles, each with the policy beside it, the enterprise's first one first.
 * @param {ReadonlyMap<string, Uint8Array>} signed @param {Manifest} manifest @param {KitRules} rules
 * @param {KitReport} report @param {(file: string, what: string) => void} find
 * @param {<T>(file: string, run: () => T) => T | undefined} noted
 */
async function verifyBundles(signed, manifest, rules, report, find, noted) {
    const names = new Set(manifest.files.map(({ name }) => name));
    /** @type {Verified['chain'] | undefined} */
    let chain;
    for (const { name } of manifest.files.filter((file) => file.name.includes('/'))) {
        const day = BUNDLE.exec(name)?.[1];
        if (day === undefined) {
            const of = POLICY.exec(name)?.[1];
            if (of === undefined || !names.has(`proofs/${of}.bundle`)) find(name, 'belongs to no bundle');
            continue;
        }
        if (day > manifest.to) find(name, 'is of a day after the period');
        const bundle = signed.get(name);
        const policy = signed.get(`proofs/${day}.policy.json`);
        if (bundle === undefined || policy === undefined) {
            if (!names.has(`proofs/${day}.policy.json`)) find(name, 'comes without its policy');
            return;
        }
        await rules.pause?.(name);
        const verified = noted(name, () => {
            const parsed = parseStatementPolicy(policy);
            if (rules.policyHash !== undefined && !sameBytes(parsed.hash, rules.policyHash)) {
                throw refused('the policy that is asked for, got another');
            }
            return verifyBundle(bundle, { keys: rules.keys, policy: parsed, witnessPolicy: rules.witnessPolicy, chain });
        });
        if (verified === undefined) return; // the next one goes on where this one ends
        chain = verified.chain;
        if (dateText(verified.report.day) !== day) find(name, `is of the day ${dateText(verified.report.day)}`);
        report.reports.push(verified.report);
    }
}

/**
 * A text of a strict JSON object. @param {Json | undefined} object @param {string} name
 */
function text(object, name) {
    const member = object instanceof Map ? object.get(name) : undefined;
    if (typeof member !== 'string') throw refused(`text as ${name}`);
    return member;
}

/** @param {Json | undefined} object @param {string} name */
function bytes32(object, name) {
    const bytes = decodeBase64url(text(object, name));
    if (bytes?.length !== 32) throw refused(`32 bytes of base64url as ${name}`);
    return bytes;
}

/** @param {Json | undefined} object @param {string} name */
const member = (object, name) => (object instanceof Map ? object.get(name) : undefined);

/**
 * What the log says of a kit, and the key that it shows as the operator's (docs/spec/receipt.md, docs/spec/event.md).
 * @param {Uint8Array} bytes @param {KitRules} rules
 */
function verifyIssued(bytes, rules) {
    const receipt = parseJson(bytes);
    const proof = parseProofFile(utf8(text(receipt, 'proof')));
    const note = utf8(text(receipt, 'proof').slice(text(receipt, 'proof').indexOf('\n\n') + 2));
    expectCheckpoint(note, rules);
    const entryBytes = decodeBase64url(text(receipt, 'entry'));
    if (entryBytes === undefined) throw refused('base64url as entry');
    verifyProofFile(proof, leafHash(entryBytes), rules.keys.log);
    const entry = parseEntry(entryBytes);
    const content = member(member(receipt, 'content'), 'event');
    const envelope = decodeBase64url(text(content, 'envelope'));
    const keys = member(content, 'keys');
    if (envelope === undefined || !Array.isArray(keys) || keys.length !== 1) throw refused('an envelope with one key');
    const signer = parseKey(keys[0]);
    const { typ, payload } = verifyEnvelope(envelope, signer);
    if (typ !== 'grantbook-operator.acted+jwt' || entry.kind.name !== 'operator.acted') {
        throw refused('the receipt of an act of the operator');
    }
    if (!sameBytes(entryDigest(bytes32(receipt, 'salt'), sha256(envelope)), entry.digest)) {
        throw refused('the entry\'s digest to be that of the envelope');
    }
    const link = member(receipt, 'link');
    const target = member(link, 'target');
    const [group, leafIndex] = [member(link, 'group'), member(target, 'leaf_index')];
    if (typeof group !== 'bigint' || typeof leafIndex !== 'bigint' || !sameBytes(entry.link, entryLink(
        bytes32(link, 'salt'), Number(group),
        { originHash: bytes32(target, 'origin_sha256'), leafIndex, leafHash: bytes32(target, 'leaf_hash') },
    ))) throw refused('the entry\'s link to open as the receipt says');
    const claims = parseJson(payload);
    if (text(claims, 'aud') !== idOfLog(rules.keys.log.name)) throw refused('an event of the log itself');
    const event = member(claims, 'event');
    const jti = fromHex(text(claims, 'jti').replaceAll('-', ''));
    const operator = text(parseJson(headerOf(envelope)), 'kid');
    return {
        signer, operator, jti,
        manifest: bytes32(member(member(event, 'act'), 'kit_issued'), 'manifest'),
        about: bytes32(event, 'about'),
    };
}

/** @param {Uint8Array} envelope that was verified */
function headerOf(envelope) {
    const [header] = signaturesOf(envelope)[0].split('.');
    return decodeBase64url(header) ?? new Uint8Array();
}

/**
 * @param {Uint8Array} bytes @param {ReturnType<typeof verifyIssued>} issued @param {LogKeys} keys
 * @returns {Manifest}
 */
function verifyManifest(bytes, { signer, manifest: digest, about, jti }, keys) {
    const jws = textOf(bytes);
    if (jws === undefined || bytes.length > 1_048_576) throw refused('a text of at most 1048576 bytes');
    const { typ, payload } = verifyJws(jws, signer);
    if (typ !== 'grantbook-kit+jwt') throw refused('typ grantbook-kit+jwt');
    if (!sameBytes(sha256(bytes), digest)) throw refused('the manifest that the log names');
    const said = parseJson(payload);
    if (member(said, 'v') !== VERSION) throw refused('version 1');
    const [origin, tenant] = [text(said, 'origin'), text(said, 'tenant')];
    if (!sameBytes(sha256(concat(Uint8Array.of(0x54), jti, fromHex(tenant.replaceAll('-', '')))), about)) {
        throw refused('the enterprise that the log names');
    }
    if (origin !== keys.log.name) throw refused(`a kit of the log ${keys.log.name}`);
    const period = member(said, 'period');
    const [from, to] = [text(period, 'from'), text(period, 'to')];
    const [first, last] = [dayOf(from), dayOf(to)];
    if (first === undefined || last === undefined || first > last || last - first > 365) throw refused('a period of at most 366 days');
    const list = member(said, 'files');
    if (!Array.isArray(list)) throw refused('a list as files');
    const files = list.map((file) => {
        const size = member(file, 'size');
        if (typeof size !== 'bigint') throw refused('an integer as size');
        return { name: text(file, 'name'), size, sha256: bytes32(file, 'sha256') };
    });
    files.forEach(({ name }, i) => {
        if (!NAME.test(name) || name === MANIFEST || name === ISSUED || (i > 0 && files[i - 1].name >= name)) {
            throw refused('names of a kit\'s files, each once and in order');
        }
    });
    return { origin, tenant, from, to, files };
}

/** @param {Uint8Array} bytes @param {LogKeys} keys */
function expectKeys(bytes, keys) {
    const own = parseLogKeys(textOf(bytes) ?? '');
    if (!sameKey(own.log, keys.log) || !sameKey(own.clock, keys.clock)) throw refused('the keys that were given, got others');
}

/** @param {Uint8Array} note @param {KitRules} rules */
function expectCheckpoint(note, { keys, witnessPolicy }) {
    if (witnessPolicy === undefined) verifyCheckpoint(note, keys);
    else if (!verifyWitnessed(note, keys, witnessPolicy).cosigned.quorum) throw refused('cosignatures of the quorum, got fewer');
}

/**
 * The tables, of the manifest's log, enterprise and days.
 * @param {Uint8Array} bytes @param {Manifest} manifest
 */
function parseTables(bytes, { origin, tenant, from, to }) {
    const tables = parseJson(bytes);
    const period = member(tables, 'period');
    if (!(tables instanceof Map) || tables.get('v') !== VERSION) throw refused('version 1');
    if (tables.get('origin') !== origin || tables.get('tenant') !== tenant
        || text(period, 'from') !== from || text(period, 'to') !== to) {
        throw refused('log, enterprise and period of the manifest');
    }
    return tables;
}

/**
 * What the tables say of each day must be what its bundle says.
 * @param {Map<string, Json>} tables @param {Manifest} manifest @param {readonly Report[]} reports
 */
function expectFairness(tables, { from, to }, reports) {
    const byDay = new Map(reports.map((report) => [dateText(report.day), report]));
    const said = tables.get('fairness');
    const [first, last] = [dayOf(from) ?? 0, dayOf(to) ?? -1];
    const days = Array.from({ length: last - first + 1 }, (_, i) => new Date((first + i) * 86_400_000).toISOString().slice(0, 10));
    const isSame = Array.isArray(said) && said.length === days.length && days.every((day, i) => {
        const { outcome, comparisons, exceptions } = fairnessOf(byDay.get(day));
        const of = said[i];
        return member(of, 'day') === day && member(of, 'outcome') === outcome
            && member(of, 'comparisons') === BigInt(comparisons) && member(of, 'exceptions') === BigInt(exceptions);
    });
    if (!isSame) throw refused('of each day what its bundle says');
}

/** What a bundle says of fair pay. @param {Report | undefined} report none: the day is not proved */
function fairnessOf(report) {
    const fair = report?.statements.find(({ statement }) => statement === 'fair-pay');
    const { terms, exceptions } = fair ?? { terms: 0, exceptions: 0 };
    const outcome = report === undefined ? 'not_proved' : fair?.asked !== true ? 'not_asked'
        : exceptions > 0 ? 'excepted' : terms > 0 ? 'proved' : 'nothing_to_compare';
    return { outcome, comparisons: terms, exceptions };
}
