/** Paths of tiles and entry bundles, and what is in them (docs/spec/checkpoint.md, "Tiles and entry bundles"). */
import { parseDecimal } from './decimal.js';
import { VerifyError } from './error.js';

/** Hashes of a full tile, and entries of a full bundle. */
export const TILE_WIDTH = 256;
/** Levels that a tree of 64-bit size can have. */
const LEVELS = 8n;
const LIMIT = 2n ** 64n;
/** Characters of the longest path behind its level. */
const TAIL_MAX = 'x018/x446/x744/x073/x709/x551/615.p/255'.length;

/** @typedef {{ level: number, index: bigint, width: number }} Tile */
/** @typedef {{ index: bigint, width: number }} EntryBundle */

/**
 * `tile/<L>/<N>[.p/<W>]`.
 * @param {string} path
 * @returns {Tile}
 */
export function parseTilePath(path) {
    const [, levelText = '', tail = ''] = /^tile\/([0-9]+)\/(.*)$/s.exec(path) ?? [];
    const level = parseDecimal(levelText);
    if (level === undefined || level > 255n) throw wrongPath();
    const { index, width } = parseTail(tail);
    if (level >= LEVELS) throw new VerifyError('tile-level', `tile level must be 0 to 7, got ${level}`);
    checkIndex(index, Number(level));
    return { level: Number(level), index, width };
}

/**
 * `tile/entries/<N>[.p/<W>]`.
 * @param {string} path
 * @returns {EntryBundle}
 */
export function parseBundlePath(path) {
    if (!path.startsWith('tile/entries/')) throw wrongPath();
    const bundle = parseTail(path.slice('tile/entries/'.length));
    checkIndex(bundle.index, 0);
    return bundle;
}

/** @param {EntryBundle} bundle */
export function bundlePath({ index, width }) {
    const digits = index.toString();
    const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g) ?? [];
    const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
    return `tile/entries/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

/**
 * Splits a bundle into exactly `width` entries, which must fill it.
 * @param {Uint8Array} bytes @param {number} width
 * @returns {Uint8Array[]}
 */
export function parseBundle(bytes, width) {
    const entries = [];
    for (let at = 0; at < bytes.length;) {
        if (entries.length === width) throw wrongCount(width, width + 1);
        const length = bytes.length - at < 2 ? Infinity : bytes[at] << 8 | bytes[at + 1];
        if (at + 2 + length > bytes.length) {
            throw new VerifyError('tile-truncated', `the bundle ends inside entry ${entries.length}`);
        }
        entries.push(bytes.subarray(at + 2, at + 2 + length));
        at += 2 + length;
    }
    if (entries.length !== width) throw wrongCount(width, entries.length);
    return entries;
}

/**
 * Splits a tile into exactly `width` hashes.
 * @param {Uint8Array} bytes @param {number} width
 * @returns {Uint8Array[]}
 */
export function parseTile(bytes, width) {
    if (bytes.length !== 32 * width) {
        throw new VerifyError('tile-length', `expected ${32 * width} bytes of tile, got ${bytes.length}`);
    }
    return Array.from({ length: width }, (_, i) => bytes.subarray(32 * i, 32 * i + 32));
}

/** @param {string} text @returns {EntryBundle} */
function parseTail(text) {
    const match = /^((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]+))?$/.exec(text);
    if (match === null || text.length > TAIL_MAX || text.endsWith('\n') || text.startsWith('x000')) throw wrongPath();
    const width = match[2] === undefined ? 256n : parseDecimal(match[2]);
    if (width === undefined || width < 1n || (match[2] !== undefined && width > 255n)) throw wrongPath();
    const index = BigInt(match[1].replace(/[x/]/g, ''));
    if (index >= LIMIT) throw wrongPath();
    return { index, width: Number(width) };
}

/** @param {bigint} index @param {number} level */
function checkIndex(index, level) {
    const limit = (LIMIT - 1n) >> BigInt(8 * (level + 1));
    if (index > limit) throw new VerifyError('tile-index', `tile index must be at most ${limit}, got ${index}`);
}

/** @param {number} expected @param {number} got */
function wrongCount(expected, got) {
    return new VerifyError('tile-entry-count', `expected ${expected} entries in the bundle, got ${got}`);
}

function wrongPath() {
    return new VerifyError(
        'tile-path', 'expected a path such as tile/0/x001/x234/067.p/8 or tile/entries/067, got another form',
    );
}
