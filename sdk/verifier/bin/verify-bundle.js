#!/usr/bin/env node
/**
 * Verifies proof bundles of one enterprise, day after day:
 *
 *     verify-bundle.js --keys vkey --policy policy.json [--witnesses policy] [--json | --html] bundle…
 *
 * Exit status: 0 proved, 1 refused or nothing proved, 2 bad input.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
    VerifyError, parseLogKeys, parsePolicy, parseStatementPolicy, reportHtml, reportJson, reportText, verifyBundle,
} from '../src/index.js';

const USAGE = 'usage: verify-bundle.js --keys FILE --policy FILE [--witnesses FILE] [--json | --html] BUNDLE…\n'
    + '  bundles of one enterprise, the first of its chain first\n';

/** @param {string} message @returns {never} */
function badInput(message) {
    process.stderr.write(`${message}\n`);
    process.exit(2);
}

function readInput() {
    try {
        const { values, positionals } = parseArgs({
            allowPositionals: true,
            options: {
                keys: { type: 'string' }, policy: { type: 'string' }, witnesses: { type: 'string' },
                json: { type: 'boolean' }, html: { type: 'boolean' },
            },
        });
        const { keys, policy, witnesses, json, html } = values;
        if (keys === undefined || policy === undefined || positionals.length === 0) return badInput(USAGE);
        return {
            rules: {
                keys: parseLogKeys(readFileSync(keys, 'utf8')),
                policy: parseStatementPolicy(readFileSync(policy)),
                witnessPolicy: witnesses === undefined ? undefined : parsePolicy(readFileSync(witnesses)),
            },
            show: json ? reportJson : html ? reportHtml : reportText,
            bundles: positionals.map((path) => ({ path, bytes: readFileSync(path) })),
        };
    } catch (error) {
        return badInput(error instanceof Error ? error.message : String(error));
    }
}

const { rules, show, bundles } = readInput();
/** @type {import('../src/bundle.js').Verified | undefined} */
let last;
for (const { path, bytes } of bundles) {
    try {
        last = verifyBundle(bytes, { ...rules, chain: last?.chain });
    } catch (error) {
        if (!(error instanceof VerifyError)) throw error;
        const { code, leafIndex, statement, message } = error;
        const where = [
            leafIndex === undefined ? '' : `, entry ${leafIndex}`, statement === undefined ? '' : `, statement ${statement}`,
        ];
        process.stdout.write(`REFUSED ${path}: ${code}${where.join('')}: ${message}\n`);
        process.exit(1);
    }
    process.stdout.write(`${show(last.report).trimEnd()}\n`);
}
process.exitCode = last !== undefined && last.report.ownEntries > 0 ? 0 : 1;
