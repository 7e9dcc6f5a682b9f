/**
 * STROBE-128 1.0.2 (strobe.sourceforge.io), the operations that Merlin takes: meta-AD, AD and PRF. Without transport
 * there is no direction to keep.
 */
import { utf8 } from './bytes.js';
import { KeccakState } from './keccak.js';

/** Bytes between two permutations: 200 less twice the security of 16 bytes, less 2 of padding. */
const RATE = 166;
const META = 16;
const AD = 2;
/** Inbound, application, cipher: what makes up PRF. The cipher asks for a permutation before it. */
const PRF = 1 + 2 + 4;
const CIPHER = 4;

export class Strobe128 {
    /** @param {string} protocol */
    constructor(protocol) {
        this.state = new KeccakState();
        this.at = 0;
        this.begun = 0;
        this.state.bytes.set([1, RATE + 2, 1, 0, 1, 12 * 8]);
        this.state.bytes.set(utf8('STROBEv1.0.2'), 6);
        this.state.permute();
        this.metaAd(utf8(protocol), false);
    }

    /** @param {Uint8Array} data @param {boolean} more whether it goes on with the operation before */
    metaAd(data, more) {
        this.begin(META | AD, more);
        this.absorb(data);
    }

    /** @param {Uint8Array} data */
    ad(data) {
        this.begin(AD, false);
        this.absorb(data);
    }

    /** @param {number} length @returns {Uint8Array} */
    prf(length) {
        this.begin(PRF, false);
        const out = new Uint8Array(length);
        for (let i = 0; i < length; i++) {
            out[i] = this.state.bytes[this.at];
            this.state.bytes[this.at] = 0;
            this.step();
        }
        return out;
    }

    /** @returns {Strobe128} */
    clone() {
        /** @type {Strobe128} */
        const copy = Object.create(Strobe128.prototype);
        copy.state = this.state.clone();
        copy.at = this.at;
        copy.begun = this.begun;
        return copy;
    }

    /** @param {number} flags @param {boolean} more */
    begin(flags, more) {
        if (more) return;
        const before = this.begun;
        this.begun = this.at + 1;
        this.absorb(Uint8Array.of(before, flags));
        if ((flags & CIPHER) !== 0 && this.at !== 0) this.run();
    }

    /** @param {Uint8Array} data */
    absorb(data) {
        for (const byte of data) {
            this.state.bytes[this.at] ^= byte;
            this.step();
        }
    }

    step() {
        this.at += 1;
        if (this.at === RATE) this.run();
    }

    run() {
        this.state.bytes[this.at] ^= this.begun;
        this.state.bytes[this.at + 1] ^= 0x04;
        this.state.bytes[RATE + 1] ^= 0x80;
        this.state.permute();
        this.at = 0;
        this.begun = 0;
    }
}
