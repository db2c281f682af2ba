// SPDX-License-Identifier: MIT
// Members and roles of a registry (protocol 5.9).
'use strict';

const { encodeId } = require('../store');
const { badRequest, notFound } = require('../errors');
const { requireRole, requireText } = require('../resolvers/registry').helpers;

const DEFAULT_ROLE = 'restricted_viewer';
const FIXED_ROLES = ['admin', 'member', 'viewer', 'restricted_viewer'];

function requireProject(ctx, id) {
  const project = ctx.store.projectsById.get(id);
  if (!project || !ctx.store.canSee(ctx.user, project)) {
    throw notFound('project');
  }
  requireRole(ctx, project, 'admin');
  return project;
}

function requireUser(ctx, id) {
  const found = ctx.store.users.find((u) => encodeId('User', u.n) === id);
  if (!found) {
    throw notFound('user');
  }
  return found;
}

function requireTeam(ctx, id) {
  const found = [...ctx.store.entities.values()]
    .find((e) => e.type === 'team' && encodeId('Entity', e.n) === id);
  if (!found) {
    throw notFound('team');
  }
  return found;
}

function createProjectMembers(input, ctx) {
  const project = requireProject(ctx, input.projectId);
  const users = (input.userIds || []).map((id) => requireUser(ctx, id));
  const teams = (input.teamIds || []).map((id) => requireTeam(ctx, id));
  for (const user of users) {
    if (!project.members.some((m) => m.username === user.username)) {
      const role = user.serviceAccount ? 'member' : DEFAULT_ROLE;
      project.members.push({ username: user.username, role });
    }
  }
  for (const team of teams) {
    if (!project.teamMembers.some((m) => m.team === team.name)) {
      project.teamMembers.push({ team: team.name, role: DEFAULT_ROLE });
    }
  }
  return { success: true };
}

// Removing somebody who is no member succeeds.
function deleteProjectMembers(input, ctx) {
  const project = requireProject(ctx, input.projectId);
  const users = (input.userIds || []).map((id) => requireUser(ctx, id).username);
  const teams = (input.teamIds || []).map((id) => requireTeam(ctx, id).name);
  project.members = project.members.filter((m) => !users.includes(m.username));
  project.teamMembers = project.teamMembers.filter((m) => !teams.includes(m.team));
  return { success: true };
}

// An organization can have roles of its own; case counts.
function setRole(project, member, role) {
  if (!member) {
    throw notFound('member');
  }
  const { organization } = project.entity;
  const known = [...FIXED_ROLES, ...(organization ? organization.customRoles : [])];
  if (!known.includes(requireText(role, 'role'))) {
    throw badRequest(`unknown role: ${role}`);
  }
  member.role = role;
  return { success: true };
}

function updateProjectMember(input, ctx) {
  const project = requireProject(ctx, input.projectId);
  const user = requireUser(ctx, input.userId);
  const member = project.members.find((m) => m.username === user.username);
  return setRole(project, member, input.userProjectRole);
}

function updateProjectTeamMember(input, ctx) {
  const project = requireProject(ctx, input.projectId);
  const team = requireTeam(ctx, input.teamId);
  const member = project.teamMembers.find((m) => m.team === team.name);
  return setRole(project, member, input.teamProjectRole);
}

module.exports = {
  createProjectMembers, deleteProjectMembers, updateProjectMember, updateProjectTeamMember,
};
