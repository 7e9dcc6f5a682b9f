/** Statement policies: what a regulator asks of a bundle (docs/spec/compliance-proof.md, "Statement policy"). */
import { VerifyError } from './error.js';
import { CURRENCIES } from './registry.js';
import { sha256 } from './sha2.js';
import { parseJson } from './strict-json.js';

/** @typedef {import('./strict-json.js').Json} Json */

/**
 * @typedef {object} StatementPolicy
 * @property {string} id
 * @property {Uint8Array} hash of its bytes
 * @property {bigint} bound seconds within which a withdrawal takes effect
 * @property {bigint} late seconds by which a use may arrive after it happened
 * @property {Map<number, bigint>} floors least payout per use in minor units, by the currency's numeric code
 * @property {bigint | undefined} within seconds for an acknowledgement
 * @property {number | undefined} ageYears
 * @property {{ cohortMin: bigint, of: bigint, per: bigint } | undefined} fairPay
 */

const BYTES_MAX = 65_536;
const NUMERIC = new Map(Array.from(CURRENCIES, ([number, name]) => [name, number]));

/** @param {string} expected */
const refused = (expected) => new VerifyError('statement-policy', `expected ${expected}`);

/**
 * Parses a statement policy.
 * @param {Uint8Array} bytes
 * @returns {StatementPolicy}
 */
export function parseStatementPolicy(bytes) {
    if (bytes.length > BYTES_MAX) throw refused(`a policy of at most ${BYTES_MAX} bytes, got ${bytes.length}`);
    const policy = new Members(parseJson(bytes), 'the policy');
    const version = policy.integer('v', 0n, 2n ** 32n - 1n);
    if (version !== 1n) throw refused(`v to be 1, got ${version}`);
    const parsed = {
        id: policy.identifier('id'),
        hash: sha256(bytes),
        bound: policy.integer('bound_seconds', 0n, 86_400n),
        late: policy.integer('late_seconds', 0n, 31_536_000n),
        floors: policy.optional('payout_floor', (name) => floorsOf(policy.take(name))) ?? new Map(),
        within: policy.optional('acknowledged_within_seconds', (name) => policy.integer(name, 0n, 31_536_000n)),
        ageYears: policy.optional('age_years', (name) => Number(policy.integer(name, 1n, 100n))),
        fairPay: policy.optional('fair_pay', (name) => {
            const members = new Members(policy.take(name), name);
            const fairPay = {
                cohortMin: members.integer('cohort_min', 2n, 2n ** 32n - 1n),
                of: members.integer('of', 1n, 1000n),
                per: members.integer('per', 1n, 1000n),
            };
            members.end();
            return fairPay;
        }),
    };
    policy.end();
    return parsed;
}

/** @param {Json} json */
function floorsOf(json) {
    if (!Array.isArray(json)) throw refused('payout_floor to be an array');
    /** @type {Map<number, bigint>} */
    const floors = new Map();
    for (const item of json) {
        const members = new Members(item, 'a floor');
        const currency = NUMERIC.get(members.text('currency'));
        if (currency === undefined) throw refused('the alphabetic code of a currency of the registry');
        if (floors.has(currency)) throw refused('each currency once');
        floors.set(currency, members.integer('minor', 0n, 2n ** 32n - 1n));
        members.end();
    }
    return floors;
}

/** The members of an object, each of which is taken. */
class Members {
    /** @param {Json} json @param {string} what */
    constructor(json, what) {
        if (!(json instanceof Map)) throw refused(`${what} to be an object`);
        this.rest = new Map(json);
    }

    /** @param {string} name @returns {Json} */
    take(name) {
        const value = this.rest.get(name);
        if (value === undefined) throw refused(`a member ${name}`);
        this.rest.delete(name);
        return value;
    }

    /**
     * @template T
     * @param {string} name @param {(name: string) => T} read
     * @returns {T | undefined}
     */
    optional(name, read) {
        return this.rest.has(name) ? read(name) : undefined;
    }

    /** @param {string} name @param {bigint} least @param {bigint} most @returns {bigint} */
    integer(name, least, most) {
        const value = this.take(name);
        if (typeof value !== 'bigint' || value < least || value > most) {
            throw refused(`${name} to be an integer from ${least} to ${most}`);
        }
        return value;
    }

    /** @param {string} name @returns {string} */
    text(name) {
        const value = this.take(name);
        if (typeof value !== 'string') throw refused(`${name} to be text`);
        return value;
    }

    /** @param {string} name @returns {string} */
    identifier(name) {
        const value = this.text(name);
        if (value.length > 64 || !/^[a-z0-9-]+$/.test(value)) throw refused(`${name} to be 1 to 64 of a-z, 0-9 and -`);
        return value;
    }

    end() {
        if (this.rest.size > 0) throw refused('no other members than those of the schema');
    }
}

/** Whether it is a term (docs/spec/event.md, "JSON"). @param {string} text */
export function isTerm(text) {
    return /^[a-z][a-z0-9_-]{0,63}$/.test(text) && !text.endsWith('\n');
}
