/**
 * What a verifier keeps from day to day (docs/spec/compliance-proof.md, "Derivation"): grants with their versions, uses
 * whose data is kept, ends, groups, and what is to be settled.
 */
import { addPoint } from './edwards.js';
import { encode } from './ristretto.js';

/** @typedef {import('./commitment.js').Commitment} Commitment */
/** @typedef {import('./preamble.js').Head} Head */
/** @typedef {import('./preamble.js').OwnEntry} OwnEntry */

/**
 * @typedef {{ mode: number, points: bigint, cohort: string }} Group of terms; points are basis points of revenue
 *
 * @typedef {object} Version of a grant's terms
 * @property {bigint} leaf
 * @property {Uint8Array} hash
 * @property {Grant} grant
 * @property {number} place among the grant's versions
 * @property {number} currency
 * @property {number} group
 * @property {Commitment} start
 * @property {Commitment} end
 * @property {Commitment} cap
 * @property {Commitment} price
 * @property {Commitment} days of retention
 *
 * @typedef {object} Grant
 * @property {Version[]} versions
 * @property {Map<number, Version>} firstOf the first version with each group
 * @property {Pause[]} pauses
 * @property {End | undefined} end
 * @property {bigint} count of uses
 * @property {Use[]} uses whose data is kept, those before `gone` apart
 * @property {number} gone
 *
 * @typedef {{ paused: Commitment, resumed: Commitment | undefined, resumedDay: number }} Pause
 * @typedef {{ leaf: bigint, hash: Uint8Array, time: Commitment }} End of a grant
 *
 * @typedef {object} Use whose data is kept
 * @property {bigint} leaf
 * @property {Uint8Array} hash
 * @property {Version} version
 * @property {Commitment} time
 * @property {number} month that was disclosed, 0 if none
 *
 * @typedef {object} Sum of commitments
 * @property {number} group
 * @property {number} currency
 * @property {bigint} count
 * @property {Float64Array} point
 */

/** Sums by group and currency. */
export class Sums {
    constructor() {
        /** @type {Map<number, Sum>} */
        this.sums = new Map();
    }

    /** @param {number} group @param {number} currency @param {Float64Array} point @param {bigint} count */
    add(group, currency, point, count) {
        const key = group * 65_536 + currency;
        const sum = this.sums.get(key);
        if (sum === undefined) {
            this.sums.set(key, { group, currency, count, point: point.slice() });
        } else {
            addPoint(sum.point, 0, point, 0);
            sum.count += count;
        }
    }

    /** Takes a sum out; undefined if it is of nothing. @param {number} group @param {number} currency */
    take(group, currency) {
        const key = group * 65_536 + currency;
        const sum = this.sums.get(key);
        this.sums.delete(key);
        return sum;
    }

    /** Takes all out. */
    takeAll() {
        const all = Array.from(this.sums.values());
        this.sums.clear();
        return all;
    }
}

/** A sum as a commitment; of adversaries it may be the identity, which no statement takes. @param {Sum} sum @returns {Commitment} */
export function commitmentOfSum({ point }) {
    return { bytes: encode(point), point };
}

export class Kept {
    constructor() {
        /** Of the last bundle. */
        this.digest = new Uint8Array(32);
        this.day = -1;
        /** @type {Head} */
        this.end = { size: 0n, root: new Uint8Array(32) };
        this.dayKeys = new Uint8Array(32);
        /** Size of the log where the chain begins. */
        this.fromSize = 0n;
        /** @type {Map<number, Group>} */
        this.groups = new Map();
        /** @type {Map<bigint, Version>} */
        this.versions = new Map();
        /** @type {Map<bigint, Use>} */
        this.uses = new Map();
        /** @type {Map<bigint, { end: End, grant: Grant }>} */
        this.ends = new Map();
        /** Ends that nobody has acknowledged. @type {Map<bigint, End>} */
        this.unacknowledged = new Map();
        /** Payouts of the open period, of closed ones, and what has accrued. */
        this.open = new Sums();
        this.closed = new Sums();
        this.accrued = new Sums();
    }

    /** A copy that shares nothing which changes. @returns {Kept} */
    clone() {
        const { open, closed, accrued, ...rest } = this;
        const copy = Object.assign(new Kept(), structuredClone(rest));
        copy.open.sums = structuredClone(open.sums);
        copy.closed.sums = structuredClone(closed.sums);
        copy.accrued.sums = structuredClone(accrued.sums);
        return copy;
    }

    /** Leaf hash of what later entries may name. @param {bigint} leaf */
    hashOf(leaf) {
        return (this.versions.get(leaf) ?? this.uses.get(leaf) ?? this.ends.get(leaf)?.end)?.hash;
    }

    /** Time of an end or of a use whose data is kept. @param {bigint} leaf */
    timeOf(leaf) {
        return (this.uses.get(leaf) ?? this.ends.get(leaf)?.end)?.time;
    }
}
