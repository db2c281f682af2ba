// SPDX-License-Identifier: MIT
// Contents of stored files: small ones in memory, others in a private temporary directory, created when
// first wanted and the same at every start; large ones are made up anew for each answer.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const stream = require('stream');

const IN_MEMORY = 64 * 1024;
const STRIDE = 64 * 1024;
const STAMP = 4096;
const CHUNK = 1 << 20;

let directory = null;
let largeInMemory = false;

// Serves large contents from memory: for benchmarks, which measure the reader.
function keepLargeInMemory() {
  largeInMemory = true;
}

function temporaryDirectory() {
  if (!directory) {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'wandb-sandbox-'));
  }
  return directory;
}

function removeTemporaryDirectory() {
  if (directory) {
    fs.rmSync(directory, { recursive: true, force: true });
    directory = null;
  }
}

// xorshift32: the same bytes for the same seed on every machine.
function pseudoRandom(seed, length) {
  const words = new Uint32Array(Math.ceil(length / 4));
  let x = (seed * 2654435761 + 0x9e3779b9) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x >>> 0;
  }
  return Buffer.from(words.buffer, 0, length);
}

class Content {
  constructor(size) {
    this.size = size;
    this.file = null;
    this.hashes = new Map();
  }

  // The whole content; only for contents that fit into memory.
  bytes() {
    throw new Error('this content is not held in memory');
  }

  inMemory() {
    return this.size <= IN_MEMORY;
  }

  // The path of a temporary file with the content.
  materialize() {
    if (!this.file) {
      const name = path.join(temporaryDirectory(), crypto.randomUUID());
      fs.writeFileSync(name, this.bytes());
      this.file = name;
    }
    return this.file;
  }

  // Bytes start..end (inclusive) as a Buffer or a readable stream.
  range(start, end) {
    if (this.inMemory()) {
      return this.bytes().subarray(start, end + 1);
    }
    return fs.createReadStream(this.materialize(), { start, end, highWaterMark: CHUNK });
  }

  hash(algorithm) {
    if (!this.hashes.has(algorithm)) {
      const hash = crypto.createHash(algorithm);
      this.eachChunk((chunk) => hash.update(chunk));
      this.hashes.set(algorithm, hash.digest());
    }
    return this.hashes.get(algorithm);
  }

  eachChunk(callback) {
    callback(this.bytes());
  }

  md5Hex() {
    return this.hash('md5').toString('hex');
  }

  md5Base64() {
    return this.hash('md5').toString('base64');
  }

  sha256Hex() {
    return this.hash('sha256').toString('hex');
  }
}

class BytesContent extends Content {
  constructor(buffer) {
    super(buffer.length);
    this.buffer = buffer;
  }

  bytes() {
    return this.buffer;
  }
}

// Pseudo-random bytes, for files of up to some 16 MiB.
class RandomContent extends Content {
  constructor(seed, size) {
    super(size);
    this.seed = seed;
  }

  bytes() {
    return pseudoRandom(this.seed, this.size);
  }
}

// Zeros with a distinct 4 KiB stamp every 64 KiB, made when asked for: a file of gigabytes costs neither
// disk nor memory, and a block served at the wrong offset is noticed.
class StampedContent extends Content {
  constructor(seed, size) {
    super(size);
    this.seed = seed;
    this.whole = null;
  }

  // Bytes from..to (exclusive), at most a few MiB.
  piece(from, to) {
    const piece = Buffer.alloc(to - from);
    for (let offset = from - (from % STRIDE); offset < to; offset += STRIDE) {
      const stamp = pseudoRandom(this.seed + offset / STRIDE, STAMP);
      const skipped = Math.max(from - offset, 0);
      if (skipped < STAMP) {
        stamp.copy(piece, offset + skipped - from, skipped);
      }
    }
    return piece;
  }

  * pieces(from, to) {
    for (let at = from; at < to; at += CHUNK) {
      yield this.piece(at, Math.min(at + CHUNK, to));
    }
  }

  range(start, end) {
    if (largeInMemory) {
      this.whole = this.whole || Buffer.concat([...this.pieces(0, this.size)]);
      return this.whole.subarray(start, end + 1);
    }
    return stream.Readable.from(this.pieces(start, end + 1), { objectMode: false, highWaterMark: CHUNK });
  }

  eachChunk(callback) {
    for (const piece of this.pieces(0, this.size)) {
      callback(piece);
    }
  }
}

const generated = new Map();

// Equal (seed, size) share one content, so that its hash is computed once.
function random(seed, size) {
  const key = `${seed}/${size}`;
  if (!generated.has(key)) {
    const large = size > 16 * CHUNK;
    generated.set(key, large ? new StampedContent(seed, size) : new RandomContent(seed, size));
  }
  return generated.get(key);
}

function text(value) {
  return new BytesContent(Buffer.isBuffer(value) ? value : Buffer.from(value, 'utf8'));
}

module.exports = { random, text, keepLargeInMemory, removeTemporaryDirectory };
