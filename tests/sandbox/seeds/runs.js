// SPDX-License-Identifier: MIT
// Runs that logged and used artifacts. A version of a seed says of itself:
// { loggedBy: 'entity/project/run' or { run, hidden } or { user: 'ada' },
//   usedBy: [the same, but no users], alsoIn: ['registry/collection' of the organization] }
// `hidden`: its project is null for everybody. Projects are made when first named.
'use strict';

function projectOf(store, path) {
  const [entityName, name] = path.split('/');
  const entity = store.entities.get(entityName) || store.addEntity(entityName, 'team', null);
  return store.findProject(entityName, name) || store.addProject(entity, {
    name, access: 'USER_READ', createdAt: '2024-12-01T08:00:00Z',
  });
}

function runOf(store, spec) {
  const { run: path, hidden } = typeof spec === 'string' ? { run: spec } : spec;
  store.runs = store.runs || new Map();
  const key = `${path} ${Boolean(hidden)}`;
  if (!store.runs.has(key)) {
    const name = path.split('/').slice(2).join('/');
    store.runs.set(key, {
      n: store.nextNumber(), name, displayName: `what ${name} is called`,
      project: projectOf(store, path), hidden: Boolean(hidden), logged: [], used: [],
    });
  }
  return store.runs.get(key);
}

function addRuns(store, artifact, { loggedBy, usedBy }) {
  if (loggedBy && loggedBy.user) {
    artifact.createdBy = store.users.find((u) => u.username === loggedBy.user);
  } else if (loggedBy) {
    artifact.createdBy = runOf(store, loggedBy);
    artifact.createdBy.logged.push(artifact);
  }
  artifact.usedBy = (usedBy || []).map((spec) => runOf(store, spec));
  artifact.usedBy.forEach((run) => run.used.push(artifact));
}

function addLinks(store, artifact, entity, places) {
  for (const place of places || []) {
    const [registry, name] = place.split('/');
    const project = store.findProject(entity.name, `wandb-registry-${registry}`);
    store.link(project.collections.find((c) => c.name === name), artifact);
  }
}

// After all else, so that no number of an older seed changes.
function addLineage(store, pending) {
  for (const { artifact, entity, lineage } of pending) {
    addRuns(store, artifact, lineage);
    addLinks(store, artifact, entity, lineage.alsoIn);
  }
}

module.exports = { addLineage, addRuns };
