/** Merkle trees (RFC 6962, section 2; proofs after RFC 9162, section 2.1): hashes, inclusion, consistency. */
import { concat, hex, sameBytes } from './bytes.js';
import { VerifyError } from './error.js';
import { sha256 } from './sha2.js';

/** @typedef {import('./error.js').Code} Code */

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** @param {Uint8Array} entry */
export function leafHash(entry) {
    return sha256(concat(LEAF, entry));
}

/** @param {Uint8Array} left @param {Uint8Array} right */
export function nodeHash(left, right) {
    return sha256(concat(NODE, left, right));
}

/** The root of a tree without leaves. */
export function emptyRoot() {
    return sha256(new Uint8Array(0));
}

/** A tree that grows leaf by leaf: keeps the roots of its complete subtrees, from left to right. */
export class GrowingTree {
    constructor() {
        this.size = 0n;
        /** @type {Uint8Array[]} */
        this.subtrees = [];
    }

    /** @param {Uint8Array} leaf hash of the entry */
    append(leaf) {
        let hash = leaf;
        // each bit that is set in the size stands for a subtree, the lowest for the last
        for (let rest = this.size; rest & 1n; rest >>= 1n) {
            hash = nodeHash(/** @type {Uint8Array} */ (this.subtrees.pop()), hash);
        }
        this.subtrees.push(hash);
        this.size += 1n;
    }

    /** @returns {Uint8Array} */
    root() {
        if (this.subtrees.length === 0) return emptyRoot();
        return this.subtrees.reduceRight((right, left) => nodeHash(left, right));
    }
}

/** The root over leaf hashes. @param {Iterable<Uint8Array>} leaves */
export function rootOf(leaves) {
    const tree = new GrowingTree();
    for (const leaf of leaves) tree.append(leaf);
    return tree.root();
}

/**
 * Checks that the leaf hash is at `index` in the tree. A root does not fix its tree's size: take both from one verified
 * checkpoint.
 * @param {Uint8Array} leaf @param {bigint} index @param {bigint} size
 * @param {readonly Uint8Array[]} proof @param {Uint8Array} root
 */
export function verifyInclusion(leaf, index, size, proof, root) {
    if (index < 0n || index >= size) {
        throw new VerifyError('inclusion-index-out-of-tree', `leaf index ${index} is not below tree size ${size}`);
    }
    let at = index, last = size - 1n, hash = leaf;
    for (const sibling of proof) {
        if (last === 0n) throw wrongLength('inclusion-length', proof);
        if ((at & 1n) === 1n || at === last) {
            hash = nodeHash(sibling, hash);
            while (at !== 0n && (at & 1n) === 0n) [at, last] = [at >> 1n, last >> 1n];
        } else {
            hash = nodeHash(hash, sibling);
        }
        [at, last] = [at >> 1n, last >> 1n];
    }
    if (last !== 0n) throw wrongLength('inclusion-length', proof);
    demandRoot('inclusion-root', root, hash);
}

/**
 * Checks that the new tree begins with the old one. The proof is empty where the old tree is empty or the sizes are the
 * same.
 * @param {bigint} oldSize @param {Uint8Array} oldRoot @param {bigint} newSize @param {Uint8Array} newRoot
 * @param {readonly Uint8Array[]} proof
 */
export function verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof) {
    if (oldSize > newSize) {
        throw new VerifyError('consistency-size-shrinks', `old tree size ${oldSize} is above new tree size ${newSize}`);
    }
    if (oldSize === 0n || oldSize === newSize) {
        if (proof.length > 0) throw wrongLength('consistency-length', proof);
        if (oldSize === 0n) demandRoot('consistency-old-root', oldRoot, emptyRoot());
        if (oldSize === newSize) demandRoot('consistency-root', newRoot, oldRoot);
        return;
    }
    const whole = (oldSize & (oldSize - 1n)) === 0n; // a complete subtree of the new tree: its root need not be given
    const [seed, ...rest] = whole ? [oldRoot, ...proof] : proof;
    if (seed === undefined) throw wrongLength('consistency-length', proof);
    let at = oldSize - 1n, last = newSize - 1n, oldHash = seed, newHash = seed;
    while ((at & 1n) === 1n) [at, last] = [at >> 1n, last >> 1n];
    for (const sibling of rest) {
        if (last === 0n) throw wrongLength('consistency-length', proof);
        if ((at & 1n) === 1n || at === last) {
            oldHash = nodeHash(sibling, oldHash);
            newHash = nodeHash(sibling, newHash);
            while (at !== 0n && (at & 1n) === 0n) [at, last] = [at >> 1n, last >> 1n];
        } else {
            newHash = nodeHash(newHash, sibling);
        }
        [at, last] = [at >> 1n, last >> 1n];
    }
    if (last !== 0n) throw wrongLength('consistency-length', proof);
    demandRoot('consistency-old-root', oldRoot, oldHash);
    demandRoot('consistency-root', newRoot, newHash);
}

/** @param {Code} code @param {readonly Uint8Array[]} proof */
function wrongLength(code, proof) {
    return new VerifyError(code, `index and sizes ask for another number of hashes than ${proof.length}`);
}

/** @param {Code} code @param {Uint8Array} expected @param {Uint8Array} got */
function demandRoot(code, expected, got) {
    if (!sameBytes(expected, got)) {
        throw new VerifyError(code, `expected root ${hex(expected)}, the proof leads to ${hex(got)}`);
    }
}
