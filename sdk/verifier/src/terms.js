/** The terms of each statement (docs/spec/compliance-proof.md, "Statements" and "Disclosures"). */
import { monthStart, secondsOf, yearsBefore } from './calendar.js';
import { VerifyError } from './error.js';
import { STATEMENTS } from './statements.js';

/** @typedef {import('./bundle-cursor.js').Cursor} Cursor */
/** @typedef {import('./commitment.js').Commitment} Commitment */
/** @typedef {import('./kept.js').Kept} Kept */
/** @typedef {import('./preamble.js').Exceptions} Exceptions */
/** @typedef {import('./statement-policy.js').StatementPolicy} StatementPolicy */
/** @typedef {import('./term.js').Term} Term */
/** @typedef {import('./walk.js').Day} Day */
/** @typedef {[bigint, Commitment]} Pair of coefficient and commitment */

/** Whether a policy asks for a statement. @param {StatementPolicy} policy @param {number} statement */
export function asks({ within, ageYears, fairPay }, statement) {
    switch (statement) {
        case 11: case 12: return within !== undefined;
        case 13: return ageYears !== undefined;
        case 15: return fairPay !== undefined;
        default: return true;
    }
}

/** @param {bigint} constant @param {...Pair} pairs @returns {Term} */
function term(constant, ...pairs) {
    return { parts: pairs.map(([coefficient, commitment]) => ({ coefficient, commitment })), constant };
}

/** The terms of one statement. */
export class Terms {
    /** @param {number} statement @param {Exceptions} exceptions */
    constructor(statement, exceptions) {
        this.statement = statement;
        this.exceptions = exceptions;
        /** @type {{ leaf: bigint, term: Term }[]} */
        this.list = [];
        /** How many entries the statement is about, those that are excepted apart. */
        this.entries = 0;
        /** How many entries are in the sums that the terms are about. */
        this.summed = 0n;
    }

    /**
     * Adds terms about an entry that sums of others are in, unless it is excepted.
     * @param {bigint} leaf @param {bigint} summed how many others @param {...Term} terms
     */
    addSums(leaf, summed, ...terms) {
        if (terms.length > 0 && !this.exceptions.excepts(this.statement, leaf)) this.summed += summed;
        this.add(leaf, ...terms);
    }

    /** Adds terms about an entry, unless it is excepted. @param {bigint} leaf @param {...Term} terms */
    add(leaf, ...terms) {
        if (terms.length === 0 || this.exceptions.excepts(this.statement, leaf)) return;
        for (const term of terms) this.list.push({ leaf, term });
    }

    /** By rising leaf index; of one entry in the order in which they were added. */
    finish() {
        this.list.sort((a, b) => (a.leaf < b.leaf ? -1 : a.leaf > b.leaf ? 1 : 0));
        this.entries = this.list.filter(({ leaf }, i) => i === 0 || this.list[i - 1].leaf !== leaf).length;
        return this;
    }
}

/**
 * The terms of all statements, by number. Reads the disclosures, and writes those of months to what is kept.
 * @param {Cursor} cursor @param {Kept} kept @param {number} dayNumber @param {Day} day @param {StatementPolicy} policy
 * @param {Exceptions} exceptions
 * @returns {Terms[]}
 */
export function termsOf(cursor, kept, dayNumber, day, policy, exceptions) {
    const { from, to } = secondsOf(dayNumber);
    const earliest = from < policy.late ? 0n : from - policy.late;
    const terms = STATEMENTS.map((_, statement) => new Terms(statement, exceptions));

    for (const { version: { leaf }, quantities } of day.versions) {
        terms[1].add(leaf, ...quantities.map((quantity) => term(0n, [1n, quantity])));
        if (policy.ageYears !== undefined && quantities.length > 5) {
            terms[13].add(leaf, term(yearsBefore(dayNumber, policy.ageYears), [-1n, quantities[5]]));
        }
    }
    for (const { leaf, amount, price } of day.accruals) {
        if (price === undefined) terms[1].add(leaf, term(0n, [1n, amount]));
        else terms[4].add(leaf, term(0n, [1n, amount], [-1n, price]));
    }
    for (const { leaf, time } of day.times) {
        terms[2].add(leaf, term(-earliest, [1n, time]), term(to, [-1n, time]));
    }
    for (const { leaf, version, time, payout } of day.uses) {
        const { start, end, price, currency, grant, place } = version;
        if (kept.groups.get(version.group)?.mode === 2) {
            terms[3].add(leaf, term(-(policy.floors.get(currency) ?? 0n), [1n, payout]));
            terms[4].add(leaf, term(0n, [1n, payout], [-1n, price]));
        } else {
            terms[4].add(leaf, term(0n, [1n, payout]));
        }
        terms[5].add(leaf, term(0n, [1n, time], [-1n, start]), term(-1n, [1n, end], [-1n, time]));
        const ends = [grant.versions[place + 1]?.start, grant.end?.time].filter((ended) => ended !== undefined);
        terms[6].add(leaf, ...ends.map((ended) => term(policy.bound, [1n, ended], [-1n, time])));
        const pauses = grant.pauses.filter(({ resumed, resumedDay }) => (
            resumed === undefined || secondsOf(resumedDay).to >= earliest
        ));
        if (pauses.length > 0 && !exceptions.excepts(7, leaf)) {
            for (const { paused, resumed } of pauses) {
                const after = resumed !== undefined && readSide(cursor, leaf);
                terms[7].add(leaf, after ? term(0n, [1n, time], [-1n, resumed])
                    : term(policy.bound, [1n, paused], [-1n, time]));
            }
        }
    }
    for (const [{ leaf, cap }, count] of day.counts) terms[8].add(leaf, term(-count, [1n, cap]));
    for (const { use: { leaf, version, time }, deleted } of day.deletions) {
        terms[9].add(leaf, term(0n, [86_400n, version.days], [1n, time], [-1n, deleted]));
    }
    for (const use of kept.uses.values()) {
        const { leaf, version, time, month } = use;
        if ((month !== 0 && monthStart(month) > to) || exceptions.excepts(10, leaf)) continue;
        use.month = readMonth(cursor, leaf, to);
        const until = use.month === 0 ? to : monthStart(use.month);
        terms[10].add(leaf, term(-until, [86_400n, version.days], [1n, time]));
    }
    if (policy.within !== undefined) {
        for (const { leaf, time, end } of day.acknowledgements) {
            terms[11].add(leaf, term(0n, [1n, time], [-1n, end.time]), term(policy.within, [1n, end.time], [-1n, time]));
        }
        for (const { leaf, time } of kept.unacknowledged.values()) {
            terms[12].add(leaf, term(policy.within - to, [1n, time]));
        }
    }
    for (const { leaf, group: { mode, points }, due, count, revenue, pool } of day.settlements) {
        terms[14].addSums(leaf, count, term(0n, ...due.map((sum) => /** @type {Pair} */ ([1n, sum])), [-1n, pool]));
        if (mode !== 3 || points === 0n) continue;
        terms[16].addSums(
            leaf, count, term(0n, [1n, revenue]), term(0n, [points, revenue], [-10_000n, pool]),
            term(9_999n, [-points, revenue], [10_000n, pool]),
        );
    }
    for (const { leaf, cohorts } of day.closes) {
        const compared = comparedOf(cohorts, policy);
        const summed = compared.reduce((all, { count }) => all + count, 0n);
        terms[15].addSums(leaf, summed, ...fairPay(compared, policy));
    }
    return terms.map((statement) => statement.finish());
}

/**
 * Cohorts that are large enough, where their currency has two of them.
 * @param {import('./walk.js').Cohort[]} cohorts by currency and name @param {StatementPolicy} policy
 */
function comparedOf(cohorts, { fairPay: asked }) {
    if (asked === undefined) return [];
    const large = cohorts.filter(({ count }) => count >= asked.cohortMin);
    return large.filter((a) => large.some((b) => b !== a && b.currency === a.currency));
}

/** @param {import('./walk.js').Cohort[]} compared @param {StatementPolicy} policy */
function fairPay(compared, { fairPay: asked }) {
    if (asked === undefined) return [];
    const { of, per } = asked;
    return compared.flatMap((a) => compared.filter((b) => b !== a && b.currency === a.currency).map((b) => term(
        0n,
        ...b.sums.map((sum) => /** @type {Pair} */ ([of * a.count, sum])),
        ...a.sums.map((sum) => /** @type {Pair} */ ([-per * b.count, sum])),
    )));
}

/** Whether a use was after a pause. @param {Cursor} cursor @param {bigint} leafIndex */
function readSide(cursor, leafIndex) {
    const side = cursor.u8();
    if (side > 1) {
        throw new VerifyError(
            'bundle-disclosure', `expected 0 before the pause or 1 after, got ${side}`, { leafIndex, statement: STATEMENTS[7].name },
        );
    }
    return side === 1;
}

/** @param {Cursor} cursor @param {bigint} leafIndex @param {bigint} to last second of the day */
function readMonth(cursor, leafIndex, to) {
    const month = cursor.u16();
    if (month !== 0 && monthStart(month) <= to) {
        throw new VerifyError(
            'bundle-disclosure', `expected 0 or a month to come, got ${month}`, { leafIndex, statement: STATEMENTS[10].name },
        );
    }
    return month;
}
