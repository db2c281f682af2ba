// SPDX-License-Identifier: MIT
// More of everything than fits on a page, with pages that are empty and nodes
// that are null for this caller, as authorization leaves them.
'use strict';

const { plant, Sources, addVersion } = require('./plant');
const { people } = require('./people');

const PREFIX = 'wandb-registry-';
const COUNT = 250;

const number = (i) => String(i).padStart(3, '0');

// Positions 100 to 299 of the newest-first list hold nothing that is visible.
function registries() {
  const out = Array.from({ length: COUNT }, (_, i) => ({
    name: `${PREFIX}r${number(i)}`,
    description: `registry ${i}`,
    createdAt: `2025-02-01T00:${number(i).slice(1)}:00Z`.replace(/:[6-9]\d:/, ':59:'),
  }));
  const hidden = Array.from({ length: 200 }, (_, i) => ({
    name: `${PREFIX}hidden-${i}`, hidden: i % 50 === 7 ? 'null' : 'gap',
  }));
  out.splice(COUNT - 100, 0, ...hidden);
  for (let i = 5; i < out.length; i += 40) {
    out.splice(i, 0, { name: `project-${i}`, access: 'USER_READ' });
  }
  return out;
}

function collections() {
  const out = Array.from({ length: COUNT }, (_, i) => ({
    name: `c${number(i)}`, tags: [`t${i % 5}`], versions: [{ files: { 'a.txt': `${i}\n` } }],
  }));
  const hidden = Array.from({ length: 120 }, (_, i) => ({
    name: `hidden-${i}`, hidden: i % 3 === 0 ? 'null' : 'gap',
  }));
  out.splice(COUNT - 90, 0, ...hidden);
  return out;
}

function addManyVersions(store, project, sources) {
  const collection = store.addCollection(project, { name: 'many' });
  for (let i = 0; i < COUNT; i++) {
    const link = i === 40 ? { hiddenArtifact: true } : {};
    addVersion(store, sources, collection, {
      files: { 'n.txt': `${i}\n` }, aliases: [`alias-${i}`, `build-${i}`], link,
    });
    if (i === 99) {
      // Hidden versions take their numbers as well: v100 to v229 are not to be seen.
      for (let k = 0; k < 130; k++) {
        addVersion(store, sources, collection, {
          files: {}, link: { hidden: k % 10 === 0 ? 'null' : 'gap' },
        });
      }
    }
  }
  const folder = store.addCollection(project, { name: 'many-files' });
  addVersion(store, sources, folder, {
    files: Array.from({ length: 1234 }, (_, i) => ({
      path: `part-${i % 10}/f${i}.txt`, text: `${i}\n`, hidden: i % 100 === 50 ? 'null' : null,
    })),
  });
}

function build(store) {
  plant(store, {
    organizations: [
      { name: 'paging', entity: 'paging-entity', registries: registries() },
      { name: 'wide', entity: 'wide-entity', sources: 'wide-team', registries: [
        { name: `${PREFIX}collections`, collections: collections() },
        { name: `${PREFIX}versions` }] },
      { name: 'nothing', entity: 'nothing-entity' },
    ],
    teams: [{ name: 'wide-team', organization: 'wide' }],
    users: people(['paging', 'wide', 'nothing'], 'wide-team'),
  });
  const project = store.findProject('wide-entity', `${PREFIX}versions`);
  addManyVersions(store, project, new Sources(store, 'wide-team'));
}

module.exports = { build };
