const LIMIT = 2n ** 64n;

/**
 * A number below 2^64 in its one spelling: ASCII digits, no sign, no leading zeros. Undefined if it is not.
 * @param {string} text
 * @returns {bigint | undefined}
 */
export function parseDecimal(text) {
    if (!/^(0|[1-9][0-9]{0,19})$/.test(text) || text.endsWith('\n')) return undefined;
    const value = BigInt(text);
    return value < LIMIT ? value : undefined;
}
