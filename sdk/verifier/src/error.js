/**
 * The one error of this library. Whatever bytes come, a function returns or throws a `VerifyError`.
 *
 * @typedef {'note-too-long' | 'note-character' | 'note-layout' | 'note-signature-line' | 'note-too-many-signatures'
 *   | 'note-key-name' | 'note-verifier-key-form' | 'note-key-id' | 'note-unknown-kind' | 'note-weak-key'
 *   | 'note-wrong-kind' | 'note-signature' | 'note-repeated' | 'note-missing' | 'note-time'} NoteCode
 * @typedef {'lines' | 'origin' | 'size' | 'root' | 'empty-tree-root' | 'other-origin' | 'key-name' | 'log-keys'
 *   | 'other-log'} CheckpointCode
 * @typedef {'too-long' | 'utf8' | 'header' | 'extra' | 'index' | 'hash-line' | 'too-many-hashes' | 'layout'
 *   } ProofFileCode
 * @typedef {'inclusion-index-out-of-tree' | 'inclusion-length' | 'inclusion-root' | 'consistency-size-shrinks'
 *   | 'consistency-length' | 'consistency-root' | 'consistency-old-root'} TreeCode
 * @typedef {'policy-too-long' | 'policy-text' | 'policy-line' | 'policy-quorum'} PolicyCode
 * @typedef {'tile-path' | 'tile-level' | 'tile-index' | 'tile-length' | 'tile-entry-count' | 'tile-truncated'} TileCode
 * @typedef {'entry-length' | 'entry-version' | 'entry-kind' | 'entry-class' | 'entry-currency'} EntryCode
 * @typedef {'commitment-encoding' | 'commitment-identity' | 'blinding-encoding' | 'blinding-zero' | 'opening-mismatch'
 *   } CommitmentCode
 * @typedef {'proof-empty' | 'proof-length' | 'proof-version' | 'proof-kind' | 'proof-encoding' | 'proof-rejected'
 *   } ProofCode
 * @typedef {'json' | 'statement-policy'} StatementPolicyCode
 * @typedef {'bundle-too-large' | 'bundle-truncated' | 'bundle-leftover' | 'bundle-field' | 'bundle-chain' | 'bundle-root'
 *   | 'bundle-entry' | 'bundle-entry-day' | 'bundle-commitment' | 'bundle-link' | 'bundle-names' | 'bundle-group'
 *   | 'bundle-exception' | 'bundle-disclosure' | 'bundle-checkpoint' | 'bundle-unwitnessed' | 'bundle-tree'
 *   | 'bundle-day-not-over' | 'bundle-statement'} BundleCode
 * @typedef {'jws' | 'kit'} KitCode
 * @typedef {NoteCode | CheckpointCode | ProofFileCode | TreeCode | TileCode | EntryCode | CommitmentCode | ProofCode
 *   | PolicyCode | StatementPolicyCode | BundleCode | KitCode} Code
 */

/** Why something was refused. */
export class VerifyError extends Error {
    /**
     * @param {Code} code what is wrong, for programs
     * @param {string} message what was expected and what came
     * @param {{ statement?: string, index?: number, chunk?: number, leafIndex?: bigint }} [where] which of many: the
     *   statement's name, the term's place in the list, the chunk's number, the entry's place in the log
     */
    constructor(code, message, where = {}) {
        super(message);
        this.name = 'VerifyError';
        /** @readonly */
        this.code = code;
        /** @readonly */
        this.statement = where.statement;
        /** @readonly */
        this.index = where.index;
        /** @readonly */
        this.chunk = where.chunk;
        /** @readonly */
        this.leafIndex = where.leafIndex;
    }
}
