/** Merlin 1.0 transcripts (merlin.cool): what both sides say, and challenges that depend on all of it. */
import { u32LittleEndian, u64LittleEndian, utf8 } from './bytes.js';
import { scalarOfWide } from './scalar.js';
import { Strobe128 } from './strobe.js';

export class Transcript {
    /** @param {string} label of the protocol */
    constructor(label) {
        this.strobe = new Strobe128('Merlin v1.0');
        this.append('dom-sep', utf8(label));
    }

    /** @param {string} label @param {Uint8Array} message */
    append(label, message) {
        this.strobe.metaAd(utf8(label), false);
        this.strobe.metaAd(u32LittleEndian(message.length), true);
        this.strobe.ad(message);
    }

    /** @param {string} label @param {bigint} value */
    appendU64(label, value) {
        this.append(label, u64LittleEndian(value));
    }

    /** @param {string} label @param {number} length @returns {Uint8Array} */
    challenge(label, length) {
        this.strobe.metaAd(utf8(label), false);
        this.strobe.metaAd(u32LittleEndian(length), true);
        return this.strobe.prf(length);
    }

    /** 64 bytes, reduced. @param {string} label @returns {bigint} */
    challengeScalar(label) {
        return scalarOfWide(this.challenge(label, 64));
    }

    /** @returns {Transcript} */
    clone() {
        /** @type {Transcript} */
        const copy = Object.create(Transcript.prototype);
        copy.strobe = this.strobe.clone();
        return copy;
    }
}
