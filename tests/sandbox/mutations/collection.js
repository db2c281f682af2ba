// SPDX-License-Identifier: MIT
// Changing, tagging and deleting collections (protocol 5.7).
'use strict';

const { badRequest, conflict, notFound } = require('../errors');
const {
  visibleProject, requireRole, requireText, given,
} = require('../resolvers/registry').helpers;
const { findCollection, makeTag } = require('../resolvers/collection').helpers;

function requireCollection(ctx, id, kind) {
  const found = findCollection(ctx, id);
  if (!found || found.kind !== kind) {
    throw notFound('artifact collection');
  }
  requireRole(ctx, found.project, 'member');
  return found;
}

function change(collection, input, ctx) {
  if (given(input.name) && input.name !== collection.name) {
    requireText(input.name, 'name');
    if (collection.project.collections.some((c) => c.name === input.name)) {
      throw conflict('a collection of that name already exists');
    }
    collection.name = input.name;
  }
  if (given(input.description)) {
    collection.description = input.description;
  }
  collection.updatedAt = ctx.store.now();
  return { artifactCollection: collection, clientMutationId: input.clientMutationId };
}

function remove(collection, input, ctx) {
  ctx.store.deleteCollection(collection);
  return { artifactCollection: collection, clientMutationId: input.clientMutationId };
}

function moveArtifactSequence(input, ctx) {
  const collection = requireCollection(ctx, input.artifactSequenceID, 'SEQUENCE');
  requireText(input.destinationArtifactTypeName, 'destinationArtifactTypeName');
  collection.typeName = input.destinationArtifactTypeName;
  for (const { artifact } of collection.memberships) {
    artifact.typeName = collection.typeName;
  }
  collection.updatedAt = ctx.store.now();
  return { artifactCollection: collection, clientMutationId: input.clientMutationId };
}

// The collection that a name-based input (tags, aliases, links) speaks about.
function namedCollection(ctx, entityName, projectName, name) {
  const project = visibleProject(ctx, entityName, projectName);
  const found = project && project.collections.find((c) => c.name === name && !c.hidden);
  if (!found) {
    throw notFound(project ? 'artifact collection' : 'project');
  }
  requireRole(ctx, project, 'member');
  return found;
}

const taggedCollection = (input, ctx) => namedCollection(
  ctx, input.entityName, input.projectName, input.artifactCollectionName);

function addTags(list, tags) {
  return [...new Set([...list, ...(tags || []).map((t) => t.tagName)])];
}

function dropTags(list, tags) {
  const dropped = (tags || []).map((t) => t.tagName);
  return list.filter((name) => !dropped.includes(name));
}

function createArtifactCollectionTagAssignments(input, ctx) {
  if (input.tags.length === 0) {
    throw badRequest('tags must not be empty');
  }
  const collection = taggedCollection(input, ctx);
  collection.tags = addTags(collection.tags, input.tags);
  collection.updatedAt = ctx.store.now();
  return { tags: input.tags.map((t) => makeTag(t.tagName)) };
}

function deleteArtifactCollectionTagAssignments(input, ctx) {
  const collection = taggedCollection(input, ctx);
  collection.tags = dropTags(collection.tags, input.tags);
  collection.updatedAt = ctx.store.now();
  return { success: true };
}

const portfolio = (input, ctx) => requireCollection(ctx, input.artifactPortfolioID, 'PORTFOLIO');
const sequence = (input, ctx) => requireCollection(ctx, input.artifactSequenceID, 'SEQUENCE');

module.exports = {
  mutations: {
    updateArtifactPortfolio: (input, ctx) => change(portfolio(input, ctx), input, ctx),
    updateArtifactSequence: (input, ctx) => change(sequence(input, ctx), input, ctx),
    deleteArtifactPortfolio: (input, ctx) => remove(portfolio(input, ctx), input, ctx),
    deleteArtifactSequence: (input, ctx) => remove(sequence(input, ctx), input, ctx),
    moveArtifactSequence,
    createArtifactCollectionTagAssignments,
    deleteArtifactCollectionTagAssignments,
  },
  helpers: { requireCollection, namedCollection, addTags, dropTags },
};
