// The modules of a kit's page, taken out of it and run: node kit_in_node.mjs PAGE KIT VKEY [POLICY]
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const [page, kit, vkey, policy] = process.argv.slice(2);
const [, script] = /<script type="module">([^]*)<\/script>/.exec(readFileSync(page, 'utf8'));
const modules = new Function(`'use strict';${script}\nreturn modules;`)();
const files = new Map(readdirSync(kit, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => [relative(kit, path).split(sep).join('/'), new Uint8Array(readFileSync(path))]));
const report = await modules['kit.js'].verifyKit(files, {
    keys: modules['checkpoint.js'].parseLogKeys(readFileSync(vkey, 'utf8')),
    policyHash: policy && modules['statement-policy.js'].parseStatementPolicy(readFileSync(policy)).hash,
});
const { findings, manifest, tables, reports } = report;
const days = reports.map(({ day }) => modules['calendar.js'].dateText(day));
console.log(JSON.stringify({ findings, tenant: manifest?.tenant, enterprise: tables?.get('enterprise'), days }));
