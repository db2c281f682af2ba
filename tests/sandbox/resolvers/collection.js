// SPDX-License-Identifier: MIT
// Collections: portfolios of registries and sequences of runs (protocol 5.7).
'use strict';

const { encodeId } = require('../store');
const { connection, plain } = require('../paging');
const lists = require('../lists');

const TYPE_NAMES = { PORTFOLIO: 'ArtifactPortfolio', SEQUENCE: 'ArtifactSequence' };

const decodeNumber = (id, kind) => {
  const match = new RegExp(`^${kind}:(\\d+)$`).exec(Buffer.from(id, 'base64').toString());
  return match ? Number(match[1]) : -1;
};

function findCollection(ctx, id) {
  const found = ctx.store.collections.get(decodeNumber(id, 'ArtifactCollection'));
  return found && !found.hidden && ctx.store.canSee(ctx.user, found.project) ? found : null;
}

const makeTag = (name) => ({
  id: encodeId('Tag', name), name, tagCategoryName: 'model', attributes: '{}',
});

const makeAlias = (membership, alias) => ({
  n: membership.n,
  id: encodeId('ArtifactAlias', `${membership.n}:${alias}`),
  alias,
  membership,
  artifactCollection: membership.collection,
  artifactCollectionName: membership.collection.name,
  artifact: membership.hiddenArtifact ? null : membership.artifact,
});

function versionedArtifacts(collection, args, ctx) {
  const items = lists.membershipsOfCollection(ctx.store, collection, args.filters, args.order)
    .filter((m) => m.artifact && !m.hiddenArtifact && m.versionIndex !== null);
  const page = connection(items, args, lists.showMembership(ctx), { page: 50 });
  page.edges = page.edges.filter((edge) => edge.node).map((edge) => ({
    ...edge, node: edge.node.artifact, version: `v${edge.node.versionIndex}`,
  }));
  return page;
}

const fields = {
  id: (c) => encodeId('ArtifactCollection', c.n),
  project: (c, _, ctx) => (!c.hiddenProject && ctx.store.canSee(ctx.user, c.project)
    ? c.project : null),
  defaultArtifactType: (c) => ({ n: c.project.n, name: c.typeName, project: c.project }),
  tags: (c) => plain(c.tags.map(makeTag), {}),
  aliases: (c, args) => plain(
    [...(c.aliasOwner || [])].map(([alias, m]) => makeAlias(m, alias)), args),
  artifacts: versionedArtifacts,
  artifactMemberships: (c, args, ctx) => connection(
    lists.membershipsOfCollection(ctx.store, c, null, null), args, lists.showMembership(ctx)),
  artifactMembership: (c, args, ctx) => {
    const found = ctx.store.resolveAlias(c, args.aliasName);
    return found && !found.hidden ? found : null;
  },
};

module.exports = {
  Query: { artifactCollection: (_, args, ctx) => findCollection(ctx, args.id) },
  ArtifactCollection: { resolveType: (c) => TYPE_NAMES[c.kind] },
  ArtifactPortfolio: fields,
  ArtifactSequence: fields,
  helpers: { findCollection, decodeNumber, makeTag, makeAlias },
};
