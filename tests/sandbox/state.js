// SPDX-License-Identifier: MIT
// A plain dump of the state, for tests to compare a client's view with.
'use strict';

const { encodeId } = require('./store');
const { typeNames } = require('./resolvers/registry').helpers;

function dumpFile(entry) {
  const out = { path: entry.path, size: entry.size, digest: entry.digest };
  if (entry.ref) {
    return { ...out, ref: entry.ref };
  }
  return { ...out, md5: entry.content.md5Hex(), sha256: entry.content.sha256Hex() };
}

function dumpVersion(membership) {
  const { artifact } = membership;
  const out = {
    version: membership.versionIndex === null ? null : `v${membership.versionIndex}`,
    aliases: membership.aliases,
    commitHash: membership.commitHash,
    hidden: membership.hidden,
  };
  if (!artifact) {
    return { ...out, artifact: null };
  }
  return {
    ...out,
    id: encodeId('Artifact', artifact.n),
    state: artifact.state,
    description: artifact.description,
    metadata: artifact.metadata,
    tags: artifact.tags,
    createdAt: artifact.createdAt,
    updatedAt: artifact.updatedAt,
    digest: artifact.digest || artifact.fileSet.digest(),
    size: artifact.size === undefined ? artifact.fileSet.bytes(true) : artifact.size,
    layout: artifact.layout,
    files: artifact.fileSet.entries().map(dumpFile),
  };
}

const dumpCollection = (collection) => ({
  id: encodeId('ArtifactCollection', collection.n),
  name: collection.name,
  description: collection.description,
  type: collection.typeName,
  tags: collection.tags,
  createdAt: collection.createdAt,
  updatedAt: collection.updatedAt,
  hidden: collection.hidden,
  unlisted: collection.unlisted,
  versions: collection.memberships.map(dumpVersion),
});

const dumpProject = (project) => ({
  id: project.id,
  internalId: encodeId('ProjectInternalId', project.n),
  name: project.name,
  entity: project.entity.name,
  description: project.description,
  access: project.access,
  allowAllArtifactTypesInRegistry: project.allowAll,
  artifactTypes: typeNames(project, true),
  createdAt: project.createdAt,
  updatedAt: project.updatedAt,
  hidden: project.hidden,
  unlisted: project.unlisted,
  members: project.members,
  teamMembers: project.teamMembers,
  collections: project.collections.map(dumpCollection),
});

function dump(store) {
  const plain = (value) => (typeof value === 'bigint' ? `\u0002int:${value}\u0002` : value);
  const organizations = store.organizations.map((organization) => ({
    name: organization.name,
    entity: organization.orgEntity ? organization.orgEntity.name : null,
    registries: organization.orgEntity ? organization.orgEntity.projects.map(dumpProject) : [],
  }));
  return JSON.parse(JSON.stringify({ organizations }, (_, value) => plain(value)));
}

module.exports = { dump };
