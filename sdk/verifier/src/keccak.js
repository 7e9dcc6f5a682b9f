/**
 * The permutation Keccak-f[1600] (FIPS 202, section 3) on 25 lanes of 64 bits, each as two words of 32: the low word
 * first, so that on a little-endian machine the state is its bytes. SHAKE256 and SHA3-512 (section 6).
 */

/** Words of a state. */
const WORDS = 50;

/** Iota's constants: bit 2^j - 1 of round i is bit 7 i + j of a shift register (3.2.5). */
const CONSTANTS = new Int32Array(48);
for (let round = 0, register = 1; round < 24; round++) {
    for (let j = 0; j < 7; j++) {
        if (register & 1) {
            const bit = 2 ** j - 1;
            CONSTANTS[2 * round + (bit >> 5)] ^= 1 << (bit & 31);
        }
        register = register << 1 ^ (register >> 7) * 0x171;
    }
}

/** Rho and pi (3.2.2, 3.2.3) walk the lanes in one cycle: from which lane to which, and how far it turns. */
const TARGETS = new Int32Array(24);
const TURNS = new Int32Array(24);
for (let i = 0, x = 1, y = 0; i < 24; i++) {
    [x, y] = [y, (2 * x + 3 * y) % 5];
    TARGETS[i] = 2 * (x + 5 * y);
    TURNS[i] = (i + 1) * (i + 2) / 2 % 64;
}

const column = new Int32Array(10);

/** @param {Int32Array} s the state, of {@link WORDS} words */
export function keccakF1600(s) {
    for (let round = 0; round < 24; round++) {
        // theta
        for (let x = 0; x < 10; x++) column[x] = s[x] ^ s[x + 10] ^ s[x + 20] ^ s[x + 30] ^ s[x + 40];
        for (let x = 0, before = 8, after = 2; x < 10; x += 2) {
            const low = column[after], high = column[after + 1];
            const d0 = column[before] ^ (low << 1 | high >>> 31);
            const d1 = column[before + 1] ^ (high << 1 | low >>> 31);
            s[x] ^= d0, s[x + 10] ^= d0, s[x + 20] ^= d0, s[x + 30] ^= d0, s[x + 40] ^= d0;
            s[x + 1] ^= d1, s[x + 11] ^= d1, s[x + 21] ^= d1, s[x + 31] ^= d1, s[x + 41] ^= d1;
            before = x;
            after = after === 8 ? 0 : after + 2;
        }
        // rho and pi
        let low = s[2], high = s[3];
        for (let i = 0; i < 24; i++) {
            const target = TARGETS[i], turn = TURNS[i];
            const l = turn < 32 ? low : high, h = turn < 32 ? high : low, n = turn & 31;
            low = s[target], high = s[target + 1];
            // no turn is a multiple of 32, by which a word could not be shifted
            s[target] = l << n | h >>> (32 - n);
            s[target + 1] = h << n | l >>> (32 - n);
        }
        // chi
        for (let y = 0; y < WORDS; y += 10) {
            const a0 = s[y], a1 = s[y + 1], b0 = s[y + 2], b1 = s[y + 3], c0 = s[y + 4], c1 = s[y + 5];
            const d0 = s[y + 6], d1 = s[y + 7], e0 = s[y + 8], e1 = s[y + 9];
            s[y] = a0 ^ ~b0 & c0, s[y + 1] = a1 ^ ~b1 & c1;
            s[y + 2] = b0 ^ ~c0 & d0, s[y + 3] = b1 ^ ~c1 & d1;
            s[y + 4] = c0 ^ ~d0 & e0, s[y + 5] = c1 ^ ~d1 & e1;
            s[y + 6] = d0 ^ ~e0 & a0, s[y + 7] = d1 ^ ~e1 & a1;
            s[y + 8] = e0 ^ ~a0 & b0, s[y + 9] = e1 ^ ~a1 & b1;
        }
        s[0] ^= CONSTANTS[2 * round];
        s[1] ^= CONSTANTS[2 * round + 1];
    }
}

/**
 * A sponge's state as words and as the same bytes. Words are in the machine's order, which is little-endian on all that
 * run this; `keccak.js` refuses to load on others.
 */
export class KeccakState {
    constructor() {
        this.words = new Int32Array(WORDS);
        this.bytes = new Uint8Array(this.words.buffer);
    }

    permute() {
        keccakF1600(this.words);
    }

    /** @returns {KeccakState} */
    clone() {
        const copy = new KeccakState();
        copy.words.set(this.words);
        return copy;
    }
}

if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) throw new Error('expected a little-endian machine');

/**
 * @param {Uint8Array} message @param {number} rate bytes @param {number} suffix @param {number} length of the output
 */
function sponge(message, rate, suffix, length) {
    const state = new KeccakState();
    let at = 0;
    for (const byte of message) {
        state.bytes[at++] ^= byte;
        if (at === rate) {
            state.permute();
            at = 0;
        }
    }
    state.bytes[at] ^= suffix;
    state.bytes[rate - 1] ^= 0x80;
    state.permute();
    const out = new Uint8Array(length);
    for (let done = 0; done < length; done += rate) {
        if (done > 0) state.permute();
        out.set(state.bytes.subarray(0, Math.min(rate, length - done)), done);
    }
    return out;
}

/** @param {Uint8Array} message @param {number} length bytes wanted @returns {Uint8Array} */
export function shake256(message, length) {
    return sponge(message, 136, 0x1f, length);
}

/** 64 bytes. @param {Uint8Array} message @returns {Uint8Array} */
export function sha3of512(message) {
    return sponge(message, 72, 0x06, 64);
}
