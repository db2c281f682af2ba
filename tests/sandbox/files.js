// SPDX-License-Identifier: MIT
// The files of a version and its manifest (protocol 8.1 and 8.2).
'use strict';

const crypto = require('crypto');
const content = require('./content');

// Python and Go sort by code point, JavaScript by UTF-16 unit.
function byCodePoint(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function makeContent(spec) {
  if (spec.random) {
    return content.random(spec.random.seed || 1, spec.random.size);
  }
  if (spec.base64 !== undefined) {
    return content.text(Buffer.from(spec.base64, 'base64'));
  }
  return content.text(spec.text === undefined ? '' : spec.text);
}

// One manifest entry: a stored file, or a reference when `ref` is set.
class Entry {
  constructor(spec) {
    this.path = spec.path;
    this.ref = spec.ref || null;
    this.extra = spec.extra || null;
    this.birth = spec.birth || null;
    this.updatedAt = spec.updatedAt === undefined ? null : spec.updatedAt;
    this.givenDigest = spec.digest;
    this.givenSize = spec.size;
    this.hidden = spec.hidden || null;
    this.content = this.ref ? null : makeContent(spec);
  }

  // Base64 of the MD5, or what a reference recorded.
  get digest() {
    if (this.givenDigest !== undefined) {
      return this.givenDigest;
    }
    return this.ref ? this.ref : this.content.md5Base64();
  }

  // Bytes; null when the manifest does not say.
  get size() {
    if (this.givenSize !== undefined) {
      return this.givenSize;
    }
    return this.ref ? null : this.content.size;
  }
}

// The files of one artifact, or of many that share them. `source` is an array of
// specs, an object path → text or spec, or a function that makes either: then
// the entries are built when first asked for.
class FileSet {
  constructor(source) {
    this.source = source;
    this.list = null;
    this.index = null;
  }

  entries() {
    if (!this.list) {
      const made = typeof this.source === 'function' ? this.source() : this.source;
      const specs = Array.isArray(made) ? made : Object.entries(made).map(([path, value]) => (
        typeof value === 'string' || Buffer.isBuffer(value)
          ? { path, text: value } : { path, ...value }));
      this.list = specs.map((spec) => new Entry(spec)).sort((a, b) => byCodePoint(a.path, b.path));
    }
    return this.list;
  }

  // Stored files only: a reference has no file in the object store.
  stored() {
    this.storedList = this.storedList || this.entries().filter((entry) => !entry.ref);
    return this.storedList;
  }

  position(path) {
    if (!this.index) {
      this.index = new Map(this.entries().map((entry, i) => [entry.path, i]));
    }
    const at = this.index.get(path);
    return at === undefined ? -1 : at;
  }

  count() {
    return this.entries().length;
  }

  // Sum of the sizes, with or without references.
  bytes(withReferences) {
    let sum = 0n;
    for (const entry of this.entries()) {
      if (entry.size !== null && (withReferences || !entry.ref)) {
        sum += BigInt(entry.size);
      }
    }
    return sum;
  }

  digest() {
    if (!this.cachedDigest) {
      const hash = crypto.createHash('md5').update('wandb-artifact-manifest-v1\n');
      for (const entry of this.entries()) {
        hash.update(`${entry.path}:${entry.digest}\n`);
      }
      this.cachedDigest = hash.digest('hex');
    }
    return this.cachedDigest;
  }
}

function manifestEntry(entry, artifactId) {
  const out = { digest: entry.digest };
  if (entry.ref) {
    out.ref = entry.ref;
  } else {
    out.birthArtifactID = entry.birth || artifactId;
  }
  if (entry.size !== null) {
    out.size = entry.size;
  }
  if (entry.extra) {
    out.extra = entry.extra;
  }
  return out;
}

// Written entry by entry: a size may exceed what a JavaScript number holds, and
// a path may be any text, `__proto__` included.
function manifestText(artifact, artifactId) {
  if (artifact.manifest !== null) {
    return artifact.manifest;
  }
  const configuration = { storageLayout: artifact.layout };
  if (artifact.region) {
    configuration.storageRegion = artifact.region;
  }
  const lines = artifact.fileSet.entries().map((entry) => {
    const value = manifestEntry(entry, artifactId);
    let size = '';
    if (typeof value.size === 'bigint') {
      size = `, "size": ${value.size}`;
      delete value.size;
    }
    return `${JSON.stringify(entry.path)}: ${JSON.stringify(value).slice(0, -1)}${size}}`;
  });
  return `{"version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": ${
    JSON.stringify(configuration)}, "contents": {${lines.join(', ')}}}`;
}

module.exports = { FileSet, manifestText };
