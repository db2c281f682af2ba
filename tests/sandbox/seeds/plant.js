// SPDX-License-Identifier: MIT
// Fills a store from a plain tree, the form of JSON seeds:
// { features, url_life, token_life, references,
//   organizations: [{ name, entity, advancedSearch, customRoles, registries: [registry] }],
//   teams: [{ name, organization, projects: [registry] }], users: [user] }
// registry: { name, description, access, types, ..., collections: [collection],
//   members: [{ username, role, hidden: [field] }], teamMembers: [{ team, role }] }
// collection: { name, type, tags, ..., versions: [version] }
// registry and collection also: hidden ('null' or 'gap': nowhere), unlisted (a null node in the lists
// of its kind, found by name)
// version: { aliases, tags, metadata, files: { path: text or spec }, loggedBy, usedBy, alsoIn, ... }
// (runs.js)
'use strict';

const { addLineage } = require('./runs');

// Where a registry's versions come from: one source project in the given entity.
class Sources {
  constructor(store, entityName, pending) {
    this.store = store;
    this.pending = pending;
    this.entityName = entityName;
    this.project = null;
    this.sequences = new Map();
  }

  // The sequence for a collection, made when first needed.
  sequence(collection) {
    const name = `${collection.name}-run`;
    if (!this.project) {
      const entity = this.store.entities.get(this.entityName);
      this.project = this.store.addProject(entity, {
        name: 'training', access: 'USER_READ', createdAt: '2024-12-01T08:00:00Z',
      });
    }
    const key = `${collection.n}`;
    if (!this.sequences.has(key)) {
      this.sequences.set(key, this.store.addCollection(this.project, {
        name, type: collection.typeName, kind: 'SEQUENCE', createdAt: collection.createdAt,
      }));
    }
    return this.sequences.get(key);
  }
}

function addVersion(store, sources, collection, spec) {
  const { aliases, link, loggedBy, usedBy, alsoIn, ...artifactSpec } = spec;
  const sequence = spec.sequence || sources.sequence(collection);
  const artifact = store.addArtifact(sequence, artifactSpec);
  if (sources && sources.pending && (loggedBy || usedBy || alsoIn)) {
    const { entity } = collection.project;
    sources.pending.push({ artifact, entity, lineage: { loggedBy, usedBy, alsoIn } });
  }
  return store.link(collection, artifact, { aliases, ...link });
}

function addRegistry(store, sources, entity, spec) {
  const { collections, ...projectSpec } = spec;
  const project = store.addProject(entity, projectSpec);
  for (const { versions, ...collectionSpec } of collections || []) {
    const collection = store.addCollection(project, collectionSpec);
    for (const version of versions || []) {
      addVersion(store, sources, collection, version);
    }
  }
  return project;
}

function plant(store, tree) {
  for (const [name, value] of Object.entries(tree.features || {})) {
    store.features.set(name, value);
  }
  store.urlLife = tree.url_life === undefined ? store.urlLife : tree.url_life;
  store.tokens.life = tree.token_life === undefined ? store.tokens.life : tree.token_life;
  store.references = tree.references || store.references;
  for (const organization of tree.organizations || []) {
    store.addOrganization(organization);
  }
  for (const team of tree.teams || []) {
    const owner = store.organizations.find((o) => o.name === team.organization);
    store.addEntity(team.name, 'team', owner);
  }
  for (const user of tree.users || []) {
    store.addUser(user);
  }
  const pending = [];
  for (const { name, sources: sourceEntity, registries } of tree.organizations || []) {
    const { orgEntity } = store.organizations.find((o) => o.name === name);
    const sources = new Sources(store, sourceEntity || (orgEntity && orgEntity.name), pending);
    for (const registry of registries || []) {
      addRegistry(store, sources, orgEntity, registry);
    }
  }
  addLineage(store, pending);
}

module.exports = { plant, addRegistry, addVersion, Sources };
