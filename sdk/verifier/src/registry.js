/** Kinds and classes (docs/spec/event.md), and the currencies that entries may name. */

/**
 * @typedef {object} Kind
 * @property {string} name
 * @property {readonly number[]} classes that its entries may have
 * @property {boolean} linked whether its entry names an earlier one
 */

/** @type {ReadonlyMap<number, Kind>} */
export const KINDS = new Map([
    kind(1, 'key.enrolled', [0]),
    kind(2, 'key.rotated', [0]),
    kind(3, 'key.revoked', [0]),
    kind(4, 'guardian.named', [0]),
    kind(5, 'signatories.agreed', [0]),
    kind(8, 'vocabulary.published', [0]),
    kind(9, 'template.published', [0]),
    kind(10, 'notice.published', [0]),
    kind(11, 'policy.published', [0]),
    kind(16, 'request.made', [0]),
    kind(17, 'request.declined', [0]),
    kind(24, 'grant.given', [3, 4]),
    kind(25, 'grant.amended', [3, 4], 'linked'),
    kind(26, 'grant.paused', [1], 'linked'),
    kind(27, 'grant.resumed', [1], 'linked'),
    kind(28, 'grant.withdrawn', [1], 'linked'),
    kind(29, 'grant.revoked', [1], 'linked'),
    kind(30, 'mandate.given', [0]),
    kind(31, 'mandate.withdrawn', [0]),
    kind(32, 'tier.agreed', [0]),
    kind(33, 'milestone.confirmed', [0]),
    kind(34, 'source.owned', [0]),
    kind(40, 'subject.erased', [0]),
    kind(41, 'tenant.handed_over', [0]),
    kind(128, 'use.recorded', [2]),
    kind(129, 'use.denied', [0]),
    kind(130, 'data.deleted', [1], 'linked'),
    kind(131, 'recipient.acknowledged', [1], 'linked'),
    kind(132, 'use.voided', [0]),
    kind(144, 'revenue.declared', [0]),
    kind(145, 'payout.accrued', [5], 'linked'),
    kind(146, 'settlement.posted', [6]),
    kind(147, 'payout.paid', [0]),
    kind(148, 'payout.failed', [0]),
    kind(149, 'payout.reversed', [0], 'linked'),
    kind(150, 'settlement.closed', [0]),
    kind(151, 'payout.ordered', [0]),
    kind(160, 'asset.issued', [0]),
    kind(161, 'asset.transferred', [0], 'linked'),
    kind(176, 'record.notarised', [0]),
    kind(177, 'client.published', [0]),
    kind(178, 'proof.published', [0]),
    kind(179, 'state.root', [0]),
    kind(180, 'operator.acted', [0]),
    kind(181, 'incident.declared', [0]),
]);

/** Kinds that anybody may read, and that are no tenant's. @type {ReadonlySet<number>} */
export const PUBLIC_KINDS = new Set([177, 178, 179, 180, 181]);

/**
 * @param {number} number @param {string} name @param {number[]} classes @param {'linked'} [linked]
 * @returns {[number, Kind]}
 */
function kind(number, name, classes, linked) {
    return [number, { name, classes, linked: linked !== undefined }];
}

/** The quantities that each class commits to, in order. @type {readonly (readonly string[])[]} */
export const CLASSES = [
    [],
    ['time'],
    ['time', 'payout'],
    ['start', 'end', 'cap', 'price', 'retention_days'],
    ['start', 'end', 'cap', 'price', 'retention_days', 'birth_day'],
    ['amount'],
    ['revenue', 'pool'],
];

/** ISO 4217: numeric and alphabetic code. @type {ReadonlyMap<number, string>} */
export const CURRENCIES = new Map([
    [784, 'AED'], [36, 'AUD'], [986, 'BRL'], [124, 'CAD'], [756, 'CHF'], [156, 'CNY'], [203, 'CZK'], [208, 'DKK'],
    [978, 'EUR'], [826, 'GBP'], [344, 'HKD'], [348, 'HUF'], [360, 'IDR'], [376, 'ILS'], [356, 'INR'], [392, 'JPY'],
    [410, 'KRW'], [484, 'MXN'], [458, 'MYR'], [578, 'NOK'], [554, 'NZD'], [608, 'PHP'], [985, 'PLN'], [946, 'RON'],
    [682, 'SAR'], [752, 'SEK'], [702, 'SGD'], [764, 'THB'], [949, 'TRY'], [901, 'TWD'], [840, 'USD'], [704, 'VND'],
    [710, 'ZAR'],
]);
