// SPDX-License-Identifier: MIT
// Projects; a registry is one of them (protocol 4 and 5).
'use strict';

const { ROLES, encodeId } = require('../store');
const { badRequest, permissionDenied } = require('../errors');
const { connection, plain } = require('../paging');
const lists = require('../lists');

const visibleProject = (ctx, entityName, name) => {
  const found = ctx.store.findProject(entityName, name);
  return found && !found.hidden && ctx.store.canSee(ctx.user, found) ? found : null;
};

const splitName = (name) => {
  const at = name.indexOf(':');
  return at < 0 ? [name, 'latest'] : [name.slice(0, at), name.slice(at + 1)];
};

// Types in use; with includeAll also those saved or permitted.
function typeNames(project, includeAll) {
  const used = project.collections.map((c) => c.typeName);
  return [...new Set(includeAll ? [...project.types, ...used] : used)];
}

const makeType = (project, name) => (name === null ? null : { n: project.n, name, project });

function membershipByName(project, name) {
  const [collectionName, alias] = splitName(name);
  const collection = project.collections.find((c) => c.name === collectionName && !c.hidden);
  return { collection, alias };
}

function artifactCollectionMembership(project, args, ctx) {
  ctx.requireFeature('PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP');
  const { collection, alias } = membershipByName(project, args.name);
  const found = collection && ctx.store.resolveAlias(collection, alias);
  return found && !found.hidden ? found : null;
}

function artifact(project, args, ctx) {
  const { collection, alias } = membershipByName(project, args.name);
  const found = collection && ctx.store.resolveAlias(collection, alias);
  return found && !found.hidden && !found.hiddenArtifact ? found.artifact : null;
}

const collectionByName = (project, name, typeName) => project.collections.find((c) => (
  c.name === name && !c.hidden && (!typeName || c.typeName === typeName))) || null;

function collectionsPage(project, args, ctx, typeName) {
  return connection(lists.collectionsOfProject(ctx.store, project, args, typeName), args,
    lists.showCollection(ctx), { page: 50 });
}

const Query = {
  project: (_, args, ctx) => visibleProject(ctx, args.entityName || ctx.user.entity, args.name),
  models: (_, args, ctx) => {
    const entity = ctx.store.entities.get(args.entityName || ctx.user.entity);
    return entity ? connection(lists.projects(ctx.store, entity, {}), args,
      lists.showProject(ctx)) : null;
  },
};

const Project = {
  internalId: (p) => encodeId('ProjectInternalId', p.n),
  entityName: (p) => p.entity.name,
  allowAllArtifactTypesInRegistry: (p) => p.allowAll,
  isBenchmark: () => false,
  user: () => null,
  artifactTypes: (p, args) => plain(
    typeNames(p, args.includeAll).map((name) => makeType(p, name)), args, { page: 50 }),
  artifactType: (p, args) => (typeNames(p, true).includes(args.name)
    ? makeType(p, args.name) : null),
  artifactCollections: (p, args, ctx) => collectionsPage(p, args, ctx),
  artifactCollection: (p, args) => collectionByName(p, args.name),
  artifactCollectionMembership,
  artifact,
  // `hidden` of a member: the fields that the server does not tell.
  members: (p, _, ctx) => p.members.map((m) => {
    const user = ctx.store.users.find((u) => u.username === m.username);
    const shown = (field) => ((m.hidden || []).includes(field) ? null : user[field]);
    return {
      id: encodeId('User', user.n), name: shown('name'), username: shown('username'),
      email: shown('email'), role: { name: m.role },
    };
  }),
  teamMembers: (p, _, ctx) => p.teamMembers.map((m) => ({
    team: ctx.store.entities.get(m.team), role: { name: m.role },
  })),
  run: () => null,
};

const ArtifactType = {
  id: (t) => encodeId('ArtifactType', `${t.project.n}:${t.name}`),
  description: () => null,
  createdAt: (t) => t.project.createdAt,
  artifactCollections: (t, args, ctx) => collectionsPage(t.project, args, ctx, t.name),
  artifactCollection: (t, args) => collectionByName(t.project, args.name, t.name),
  artifactSequence: (t, args) => {
    const found = collectionByName(t.project, args.name, t.name);
    return found && found.kind === 'SEQUENCE' ? found : null;
  },
  artifact: (t, args, ctx) => {
    const found = artifact(t.project, args, ctx);
    return found && found.typeName === t.name ? found : null;
  },
};

// What a mutation needs; a project that the caller cannot see is not found.
function requireRole(ctx, project, role) {
  if (ROLES.indexOf(ctx.store.role(ctx.user, project)) < ROLES.indexOf(role)) {
    throw permissionDenied();
  }
}

const given = (value) => value !== undefined && value !== null;

function requireText(value, what) {
  if (!given(value) || value === '') {
    throw badRequest(`${what} must not be empty`);
  }
  return value;
}

module.exports = {
  Query, Project, ArtifactType,
  helpers: { visibleProject, typeNames, requireRole, requireText, given },
};
