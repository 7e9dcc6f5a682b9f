/** JSON as the ledger reads it (docs/spec/event.md, "JSON"): one text, no member twice, no null, integers only. */
import { textOf } from './bytes.js';
import { VerifyError } from './error.js';

/** @typedef {string | bigint | boolean | Json[] | Map<string, Json>} Json */

const DEPTH_MAX = 32;

/**
 * Parses one JSON text.
 * @param {Uint8Array} bytes
 * @returns {Json}
 */
export function parseJson(bytes) {
    const text = textOf(bytes);
    if (text === undefined) throw new VerifyError('json', 'expected JSON in UTF-8, got other bytes');
    const reader = new JsonReader(text);
    const value = reader.value(0);
    reader.space();
    if (reader.at < text.length) throw reader.refused('nothing after the JSON text');
    return value;
}

class JsonReader {
    /** @param {string} text */
    constructor(text) {
        this.text = text;
        this.at = 0;
    }

    /** @param {string} expected */
    refused(expected) {
        return new VerifyError('json', `at character ${this.at}: expected ${expected}`);
    }

    /** The match of a sticky pattern here, which is passed over. @param {RegExp} pattern */
    match(pattern) {
        pattern.lastIndex = this.at;
        const match = pattern.exec(this.text)?.[0];
        this.at += match?.length ?? 0;
        return match;
    }

    space() {
        this.match(/[ \t\n\r]*/y);
    }

    /** Passes over one character, if it is this one. @param {string} character */
    passes(character) {
        this.space();
        if (this.text[this.at] !== character) return false;
        this.at += 1;
        return true;
    }

    /** @param {number} depth @returns {Json} */
    value(depth) {
        if (depth > DEPTH_MAX) throw this.refused(`no more than ${DEPTH_MAX} values within each other`);
        this.space();
        switch (this.text[this.at]) {
            case '{': return this.object(depth);
            case '[': return this.array(depth);
            case '"': return this.string();
            default: break;
        }
        const literal = this.match(/true|false/y);
        if (literal !== undefined) return literal === 'true';
        const digits = this.match(/(?:0|[1-9][0-9]*)(?![0-9.eE])/y);
        if (digits === undefined || digits.length > 20) {
            throw this.refused('an object, an array, text, true, false, or an integer without sign, fraction and exponent');
        }
        return BigInt(digits);
    }

    /** @param {number} depth */
    object(depth) {
        /** @type {Map<string, Json>} */
        const members = new Map();
        this.at += 1;
        if (this.passes('}')) return members;
        do {
            this.space();
            const name = this.string();
            if (members.has(name)) throw this.refused('each member once');
            if (!this.passes(':')) throw this.refused('a colon');
            members.set(name, this.value(depth + 1));
        } while (this.passes(','));
        if (!this.passes('}')) throw this.refused('a comma or the end of the object');
        return members;
    }

    /** @param {number} depth */
    array(depth) {
        /** @type {Json[]} */
        const items = [];
        this.at += 1;
        if (this.passes(']')) return items;
        do items.push(this.value(depth + 1));
        while (this.passes(','));
        if (!this.passes(']')) throw this.refused('a comma or the end of the array');
        return items;
    }

    string() {
        const raw = this.match(/"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
        if (raw === undefined) throw this.refused('text in quotation marks');
        /** @type {string} */
        const text = JSON.parse(raw);
        if (/\p{Surrogate}/u.test(text)) throw this.refused('text without half of a surrogate pair');
        return text;
    }
}
