/** Second verifier of Grantbook: the log's formats, and the statements proved about it. */
export { Batch, verifyRange, verifyZero } from './batch.js';
export { verifyBundle } from './bundle.js';
export { parseCheckpoint, parseLogKeys, verifyCheckpoint, verifyCosignature } from './checkpoint.js';
export { parseBlinding, parseCommitment, verifyOpening } from './commitment.js';
export { verifyEd25519 } from './ed25519.js';
export { dayKey, entryDigest, entryLink, entryTag, parseEntry, publicTagKey } from './entry.js';
export { VerifyError } from './error.js';
export { parseVerifierKey, verifierKeyText } from './note.js';
export { parsePolicy, verifyWitnessed } from './policy.js';
export { parseProofFile, verifyProofFile } from './proof-file.js';
export { CLASSES, CURRENCIES, KINDS } from './registry.js';
export { reportHtml, reportJson, reportText } from './report.js';
export { sha256, sha512 } from './sha2.js';
export { parseStatementPolicy } from './statement-policy.js';
export { derivedHash } from './statement.js';
export { termOf } from './term.js';
export { bundlePath, parseBundle, parseBundlePath, parseTile, parseTilePath } from './tile.js';
export { GrowingTree, leafHash, nodeHash, rootOf, verifyConsistency, verifyInclusion } from './tree.js';
