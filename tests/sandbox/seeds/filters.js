// SPDX-License-Identifier: MIT
// 5 registries, 60 collections, 600 versions with varied tags, aliases, dates and
// metadata. The organization `advanced` holds one registry more and has the
// advanced search.
'use strict';

const { plant } = require('./plant');
const { people } = require('./people');

const PREFIX = 'wandb-registry-';
const REGISTRIES = ['model', 'dataset', 'eval', 'prod-eu', 'prod-us'];
const COLLECTION_TAGS = [['prod'], ['prod', 'eu'], ['dev'], [], ['with space', 'eu']];
const VERSION_TAGS = [['gpu'], ['cpu', 'reviewed'], [], ['reviewed'], ['gpu', 'reviewed']];
const FAMILIES = ['churn', 'fraud', 'ranking', 'speech', 'vision', 'text'];

function date(step, hours) {
  const text = new Date(Date.UTC(2024, 0, 1 + step, hours)).toISOString();
  return text.replace('.000Z', 'Z');
}

function version(serial, i) {
  return {
    tags: VERSION_TAGS[serial % VERSION_TAGS.length],
    aliases: i === 4 ? ['production'] : [[], ['candidate'], ['für alle']][i % 3],
    createdAt: date(serial % 365, i),
    updatedAt: serial % 4 === 0 ? date((serial % 365) + 1, i) : null,
    metadata: JSON.stringify({
      accuracy: ((serial * 37) % 100) / 100,
      epochs: serial % 20,
      framework: ['torch', 'jax', 'sklearn'][serial % 3],
      run: { seed: serial, host: { name: `node-${serial % 7}` } },
      flags: serial % 2 === 0 ? ['quantized'] : [],
      source: `s3/${['eu', 'us'][serial % 2]}/größe`,
      ...(serial % 10 === 0 ? { note: null } : {}),
    }),
    files: { 'model.txt': `version ${serial}\n`.repeat(1 + (serial % 9)) },
  };
}

function registry(name, r) {
  return {
    name: PREFIX + name,
    description: r % 2 === 0 ? `All about ${name}` : null,
    createdAt: date(r * 10, 0),
    updatedAt: r === 3 ? date(200, 0) : null,
    access: r === 4 ? 'RESTRICTED' : 'PRIVATE',
    members: [{ username: 'ada', role: 'admin' }],
    collections: Array.from({ length: 12 }, (_, c) => ({
      name: `${FAMILIES[c % FAMILIES.length]}-${r}-${Math.floor(c / FAMILIES.length)}`,
      description: [`family ${FAMILIES[c % FAMILIES.length]}`, null, '模型/größe, 100%'][c % 3],
      tags: COLLECTION_TAGS[(c + r) % COLLECTION_TAGS.length],
      createdAt: date(c + r * 12, 1),
      versions: Array.from({ length: 10 }, (_v, i) => version(r * 120 + c * 10 + i, i)),
    })),
  };
}

function build(store) {
  plant(store, {
    organizations: [
      { name: 'filters', entity: 'filters-entity', sources: 'filters-team',
        registries: REGISTRIES.map(registry) },
      { name: 'advanced', entity: 'advanced-entity', sources: 'advanced-team', advancedSearch: true,
        registries: [registry('model', 0)] },
    ],
    teams: [{ name: 'filters-team', organization: 'filters' },
      { name: 'advanced-team', organization: 'advanced' }],
    users: people(['filters', 'advanced'], 'filters-team'),
  });
}

module.exports = { build };
