import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { concat, hex } from '../src/bytes.js';
import { dayKey, entryDigest, entryLink, entryTag, parseEntry, publicTagKey } from '../src/entry.js';
import { CLASSES, KINDS } from '../src/registry.js';
import { fromBase64url, read } from './vectors.js';

/** @typedef {{ digest: string, record_sha256: string, salt: string }} DigestJson */
/** @typedef {{ leaf_hash: string, leaf_index: number, origin_sha256: string }} TargetJson */
/** @typedef {{ group: number, link: string, salt: string, target: TargetJson }} LinkJson */
/** @typedef {{ day: number, day_key: string, leaf_index: number, origin: string, tag: string, tag_key: string }} TagJson */
/**
 * @type {{ cases: { name: string, expect: string, input: { entry: string } }[], derived: { digest: DigestJson,
 *   digest_with_attachments: DigestJson & { attachments: string, attachments_salt: string }, link: LinkJson,
 *   link_to_nothing: LinkJson, tag: TagJson } }}
 */
const vectors = read('../../../tests/vectors/entry.json');

test('entries', () => {
    for (const { name, expect, input } of vectors.cases) {
        const bytes = fromBase64url(input.entry);
        if (expect !== 'ok') {
            assert.throws(() => parseEntry(bytes), { name: 'VerifyError', message: expect }, name);
            continue;
        }
        const entry = parseEntry(bytes);
        assert.ok(name.startsWith(entry.kind.name), name);
        assert.equal(entry.commitments.length, CLASSES[entry.class].length);
        assert.deepEqual(concat(bytes.slice(0, 7), entry.tag, entry.digest, entry.link, ...entry.commitments), bytes);
        assert.deepEqual([entry.kindNumber, entry.class, entry.currency, entry.day], [
            bytes[1], bytes[2], bytes[3] * 256 + bytes[4], bytes[5] * 256 + bytes[6],
        ]);
    }
});

test('digests, links and tags', () => {
    const { digest, digest_with_attachments: attached, tag } = vectors.derived;
    assert.deepEqual(
        entryDigest(fromBase64url(digest.salt), fromBase64url(digest.record_sha256)), fromBase64url(digest.digest),
    );
    const attachments = {
        salt: fromBase64url(attached.attachments_salt), bytes: fromBase64url(attached.attachments),
    };
    assert.deepEqual(
        entryDigest(fromBase64url(attached.salt), fromBase64url(attached.record_sha256), attachments),
        fromBase64url(attached.digest),
    );
    for (const { group, link, salt, target } of [vectors.derived.link, vectors.derived.link_to_nothing]) {
        assert.deepEqual(entryLink(fromBase64url(salt), group, {
            originHash: fromBase64url(target.origin_sha256),
            leafIndex: BigInt(target.leaf_index),
            leafHash: fromBase64url(target.leaf_hash),
        }), fromBase64url(link));
    }
    const key = dayKey(fromBase64url(tag.tag_key), tag.day);
    assert.deepEqual(key, fromBase64url(tag.day_key));
    assert.deepEqual(entryTag(key, tag.origin, BigInt(tag.leaf_index)), fromBase64url(tag.tag));
    assert.equal(publicTagKey(tag.origin).length, 32);
    assert.notEqual(hex(publicTagKey(tag.origin)), hex(publicTagKey('other')));
});

test('kinds and classes are those of the specification', () => {
    const page = readFileSync(new URL('../../../docs/spec/event.md', import.meta.url), 'utf8');
    /** @param {string} name */
    const example = (name) => (new RegExp(`\`\`\`text example=${name}\n([^\`]*)\`\`\``).exec(page)?.[1] ?? '').trimEnd();
    const kinds = Array.from(KINDS, ([number, { name, classes, linked }]) => (
        [number, name, classes.join(','), linked].join(' ')
    ));
    assert.deepEqual(kinds, example('kinds').split('\n').map((line) => {
        const [number, name, , classes, ...rest] = line.trim().split(/\s+/);
        return [number, name, classes, rest.includes('linked')].join(' ');
    }));
    const classes = CLASSES.map((quantities, number) => (
        [`${number} ${String(87 + 32 * quantities.length).padStart(3)} bytes`, quantities.join(', ')].join('  ').trimEnd()
    ));
    assert.deepEqual(classes, example('classes').split('\n'));
});
