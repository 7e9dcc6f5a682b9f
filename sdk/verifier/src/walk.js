/**
 * Follows grants, uses and settlements through the tenant's entries of a day (docs/spec/compliance-proof.md,
 * "Derivation", 6). What lasts is written to what is kept, what the day's statements are about is collected.
 */
import { VerifyError } from './error.js';
import { commitmentOfSum } from './kept.js';
import { exceptionRefused } from './preamble.js';
import { USES_WITHIN_CAP, USE_HAS_GRANT } from './statements.js';

/** @typedef {import('./commitment.js').Commitment} Commitment */
/** @typedef {import('./kept.js').End} End */
/** @typedef {import('./kept.js').Grant} Grant */
/** @typedef {import('./kept.js').Group} Group */
/** @typedef {import('./kept.js').Kept} Kept */
/** @typedef {import('./kept.js').Sum} Sum */
/** @typedef {import('./kept.js').Use} Use */
/** @typedef {import('./kept.js').Version} Version */
/** @typedef {import('./preamble.js').Exceptions} Exceptions */
/** @typedef {import('./preamble.js').Link} Link */
/** @typedef {import('./preamble.js').OwnEntry} OwnEntry */

/**
 * @typedef {object} Accrual
 * @property {bigint} leaf
 * @property {Commitment} amount
 * @property {Commitment | undefined} price that it must be, if its group is paid per grant
 *
 * @typedef {object} Cohort of uses that are paid per use
 * @property {number} currency
 * @property {string} name
 * @property {bigint} count
 * @property {Commitment[]} sums of payouts, by group
 *
 * @typedef {object} Settlement
 * @property {bigint} leaf
 * @property {Group} group
 * @property {Commitment[]} due what is closed and what has accrued
 * @property {bigint} count of the uses and accruals in it
 * @property {Commitment} revenue
 * @property {Commitment} pool
 */

/** What the statements of a day are about, each in the order of the log. */
export class Day {
    constructor() {
        /** @type {{ version: Version, quantities: Commitment[] }[]} */
        this.versions = [];
        /** Times of entries, and starts of amendments. @type {{ leaf: bigint, time: Commitment }[]} */
        this.times = [];
        /** Uses that name a version. @type {{ leaf: bigint, version: Version, time: Commitment, payout: Commitment }[]} */
        this.uses = [];
        /** How often the grant was used up to the last use of each version. @type {Map<Version, bigint>} */
        this.counts = new Map();
        /** @type {{ use: Use, deleted: Commitment }[]} */
        this.deletions = [];
        /** @type {{ leaf: bigint, time: Commitment, end: End }[]} */
        this.acknowledgements = [];
        /** @type {Accrual[]} */
        this.accruals = [];
        /** @type {{ leaf: bigint, cohorts: Cohort[] }[]} */
        this.closes = [];
        /** @type {Settlement[]} */
        this.settlements = [];
    }
}

class Walk {
    /**
     * @param {Kept} kept @param {number} day @param {ReadonlyMap<number, Group>} listed @param {Exceptions} exceptions
     */
    constructor(kept, day, listed, exceptions) {
        this.kept = kept;
        this.today = day;
        this.exceptions = exceptions;
        this.day = new Day();
        /** Groups that are listed and that no version has shown yet. */
        this.listed = new Map(listed);
        /** The first use that names nothing and is not excepted. @type {bigint | undefined} */
        this.withoutGrant = undefined;
    }

    /** @param {OwnEntry} entry @param {Link | undefined} link */
    entry(entry, link) {
        const { leaf, kind, commitments } = entry;
        if (entry.class === 1 || entry.class === 2) this.day.times.push({ leaf, time: commitments[0] });
        if (kind === 'settlement.closed') this.close(leaf);
        if (link === undefined) return;
        switch (kind) {
            case 'grant.given':
                this.version(entry, link, newGrant());
                break;
            case 'grant.amended': {
                const { grant } = this.latest(leaf, link);
                if (grant.end !== undefined) throw names(leaf, 'a grant that has not ended');
                this.day.times.push({ leaf, time: commitments[0] });
                this.version(entry, link, grant);
                break;
            }
            case 'grant.paused': {
                const { pauses } = this.latest(leaf, link).grant;
                const last = pauses.at(-1);
                if (last === undefined || last.resumed !== undefined) {
                    pauses.push({ paused: commitments[0], resumed: undefined, resumedDay: 0 });
                }
                break;
            }
            case 'grant.resumed': {
                const last = this.latest(leaf, link).grant.pauses.at(-1);
                if (last !== undefined && last.resumed === undefined) {
                    last.resumed = commitments[0];
                    last.resumedDay = this.today;
                }
                break;
            }
            case 'grant.withdrawn':
            case 'grant.revoked': {
                const { grant } = this.latest(leaf, link);
                if (grant.end === undefined) {
                    grant.end = { leaf, hash: entry.hash, time: commitments[0] };
                    this.kept.ends.set(leaf, { end: grant.end, grant });
                    this.kept.unacknowledged.set(leaf, grant.end);
                }
                break;
            }
            case 'use.recorded': this.use(entry, link); break;
            case 'data.deleted': this.deletion(entry, link); break;
            case 'recipient.acknowledged': {
                const end = this.kept.ends.get(/** @type {bigint} */ (link.named))?.end;
                if (end === undefined) throw names(leaf, 'what ended a grant');
                this.kept.unacknowledged.delete(end.leaf);
                this.day.acknowledgements.push({ leaf, time: commitments[0], end });
                break;
            }
            case 'payout.accrued': this.accrual(entry, link); break;
            case 'settlement.posted': this.settlement(entry, link); break;
            default: break;
        }
    }

    /** The latest version that an entry names. @param {bigint} leaf @param {Link} link */
    latest(leaf, { named }) {
        const version = this.kept.versions.get(/** @type {bigint} */ (named));
        if (version === undefined || version.place !== version.grant.versions.length - 1) {
            throw names(leaf, 'the latest version of a grant');
        }
        return version;
    }

    /** @param {OwnEntry} entry @param {Link} link @param {Grant} grant */
    version({ leaf, hash, currency, commitments }, { group }, grant) {
        const listed = this.listed.get(group);
        if (listed !== undefined) {
            this.kept.groups.set(group, listed);
            this.listed.delete(group);
        }
        this.group(leaf, group);
        const [start, end, cap, price, days] = commitments;
        const place = grant.versions.length;
        /** @type {Version} */
        const version = { leaf, hash, grant, place, currency, group, start, end, cap, price, days };
        grant.versions.push(version);
        if (!grant.firstOf.has(group)) grant.firstOf.set(group, version);
        this.kept.versions.set(leaf, version);
        this.day.versions.push({ version, quantities: commitments });
    }

    /** A group that a version has shown. @param {bigint} leafIndex @param {number} number */
    group(leafIndex, number) {
        const group = this.kept.groups.get(number);
        if (group === undefined) {
            throw new VerifyError('bundle-group', `expected a group that is listed and shown, got ${number}`, { leafIndex });
        }
        return group;
    }

    /** @param {OwnEntry} entry @param {Link} link */
    use({ leaf, hash, currency, commitments: [time, payout] }, { group, named }) {
        if (named === undefined) {
            if (!this.exceptions.excepts(USE_HAS_GRANT, leaf)) this.withoutGrant ??= leaf;
            return;
        }
        const version = this.kept.versions.get(named);
        if (version === undefined) throw names(leaf, 'a version of a grant');
        if (version.group !== group) {
            const expected = `expected the version's group ${version.group}, got ${group}`;
            throw new VerifyError('bundle-group', expected, { leafIndex: leaf });
        }
        if (version.currency !== currency) throw names(leaf, 'a version of its currency');
        const { grant } = version;
        if (!this.exceptions.excepts(USES_WITHIN_CAP, leaf)) {
            grant.count += 1n;
            this.day.counts.set(version, grant.count);
        }
        const use = { leaf, hash, version, time, month: 0 };
        this.kept.uses.set(leaf, use);
        grant.uses.push(use);
        if (currency !== 0) this.kept.open.add(group, currency, payout.point, 1n);
        this.day.uses.push({ leaf, version, time, payout });
    }

    /** @param {OwnEntry} entry @param {Link} link */
    deletion({ leaf, commitments: [deleted] }, { named }) {
        const last = this.kept.uses.get(/** @type {bigint} */ (named));
        if (last === undefined) throw names(leaf, 'a use whose data is kept');
        const { grant } = last.version;
        while (grant.gone < grant.uses.length && grant.uses[grant.gone].leaf <= last.leaf) {
            const use = grant.uses[grant.gone++];
            this.kept.uses.delete(use.leaf);
            this.day.deletions.push({ use, deleted });
        }
        // what is gone is forgotten from time to time, so that each use moves a few times only
        if (2 * grant.gone >= grant.uses.length) {
            grant.uses = grant.uses.slice(grant.gone);
            grant.gone = 0;
        }
    }

    /** @param {OwnEntry} entry @param {Link} link */
    accrual({ leaf, currency, commitments: [amount] }, { group, named }) {
        const version = this.kept.versions.get(/** @type {bigint} */ (named));
        if (version === undefined) throw names(leaf, 'a version of a grant');
        let price;
        if (this.group(leaf, group).mode === 1) {
            const first = version.grant.firstOf.get(group);
            if (first === undefined || first.currency !== currency) throw names(leaf, 'a grant of its group and currency');
            price = first.price;
        }
        this.kept.accrued.add(group, currency, amount.point, 1n);
        this.day.accruals.push({ leaf, amount, price });
    }

    /** @param {bigint} leaf */
    close(leaf) {
        /** @type {Map<string, Cohort>} */
        const cohorts = new Map();
        const period = this.kept.open.takeAll().sort((a, b) => a.group - b.group);
        for (const sum of period) {
            this.kept.closed.add(sum.group, sum.currency, sum.point, sum.count);
            const { mode, cohort: name } = this.group(leaf, sum.group);
            if (mode !== 2) continue;
            const key = `${sum.currency} ${name}`;
            const cohort = cohorts.get(key) ?? { currency: sum.currency, name, count: 0n, sums: [] };
            cohort.count += sum.count;
            cohort.sums.push(commitmentOfSum(sum));
            cohorts.set(key, cohort);
        }
        const order = (/** @type {Cohort} */ a, /** @type {Cohort} */ b) => (
            a.currency - b.currency || (a.name < b.name ? -1 : 1)
        );
        this.day.closes.push({ leaf, cohorts: Array.from(cohorts.values()).sort(order) });
    }

    /** @param {OwnEntry} entry @param {Link} link */
    settlement({ leaf, currency, commitments: [revenue, pool] }, { group: number }) {
        const group = this.group(leaf, number);
        const sums = [this.kept.closed.take(number, currency), this.kept.accrued.take(number, currency)]
            .filter((sum) => sum !== undefined);
        const count = sums.reduce((all, sum) => all + sum.count, 0n);
        this.day.settlements.push({ leaf, group, due: sums.map(commitmentOfSum), count, revenue, pool });
    }
}

/** @returns {Grant} */
function newGrant() {
    return { versions: [], firstOf: new Map(), pauses: [], end: undefined, count: 0n, uses: [], gone: 0 };
}

/** @param {bigint} leafIndex @param {string} expected */
function names(leafIndex, expected) {
    return new VerifyError('bundle-names', `expected an entry that names ${expected}`, { leafIndex });
}

/**
 * Step 6. Writes to what is kept.
 * @param {Kept} kept @param {number} day @param {readonly OwnEntry[]} own @param {ReadonlyMap<bigint, Link>} links
 * @param {ReadonlyMap<number, Group>} listed groups that the bundle lists
 * @param {Exceptions} exceptions
 * @returns {Day}
 */
export function walk(kept, day, own, links, listed, exceptions) {
    const following = new Walk(kept, day, listed, exceptions);
    for (const entry of own) following.entry(entry, links.get(entry.leaf));
    const { listed: idle, withoutGrant } = following;
    if (idle.size > 0) {
        throw new VerifyError('bundle-field', `expected groups that versions show, got ${Array.from(idle.keys()).join(', ')} too`);
    }
    if (withoutGrant !== undefined) {
        throw exceptionRefused(withoutGrant, USE_HAS_GRANT, 'an exception for a use without a grant');
    }
    return following.day;
}
