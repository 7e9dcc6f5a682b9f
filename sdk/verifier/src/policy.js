/** Policies: which witnesses there are, and which of them are enough (docs/spec/witness.md, "Policy"). */
import { sameBytes, textOf } from './bytes.js';
import { verifyCheckpoint } from './checkpoint.js';
import { parseDecimal } from './decimal.js';
import { VerifyError } from './error.js';
import {
    KIND_COSIGNATURE, KIND_ED25519, KIND_ML_DSA_44, madeBy, parseNote, parseVerifierKey, sameKey, verifyNote,
} from './note.js';

/** @typedef {import('./checkpoint.js').LogKeys} LogKeys */
/** @typedef {import('./checkpoint.js').TimedCheckpoint} TimedCheckpoint */
/** @typedef {import('./note.js').Note} Note */
/** @typedef {import('./note.js').VerifierKey} VerifierKey */

const BYTES_MAX = 512 * 1024;
/** Most logs, most witnesses, and most groups. */
const MAX_OF_EACH = 64;

/**
 * @typedef {object} Policy
 * @property {VerifierKey[]} logs that it accepts; none if they are known from elsewhere
 * @property {{ name: string, key: VerifierKey }[]} witnesses
 * @property {{ name: string, threshold: number, members: string[] }[]} groups of witnesses, and of groups before
 * @property {string | undefined} quorum name of whom it takes; undefined if nobody
 *
 * @typedef {object} Cosigned
 * @property {{ name: string, time: bigint }[]} by witnesses in the order of the policy, and their Unix seconds
 * @property {boolean} quorum whether they are enough
 * @property {bigint | undefined} time the median of theirs, if they are enough and at least one
 */

/**
 * Parses a policy.
 * @param {Uint8Array} bytes
 * @returns {Policy}
 */
export function parsePolicy(bytes) {
    if (bytes.length > BYTES_MAX) {
        throw new VerifyError('policy-too-long', `a policy has at most ${BYTES_MAX} bytes, got ${bytes.length}`);
    }
    const text = textOf(bytes);
    if (text === undefined || /[\x00-\x08\x0b-\x1f\x7f]/.test(text) || (text !== '' && !text.endsWith('\n'))) {
        throw new VerifyError(
            'policy-text', 'a policy is lines of UTF-8 that each end in a newline, without control characters but tab',
        );
    }
    const reading = new Reading();
    text.slice(0, -1).split('\n').forEach((line, i) => reading.line(line, i + 1));
    const { logs, witnesses, groups, quorums } = reading;
    if (quorums.length !== 1) {
        throw new VerifyError('policy-quorum', `expected one quorum line, got ${quorums.length}`);
    }
    return { logs, witnesses, groups, quorum: quorums[0] };
}

/** A policy while its lines are read. */
class Reading {
    constructor() {
        /** @type {Policy['logs']} */
        this.logs = [];
        /** @type {Policy['witnesses']} */
        this.witnesses = [];
        /** @type {Policy['groups']} */
        this.groups = [];
        /** @type {Policy['quorum'][]} */
        this.quorums = [];
        /** @type {Set<string>} */
        this.names = new Set();
        /** Each name is a member at most once, so that nobody counts twice. @type {Set<string>} */
        this.members = new Set();
    }

    /** @param {string} text @param {number} number */
    line(text, number) {
        /** @param {boolean} holds @param {string} expected */
        const demand = (holds, expected) => {
            if (!holds) throw new VerifyError('policy-line', `line ${number}: expected ${expected}`);
        };
        const define = (/** @type {string} */ name) => {
            demand(name !== 'none' && !this.names.has(name), 'a name that is neither taken nor `none`');
            this.names.add(name);
        };
        const known = (/** @type {string} */ name) => {
            demand(this.names.has(name), 'the name of a witness or group of a line before');
        };
        const limit = (/** @type {unknown[]} */ list) => {
            demand(list.length <= MAX_OF_EACH, 'at most 64 logs, 64 witnesses and 64 groups');
        };
        const [word, ...items] = text.split(/[ \t]/).filter((item) => item !== '');
        if (word === undefined || word.startsWith('#')) return;
        if (word === 'log' && [1, 2].includes(items.length)) {
            const key = parseVerifierKey(items[0]);
            demand([KIND_ED25519, KIND_ML_DSA_44].includes(key.kind), 'a log\'s key, of type 1 or 6');
            demand(!this.logs.some((log) => sameBytes(log.publicKey, key.publicKey)), 'a key that no other log has');
            this.logs.push(key);
            limit(this.logs);
        } else if (word === 'witness' && [2, 3].includes(items.length)) {
            const [name] = items, key = parseVerifierKey(items[1]);
            demand([KIND_COSIGNATURE, KIND_ML_DSA_44].includes(key.kind), 'a witness\'s key, of type 4 or 6');
            const taken = this.witnesses.some((witness) => sameBytes(witness.key.publicKey, key.publicKey));
            demand(!taken, 'a key that no other witness has');
            define(name);
            this.witnesses.push({ name, key });
            limit(this.witnesses);
        } else if (word === 'group' && items.length >= 3) {
            const [name, thresholdText, ...members] = items;
            for (const member of members) {
                known(member);
                demand(!this.members.has(member), 'names that are members nowhere else');
                this.members.add(member);
            }
            const count = members.length;
            const threshold = thresholdText === 'all' ? count : thresholdText === 'any' ? 1
                : Number(parseDecimal(thresholdText) ?? 0n);
            demand(threshold >= 1 && threshold <= count, 'all, any or a number from 1 to that of the members');
            define(name);
            this.groups.push({ name, threshold, members });
            limit(this.groups);
        } else if (word === 'quorum' && items.length === 1) {
            const [name] = items;
            if (name !== 'none') known(name);
            this.quorums.push(name === 'none' ? undefined : name);
        } else {
            demand(
                false, 'log VKEY [URL], witness NAME VKEY [URL], group NAME all|any|NUMBER NAME…, quorum NAME|none, or # comment',
            );
        }
    }
}

/**
 * Verifies a checkpoint of the log, and all lines by witnesses of the policy: a wrong or repeated one refuses it. A
 * witness with a key of ML-DSA-44 counts as one that has not cosigned.
 * @param {Uint8Array} bytes @param {LogKeys} keys @param {Policy} policy
 * @returns {TimedCheckpoint & { cosigned: Cosigned }}
 */
export function verifyWitnessed(bytes, keys, policy) {
    const signed = verifyCheckpoint(bytes, keys);
    const { log, postQuantum } = keys;
    const own = postQuantum === undefined ? [log] : [log, postQuantum];
    const listed = policy.logs.some((named) => own.some((key) => sameKey(key, named)));
    if (policy.logs.length > 0 && !listed) {
        throw new VerifyError('other-log', `the policy names other logs than ${log.name} with its key`);
    }
    const others = signed.others.filter((line) => !policy.witnesses.some(({ key }) => madeBy(key, line)));
    return { ...signed, others, cosigned: cosignedBy(parseNote(bytes), policy) };
}

/** @param {Note} note @param {Policy} policy @returns {Cosigned} */
function cosignedBy(note, { witnesses, groups, quorum: wanted }) {
    const by = witnesses
        .filter(({ key }) => key.kind === KIND_COSIGNATURE && note.signatures.some((line) => madeBy(key, line)))
        .map(({ name, key }) => ({ name, time: verifyNote(note, key) ?? 0n }));
    const reached = new Set(by.map(({ name }) => name));
    for (const { name, threshold, members } of groups) {
        if (members.filter((member) => reached.has(member)).length >= threshold) reached.add(name);
    }
    const quorum = wanted === undefined || reached.has(wanted);
    const times = by.map(({ time }) => time).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    // of an even number the earlier of the two in the middle
    return { by, quorum, time: quorum ? times[Math.ceil(times.length / 2) - 1] : undefined };
}
