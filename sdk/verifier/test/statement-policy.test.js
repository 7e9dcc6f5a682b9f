import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../src/bytes.js';
import { dateText, monthStart, secondsOf, unixSeconds, yearsBefore } from '../src/calendar.js';
import { parseStatementPolicy } from '../src/statement-policy.js';
import { parseJson } from '../src/strict-json.js';
import { Random, codeOf } from './vectors.js';

const LEAST = '{"v":1,"id":"sandbox","bound_seconds":5,"late_seconds":86400,"payout_floor":[]}';

/** @param {string} text */
const codeOfPolicy = (text) => codeOf(() => parseStatementPolicy(utf8(text)));
/** The least policy with members more. @param {string} members */
const more = (members) => `${LEAST.slice(0, -1)},${members}}`;

test('policies', () => {
    const least = parseStatementPolicy(utf8(LEAST));
    assert.deepEqual([least.id, least.bound, least.late, least.within, least.ageYears, least.fairPay], [
        'sandbox', 5n, 86_400n, undefined, undefined, undefined,
    ]);
    assert.equal(parseStatementPolicy(utf8(LEAST.replace(',"payout_floor":[]', ''))).floors.size, 0);
    const whole = parseStatementPolicy(utf8(` {"v":1,"id":"x","bound_seconds":86400,"late_seconds":31536000,
        "payout_floor":[{"minor":4294967295,"currency":"CNY"},{"currency":"JP\\u0059","minor":0}],
        "acknowledged_within_seconds":0,"age_years":100,"fair_pay":{"cohort_min":2,"of":1000,"per":1}} `));
    assert.deepEqual(Array.from(whole.floors), [[156, 4294967295n], [392, 0n]]);
    assert.deepEqual(whole.fairPay, { cohortMin: 2n, of: 1000n, per: 1n });
    assert.deepEqual([whole.within, whole.ageYears], [0n, 100]);
});

test('policies that depart from the schema are refused', () => {
    for (const text of [
        LEAST.replace('"v":1', '"v":2'), LEAST.replace('"id":"sandbox",', ''), LEAST.replace('sandbox', 'Sandbox'),
        LEAST.replace('sandbox', ''), LEAST.replace('sandbox', 'a_b'), LEAST.replace('sandbox', 'a'.repeat(65)), LEAST.replace('":5', '":86401'), LEAST.replace('86400', '31536001'),
        LEAST.replace('[]', '{}'), more('"age_years":0'), more('"age_years":101'), more('"age_years":"14"'), more('"other":1'),
        more('"acknowledged_within_seconds":31536001'), more('"fair_pay":{"cohort_min":1,"of":3,"per":2}'),
        more('"fair_pay":{"cohort_min":2,"of":0,"per":2}'), more('"fair_pay":{"cohort_min":2,"of":3,"per":1001}'),
        more('"fair_pay":{"cohort_min":2,"of":3}'), more('"fair_pay":[2,3,2]'), '[]', '1',
        LEAST.replace('[]', '[{"currency":"XXX","minor":1}]'), LEAST.replace('[]', '[{"currency":"CNY"}]'),
        LEAST.replace('[]', '[{"currency":"CNY","minor":1},{"currency":"CNY","minor":1}]'),
        LEAST.replace('[]', '[{"currency":"CNY","minor":4294967296}]'), `${LEAST}${' '.repeat(65_536)}`,
    ]) assert.equal(codeOfPolicy(text), 'statement-policy', text.slice(0, 200));
});

test('JSON that departs from the rules is refused', () => {
    for (const text of [
        '', 'null', '{"a":null}', '{"a":1,"a":1}', '{"a":1,"\\u0061":1}', '-1', '1.0', '1e2', '01', '+1', '[1,]', '{"a":1,}', '{a:1}',
        "{'a':1}", '"\\x"', '"\t"', '"\\ud800"', '[1] 2', '\ufeff[]', '[', '{"a"', '"a', 'tru', '123456789012345678901',
        '[] // comment', `${'['.repeat(40)}${']'.repeat(40)}`, '\u00a0[]',
    ]) assert.equal(codeOf(() => parseJson(utf8(text))), 'json', text);
    assert.equal(codeOf(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22))), 'json');
    const read = parseJson(utf8(' { "a" : [ true , false , 0 , 18446744073709551615 , "\\u00e9\\n\\ud83d\\ude00" ] , "b" : {} }\r\n'));
    assert.deepEqual(read, new Map(Object.entries({ a: [true, false, 0n, 2n ** 64n - 1n, 'é\n😀'], b: new Map() })));
});

test('whatever comes is a policy or refused', () => {
    const random = new Random(9);
    const bytes = utf8(more('"fair_pay":{"cohort_min":2,"of":3,"per":2}'));
    for (let i = 0; i < 2000; i++) {
        const changed = bytes.slice(0, i % 4 === 0 ? random.number(bytes.length) : bytes.length);
        for (let flips = 1 + random.number(3); flips > 0 && changed.length > 0; flips--) {
            changed[random.number(changed.length)] = random.number(256);
        }
        codeOf(() => parseStatementPolicy(changed)); // throws on whatever is no VerifyError
    }
});

test('the calendar', () => {
    assert.equal(dateText(0), '2020-01-01');
    assert.equal(dateText(2000), '2025-06-23');
    assert.deepEqual(secondsOf(1), { from: 86_400n, to: 172_799n });
    assert.equal(unixSeconds(0n), 1_577_836_800n);
    assert.deepEqual([0, 1, 2, 12, 62].map(monthStart), [0n, 31n, 60n, 366n, 1887n - 1n].map((days) => days * 86_400n));
    // 2024-02-29 less 14 years is 2010-02-28, less 4 is 2020-02-29; 2025-03-01 less 1 is 2024-03-01
    const since1900 = (/** @type {string} */ date) => BigInt((Date.parse(date) - Date.parse('1900-01-01')) / 86_400_000);
    for (const [day, years, date] of /** @type {[number, number, string][]} */ ([
        [1520, 14, '2010-02-28'], [1520, 4, '2020-02-29'], [1886, 1, '2024-03-01'], [2000, 100, '1925-06-23'],
    ])) assert.equal(yearsBefore(day, years), since1900(date), date);
});
