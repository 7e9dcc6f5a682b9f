/** Makes a consistency proof out of the log's tiles (RFC 6962, section 2.1.2; docs/spec/checkpoint.md, "Tiles"). */
import { TILE_WIDTH, parseTile } from '../../sdk/verifier/src/tile.js';
import { nodeHash } from '../../sdk/verifier/src/tree.js';

/** @typedef {(address: string) => Promise<Uint8Array>} Fetch */

/** The path of a tile. @param {number} level @param {bigint} index @param {number} width */
export function tilePath(level, index, width) {
    const digits = index.toString();
    const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g) ?? [];
    const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
    return `/log/tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

/** The largest power of two below a number above 1. @param {bigint} n */
function splitOf(n) {
    let split = 1n;
    while (split * 2n < n) split *= 2n;
    return split;
}

/**
 * Hashes that show that the tree of `newSize` leaves begins with that of `oldSize`.
 * @param {bigint} oldSize @param {bigint} newSize @param {Fetch} fetchBytes
 * @returns {Promise<Uint8Array[]>}
 */
export async function consistencyProof(oldSize, newSize, fetchBytes) {
    if (oldSize === 0n || oldSize >= newSize) return [];
    /** @type {Map<string, Promise<Uint8Array[]>>} */
    const tiles = new Map();

    /** The hash over 2^height leaves from `index` · 2^height on. @param {number} height @param {bigint} index */
    async function subtree(height, index) {
        const level = Math.floor(height / 8);
        const below = BigInt(height % 8);
        const first = index << below;
        const tile = first >> 8n;
        // as many hashes as the tree has whole subtrees on this level
        const whole = (newSize >> BigInt(8 * level)) - tile * BigInt(TILE_WIDTH);
        const width = whole < BigInt(TILE_WIDTH) ? Number(whole) : TILE_WIDTH;
        const path = tilePath(level, tile, width);
        const tileHashes = tiles.get(path) ?? fetchBytes(path).then((bytes) => parseTile(bytes, width));
        tiles.set(path, tileHashes);
        const at = Number(first & 255n);
        let hashes = (await tileHashes).slice(at, at + 2 ** Number(below));
        while (hashes.length > 1) {
            hashes = hashes.flatMap((hash, i) => (i % 2 === 0 ? [nodeHash(hash, hashes[i + 1])] : []));
        }
        return hashes[0];
    }

    /** The hash over leaves. @param {bigint} from @param {bigint} to @returns {Promise<Uint8Array>} */
    async function range(from, to) {
        const count = to - from;
        if ((count & (count - 1n)) === 0n) {
            const height = count.toString(2).length - 1;
            return subtree(height, from >> BigInt(height));
        }
        const split = splitOf(count);
        return nodeHash(await range(from, from + split), await range(from + split, to));
    }

    /** SUBPROOF. @param {bigint} m @param {bigint} from @param {bigint} to @param {boolean} known @returns {Promise<Uint8Array[]>} */
    async function sub(m, from, to, known) {
        const count = to - from;
        if (m === count) return known ? [] : [await range(from, to)];
        const split = splitOf(count);
        if (m <= split) return [...await sub(m, from, from + split, known), await range(from + split, to)];
        return [...await sub(m - split, from + split, to, false), await range(from, from + split)];
    }
    return sub(oldSize, 0n, newSize, true);
}
