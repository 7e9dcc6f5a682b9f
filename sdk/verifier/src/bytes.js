/** Byte strings: joining, comparing, and integers in them. */

/**
 * @param {...Uint8Array} parts
 * @returns {Uint8Array}
 */
export function concat(...parts) {
    const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        joined.set(part, at);
        at += part.length;
    }
    return joined;
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export function sameBytes(a, b) {
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** @param {string} text */
export function utf8(text) {
    return new TextEncoder().encode(text);
}

/**
 * The text, or undefined if the bytes are not UTF-8. A byte order mark is a character like others.
 * @param {Uint8Array} bytes
 */
export function textOf(bytes) {
    try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        return undefined;
    }
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The bytes of an even number of hexadecimal digits. @param {string} digits */
export function fromHex(digits) {
    return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** @param {number} value @param {number} length */
export function bigEndian(value, length) {
    return Uint8Array.from({ length }, (_, i) => Math.floor(value / 2 ** (8 * (length - 1 - i))) & 255);
}

/** 64 bits, big-endian. @param {bigint} value */
export function u64BigEndian(value) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value);
    return bytes;
}

/** 64 bits, little-endian. @param {bigint} value */
export function u64LittleEndian(value) {
    return u64BigEndian(value).reverse();
}

/** 32 bits, little-endian. @param {number} value */
export function u32LittleEndian(value) {
    return bigEndian(value, 4).reverse();
}

/** @param {Uint8Array} bytes @param {number} at */
export function readU64BigEndian(bytes, at) {
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at);
}

/** The integer that the bytes are, little-endian. (`slice` of Node's `Buffer` would not copy.) @param {Uint8Array} bytes */
export function integerLittleEndian(bytes) {
    return bytes.length === 0 ? 0n : BigInt(`0x${hex(new Uint8Array(bytes).reverse())}`);
}
