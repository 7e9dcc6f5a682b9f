/** State proofs (docs/spec/state-proof.md), and what the records of one customer's archive come to. */
import { decodeBase64url } from '../../../sdk/verifier/src/base64.js';
import { concat, sameBytes, u64BigEndian, utf8 } from '../../../sdk/verifier/src/bytes.js';
import { idOfLog, parseKey } from '../../../sdk/verifier/src/jws.js';
import { sha256 } from '../../../sdk/verifier/src/sha2.js';
import { verifyMembers } from '../receipt-check.js';

/** @typedef {import('../../../sdk/verifier/src/strict-json.js').Json} Json */
/** @typedef {import('../receipt-check.js').Checked} Checked */
/** @typedef {Map<string, Json>} Members */
/** @typedef {{ given: bigint, terms: bigint, status: string, since: bigint }} State of one grant, by leaf indexes */

/**
 * @typedef {object} Grant as its records tell it
 * @property {string} id
 * @property {State} state
 * @property {Members} terms
 * @property {bigint} givenAt
 * @property {bigint} sinceAt
 * @property {bigint} uses that were permitted
 */

const EMPTY = utf8('SPARSE_MERKLE_PLACEHOLDER_HASH__');
const LEAF = utf8('JMT::LeafNode'), NODE = utf8('JMT::IntrnalNode');
/** Statuses by their numbers. */
const STATUSES = ['', 'active', 'paused', 'superseded', 'withdrawn', 'revoked'];
const SIBLINGS_MAX = 256, GRANTS_MAX = 1024;

/** Why an archive does not hold. */
export class ArchiveError extends Error {
    /** @param {string} what is wrong: a key of the page's words @param {string} message */
    constructor(what, message) {
        super(message);
        this.what = what;
    }
}

/** @param {boolean} holds @param {string} what @param {string} message @returns {asserts holds} */
export function demand(holds, what, message) {
    if (!holds) throw new ArchiveError(what, message);
}

/** Members of an object, of which the names are known. @param {Json | undefined} json @param {string[]} names @param {string} what */
export function members(json, names, what) {
    demand(json instanceof Map && [...json.keys()].every((name) => names.includes(name)), what, `not an object of ${names.join(', ')}`);
    return /** @type {Members} */ (json);
}

/** @param {Members} of @param {string} name @param {string} what */
export function text(of, name, what) {
    const value = of.get(name);
    demand(typeof value === 'string', what, `${name} is no text`);
    return /** @type {string} */ (value);
}

/** @param {Members} of @param {string} name @param {string} what */
export function number(of, name, what) {
    const value = of.get(name);
    demand(typeof value === 'bigint', what, `${name} is no number`);
    return /** @type {bigint} */ (value);
}

/** @param {Json | undefined} json @param {string} what */
export function hash(json, what) {
    const bytes = typeof json === 'string' ? decodeBase64url(json) : undefined;
    demand(bytes !== undefined && bytes.length === 32, what, 'no hash');
    return /** @type {Uint8Array} */ (bytes);
}

/** @param {Json | undefined} json @returns {State[]} */
function parseStates(json) {
    if (json === undefined) return [];
    demand(Array.isArray(json) && json.length > 0 && json.length <= GRANTS_MAX, 'states', 'no list of states');
    let last = -1n;
    return /** @type {Json[]} */ (json).map((one) => {
        const of = members(one, ['given', 'terms', 'status', 'since'], 'states');
        const state = {
            given: number(of, 'given', 'states'),
            terms: number(of, 'terms', 'states'),
            status: text(of, 'status', 'states'),
            since: number(of, 'since', 'states'),
        };
        const changed = state.status === 'active' ? 0n : 1n;
        demand(STATUSES.indexOf(state.status) > 0 && state.given > last, 'states', 'impossible states');
        demand(state.given <= state.terms && state.given + changed <= state.since, 'states', 'impossible states');
        last = state.given;
        return state;
    });
}

/** The bit of a key that leads on at a depth. @param {Uint8Array} key @param {number} depth */
const bit = (key, depth) => (key[depth >> 3] >> (7 - (depth & 7))) & 1;

/**
 * The root to which a customer's place in the map leads.
 * @param {Members} map @param {Uint8Array} key @param {Uint8Array | undefined} value
 */
function rootOfMap(map, key, value) {
    const siblings = map.get('siblings');
    demand(Array.isArray(siblings) && siblings.length <= SIBLINGS_MAX, 'states', 'too many siblings');
    const list = /** @type {Json[]} */ (siblings);
    const other = map.get('other');
    /** @type {Uint8Array} */
    let at = EMPTY;
    if (value !== undefined) {
        demand(other === undefined, 'states', 'another leaf beside the states');
        at = sha256(concat(LEAF, key, sha256(value)));
    } else if (other !== undefined) {
        const leaf = members(other, ['key', 'value_hash'], 'states');
        const otherKey = hash(leaf.get('key'), 'states');
        const shares = list.every((_, depth) => bit(key, depth) === bit(otherKey, depth));
        demand(shares && !sameBytes(key, otherKey), 'states', 'the other leaf stands elsewhere');
        at = sha256(concat(LEAF, otherKey, hash(leaf.get('value_hash'), 'states')));
    }
    list.forEach((sibling, i) => {
        const beside = hash(sibling, 'states');
        const [left, right] = bit(key, list.length - 1 - i) === 0 ? [at, beside] : [beside, at];
        at = sha256(concat(NODE, left, right));
    });
    return at;
}

/**
 * What the operator has signed of a customer's grants.
 * @param {Json | undefined} json @param {import('../../../sdk/verifier/src/checkpoint.js').LogKeys} keys
 */
export function verifyStateProof(json, keys) {
    const proof = members(json, ['v', 'root', 'enrolment', 'states', 'map'], 'states');
    demand(proof.get('v') === 1n, 'states', 'a state proof of another version');
    const [root, enrolment] = [verifyMembers(proof.get('root'), keys), verifyMembers(proof.get('enrolment'), keys)];
    demand(root.size === enrolment.size && sameBytes(root.root, enrolment.root), 'states', 'receipts under two checkpoints');
    demand(root.kind === 'state.root' && root.tenant === idOfLog(keys.log.name), 'states', 'no root of this log');
    const first = ['key.enrolled', 'guardian.named'].includes(enrolment.kind);
    const enrolled = /** @type {Members} */ (enrolment.said.get('event'));
    demand(first && enrolled.get('evidence') !== 'enrolled_key', 'states', 'not the customer’s first key');
    const signed = /** @type {Members} */ (root.said.get('event'));
    const size = number(signed, 'size', 'states');
    demand(size <= root.leafIndex && enrolment.leafIndex < size, 'states', 'a root of another size');
    const states = parseStates(proof.get('states'));
    demand(states.every(({ given, terms, since }) => given > enrolment.leafIndex && terms < size && since < size), 'states', 'states name entries outside of the tree');
    const salt = enrolment.salt;
    const key = sha256(concat(Uint8Array.of(0x4d), salt, parseKey(enrolled.get('key')).thumbprint));
    const value = states.length === 0 ? undefined : sha256(concat(Uint8Array.of(0x53), salt, ...states.flatMap(
        ({ given, terms, status, since }) => [u64BigEndian(given), u64BigEndian(terms), Uint8Array.of(STATUSES.indexOf(status)), u64BigEndian(since)],
    )));
    const map = members(proof.get('map'), ['other', 'siblings'], 'states');
    demand(sameBytes(rootOfMap(map, key, value), hash(signed.get('root'), 'states')), 'states', 'the map does not lead to the signed root');
    return {
        size,
        states,
        tree: { size: root.size, root: root.root },
        tenant: enrolment.tenant,
        subject: text(enrolled, 'sub', 'states'),
        signer: root.signer,
        signedAt: number(root.said, 'iat', 'states'),
    };
}

/** The grants of an archive, by rising leaf index of what gave them. */
export class Grants {
    constructor() {
        /** @type {Grant[]} */
        this.all = [];
        /** What gave and changed them. @type {Set<string>} */
        this.events = new Set();
    }

    /** @param {Checked} record @param {bigint} at when it was admitted */
    take(record, at) {
        if (record.kind === 'use.recorded') {
            const outcome = /** @type {Members} */ (record.said.get('outcome'));
            const permitted = outcome.get('permitted');
            const grant = this.find(permitted instanceof Map ? permitted.get('grant') : undefined);
            if (grant !== undefined) grant.uses += 1n;
            return;
        }
        const event = record.said.get('event');
        if (!(event instanceof Map)) return;
        const leaf = record.leafIndex;
        const id = event.get('grant');
        if (record.kind === 'grant.given' || typeof id === 'string') {
            const jti = text(record.said, 'jti', 'schema');
            demand(!this.events.has(jti), 'again', `the jti ${jti} is that of a record before, expected another: it was put on the log again`);
            this.events.add(jti);
        }
        switch (record.kind) {
            case 'grant.given': {
                const terms = /** @type {Members} */ (event.get('terms'));
                this.end(terms.get('supersedes'), 'superseded', leaf, at);
                const state = { given: leaf, terms: leaf, status: 'active', since: leaf };
                this.all.push({ id: text(record.said, 'jti', 'schema'), state, terms, givenAt: at, sinceAt: at, uses: 0n });
                break;
            }
            case 'grant.amended': {
                const grant = this.find(id);
                if (grant !== undefined) {
                    grant.terms = /** @type {Members} */ (event.get('terms'));
                    grant.state.terms = leaf;
                }
                break;
            }
            case 'grant.paused': this.set(id, 'paused', leaf, at); break;
            case 'grant.resumed': this.set(id, 'active', leaf, at); break;
            case 'grant.withdrawn': this.end(id, 'withdrawn', leaf, at); break;
            case 'grant.revoked': this.end(id, 'revoked', leaf, at); break;
        }
    }

    /** @param {Json | undefined} id */
    find(id) {
        return this.all.find((grant) => grant.id === id);
    }

    /** @param {Json | undefined} id @param {string} status @param {bigint} leaf @param {bigint} at */
    set(id, status, leaf, at) {
        const grant = this.find(id);
        if (grant === undefined) return;
        grant.state = { ...grant.state, status, since: leaf };
        grant.sinceAt = at;
    }

    /** Ends a grant, and the licences that end with it. @param {Json | undefined} id @param {string} status @param {bigint} leaf @param {bigint} at */
    end(id, status, leaf, at) {
        if (typeof id !== 'string') return;
        const licences = this.all.filter(({ state, terms }) => {
            const licence = terms.get('licence');
            const endsWith = licence instanceof Map ? licence.get('ends_with') : undefined;
            return ['active', 'paused'].includes(state.status) && Array.isArray(endsWith) && endsWith.includes(id);
        });
        for (const one of [...licences.map((grant) => grant.id), id]) this.set(one, status, leaf, at);
    }

    /** The records must come to what the operator has signed. @param {State[]} signed */
    check(signed) {
        const said = (/** @type {State | undefined} */ state) => (state === undefined ? 'no such grant'
            : `grant of entry ${state.given} ${state.status} by entry ${state.since}, with the terms of entry ${state.terms}`);
        for (let i = 0; i < Math.max(signed.length, this.all.length); i += 1) {
            const [records, operator] = [said(this.all[i]?.state), said(signed[i])];
            demand(records === operator, 'missing', `${records} by the records, expected ${operator}, as the operator has signed`);
        }
    }
}
