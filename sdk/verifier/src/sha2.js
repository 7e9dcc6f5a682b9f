/**
 * SHA-256 and SHA-512 (FIPS 180-4), and HMAC-SHA-256 (RFC 2104). They are not those of WebCrypto because that answers
 * later, and trees and transcripts take very many small hashes.
 */
import { concat } from './bytes.js';

/** The first primes, whose roots' fractions are the constants. @param {number} count */
function primes(count) {
    /** @type {bigint[]} */
    const found = [];
    for (let n = 2n; found.length < count; n++) {
        if (found.every((prime) => n % prime !== 0n)) found.push(n);
    }
    return found;
}

/**
 * First 64 bits of the fraction of the root of a prime.
 * @param {bigint} prime @param {bigint} degree 2 or 3
 */
function rootFraction(prime, degree) {
    let root = 0n;
    for (let bit = 1n << 70n; bit > 0n; bit >>= 1n) {
        if ((root + bit) ** degree <= prime << (64n * degree)) root += bit;
    }
    return BigInt.asUintN(64, root);
}

const cubes = primes(80).map((prime) => rootFraction(prime, 3n));
const squares = primes(8).map((prime) => rootFraction(prime, 2n));
/** @param {bigint} word */
const high = (word) => Number(word >> 32n) | 0;
/** @param {bigint} word */
const low = (word) => Number(word & 0xffffffffn) | 0;

const K256 = Int32Array.from(cubes.slice(0, 64), high);
const START256 = Int32Array.from(squares, high);
const K512 = Int32Array.from(cubes.flatMap((word) => [high(word), low(word)]));
const START512 = Int32Array.from(squares.flatMap((word) => [high(word), low(word)]));

const words = new Int32Array(160);

/** @param {Int32Array} state @param {Uint8Array} bytes @param {number} at */
function block256(state, bytes, at) {
    const w = words;
    for (let i = 0; i < 16; i++, at += 4) {
        w[i] = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    }
    for (let i = 16; i < 64; i++) {
        const x = w[i - 15], y = w[i - 2];
        const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3;
        const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1 | 0;
    }
    let a = state[0], b = state[1], c = state[2], d = state[3];
    let e = state[4], f = state[5], g = state[6], h = state[7];
    for (let i = 0; i < 64; i++) {
        const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
        const t1 = h + s1 + (e & f ^ ~e & g) + K256[i] + w[i] | 0;
        const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
        const t2 = s0 + (a & b ^ a & c ^ b & c) | 0;
        h = g, g = f, f = e, e = d + t1 | 0, d = c, c = b, b = a, a = t1 + t2 | 0;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/**
 * hi and lo of words[at] += (bh, bl).
 * @param {Int32Array} w @param {number} at @param {number} bh @param {number} bl
 */
function addTo(w, at, bh, bl) {
    const sum = (w[at + 1] >>> 0) + (bl >>> 0);
    w[at] = w[at] + bh + (sum > 0xffffffff ? 1 : 0) | 0;
    w[at + 1] = sum | 0;
}

const t = new Int32Array(4);

/** @param {Int32Array} state @param {Uint8Array} bytes @param {number} at */
function block512(state, bytes, at) {
    const w = words;
    for (let i = 0; i < 32; i++, at += 4) {
        w[i] = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    }
    for (let i = 32; i < 160; i += 2) {
        const xh = w[i - 30], xl = w[i - 29], yh = w[i - 4], yl = w[i - 3];
        w[i] = w[i - 32];
        w[i + 1] = w[i - 31];
        addTo(w, i, w[i - 14], w[i - 13]);
        addTo(w, i, // rotations by 1 and 8, shift by 7
            (xh >>> 1 | xl << 31) ^ (xh >>> 8 | xl << 24) ^ xh >>> 7,
            (xl >>> 1 | xh << 31) ^ (xl >>> 8 | xh << 24) ^ (xl >>> 7 | xh << 25));
        addTo(w, i, // rotations by 19 and 61, shift by 6
            (yh >>> 19 | yl << 13) ^ (yl >>> 29 | yh << 3) ^ yh >>> 6,
            (yl >>> 19 | yh << 13) ^ (yh >>> 29 | yl << 3) ^ (yl >>> 6 | yh << 26));
    }
    const s = state.slice(); // a to h, of two words each
    for (let i = 0; i < 160; i += 2) {
        const ah = s[0], al = s[1], bh = s[2], bl = s[3], ch = s[4], cl = s[5];
        const eh = s[8], el = s[9], fh = s[10], fl = s[11], gh = s[12], gl = s[13];
        t[0] = s[14], t[1] = s[15];
        addTo(t, 0, // rotations by 14, 18 and 41
            (eh >>> 14 | el << 18) ^ (eh >>> 18 | el << 14) ^ (el >>> 9 | eh << 23),
            (el >>> 14 | eh << 18) ^ (el >>> 18 | eh << 14) ^ (eh >>> 9 | el << 23));
        addTo(t, 0, eh & fh ^ ~eh & gh, el & fl ^ ~el & gl);
        addTo(t, 0, K512[i], K512[i + 1]);
        addTo(t, 0, w[i], w[i + 1]);
        t[2] = t[0], t[3] = t[1];
        addTo(t, 2, // rotations by 28, 34 and 39
            (ah >>> 28 | al << 4) ^ (al >>> 2 | ah << 30) ^ (al >>> 7 | ah << 25),
            (al >>> 28 | ah << 4) ^ (ah >>> 2 | al << 30) ^ (ah >>> 7 | al << 25));
        addTo(t, 2, ah & bh ^ ah & ch ^ bh & ch, al & bl ^ al & cl ^ bl & cl);
        s.copyWithin(2, 0, 14);
        addTo(s, 8, t[0], t[1]); // d became e
        s[0] = t[2], s[1] = t[3];
    }
    for (let i = 0; i < 16; i += 2) addTo(state, i, s[i], s[i + 1]);
}

/**
 * Pads, hashes block by block, and gives the state as bytes.
 * @param {Uint8Array} message @param {Int32Array} start @param {number} size bytes of a block
 * @param {(state: Int32Array, bytes: Uint8Array, at: number) => void} block
 */
function digest(message, start, size, block) {
    const state = start.slice();
    const whole = message.length - message.length % size;
    for (let at = 0; at < whole; at += size) block(state, message, at);
    // 0x80, zeros, and the length in bits, which takes an eighth of a block
    const rest = message.subarray(whole);
    const tail = new Uint8Array(rest.length + 1 + size / 8 > size ? 2 * size : size);
    tail.set(rest);
    tail[rest.length] = 0x80;
    const view = new DataView(tail.buffer);
    view.setBigUint64(tail.length - 8, BigInt(message.length) * 8n);
    for (let at = 0; at < tail.length; at += size) block(state, tail, at);
    const out = new Uint8Array(state.length * 4);
    const outView = new DataView(out.buffer);
    state.forEach((word, i) => outView.setInt32(4 * i, word));
    return out;
}

/** 32 bytes. @param {Uint8Array} message @returns {Uint8Array} */
export function sha256(message) {
    return digest(message, START256, 64, block256);
}

/** 64 bytes. @param {Uint8Array} message @returns {Uint8Array} */
export function sha512(message) {
    return digest(message, START512, 128, block512);
}

/** 32 bytes. @param {Uint8Array} key @param {Uint8Array} message @returns {Uint8Array} */
export function hmacSha256(key, message) {
    const padded = new Uint8Array(64);
    padded.set(key.length > 64 ? sha256(key) : key);
    const inner = sha256(concat(padded.map((byte) => byte ^ 0x36), message));
    return sha256(concat(padded.map((byte) => byte ^ 0x5c), inner));
}
