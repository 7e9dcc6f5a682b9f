/**
 * The field of 2^255 - 19 in floating point, after Bernstein's curve25519 of 2006: an element is the sum of twelve
 * doubles, the i-th a multiple of 2^ceil(21.25 i). Products then line up by themselves, and the carry of a limb is found
 * by adding and subtracting a constant. Nothing is ever rounded but by these carries, because of the bounds below.
 *
 * Not constant in time: for public data alone.
 *
 * Bounds. An element is *tight* if limb i is at most 2^(ceil(21.25 (i+1)) - 1) in absolute value (1.02 times that for
 * limbs 1 and 7): what `mul`, `square`, `carry` and `fromBytes` give. Adding or subtracting adds up the bounds. The
 * product of the bounds of two factors must be at most 12 times tight by tight: the exact limit of 53 bits is 16.4.
 *
 * Elements lie in `Float64Array`s at an offset, so that a point is one array.
 */

/** Doubles of an element. */
export const LIMBS = 12;

/** Exponents of the limbs' units, and of 2^255. */
const OFFSETS = [0, 22, 43, 64, 85, 107, 128, 149, 170, 192, 213, 234, 255];

/** Bits from one unit to the next, and the units' inverses. */
const WIDTHS = OFFSETS.slice(1).map((offset, i) => offset - OFFSETS[i]);
const UNITS = OFFSETS.map((offset) => 2 ** -offset);

/** What a multiple of 2^255 counts below: 2^255 = 19. */
const WRAP = 19 * 2 ** -255;

// adding and subtracting R rounds to a multiple of limb i's unit
const R1 = 3 * 2 ** (51 + OFFSETS[1]);
const R2 = 3 * 2 ** (51 + OFFSETS[2]);
const R3 = 3 * 2 ** (51 + OFFSETS[3]);
const R4 = 3 * 2 ** (51 + OFFSETS[4]);
const R5 = 3 * 2 ** (51 + OFFSETS[5]);
const R6 = 3 * 2 ** (51 + OFFSETS[6]);
const R7 = 3 * 2 ** (51 + OFFSETS[7]);
const R8 = 3 * 2 ** (51 + OFFSETS[8]);
const R9 = 3 * 2 ** (51 + OFFSETS[9]);
const R10 = 3 * 2 ** (51 + OFFSETS[10]);
const R11 = 3 * 2 ** (51 + OFFSETS[11]);
const R12 = 3 * 2 ** (51 + OFFSETS[12]);

/** The field's prime. */
export const P = 2n ** 255n - 19n;

/**
 * @typedef {Float64Array} Limbs elements of {@link LIMBS} doubles each
 */

/**
 * o = f · g.
 * @param {Limbs} o @param {number} oi @param {Limbs} f @param {number} fi @param {Limbs} g @param {number} gi
 */
export function mul(o, oi, f, fi, g, gi) {
    const f0 = f[fi], f1 = f[fi + 1], f2 = f[fi + 2], f3 = f[fi + 3];
    const f4 = f[fi + 4], f5 = f[fi + 5], f6 = f[fi + 6], f7 = f[fi + 7];
    const f8 = f[fi + 8], f9 = f[fi + 9], f10 = f[fi + 10], f11 = f[fi + 11];
    const g0 = g[gi], g1 = g[gi + 1], g2 = g[gi + 2], g3 = g[gi + 3];
    const g4 = g[gi + 4], g5 = g[gi + 5], g6 = g[gi + 6], g7 = g[gi + 7];
    const g8 = g[gi + 8], g9 = g[gi + 9], g10 = g[gi + 10], g11 = g[gi + 11];
    const w1 = g1 * WRAP, w2 = g2 * WRAP, w3 = g3 * WRAP, w4 = g4 * WRAP;
    const w5 = g5 * WRAP, w6 = g6 * WRAP, w7 = g7 * WRAP, w8 = g8 * WRAP;
    const w9 = g9 * WRAP, w10 = g10 * WRAP, w11 = g11 * WRAP;
    let h0 = f0 * g0 + f1 * w11 + f2 * w10 + f3 * w9 + f4 * w8 + f5 * w7
        + f6 * w6 + f7 * w5 + f8 * w4 + f9 * w3 + f10 * w2 + f11 * w1;
    let h1 = f0 * g1 + f1 * g0 + f2 * w11 + f3 * w10 + f4 * w9 + f5 * w8
        + f6 * w7 + f7 * w6 + f8 * w5 + f9 * w4 + f10 * w3 + f11 * w2;
    let h2 = f0 * g2 + f1 * g1 + f2 * g0 + f3 * w11 + f4 * w10 + f5 * w9
        + f6 * w8 + f7 * w7 + f8 * w6 + f9 * w5 + f10 * w4 + f11 * w3;
    let h3 = f0 * g3 + f1 * g2 + f2 * g1 + f3 * g0 + f4 * w11 + f5 * w10
        + f6 * w9 + f7 * w8 + f8 * w7 + f9 * w6 + f10 * w5 + f11 * w4;
    let h4 = f0 * g4 + f1 * g3 + f2 * g2 + f3 * g1 + f4 * g0 + f5 * w11
        + f6 * w10 + f7 * w9 + f8 * w8 + f9 * w7 + f10 * w6 + f11 * w5;
    let h5 = f0 * g5 + f1 * g4 + f2 * g3 + f3 * g2 + f4 * g1 + f5 * g0
        + f6 * w11 + f7 * w10 + f8 * w9 + f9 * w8 + f10 * w7 + f11 * w6;
    let h6 = f0 * g6 + f1 * g5 + f2 * g4 + f3 * g3 + f4 * g2 + f5 * g1
        + f6 * g0 + f7 * w11 + f8 * w10 + f9 * w9 + f10 * w8 + f11 * w7;
    let h7 = f0 * g7 + f1 * g6 + f2 * g5 + f3 * g4 + f4 * g3 + f5 * g2
        + f6 * g1 + f7 * g0 + f8 * w11 + f9 * w10 + f10 * w9 + f11 * w8;
    let h8 = f0 * g8 + f1 * g7 + f2 * g6 + f3 * g5 + f4 * g4 + f5 * g3
        + f6 * g2 + f7 * g1 + f8 * g0 + f9 * w11 + f10 * w10 + f11 * w9;
    let h9 = f0 * g9 + f1 * g8 + f2 * g7 + f3 * g6 + f4 * g5 + f5 * g4
        + f6 * g3 + f7 * g2 + f8 * g1 + f9 * g0 + f10 * w11 + f11 * w10;
    let h10 = f0 * g10 + f1 * g9 + f2 * g8 + f3 * g7 + f4 * g6 + f5 * g5
        + f6 * g4 + f7 * g3 + f8 * g2 + f9 * g1 + f10 * g0 + f11 * w11;
    let h11 = f0 * g11 + f1 * g10 + f2 * g9 + f3 * g8 + f4 * g7 + f5 * g6
        + f6 * g5 + f7 * g4 + f8 * g3 + f9 * g2 + f10 * g1 + f11 * g0;
    let c = 0, e = 0; // two chains of carries, which do not wait for each other
    c = h0 + R1 - R1; h0 -= c; h1 += c;
    e = h6 + R7 - R7; h6 -= e; h7 += e;
    c = h1 + R2 - R2; h1 -= c; h2 += c;
    e = h7 + R8 - R8; h7 -= e; h8 += e;
    c = h2 + R3 - R3; h2 -= c; h3 += c;
    e = h8 + R9 - R9; h8 -= e; h9 += e;
    c = h3 + R4 - R4; h3 -= c; h4 += c;
    e = h9 + R10 - R10; h9 -= e; h10 += e;
    c = h4 + R5 - R5; h4 -= c; h5 += c;
    e = h10 + R11 - R11; h10 -= e; h11 += e;
    c = h5 + R6 - R6; h5 -= c; h6 += c;
    e = h11 + R12 - R12; h11 -= e; h0 += e * WRAP;
    c = h0 + R1 - R1; h0 -= c; h1 += c;
    e = h6 + R7 - R7; h6 -= e; h7 += e;
    o[oi] = h0; o[oi + 1] = h1; o[oi + 2] = h2; o[oi + 3] = h3;
    o[oi + 4] = h4; o[oi + 5] = h5; o[oi + 6] = h6; o[oi + 7] = h7;
    o[oi + 8] = h8; o[oi + 9] = h9; o[oi + 10] = h10; o[oi + 11] = h11;
}

/**
 * o = f².
 * @param {Limbs} o @param {number} oi @param {Limbs} f @param {number} fi
 */
export function square(o, oi, f, fi) {
    const f0 = f[fi], f1 = f[fi + 1], f2 = f[fi + 2], f3 = f[fi + 3];
    const f4 = f[fi + 4], f5 = f[fi + 5], f6 = f[fi + 6], f7 = f[fi + 7];
    const f8 = f[fi + 8], f9 = f[fi + 9], f10 = f[fi + 10], f11 = f[fi + 11];
    const d0 = 2 * f0, d1 = 2 * f1, d2 = 2 * f2, d3 = 2 * f3, d4 = 2 * f4, d5 = 2 * f5;
    const d6 = 2 * f6, d7 = 2 * f7, d8 = 2 * f8, d9 = 2 * f9, d10 = 2 * f10;
    const w6 = f6 * WRAP, w7 = f7 * WRAP, w8 = f8 * WRAP;
    const w9 = f9 * WRAP, w10 = f10 * WRAP, w11 = f11 * WRAP;
    let h0 = f0 * f0 + d1 * w11 + d2 * w10 + d3 * w9 + d4 * w8 + d5 * w7 + f6 * w6;
    let h1 = d0 * f1 + d2 * w11 + d3 * w10 + d4 * w9 + d5 * w8 + d6 * w7;
    let h2 = d0 * f2 + f1 * f1 + d3 * w11 + d4 * w10 + d5 * w9 + d6 * w8 + f7 * w7;
    let h3 = d0 * f3 + d1 * f2 + d4 * w11 + d5 * w10 + d6 * w9 + d7 * w8;
    let h4 = d0 * f4 + d1 * f3 + f2 * f2 + d5 * w11 + d6 * w10 + d7 * w9 + f8 * w8;
    let h5 = d0 * f5 + d1 * f4 + d2 * f3 + d6 * w11 + d7 * w10 + d8 * w9;
    let h6 = d0 * f6 + d1 * f5 + d2 * f4 + f3 * f3 + d7 * w11 + d8 * w10 + f9 * w9;
    let h7 = d0 * f7 + d1 * f6 + d2 * f5 + d3 * f4 + d8 * w11 + d9 * w10;
    let h8 = d0 * f8 + d1 * f7 + d2 * f6 + d3 * f5 + f4 * f4 + d9 * w11 + f10 * w10;
    let h9 = d0 * f9 + d1 * f8 + d2 * f7 + d3 * f6 + d4 * f5 + d10 * w11;
    let h10 = d0 * f10 + d1 * f9 + d2 * f8 + d3 * f7 + d4 * f6 + f5 * f5 + f11 * w11;
    let h11 = d0 * f11 + d1 * f10 + d2 * f9 + d3 * f8 + d4 * f7 + d5 * f6;
    let c = 0, e = 0; // as in mul
    c = h0 + R1 - R1; h0 -= c; h1 += c;
    e = h6 + R7 - R7; h6 -= e; h7 += e;
    c = h1 + R2 - R2; h1 -= c; h2 += c;
    e = h7 + R8 - R8; h7 -= e; h8 += e;
    c = h2 + R3 - R3; h2 -= c; h3 += c;
    e = h8 + R9 - R9; h8 -= e; h9 += e;
    c = h3 + R4 - R4; h3 -= c; h4 += c;
    e = h9 + R10 - R10; h9 -= e; h10 += e;
    c = h4 + R5 - R5; h4 -= c; h5 += c;
    e = h10 + R11 - R11; h10 -= e; h11 += e;
    c = h5 + R6 - R6; h5 -= c; h6 += c;
    e = h11 + R12 - R12; h11 -= e; h0 += e * WRAP;
    c = h0 + R1 - R1; h0 -= c; h1 += c;
    e = h6 + R7 - R7; h6 -= e; h7 += e;
    o[oi] = h0; o[oi + 1] = h1; o[oi + 2] = h2; o[oi + 3] = h3;
    o[oi + 4] = h4; o[oi + 5] = h5; o[oi + 6] = h6; o[oi + 7] = h7;
    o[oi + 8] = h8; o[oi + 9] = h9; o[oi + 10] = h10; o[oi + 11] = h11;
}

/**
 * o = f, made tight.
 * @param {Limbs} o @param {number} oi @param {Limbs} f @param {number} fi
 */
export function carry(o, oi, f, fi) {
    let h0 = f[fi], h1 = f[fi + 1], h2 = f[fi + 2], h3 = f[fi + 3];
    let h4 = f[fi + 4], h5 = f[fi + 5], h6 = f[fi + 6], h7 = f[fi + 7];
    let h8 = f[fi + 8], h9 = f[fi + 9], h10 = f[fi + 10], h11 = f[fi + 11];
    let c = 0, e = 0; // as in mul
    c = h0 + R1 - R1; h0 -= c; h1 += c;
    e = h6 + R7 - R7; h6 -= e; h7 += e;
    c = h1 + R2 - R2; h1 -= c; h2 += c;
    e = h7 + R8 - R8; h7 -= e; h8 += e;
    c = h2 + R3 - R3; h2 -= c; h3 += c;
    e = h8 + R9 - R9; h8 -= e; h9 += e;
    c = h3 + R4 - R4; h3 -= c; h4 += c;
    e = h9 + R10 - R10; h9 -= e; h10 += e;
    c = h4 + R5 - R5; h4 -= c; h5 += c;
    e = h10 + R11 - R11; h10 -= e; h11 += e;
    c = h5 + R6 - R6; h5 -= c; h6 += c;
    e = h11 + R12 - R12; h11 -= e; h0 += e * WRAP;
    c = h0 + R1 - R1; h0 -= c; h1 += c;
    e = h6 + R7 - R7; h6 -= e; h7 += e;
    o[oi] = h0; o[oi + 1] = h1; o[oi + 2] = h2; o[oi + 3] = h3;
    o[oi + 4] = h4; o[oi + 5] = h5; o[oi + 6] = h6; o[oi + 7] = h7;
    o[oi + 8] = h8; o[oi + 9] = h9; o[oi + 10] = h10; o[oi + 11] = h11;
}

/**
 * o = f + g; not tight.
 * @param {Limbs} o @param {number} oi @param {Limbs} f @param {number} fi @param {Limbs} g @param {number} gi
 */
export function add(o, oi, f, fi, g, gi) {
    for (let i = 0; i < LIMBS; i++) o[oi + i] = f[fi + i] + g[gi + i];
}

/**
 * o = f - g; not tight.
 * @param {Limbs} o @param {number} oi @param {Limbs} f @param {number} fi @param {Limbs} g @param {number} gi
 */
export function sub(o, oi, f, fi, g, gi) {
    for (let i = 0; i < LIMBS; i++) o[oi + i] = f[fi + i] - g[gi + i];
}

/**
 * o = -f.
 * @param {Limbs} o @param {number} oi @param {Limbs} f @param {number} fi
 */
export function negate(o, oi, f, fi) {
    for (let i = 0; i < LIMBS; i++) o[oi + i] = -f[fi + i];
}

/**
 * o = f.
 * @param {Limbs} o @param {number} oi @param {Limbs} f @param {number} fi
 */
export function copy(o, oi, f, fi) {
    for (let i = 0; i < LIMBS; i++) o[oi + i] = f[fi + i];
}

/**
 * The element of an integer.
 * @param {bigint} integer
 * @returns {Limbs}
 */
export function fromInteger(integer) {
    let rest = ((integer % P) + P) % P;
    const bytes = new Uint8Array(32);
    for (let i = 0; i < 32; i++) {
        bytes[i] = Number(rest & 255n);
        rest >>= 8n;
    }
    const element = new Float64Array(LIMBS);
    fromBytes(element, 0, bytes, 0);
    return element;
}

/**
 * Reads 32 bytes, little-endian, without their highest bit, reduced modulo the prime.
 * @param {Limbs} o @param {number} oi @param {Uint8Array} bytes @param {number} at
 */
export function fromBytes(o, oi, bytes, at) {
    for (let i = 0; i < LIMBS; i++) {
        const first = OFFSETS[i], bits = WIDTHS[i], shift = first & 7;
        const from = at + (first >> 3);
        let word = bytes[from] | bytes[from + 1] << 8 | bytes[from + 2] << 16;
        if (shift + bits > 24) word |= bytes[from + 3] << 24;
        o[oi + i] = ((word >>> shift) & ((1 << bits) - 1)) * 2 ** first;
    }
    carry(o, oi, o, oi);
}

const scratch = new Float64Array(LIMBS);
const integers = new Int32Array(LIMBS);

/**
 * Puts the limbs of the smallest representative into `integers`, each in its own unit.
 * @param {Limbs} f tight, or the sum of few that are @param {number} fi
 */
function freeze(f, fi) {
    carry(scratch, 0, f, fi);
    for (let i = 0; i < LIMBS; i++) integers[i] = scratch[i] * UNITS[i];
    // a tight value is little more than 2^254 at most: the prime is added where it is negative, which q = -1 says
    let q = 0;
    for (let i = 0; i < LIMBS; i++) q = (integers[i] + q) >> WIDTHS[i];
    let carried = 19 * q; // and what is carried out of the last limb, -2^255 q, is dropped
    for (let i = 0; i < LIMBS; i++) {
        const value = integers[i] + carried;
        carried = value >> WIDTHS[i];
        integers[i] = value - (carried << WIDTHS[i]);
    }
}

/**
 * The 32 bytes, little-endian, of the smallest representative.
 * @param {Limbs} f tight, or the sum of few that are @param {number} fi
 * @returns {Uint8Array}
 */
export function toBytes(f, fi) {
    freeze(f, fi);
    const bytes = new Uint8Array(32);
    let word = 0, bits = 0, at = 0;
    for (let i = 0; i < LIMBS; i++) {
        word |= integers[i] << bits;
        for (bits += WIDTHS[i]; bits >= 8; bits -= 8) {
            bytes[at++] = word;
            word >>>= 8;
        }
    }
    bytes[31] = word;
    return bytes;
}

/** Whether f = 0. @param {Limbs} f @param {number} fi */
export function isZero(f, fi) {
    freeze(f, fi);
    let bits = 0;
    for (let i = 0; i < LIMBS; i++) bits |= integers[i];
    return bits === 0;
}

/** Whether the smallest representative is odd (RFC 9496 calls that negative). @param {Limbs} f @param {number} fi */
export function isNegative(f, fi) {
    freeze(f, fi);
    return (integers[0] & 1) === 1;
}

const difference = new Float64Array(LIMBS);

/**
 * Whether f = g, both tight.
 * @param {Limbs} f @param {number} fi @param {Limbs} g @param {number} gi
 */
export function equal(f, fi, g, gi) {
    sub(difference, 0, f, fi, g, gi);
    return isZero(difference, 0);
}

/** o = f squared n times, n > 0. @param {Limbs} o @param {Limbs} f @param {number} n */
function squareTimes(o, f, n) {
    square(o, 0, f, 0);
    for (let i = 1; i < n; i++) square(o, 0, o, 0);
}

const [t0, t1, t2, t3] = [0, 1, 2, 3].map(() => new Float64Array(LIMBS));

/** t0 = f^(2^250 - 1), t3 = f^11. @param {Limbs} f */
function powerChain(f) {
    square(t0, 0, f, 0); // 2
    squareTimes(t1, t0, 2); // 8
    mul(t1, 0, f, 0, t1, 0); // 9
    mul(t3, 0, t0, 0, t1, 0); // 11
    square(t0, 0, t3, 0); // 22
    mul(t1, 0, t0, 0, t1, 0); // 2^5 - 1
    squareTimes(t0, t1, 5);
    mul(t1, 0, t0, 0, t1, 0); // 2^10 - 1
    squareTimes(t0, t1, 10);
    mul(t0, 0, t0, 0, t1, 0); // 2^20 - 1
    squareTimes(t2, t0, 20);
    mul(t0, 0, t2, 0, t0, 0); // 2^40 - 1
    squareTimes(t0, t0, 10);
    mul(t1, 0, t0, 0, t1, 0); // 2^50 - 1
    squareTimes(t0, t1, 50);
    mul(t0, 0, t0, 0, t1, 0); // 2^100 - 1
    squareTimes(t2, t0, 100);
    mul(t0, 0, t2, 0, t0, 0); // 2^200 - 1
    squareTimes(t0, t0, 50);
    mul(t0, 0, t0, 0, t1, 0); // 2^250 - 1
}

/**
 * o = 1 / f, and 0 for 0: f^(p - 2). f is tight.
 * @param {Limbs} o @param {number} oi @param {Limbs} f @param {number} fi
 */
export function invert(o, oi, f, fi) {
    const base = f.subarray(fi, fi + LIMBS);
    powerChain(base);
    squareTimes(t0, t0, 5);
    mul(o, oi, t0, 0, t3, 0); // 2^255 - 32 + 11
}

/**
 * f^((p - 5) / 8), with f tight.
 * @param {Limbs} o @param {Limbs} f
 */
export function powerForRoot(o, f) {
    powerChain(f);
    squareTimes(t0, t0, 2);
    mul(o, 0, t0, 0, f, 0); // 2^252 - 4 + 1
}
