// SPDX-License-Identifier: MIT
// Who am I, which organizations, what can the server do (protocol 3 and 5.6).
'use strict';

const { encodeId } = require('../store');
const { ApiError } = require('../errors');
const { connection, plain } = require('../paging');
const lists = require('../lists');

const PUBLIC_CLIENT = 'W&B Public Client';

function findEntity(ctx, name) {
  const entity = ctx.store.entities.get(name);
  return entity && ctx.store.canSeeEntity(ctx.user, entity) ? entity : null;
}

// By display name or id; the name of the org entity is not accepted.
function organization(_, args, ctx) {
  const found = ctx.store.organizations.find((o) => (args.id
    ? encodeId('Organization', o.n) === args.id : o.name === args.name));
  return found && ctx.store.canSeeOrganization(ctx.user, found) ? found : null;
}

function apiKeys(user, _, ctx) {
  if (!(ctx.userAgent || '').startsWith(PUBLIC_CLIENT)) {
    throw new ApiError('relogin required', 401);
  }
  return { edges: [{ node: { id: encodeId('ApiKey', user.n), name: 'sandbox' } }] };
}

// `users` finds parts of names and addresses, and nobody for who does not administer the site.
const Query = {
  viewer: (_, args, ctx) => ctx.user,
  entity: (_, args, ctx) => findEntity(ctx, args.name || ctx.user.entity),
  organization,
  users: (_, args, ctx) => plain(!ctx.user.admin ? [] : ctx.store.users.filter((u) => (
    (!args.query || u.username.includes(args.query) || u.email.includes(args.query))
    && (!args.usernames || args.usernames.includes(u.username))
    && (!args.ids || args.ids.includes(encodeId('User', u.n))))), args),
  serverInfo: (_, args, ctx) => ({
    features: ctx.store.featuresAbsent ? [] : [...ctx.store.features]
      .map(([name, isEnabled]) => (isEnabled === null ? null : { name, isEnabled })),
    cliVersionInfo: { max_cli_version: '0.22.3' },
    latestLocalVersionInfo: null,
  }),
};

const User = {
  id: (u) => encodeId('User', u.n),
  flags: () => '{}',
  apiKeys,
  teams: (u, args, ctx) => plain(u.teams.map((name) => ctx.store.entities.get(name)), args),
};

const Entity = {
  id: (e) => encodeId('Entity', e.n),
  available: () => false,
  readOnly: () => false,
  readOnlyAdmin: () => false,
  isTeam: (e) => e.type === 'team',
  entityType: (e) => e.entityType || e.type,
  privateOnly: () => false,
  storageBytes: () => 0,
  codeSavingEnabled: () => true,
  defaultAccess: () => 'PRIVATE',
  isPaid: () => true,
  members: (e, _, ctx) => ctx.store.users.filter((u) => u.teams.includes(e.name)).map((u) => ({
    id: encodeId('User', u.n), name: u.name, username: u.username, email: u.email,
    admin: false, role: 'member', pending: false,
  })),
  organization: (e, _, ctx) => (e.organization
    && ctx.store.canSeeOrganization(ctx.user, e.organization) ? e.organization : null),
  project: (e, args, ctx) => {
    const found = ctx.store.findProject(e.name, args.name);
    return found && !found.hidden && ctx.store.canSee(ctx.user, found) ? found : null;
  },
  projects: (e, args, ctx) => connection(
    lists.projects(ctx.store, e, args), args, lists.showProject(ctx)),
  artifactCollections: (e, args, ctx) => connection(
    lists.collectionsOfEntity(ctx.store, e, args), args, lists.showCollection(ctx)),
  artifactMemberships: (e, args, ctx) => connection(
    lists.membershipsOfEntity(ctx.store, e, args), args, lists.showMembership(ctx)),
};

const Organization = {
  id: (o) => encodeId('Organization', o.n),
  advancedRegistryFeatures: (o) => ({ advancedSearch: o.advancedSearch }),
  featureFlags: () => [],
};

module.exports = {
  Query, User, Entity, Organization,
  Node: { resolveType: () => { throw new Error('Node is never asked for on its own'); } },
  Initiator: { resolveType: (value) => (value.username ? 'User' : 'Run') },
};
