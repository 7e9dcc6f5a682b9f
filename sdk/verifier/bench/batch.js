/**
 * How many values a second a batch of aggregated range proofs (n = 32, m = 64) verifies: `npm run bench`. Seconds are of
 * the processor, as the machine may be busy otherwise.
 */
import { Batch } from '../src/batch.js';
import { fromHex } from '../src/bytes.js';
import { rangeGenerators } from '../src/generators.js';
import { rangeStatementOf, read as readJson } from '../test/vectors.js';

/** @typedef {import('../test/vectors.js').RangeCase} RangeCase */

/** @type {{ valid: RangeCase[] }} */
const { valid } = readJson('../../../tests/vectors/range-proof.json');
const vector = valid.find(({ name }) => name === '128 values of 32 bits');
if (vector === undefined) throw new Error('the vectors lack 128 values');
const statement = rangeStatementOf(vector), proof = fromHex(vector.proof);

const seconds = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
};

let from = seconds();
for (let party = 0; party < 64; party++) for (const side of /** @type {const} */ (['G', 'H'])) {
    rangeGenerators(side, party);
}
console.log(`generators, once: ${(seconds() - from).toFixed(2)} s`);

for (const values of [128, 1024, 4096, 16384]) {
    const batch = new Batch();
    from = seconds();
    for (let i = 0; i < values / 128; i++) batch.addRange(statement, proof);
    const added = seconds();
    batch.verify();
    const done = seconds();
    const perSecond = Math.round(values / (done - from));
    const [read, verify] = [added - from, done - added].map((time) => time.toFixed(2));
    console.log(`${values} values: read ${read} s, verify ${verify} s, ${perSecond} values/s`);
}
