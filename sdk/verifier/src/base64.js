/** Base64 (RFC 4648) in its one spelling: no other padding, no other last bits, no white space. */

const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const URL = `${STANDARD.slice(0, 62)}-_`;

/** @param {string} alphabet */
const table = (alphabet) => new Map(Array.from(alphabet, (character, value) => [character, value]));
const standardTable = table(STANDARD);
const urlTable = table(URL);

/**
 * @param {string} digits without padding
 * @param {Map<string, number>} values
 * @returns {Uint8Array | undefined}
 */
function decode(digits, values) {
    if (digits.length % 4 === 1) return undefined;
    const bytes = new Uint8Array(Math.floor(digits.length * 3 / 4));
    let word = 0, bits = 0, at = 0;
    for (const digit of digits) {
        const value = values.get(digit);
        if (value === undefined) return undefined;
        word = (word << 6 | value) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[at++] = word >> bits;
        }
    }
    return (word & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

/** Section 4, with padding; undefined if it is not. @param {string} text */
export function decodeBase64(text) {
    if (text.length % 4 !== 0) return undefined;
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
    return decode(text.slice(0, text.length - padding), standardTable);
}

/** Section 5, without padding; undefined if it is not. @param {string} text */
export function decodeBase64url(text) {
    return decode(text, urlTable);
}

/** Section 4, with padding. @param {Uint8Array} bytes */
export function encodeBase64(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i += 3) {
        const word = bytes[i] << 16 | (bytes[i + 1] ?? 0) << 8 | (bytes[i + 2] ?? 0);
        const digits = Math.min(bytes.length - i, 3) + 1;
        for (let digit = 0; digit < 4; digit++) {
            text += digit < digits ? STANDARD[word >> (18 - 6 * digit) & 63] : '=';
        }
    }
    return text;
}
