// SPDX-License-Identifier: MIT
// As much as asked for: parameters come as --param KEY=VALUE or from the environment
// as SANDBOX_KEY. The first collection's versions hold what `files`, `file_bytes`
// and `big_bytes` say; the others share one small file.
'use strict';

const { FileSet } = require('../files');
const { plant } = require('./plant');
const { people } = require('./people');

const PREFIX = 'wandb-registry-';
const START = Date.UTC(2025, 0, 1);

// versions: per collection; collections: per registry; big_bytes: one more file,
// big.bin, in the first collection's versions (0: none).
const DEFAULTS = {
  registries: 1, collections: 10, versions: 100, files: 100, file_bytes: 100, big_bytes: 0,
  metadata_keys: 5,
};

function readParameters(params) {
  const out = {};
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const given = params[name] || process.env[`SANDBOX_${name.toUpperCase()}`];
    out[name] = given === undefined ? value : Number(given);
    if (!Number.isSafeInteger(out[name]) || out[name] < 0) {
      throw new Error(`the parameter ${name} must be a whole number`);
    }
  }
  for (const name of Object.keys(params)) {
    if (!Object.hasOwn(DEFAULTS, name)) {
      throw new Error(`the seed large has no parameter ${name}`);
    }
  }
  return out;
}

// Files in folders of 100, two levels deep.
function manyFiles(p) {
  const out = Array.from({ length: p.files }, (_, i) => {
    const folder = Math.floor(i / 100);
    const path = `d${Math.floor(folder / 10)}/s${folder % 10}/f${String(i).padStart(6, '0')}.bin`;
    return p.file_bytes > 4096
      ? { path, random: { seed: 1 + (i % 16), size: p.file_bytes } }
      : { path, text: `${i} `.repeat(p.file_bytes).slice(0, p.file_bytes) };
  });
  if (p.big_bytes > 0) {
    out.push({ path: 'big.bin', random: { seed: 42, size: p.big_bytes } });
  }
  return out;
}

const date = (serial) => new Date(START + serial * 1000).toISOString().replace('.000Z', 'Z');

function fillCollection(store, collection, sequence, p, fileSet, serial) {
  for (let v = 0; v < p.versions; v++) {
    const keys = Array.from({ length: p.metadata_keys }, (_, k) => `"key${k}":${serial + v + k}`);
    const artifact = store.addArtifact(sequence, {
      createdAt: date(serial + v),
      metadata: `{${keys.join(',')}}`,
      fileSet,
    });
    store.link(collection, artifact, { aliases: v === 0 ? ['production'] : [] });
  }
}

function build(store, params) {
  const p = readParameters(params);
  plant(store, {
    organizations: [{ name: 'large', entity: 'large-entity' }],
    teams: [{ name: 'large-team', organization: 'large' }],
    users: people(['large'], 'large-team'),
  });
  const first = new FileSet(() => manyFiles(p));
  const shared = new FileSet({ 'model.txt': 'shared by many versions\n' });
  // Hashing a large file takes seconds: better before the server answers.
  first.digest();
  const source = store.addProject(store.entities.get('large-team'), { name: 'training' });
  let serial = 0;
  for (let r = 0; r < p.registries; r++) {
    const project = store.addProject(store.entities.get('large-entity'), {
      name: `${PREFIX}r${r}`, description: `registry ${r}`, createdAt: date(r),
    });
    for (let c = 0; c < p.collections; c++) {
      const spec = { name: `c${c}`, createdAt: date(c) };
      const collection = store.addCollection(project, spec);
      const sequence = store.addCollection(source, {
        ...spec, name: `r${r}-c${c}-run`, kind: 'SEQUENCE',
      });
      fillCollection(store, collection, sequence, p, r + c === 0 ? first : shared, serial);
      serial += p.versions;
    }
  }
}

module.exports = { build };
