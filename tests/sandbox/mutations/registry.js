// SPDX-License-Identifier: MIT
// Creating, changing, renaming and deleting registries (protocol 5.3 to 5.5).
'use strict';

const { badRequest, conflict, notFound, permissionDenied } = require('../errors');
const {
  visibleProject, typeNames, requireRole, requireText, given,
} = require('../resolvers/registry').helpers;

const PREFIX = 'wandb-registry-';
const ACCESS = ['PRIVATE', 'RESTRICTED'];

function checkRegistry(name, input) {
  if (name === PREFIX) {
    throw badRequest('a registry needs a name after its prefix');
  }
  if (name.startsWith(PREFIX) && given(input.access) && !ACCESS.includes(input.access)) {
    throw badRequest(`invalid access: ${input.access}`);
  }
}

// Types are add-only. They cannot be named while all are allowed.
function addTypes(project, input) {
  if (!input.artifactTypes || input.artifactTypes.length === 0) {
    return;
  }
  if (project.allowAll) {
    throw badRequest('artifact types cannot be added while all types are allowed');
  }
  project.types = [...new Set([...project.types, ...input.artifactTypes.map((t) => t.name)])];
}

function create(input, ctx, entity, name) {
  const organization = entity.organization;
  const role = organization ? organization.roles.get(ctx.user) : 'admin';
  if (!ctx.user.admin && !['admin', 'member'].includes(role)) {
    throw permissionDenied();
  }
  const types = (input.artifactTypes || []).map((t) => t.name);
  const allowAll = given(input.allowAllArtifactTypesInRegistry)
    ? input.allowAllArtifactTypesInRegistry : types.length === 0;
  if (allowAll && types.length > 0) {
    throw badRequest('artifact types cannot be added while all types are allowed');
  }
  return ctx.store.addProject(entity, {
    name,
    description: input.description,
    access: given(input.access) ? input.access : 'PRIVATE',
    types: [...new Set(types)],
    allowAll,
    createdAt: ctx.store.now(),
    members: ctx.user.admin ? [] : [{ username: ctx.user.username, role: 'admin' }],
  });
}

// A member that is absent, or null, leaves the project as it is.
function update(input, ctx, project) {
  requireRole(ctx, project, 'admin');
  const before = { types: project.types, allowAll: project.allowAll };
  if (given(input.allowAllArtifactTypesInRegistry)) {
    project.allowAll = input.allowAllArtifactTypesInRegistry;
    if (!project.allowAll) {
      project.types = typeNames(project, true);
    }
  }
  try {
    addTypes(project, input);
  } catch (error) {
    Object.assign(project, before);
    throw error;
  }
  if (given(input.description)) {
    project.description = input.description;
  }
  if (given(input.access)) {
    project.access = input.access;
  }
  project.updatedAt = ctx.store.now();
}

function upsertModel(input, ctx) {
  const byId = input.id ? ctx.store.projectsById.get(input.id) : null;
  const entityName = byId ? byId.entity.name : input.entityName || ctx.user.entity;
  const name = byId ? byId.name : requireText(input.name, 'name');
  const entity = ctx.store.entities.get(entityName);
  if (!entity || !ctx.store.canSeeEntity(ctx.user, entity)) {
    throw notFound('entity');
  }
  checkRegistry(name, input);
  if (input.artifactTypes && input.artifactTypes.length > 0) {
    ctx.requireFeature('INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION');
  }
  const existing = ctx.store.findProject(entityName, name);
  if (existing) {
    update(input, ctx, existing);
  }
  const project = existing || create(input, ctx, entity, name);
  return {
    project, model: project, inserted: !existing, clientMutationId: input.clientMutationId,
  };
}

function renameProject(input, ctx) {
  const project = visibleProject(ctx, input.entityName, input.oldProjectName);
  if (!project) {
    throw notFound('project');
  }
  requireRole(ctx, project, 'admin');
  const name = requireText(input.newProjectName, 'newProjectName');
  if ([...name].length > 128) {
    throw badRequest('newProjectName: must not be longer than 128');
  }
  checkRegistry(name, {});
  if (name !== project.name) {
    if (ctx.store.findProject(input.entityName, name)) {
      throw conflict('a project of that name already exists');
    }
    ctx.store.renameProject(project, name);
    project.updatedAt = ctx.store.now();
  }
  return { project, inserted: false, clientMutationId: input.clientMutationId };
}

function deleteModel(input, ctx) {
  const project = ctx.store.projectsById.get(input.id);
  if (!project || project.hidden || !ctx.store.canSee(ctx.user, project)) {
    throw notFound('project');
  }
  requireRole(ctx, project, 'admin');
  ctx.store.deleteProject(project);
  return { success: true, clientMutationId: input.clientMutationId };
}

module.exports = { upsertModel, renameProject, deleteModel };
