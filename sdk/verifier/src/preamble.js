/**
 * What a bundle begins with: whose day it is, the log's entries, what its links and exceptions open
 * (docs/spec/compliance-proof.md, "Derivation", 1 to 5).
 */
import { sameBytes, textOf, utf8 } from './bytes.js';
import { parseBlinding, parseCommitment, commit } from './commitment.js';
import { entryLink, entryTag, parseEntry } from './entry.js';
import { VerifyError } from './error.js';
import { CLASSES, PUBLIC_KINDS } from './registry.js';
import { sha256 } from './sha2.js';
import { isTerm } from './statement-policy.js';
import { SPEC_HASH, STATEMENTS } from './statements.js';
import { GrowingTree, leafHash, verifyInclusion } from './tree.js';

/** @typedef {import('./bundle-cursor.js').Cursor} Cursor */
/** @typedef {import('./commitment.js').Commitment} Commitment */
/** @typedef {import('./kept.js').Kept} Kept */
/** @typedef {import('./kept.js').Group} Group */
/** @typedef {import('./statement-policy.js').StatementPolicy} StatementPolicy */
/** @typedef {{ size: bigint, root: Uint8Array }} Head */

const MAGIC = utf8('grantbook bundle v1\n');
const ENTRIES_MAX = 16_777_216n;
const DAY_KEYS = 65_536n;
/** Stands for the digest of no bundle, and in the link to no entry. */
const ZERO = new Uint8Array(32);

/**
 * @typedef {object} Header
 * @property {string} origin
 * @property {number} day since 2020-01-01
 * @property {Uint8Array} dayKey
 * @property {Uint8Array} dayKeys root of the tree of all of them
 * @property {Head} start
 * @property {Head} end
 *
 * @typedef {object} OwnEntry an entry of the tenant
 * @property {bigint} leaf its index
 * @property {Uint8Array} hash its leaf hash
 * @property {string} kind
 * @property {number} class
 * @property {number} currency
 * @property {Uint8Array} link
 * @property {Commitment[]} commitments
 *
 * @typedef {object} Link what an entry's link opens to
 * @property {number} group
 * @property {bigint | undefined} named leaf index
 *
 * @typedef {object} Exception
 * @property {bigint} leaf
 * @property {number} statement
 * @property {bigint[]} values of all that the entry commits to
 * @property {boolean} used whether it is needed
 */

/** @param {string} message */
const field = (message) => new VerifyError('bundle-field', message);

/**
 * Step 1.
 * @param {Cursor} cursor @param {string} origin of the verifier's keys @param {StatementPolicy} policy
 * @param {Kept | undefined} before
 * @returns {Header}
 */
export function readHeader(cursor, origin, policy, before) {
    if (!sameBytes(cursor.view(20), MAGIC)) throw field('expected a bundle of version 1');
    if (!sameBytes(cursor.view(32), SPEC_HASH)) throw field('expected the statements that this verifier knows');
    if (!sameBytes(cursor.view(32), policy.hash)) throw field('expected the verifier\'s policy, got another one\'s hash');
    const originBytes = cursor.view(cursor.u8());
    const day = cursor.u16();
    const dayKey = cursor.take(32);
    const dayKeys = cursor.take(32);
    const path = cursor.hashes(16);
    const chain = cursor.take(32);
    const start = readHead(cursor), end = readHead(cursor);
    if (end.size < start.size || end.size - start.size > ENTRIES_MAX) {
        throw field(`expected at most ${ENTRIES_MAX} entries, got ${end.size - start.size}`);
    }
    try {
        verifyInclusion(leafHash(dayKey), BigInt(day), DAY_KEYS, path, dayKeys);
    } catch {
        throw field('expected the key of the day among the day keys, got another');
    }
    if (textOf(originBytes) !== origin) throw field('expected the origin of the verifier\'s keys, got another');
    demandChain({ day, dayKeys, start }, chain, before);
    return { origin, day, dayKey, dayKeys, start, end };
}

/** @param {Cursor} cursor @returns {Head} */
function readHead(cursor) {
    return { size: cursor.u64(), root: cursor.take(32) };
}

/** @param {{ day: number, dayKeys: Uint8Array, start: Head }} header @param {Uint8Array} chain @param {Kept | undefined} before */
function demandChain({ day, dayKeys, start }, chain, before) {
    /** @param {boolean} holds @param {string} expected */
    const demand = (holds, expected) => {
        if (!holds) throw new VerifyError('bundle-chain', `expected ${expected}`);
    };
    if (before === undefined) {
        demand(sameBytes(chain, ZERO), 'the first bundle of a chain, got one that follows another');
        return;
    }
    demand(sameBytes(chain, before.digest), 'a bundle that follows the one before, got one that does not');
    demand(start.size === before.end.size && sameBytes(start.root, before.end.root), 'a start where the day before ended');
    demand(sameBytes(dayKeys, before.dayKeys), 'the day keys of the day before, got others');
    demand(day > before.day, 'a day later than the day before');
}

/**
 * Steps 2 and 3: all entries of the day, of which the tenant's are kept.
 * @param {Cursor} cursor @param {Header} header
 * @returns {OwnEntry[]}
 */
export function readEntries(cursor, { origin, day, dayKey, start, end }) {
    const tree = new GrowingTree();
    tree.subtrees = cursor.hashes(start.size.toString(2).replaceAll('0', '').length);
    tree.size = start.size;
    demandRoot(tree, start);
    /** @type {{ leaf: bigint, hash: Uint8Array, bytes: Uint8Array }[]} */
    const own = [];
    for (let leaf = start.size; leaf < end.size; leaf++) {
        const bytes = cursor.view(entryLength(cursor.peek(3), leaf));
        const entry = entryOf(bytes, leaf);
        if (entry.day !== day) {
            throw new VerifyError('bundle-entry-day', `expected an entry of day ${day}, got one of ${entry.day}`, { leafIndex: leaf });
        }
        const hash = leafHash(bytes);
        tree.append(hash);
        if (!PUBLIC_KINDS.has(entry.kindNumber) && sameBytes(entry.tag, entryTag(dayKey, origin, leaf))) {
            own.push({ leaf, hash, bytes });
        }
    }
    demandRoot(tree, end);
    return own.map(({ leaf, hash, bytes }) => {
        const entry = parseEntry(bytes);
        const commitments = entry.commitments.map((commitment) => commitmentOf(commitment, leaf));
        const { kind: { name: kind }, class: classNumber, currency, link } = entry;
        return { leaf, hash, kind, class: classNumber, currency, link, commitments };
    });
}

/** @param {Uint8Array} head its first three bytes @param {bigint} leaf */
function entryLength(head, leaf) {
    const quantities = CLASSES[head[2]];
    if (quantities === undefined) {
        throw new VerifyError('bundle-entry', `expected an entry of a known class, got ${head[2]}`, { leafIndex: leaf });
    }
    return 87 + 32 * quantities.length;
}

/** @param {Uint8Array} bytes @param {bigint} leafIndex */
export function entryOf(bytes, leafIndex) {
    try {
        return parseEntry(bytes);
    } catch (error) {
        if (error instanceof VerifyError) throw new VerifyError('bundle-entry', error.message, { leafIndex });
        throw error;
    }
}

/** @param {Uint8Array} bytes @param {bigint} leafIndex */
function commitmentOf(bytes, leafIndex) {
    try {
        return parseCommitment(bytes);
    } catch (error) {
        if (error instanceof VerifyError) throw new VerifyError('bundle-commitment', error.message, { leafIndex });
        throw error;
    }
}

/** @param {GrowingTree} tree @param {Head} head */
function demandRoot(tree, { size, root }) {
    if (!sameBytes(tree.root(), root)) {
        throw new VerifyError('bundle-root', `expected the root of ${size} entries, the bundle's lead to another`);
    }
}

/**
 * The groups that no day before has listed.
 * @param {Cursor} cursor @param {ReadonlyMap<number, Group>} known
 * @returns {Map<number, Group>}
 */
export function readGroups(cursor, known) {
    /** @type {Map<number, Group>} */
    const groups = new Map();
    let last = 0;
    for (let count = cursor.u16(); count > 0; count--) {
        const number = cursor.u16(), mode = cursor.u8(), points = cursor.u16();
        const cohort = textOf(cursor.view(cursor.u8()));
        if (number <= last || known.has(number)) throw field(`expected new groups by rising number, got group ${number}`);
        if (mode > 3) throw field(`expected a mode from 0 to 3, got ${mode}`);
        if (points > (mode === 3 ? 10_000 : 0)) throw field(`expected fewer basis points in mode ${mode}, got ${points}`);
        if (cohort === undefined || !isTerm(cohort)) throw field('expected a term as the name of a cohort');
        groups.set(number, { mode, points: BigInt(points), cohort });
        last = number;
    }
    return groups;
}

/** Kinds whose links are opened, and whether they name an entry; undefined where they may. @type {ReadonlyMap<string, boolean | undefined>} */
const OPENED = new Map([
    ['grant.given', false], ['grant.amended', true], ['grant.paused', true], ['grant.resumed', true],
    ['grant.withdrawn', true], ['grant.revoked', true], ['use.recorded', undefined], ['data.deleted', true],
    ['recipient.acknowledged', true], ['payout.accrued', true], ['settlement.posted', false],
]);

/**
 * Step 4: what the entries' links open to, by leaf index.
 * @param {Cursor} cursor @param {Header} header @param {readonly OwnEntry[]} own @param {Kept} kept
 * @returns {Map<bigint, Link>}
 */
export function readLinks(cursor, { origin }, own, kept) {
    const originHash = sha256(utf8(origin));
    /** @type {Map<bigint, Uint8Array>} */
    const hashes = new Map();
    /** @type {Map<bigint, Link>} */
    const links = new Map();
    for (const { leaf, hash, kind, link } of own) {
        const names = OPENED.get(kind);
        if (OPENED.has(kind)) {
            /** @param {string} expected */
            const refused = (expected) => new VerifyError('bundle-link', `expected ${expected}`, { leafIndex: leaf });
            const salt = cursor.view(32), group = cursor.u16(), flag = cursor.u8();
            if (flag > 1) throw refused(`0 or 1, got ${flag}`);
            const named = flag === 1 ? cursor.u64() : undefined;
            if (names !== undefined && names !== (flag === 1)) throw refused(`${kind} to name ${names ? 'an entry' : 'none'}`);
            /** @type {{ originHash: Uint8Array, leafIndex: bigint, leafHash: Uint8Array }} */
            let target = { originHash: ZERO, leafIndex: 0n, leafHash: ZERO };
            if (named !== undefined) {
                const namedHash = hashes.get(named) ?? kept.hashOf(named);
                if (namedHash === undefined) throw refused(`an earlier entry that is known, got ${named}`);
                target = { originHash, leafIndex: named, leafHash: namedHash };
            }
            if (!sameBytes(entryLink(salt, group, target), link)) throw refused('the opening of this link, got another');
            links.set(leaf, { group, named });
        }
        hashes.set(leaf, hash);
    }
    return links;
}

/** Exceptions from statements, and which of them were needed. */
export class Exceptions {
    /** @param {Exception[]} list */
    constructor(list) {
        this.list = list;
        /** @type {Map<bigint, Exception>[]} */
        this.byStatement = STATEMENTS.map(() => new Map());
        for (const exception of list) this.byStatement[exception.statement].set(exception.leaf, exception);
    }

    /** Whether the entry is excepted from the statement; if so, the exception was needed. @param {number} statement @param {bigint} leaf */
    excepts(statement, leaf) {
        const exception = this.byStatement[statement].get(leaf);
        if (exception === undefined) return false;
        exception.used = true;
        return true;
    }

    /** Refuses the first exception that left out nothing. */
    demandUsed() {
        const idle = this.list.find(({ used }) => !used);
        if (idle !== undefined) throw exceptionRefused(idle.leaf, idle.statement, 'an exception that leaves something out');
    }
}

/** @param {bigint} leafIndex @param {number} statement @param {string} expected */
export function exceptionRefused(leafIndex, statement, expected) {
    return new VerifyError('bundle-exception', `expected ${expected}`, { leafIndex, statement: STATEMENTS[statement].name });
}

/**
 * Step 5.
 * @param {Cursor} cursor @param {readonly OwnEntry[]} own @param {Kept} kept
 * @param {(statement: number) => boolean} asked
 * @returns {Exceptions}
 */
export function readExceptions(cursor, own, kept, asked) {
    const today = new Map(own.map((entry) => [entry.leaf, entry]));
    /** @type {Exception[]} */
    const list = [];
    let last = { leaf: -1n, statement: 0 };
    for (let count = cursor.u32(); count > 0; count--) {
        const leaf = cursor.u64(), statement = cursor.u8();
        if (statement >= STATEMENTS.length || !asked(statement)) {
            throw field(`expected the number of a statement that is asked and may have exceptions, got ${statement}`);
        }
        /** @param {string} expected */
        const refused = (expected) => exceptionRefused(leaf, statement, expected);
        if (leaf < last.leaf || (leaf === last.leaf && statement <= last.statement)) throw refused('exceptions in order, each once');
        const entry = today.get(leaf), time = kept.timeOf(leaf);
        const commitments = entry?.commitments ?? (time && [time]);
        if (commitments === undefined) throw refused('an entry of the tenant and of this day, or what waits from a day before');
        const values = commitments.map((commitment) => {
            const value = cursor.u64();
            if (!opens(commitment, value, cursor.view(32))) throw refused('an opening of the entry\'s commitment');
            if (value >= 2n ** 32n && entry?.kind !== 'settlement.posted') throw refused('a value of 32 bits');
            return value;
        });
        last = { leaf, statement };
        list.push({ leaf, statement, values, used: false });
    }
    return new Exceptions(list);
}

/** @param {Commitment} commitment @param {bigint} value @param {Uint8Array} blinding */
function opens({ bytes }, value, blinding) {
    try {
        return sameBytes(commit(value, parseBlinding(blinding)), bytes);
    } catch (error) {
        if (error instanceof VerifyError) return false;
        throw error;
    }
}
