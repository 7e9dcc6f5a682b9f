/**
 * Entry of a module worker, so that a page stays alive while a bundle is verified:
 *
 *     const worker = new Worker(new URL('./src/worker.js', import.meta.url), { type: 'module' });
 *     worker.postMessage({ keys, policy, witnesses, bundles }); // text of /log/vkey, and bytes
 *     worker.onmessage = ({ data }) => …; // { reports: [{ json, text }], refused?: { code, message, leafIndex, statement } }
 */
import { verifyBundle } from './bundle.js';
import { parseLogKeys } from './checkpoint.js';
import { VerifyError } from './error.js';
import { parsePolicy } from './policy.js';
import { reportJson, reportText } from './report.js';
import { parseStatementPolicy } from './statement-policy.js';

/** @typedef {{ keys: string, policy: Uint8Array, witnesses?: Uint8Array, bundles: Uint8Array[] }} Question */
/** @typedef {{ code: string, message: string, leafIndex?: bigint, statement?: string }} Refused */
/** @typedef {{ reports: { json: string, text: string }[], refused?: Refused }} Answer */

/**
 * Verifies a chain of bundles; answers with the reports of those before the first that is refused.
 * @param {Question} question
 * @returns {Answer}
 */
export function answer({ keys, policy, witnesses, bundles }) {
    /** @type {Answer['reports']} */
    const reports = [];
    try {
        const rules = {
            keys: parseLogKeys(keys),
            policy: parseStatementPolicy(policy),
            witnessPolicy: witnesses === undefined ? undefined : parsePolicy(witnesses),
        };
        let chain;
        for (const bytes of bundles) {
            const verified = verifyBundle(bytes, { ...rules, chain });
            chain = verified.chain;
            reports.push({ json: reportJson(verified.report), text: reportText(verified.report) });
        }
    } catch (error) {
        if (!(error instanceof VerifyError)) throw error;
        const { code, message, leafIndex, statement } = error;
        return { reports, refused: { code, message, leafIndex, statement } };
    }
    return { reports };
}

// in Node, where the tests import it, there is nobody to answer
if (typeof self !== 'undefined' && 'onmessage' in self) {
    self.onmessage = ({ data }) => self.postMessage(answer(data));
}
