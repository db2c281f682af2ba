// SPDX-License-Identifier: MIT
// Memberships and artifacts (protocol 5.8).
'use strict';

const { encodeId } = require('../store');
const { notFound } = require('../errors');
const { connection } = require('../paging');
const lists = require('../lists');
const { decodeNumber, makeTag, makeAlias } = require('./collection').helpers;
const { filesPage, filesByEntries } = require('./file').helpers;

// An artifact is seen through any collection that the caller can see.
function canSeeArtifact(ctx, artifact) {
  return artifact.memberships.some((m) => ctx.store.canSee(ctx.user, m.collection.project));
}

function findArtifact(ctx, id) {
  const found = ctx.store.artifacts.get(decodeNumber(id, 'Artifact'));
  return found && canSeeArtifact(ctx, found) ? found : null;
}

const sourceMembership = (artifact) => artifact.memberships
  .find((m) => m.collection === artifact.sequence);

function membershipIn(artifact, collectionName) {
  if (collectionName) {
    return artifact.memberships.find((m) => m.collection.name === collectionName);
  }
  return sourceMembership(artifact);
}

function clientIDMapping(_, args, ctx) {
  const found = ctx.store.clientIds.get(args.clientID);
  if (!found || !canSeeArtifact(ctx, found)) {
    throw notFound('artifact');
  }
  return { serverID: encodeId('Artifact', found.n) };
}

const Query = {
  artifact: (_, args, ctx) => findArtifact(ctx, args.id),
  clientIDMapping,
};

const ArtifactCollectionMembership = {
  id: (m) => encodeId('ArtifactCollectionMembership', m.n),
  aliases: (m) => m.aliases.map((alias) => makeAlias(m, alias)),
  artifactCollection: (m) => (m.hiddenCollection ? null : m.collection),
  artifact: (m) => (m.hiddenArtifact ? null : m.artifact),
  files: (m, args, ctx) => {
    ctx.requireFeature('ARTIFACT_COLLECTION_MEMBERSHIP_FILES');
    return m.hiddenArtifact || !m.artifact ? null
      : filesPage(m.artifact, m.collection.project, args, ctx);
  },
};

const Artifact = {
  id: (a) => encodeId('Artifact', a.n),
  artifactSequence: (a) => a.sequence,
  versionIndex: (a, args) => {
    const found = membershipIn(a, args.artifactCollectionName);
    return found ? found.versionIndex : a.sourceIndex;
  },
  artifactType: (a) => ({ n: a.sequence.project.n, name: a.typeName, project: a.sequence.project }),
  ttlDurationSeconds: (a) => a.ttl,
  aliases: (a, args) => a.memberships
    .filter((m) => !args.artifactCollectionName || m.collection.name === args.artifactCollectionName)
    .flatMap((m) => m.aliases.map((alias) => makeAlias(m, alias))),
  tags: (a) => a.tags.map(makeTag),
  size: (a) => (a.size === undefined ? a.fileSet.bytes(true) : a.size),
  storageBytes: (a) => a.fileSet.bytes(false),
  digest: (a) => a.digest || a.fileSet.digest(),
  commitHash: (a, args) => {
    const found = membershipIn(a, args.artifactCollectionName);
    return found ? found.commitHash : null;
  },
  fileCount: (a) => a.fileSet.count(),
  currentManifest: (a) => (a.noManifest ? null : {
    id: encodeId('ArtifactManifest', a.n), digest: a.digest || a.fileSet.digest(), artifact: a,
  }),
  files: (a, args, ctx) => filesPage(a, a.sequence.project, args, ctx),
  filesByManifestEntries: filesByEntries,
  artifactMemberships: (a, args, ctx) => connection(
    a.memberships, args, lists.showMembership(ctx), { page: 500 }),
};

module.exports = {
  Query, ArtifactCollectionMembership, Artifact,
  helpers: { findArtifact, sourceMembership },
};
