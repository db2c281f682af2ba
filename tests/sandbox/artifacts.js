// SPDX-License-Identifier: MIT
// The file fallback of the API host (protocol 8.3): credentials are needed, the
// answer is the bytes or a redirect to storage.
'use strict';

const { userOf } = require('./auth');
const { encodeId } = require('./store');
const { unauthorized } = require('./api');

const text = (status, message) => ({
  status, headers: { 'content-type': 'text/plain' }, body: Buffer.from(message),
});

const decode = (part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
};

// The parts of a fallback URL, whatever its form; null for none of them.
function parsePath(path) {
  const parts = path.split('/').slice(1).map(decode);
  if (parts.includes(null)) {
    return null;
  }
  if (parts[0] === 'artifacts' && parts.length === 3) {
    return { layout: 'V1', entity: parts[1], hex: parts[2] };
  }
  const [, region, entity, ...rest] = parts;
  if (rest.length === 2) {
    return { layout: 'V2', region, entity, birth: rest[0], hex: rest[1] };
  }
  if (rest.length === 5 || rest.length === 6) {
    const [project, collection] = rest;
    const [birth, hex, name] = rest.slice(-3);
    const artifact = rest.length === 6 ? rest[2] : null;
    return { layout: 'V2', region, entity, project, collection, artifact, birth, hex, name };
  }
  return null;
}

class Artifacts {
  constructor(world) {
    this.world = world;
    this.redirect = false;
  }

  matches(wanted, artifact, user) {
    if (artifact.layout !== wanted.layout
        || (wanted.layout === 'V2' && (artifact.region || 'default') !== wanted.region)
        || (wanted.artifact && encodeId('Artifact', artifact.n) !== wanted.artifact)) {
      return false;
    }
    return artifact.memberships.some(({ collection }) => (
      collection.project.entity.name === wanted.entity
      && (!wanted.project || collection.project.name === wanted.project)
      && (!wanted.collection || collection.name === wanted.collection)
      && this.world.store.canReadFiles(user, collection.project)));
  }

  find(wanted, user) {
    for (const artifact of this.world.store.artifacts.values()) {
      if (this.matches(wanted, artifact, user)) {
        const birthOf = (e) => e.birth || encodeId('Artifact', artifact.n);
        const entry = artifact.fileSet.stored().find((e) => (
          Buffer.from(e.digest, 'base64').toString('hex') === wanted.hex
          && (!wanted.birth || birthOf(e) === wanted.birth)
          && (!wanted.name || e.path.split('/').pop() === wanted.name)));
        if (entry) {
          return { artifact, entry };
        }
      }
    }
    return null;
  }

  answer(request, ignoreRange) {
    const user = userOf(this.world.store, request);
    if (!user) {
      return unauthorized();
    }
    const wanted = parsePath(request.url.split('?')[0]);
    const found = wanted && this.find(wanted, user);
    if (!found) {
      return text(404, 'artifact file not found');
    }
    if (this.redirect) {
      const location = this.world.storage.sign(found.artifact, found.entry);
      return { status: 302, headers: { location }, body: Buffer.alloc(0) };
    }
    const source = {
      content: found.entry.content, date: found.entry.updatedAt || found.artifact.createdAt,
    };
    return this.world.storage.serve(source, request, ignoreRange);
  }

  async handle(request, response) {
    this.world.counters.artifacts++;
    const done = this.world.counters.record('artifacts', request, { path: request.url });
    response.on('close', () => done(response.statusCode));
    return this.world.faults.deliver({ target: 'artifacts', operation: request.url }, request, response,
      (change) => this.answer(request, Boolean(change && change.options.ignoreRange)));
  }
}

module.exports = { Artifacts };
