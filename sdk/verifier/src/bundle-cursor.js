/** Reads a bundle from its beginning on; what is missing is refused where it would be read. */
import { readU64BigEndian } from './bytes.js';
import { VerifyError } from './error.js';

export class Cursor {
    /** @param {Uint8Array} bytes */
    constructor(bytes) {
        // of Node's `Buffer`, `slice` would not copy
        this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
        this.at = 0;
    }

    /** @param {number} length @returns {Uint8Array} a view */
    view(length) {
        const rest = this.bytes.length - this.at;
        if (length > rest) {
            throw new VerifyError('bundle-truncated', `byte ${this.at}: expected ${length} bytes more, got ${rest}`);
        }
        return this.bytes.subarray(this.at, this.at += length);
    }

    /** @param {number} length @returns {Uint8Array} a copy */
    take(length) {
        return this.view(length).slice();
    }

    /** @param {number} length @returns {Uint8Array} a view of what is read next */
    peek(length) {
        const ahead = this.view(length);
        this.at -= length;
        return ahead;
    }

    u8() {
        return this.view(1)[0];
    }

    u16() {
        const [high, low] = this.view(2);
        return high << 8 | low;
    }

    u32() {
        return this.u16() * 0x10000 + this.u16();
    }

    u64() {
        return readU64BigEndian(this.view(8), 0);
    }

    /** So many hashes. @param {number} count */
    hashes(count) {
        this.peek(32 * count); // refuses before it reserves
        return Array.from({ length: count }, () => this.take(32));
    }

    end() {
        const rest = this.bytes.length - this.at;
        if (rest > 0) throw new VerifyError('bundle-leftover', `expected the end of the bundle, got ${rest} bytes more`);
    }
}
