// SPDX-License-Identifier: MIT
// Aliases, links, and changes of artifacts (protocol 5.8).
'use strict';

const { badRequest, conflict, notFound, permissionDenied } = require('../errors');
const {
  visibleProject, requireRole, requireText, given,
} = require('../resolvers/registry').helpers;
const { findArtifact } = require('../resolvers/version').helpers;
const {
  requireCollection, namedCollection, addTags, dropTags,
} = require('./collection').helpers;

const MAX_METADATA_KEYS = 100;

function requireArtifact(ctx, id) {
  const found = findArtifact(ctx, id);
  if (!found) {
    throw notFound('artifact');
  }
  return found;
}

function checkAlias(alias) {
  requireText(alias, 'alias');
  if (/^v\d+$/.test(alias)) {
    throw badRequest(`the alias ${alias} is reserved for versions`);
  }
}

// The memberships that an alias input speaks about, all found before any is changed.
function aliasTargets(input, ctx) {
  const artifact = requireArtifact(ctx, input.artifactID);
  return input.aliases.map((item) => {
    checkAlias(item.alias);
    const collection = namedCollection(
      ctx, item.entityName, item.projectName, item.artifactCollectionName);
    const membership = artifact.memberships.find((m) => m.collection === collection);
    if (!membership) {
      throw notFound('artifact in that collection');
    }
    return { membership, alias: item.alias };
  });
}

function addAliases(input, ctx) {
  for (const { membership, alias } of aliasTargets(input, ctx)) {
    ctx.store.setAlias(membership, alias);
    membership.collection.updatedAt = ctx.store.now();
  }
  return { success: true };
}

function deleteAliases(input, ctx) {
  for (const { membership, alias } of aliasTargets(input, ctx)) {
    if (membership.aliases.includes(alias)) {
      ctx.store.removeAlias(membership, alias);
      membership.collection.updatedAt = ctx.store.now();
    }
  }
  return { success: true };
}

function checkMetadata(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('metadata is not JSON');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw badRequest('metadata must be an object');
  }
  if (Object.keys(value).length > MAX_METADATA_KEYS) {
    throw badRequest(`metadata must not have more than ${MAX_METADATA_KEYS} keys`);
  }
}

function updateArtifact(input, ctx) {
  const artifact = requireArtifact(ctx, input.artifactID);
  const { project } = artifact.sequence;
  if (project.readOnly) {
    throw permissionDenied();
  }
  requireRole(ctx, project, 'member');
  if (given(input.metadata)) {
    checkMetadata(input.metadata);
    artifact.metadata = input.metadata;
  }
  if (given(input.description)) {
    artifact.description = input.description;
  }
  if (given(input.ttlDurationSeconds)) {
    artifact.ttl = input.ttlDurationSeconds;
    artifact.ttlIsInherited = input.ttlDurationSeconds === -1;
  }
  artifact.tags = dropTags(addTags(artifact.tags, input.tagsToAdd), input.tagsToDelete);
  for (const item of input.aliases || []) {
    checkAlias(item.alias);
    const membership = artifact.memberships
      .find((m) => m.collection.name === item.artifactCollectionName);
    if (membership) {
      ctx.store.setAlias(membership, item.alias);
    }
  }
  artifact.updatedAt = ctx.store.now();
  return { artifact };
}

function deleteArtifact(input, ctx) {
  const artifact = requireArtifact(ctx, input.artifactID);
  requireRole(ctx, artifact.sequence.project, 'member');
  const named = artifact.memberships.some((m) => m.aliases.some((a) => a !== 'latest'));
  if (named && !input.deleteAliases) {
    throw conflict('cannot delete an artifact that has aliases');
  }
  for (const membership of [...artifact.memberships]) {
    ctx.store.unlink(membership);
  }
  artifact.state = 'DELETED';
  ctx.store.artifacts.delete(artifact.n);
  return { artifact };
}

// The collection to link to: by id, or by name, made when missing.
function linkTarget(input, ctx, artifact) {
  if (input.artifactPortfolioID) {
    return requireCollection(ctx, input.artifactPortfolioID, 'PORTFOLIO');
  }
  const name = requireText(input.artifactPortfolioName, 'artifactPortfolioName');
  if ([...name].length > 128 || name.includes('/')) {
    throw badRequest('artifactPortfolioName: invalid collection name');
  }
  const project = visibleProject(ctx, input.entityName, input.projectName);
  if (!project) {
    throw notFound('project');
  }
  requireRole(ctx, project, 'member');
  const existing = project.collections.find((c) => c.name === name);
  if (!existing && !project.allowAll && !project.types.includes(artifact.typeName)) {
    throw badRequest(`the registry does not take artifacts of type ${artifact.typeName}`);
  }
  return existing || ctx.store.addCollection(project, {
    name, type: artifact.typeName, createdAt: ctx.store.now(),
  });
}

function linkArtifact(input, ctx) {
  const artifact = input.clientID ? ctx.store.clientIds.get(input.clientID)
    : requireArtifact(ctx, requireText(input.artifactID, 'artifactID'));
  if (!artifact) {
    throw notFound('artifact');
  }
  (input.aliases || []).forEach((item) => checkAlias(item.alias));
  const collection = linkTarget(input, ctx, artifact);
  if (collection.typeName !== artifact.typeName) {
    throw badRequest(`the collection takes artifacts of type ${collection.typeName} only`);
  }
  const existing = artifact.memberships.find((m) => m.collection === collection);
  const membership = existing
    || ctx.store.link(collection, artifact, { createdAt: ctx.store.now() });
  for (const item of input.aliases || []) {
    ctx.store.setAlias(membership, item.alias);
  }
  collection.updatedAt = ctx.store.now();
  const shown = ctx.feature('ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE');
  return {
    versionIndex: membership.versionIndex, artifactMembership: shown ? membership : null,
  };
}

function unlinkArtifact(input, ctx) {
  const artifact = requireArtifact(ctx, input.artifactID);
  const collection = requireCollection(ctx, input.artifactPortfolioID, 'PORTFOLIO');
  const membership = artifact.memberships.find((m) => m.collection === collection);
  if (!membership) {
    throw notFound('artifact in that collection');
  }
  ctx.store.unlink(membership);
  collection.updatedAt = ctx.store.now();
  return {
    artifactID: input.artifactID, success: true, clientMutationId: input.clientMutationId,
  };
}

module.exports = {
  mutations: {
    addAliases, deleteAliases, updateArtifact, deleteArtifact, linkArtifact, unlinkArtifact,
  },
};
