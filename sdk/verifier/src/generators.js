/** The generators of commitments and of range proofs (docs/spec/commitment.md, "Group and generators", "Generators"). */
import { concat, fromHex, u32LittleEndian, utf8 } from './bytes.js';
import { shake256, sha3of512 } from './keccak.js';
import { decode, fromUniform } from './ristretto.js';

/** @typedef {import('./edwards.js').Point} Point */

/** Values that one range proof aggregates at most. */
export const PARTIES = 64;
/** Bits of the widest range. */
export const BITS_MAX = 64;
/** SHA-256 of all generators; the tests derive it. */
export const GENERATORS_HASH = fromHex('ca142c9a67253fdd3d9390d3cb9c5a36ccd887fed2a78b58d831ae8b5aba6d37');

const BASE_ENCODING = fromHex('e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76');

/** @type {{ value: Point, blinding: Point } | undefined} */
let pedersen;

/** B and B̃. @returns {{ value: Point, blinding: Point }} */
export function pedersenGenerators() {
    if (pedersen === undefined) {
        const value = decode(BASE_ENCODING);
        if (value === undefined) throw new Error('the base point is no point');
        pedersen = { value, blinding: fromUniform(sha3of512(BASE_ENCODING)) };
    }
    return pedersen;
}

/** @type {Map<string, Point[]>} */
const chains = new Map();

/**
 * The 64 generators of a party, made at the first call.
 * @param {'G' | 'H'} side @param {number} party from 0
 * @returns {readonly Point[]}
 */
export function rangeGenerators(side, party) {
    const name = `${side}${party}`;
    let chain = chains.get(name);
    if (chain === undefined) {
        const stream = shake256(concat(utf8(`GeneratorsChain${side}`), u32LittleEndian(party)), 64 * BITS_MAX);
        chain = Array.from({ length: BITS_MAX }, (_, i) => fromUniform(stream.subarray(64 * i, 64 * i + 64)));
        chains.set(name, chain);
    }
    return chain;
}
