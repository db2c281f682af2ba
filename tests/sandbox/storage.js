// SPDX-License-Identifier: MIT
// The object store: signed URLs, ranges, expiry. Like S3 it refuses a request
// that carries an Authorization header.
'use strict';

const crypto = require('crypto');
const { encodeId } = require('./store');
const { manifestText } = require('./files');
const content = require('./content');

const xml = (status, code, message) => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${
    message}</Message></Error>`),
});

// [start, end] of a satisfiable range, null for none or one to be ignored,
// 'bad' for one that cannot be satisfied.
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header || '');
  if (!match || (match[1] === '' && match[2] === '')) {
    return null;
  }
  if (match[1] === '') {
    const suffix = Number(match[2]);
    return suffix === 0 || size === 0 ? 'bad' : [Math.max(0, size - suffix), size - 1];
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < start) {
    return null;
  }
  return start >= size ? 'bad' : [start, end];
}

class Storage {
  constructor(world) {
    this.world = world;
    this.secret = crypto.randomBytes(32);
    this.manifests = new Map();
    this.form = {};
  }

  signature(text) {
    return encodeURIComponent(crypto.createHmac('sha256', this.secret).update(text).digest('base64'));
  }

  // A URL for a file, or for the manifest when `entry` is null. The signature
  // covers the text of the URL as it stands: a client must not change anything.
  sign(artifact, entry) {
    const { store } = this.world;
    const path = entry
      ? `/sandbox-bucket/${artifact.n}/${artifact.fileSet.position(entry.path)}/${
        entry.content ? entry.content.md5Hex() : 'reference'}`
      : `/sandbox-bucket/${artifact.n}/manifest/wandb_manifest.json`;
    const expires = Math.floor(Date.now() / 1000 + store.urlLife);
    const nonce = crypto.randomBytes(6).toString('hex');
    const query = `X-Expires=${expires}&X-Nonce=${nonce}&response-content-disposition=attachment%3B`;
    const text = `${path}${this.form.blank ? '%20it' : ''}?${query}`;
    const url = `${this.world.storageUrl}${text}&X-Signature=${this.signature(text)}`;
    return this.shaped(url);
  }

  // As a store with other habits writes it: blanks raw, a user's name and password in it.
  shaped(url) {
    const { blank, user_info: userInfo } = this.form;
    const spaced = blank ? url.replaceAll('%20', ' ') : url;
    return userInfo ? spaced.replace('://', `://${userInfo}@`) : spaced;
  }

  // Null when the URL is good, else the refusal.
  checkUrl(url) {
    const match = /^(.*)&X-Signature=([^&]*)$/.exec(url);
    if (!match || match[2] !== this.signature(match[1])) {
      return xml(403, 'SignatureDoesNotMatch', 'The signature does not match.');
    }
    const expires = Number(/X-Expires=(\d+)/.exec(url)[1]);
    if (Date.now() / 1000 >= expires) {
      return xml(403, 'AccessDenied', 'Request has expired');
    }
    return null;
  }

  manifest(artifact) {
    let made = this.manifests.get(artifact);
    if (!made) {
      made = content.text(manifestText(artifact, encodeId('Artifact', artifact.n)));
      if (this.manifests.size >= 16) {
        this.manifests.delete(this.manifests.keys().next().value);
      }
      this.manifests.set(artifact, made);
    }
    return made;
  }

  // The content behind a path of sign(); null when the artifact is gone.
  find(path) {
    const match = /^\/sandbox-bucket\/(\d+)\/(\d+|manifest)\//.exec(path);
    const artifact = match && this.world.store.artifacts.get(Number(match[1]));
    if (!artifact) {
      return null;
    }
    if (match[2] === 'manifest') {
      return {
        name: 'wandb_manifest.json', content: this.manifest(artifact), date: artifact.createdAt,
      };
    }
    const entry = artifact.fileSet.entries()[Number(match[2])];
    return entry && entry.content ? {
      name: entry.path, content: entry.content, date: entry.updatedAt || artifact.createdAt,
    } : null;
  }

  // What a fault or a test calls the object behind a path: its path in the artifact.
  nameOf(path) {
    const found = this.find(path);
    return found ? found.name : 'unknown';
  }

  // An answer for a content, whole or the range that was asked for.
  serve(found, request, ignoreRange) {
    const { size } = found.content;
    const modified = new Date(Date.parse(found.date) || 0).toUTCString();
    const headers = {
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      etag: `"${found.content.md5Hex()}"`,
      'last-modified': modified,
    };
    const range = ignoreRange ? null : parseRange(request.headers.range, size);
    const { most_bytes: most, range_unit: unit } = this.form;
    if (range === 'bad') {
      const refusal = xml(416, 'InvalidRange', 'The requested range is not satisfiable');
      refusal.headers['content-range'] = `bytes */${size}`;
      return refusal;
    }
    if (range) {
      range[1] = Math.min(range[1], range[0] + (most || size) - 1);
      headers['content-range'] = `${unit || 'bytes'} ${range[0]}-${range[1]}/${size}`;
    }
    const [start, end] = range || [0, size - 1];
    return {
      status: range ? 206 : 200,
      headers,
      size: end - start + 1,
      open: () => found.content.range(start, end),
    };
  }

  // Credentials are welcome only when they are those of the signed URL.
  isAuthorized(request) {
    const { user_info: userInfo } = this.form;
    const wanted = userInfo ? `Basic ${Buffer.from(decodeURIComponent(userInfo)).toString('base64')}` : undefined;
    return request.headers.authorization === wanted;
  }

  answer(request, ignoreRange) {
    const count = this.world.counters.storage;
    if (!this.isAuthorized(request)) {
      count.authorized++;
      return xml(400, 'InvalidArgument', 'Only one auth mechanism allowed');
    }
    if (!['GET', 'HEAD'].includes(request.method)) {
      return xml(405, 'MethodNotAllowed', 'The method is not allowed.');
    }
    const refused = this.checkUrl(request.url);
    if (refused) {
      count.denied++;
      return refused;
    }
    const found = this.find(request.url);
    return found ? this.serve(found, request, ignoreRange)
      : xml(404, 'NoSuchKey', 'The specified key does not exist.');
  }

  async handle(request, response) {
    const { counters, faults } = this.world;
    const path = request.url.split('?')[0];
    counters.storage.gets += request.method === 'GET' ? 1 : 0;
    counters.storage.heads += request.method === 'HEAD' ? 1 : 0;
    counters.storage.ranges += request.headers.range ? 1 : 0;
    const range = request.headers.range || null;
    const operation = this.nameOf(path);
    const done = counters.record('storage', request, { operation, path, range });
    response.on('close', () => done(response.statusCode));
    return faults.deliver({ target: 'storage', operation }, request, response, (change) => {
      const answer = this.answer(request, Boolean(change && change.options.ignoreRange));
      counters.storage.bytes += answer.size && request.method === 'GET' ? answer.size : 0;
      return answer;
    });
  }
}

module.exports = { Storage };
