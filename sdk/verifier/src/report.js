/** What a verified bundle shows, as data, JSON and text (docs/spec/compliance-proof.md, "Report"). */
import { hex } from './bytes.js';
import { encodeBase64 } from './base64.js';
import { dateText } from './calendar.js';
import { SPEC_HASH, STATEMENTS } from './statements.js';
import { asks } from './terms.js';

/** @typedef {import('./preamble.js').Head} Head */

/**
 * @typedef {object} StatementReport
 * @property {string} statement
 * @property {boolean} asked whether the policy asks for it
 * @property {number} terms that were proved
 * @property {number} entries that they are about
 * @property {bigint} summed entries in the sums that they are about
 * @property {number} exceptions
 *
 * @typedef {object} Report
 * @property {string} origin
 * @property {number} day since 2020-01-01
 * @property {string} policy its id
 * @property {Uint8Array} policyHash
 * @property {Uint8Array} digest of the bundle
 * @property {bigint} fromSize of the log, from which on the chain is complete
 * @property {Head} start
 * @property {Head} end
 * @property {bigint} entries of the log
 * @property {number} ownEntries of the tenant; 0: nothing was proved
 * @property {import('./close.js').Vouched} vouched
 * @property {StatementReport[]} statements
 * @property {{ leaf: bigint, statement: string, values: bigint[] }[]} exceptions
 */

/**
 * @param {object} verified
 * @param {import('./preamble.js').Header} verified.header
 * @param {import('./statement-policy.js').StatementPolicy} verified.policy
 * @param {import('./kept.js').Kept} verified.chain
 * @param {readonly unknown[]} verified.own
 * @param {import('./close.js').Vouched} verified.vouched
 * @param {import('./walk.js').Day} verified.day
 * @param {readonly import('./terms.js').Terms[]} verified.terms
 * @param {import('./preamble.js').Exceptions} verified.exceptions
 * @returns {Report}
 */
export function reportOf({ header, policy, chain, own, vouched, day, terms, exceptions }) {
    const { origin, start, end } = header;
    return {
        origin,
        day: header.day,
        policy: policy.id,
        policyHash: policy.hash,
        digest: chain.digest,
        fromSize: chain.fromSize,
        start,
        end,
        entries: end.size - start.size,
        ownEntries: own.length,
        vouched,
        statements: terms.map(({ statement, list, entries, summed }) => ({
            statement: STATEMENTS[statement].name,
            asked: asks(policy, statement),
            terms: list.length,
            entries: statement === 0 ? day.uses.length : entries,
            summed,
            exceptions: exceptions.byStatement[statement].size,
        })),
        exceptions: exceptions.list.map(({ leaf, statement, values }) => (
            { leaf, statement: STATEMENTS[statement].name, values }
        )),
    };
}

/** Base64url without padding. @param {Uint8Array} bytes */
const base64url = (bytes) => encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** @param {Head} head */
const headJson = ({ size, root }) => ({ size, root: base64url(root) });

/** JSON in one line. @param {Report} report */
export function reportJson(report) {
    const { vouched } = report;
    return jsonOf({
        origin: report.origin,
        day: dateText(report.day),
        policy: report.policy,
        policy_sha256: base64url(report.policyHash),
        spec_sha256: base64url(SPEC_HASH),
        digest: base64url(report.digest),
        from_size: report.fromSize,
        start: headJson(report.start),
        end: headJson(report.end),
        entries: report.entries,
        own_entries: report.ownEntries,
        vouched: { ...vouched, post_quantum: false },
        statements: report.statements,
        exceptions: report.exceptions,
    });
}

/** JSON in which integers of 64 bits are numbers. @param {unknown} value @returns {string} */
function jsonOf(value) {
    if (typeof value === 'bigint') return value.toString();
    if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    return `{${Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${jsonOf(member)}`).join(',')}}`;
}

const NOT_PROVED = `Not proved: that what was recorded is true, that every use was recorded, that an entry has the kind and the tag that it
should (a use filed as a denial is in no statement), that periods are closed and posted, and that the names of cohorts and
the modes and points of groups are those of the terms. A grant that another one superseded is not seen to have ended.`;

/** Plain text. @param {Report} report */
export function reportText(report) {
    const { vouched, start, end } = report;
    const time = new Date(Number(vouched.time) * 1000).toISOString();
    const own = report.ownEntries;
    const lines = [
        own === 0 ? 'NOTHING PROVED: the day has no entry of the enterprise' : `PROVED about ${own} entries of the enterprise`,
        '',
        `log          ${report.origin}`,
        `day          ${dateText(report.day)}`,
        `entries      ${report.entries}, of sizes ${start.size} to ${end.size}`,
        `complete     from size ${report.fromSize} on; entries before are not covered`,
        `start        ${hex(start.root)}`,
        `end          ${hex(end.root)}`,
        `policy       ${report.policy}, SHA-256 ${hex(report.policyHash)}`,
        `bundle       digest ${hex(report.digest)}`,
        vouched.witnessed ? `witnessed    ${time}, by ${vouched.witnesses.join(', ')}` : `signed       ${time} by the operator's clock, not witnessed`,
        '',
        'statement                terms  entries  in sums  exceptions',
        ...report.statements.map(({ statement, asked, terms, entries, summed, exceptions }) => (
            asked ? statement.padEnd(22) + [[terms, 8], [entries, 9], [summed, 9], [exceptions, 12]]
                .map(([number, width]) => String(number).padStart(Number(width))).join('')
                : `${statement.padEnd(22)}   not asked by the policy`
        )),
        '',
        ...report.exceptions.map(({ leaf, statement, values }) => (
            `excepted: entry ${leaf} from ${statement}, opened as ${values.join(', ') || 'it commits to nothing'}`
        )),
        report.exceptions.length === 0 ? 'No exceptions.' : '',
        NOT_PROVED,
    ];
    return `${lines.join('\n')}\n`;
}

/** A page to print, of the text alone. @param {Report} report */
export function reportHtml(report) {
    const text = reportText(report).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${dateText(report.day)}</title>
<style>pre { font: 10pt/1.4 monospace; white-space: pre-wrap } @page { margin: 20mm }</style>
<pre>${text}</pre></html>
`;
}
