// SPDX-License-Identifier: MIT
// Tests of members and roles (protocol 5.9), for selftest.js.
'use strict';

const assert = require('assert');
const { KEYS } = require('./seeds/people');
const { SITE_ADMIN_KEY } = require('./seeds/members');
const { MODEL } = require('./selftest-documents');

const MEMBERS = `query R($entity: String!, $name: String!) { project(name: $name, entityName: $entity) {
  id members { id name username email role { name } } teamMembers { team { id name } role { name } } } }`;
const SEARCH = 'query S($query: String) { users(query: $query) { edges { node { id username } } } }';
const mutation = (field, type) => (
  `mutation X($input: ${type}!) { result: ${field}(input: $input) { success } }`);
const ADD = mutation('createProjectMembers', 'CreateProjectMembersInput');
const REMOVE = mutation('deleteProjectMembers', 'DeleteProjectMembersInput');
const ROLE = mutation('updateProjectMember', 'UpdateProjectMemberInput');
const TEAM_ROLE = mutation('updateProjectTeamMember', 'UpdateProjectTeamMemberInput');

const look = async (box) => (await box.query(MEMBERS, MODEL)).data.project;
const roleOf = (list, username) => {
  const found = list.members.find((m) => m.username === username);
  return found && found.role.name;
};
const search = async (box, query, key) => (await box.query(SEARCH, { query }, { key })).data.users.edges
  .map((edge) => edge.node.username).sort();

module.exports = (test) => {
  test('members', 'members: people without names, teams, custom roles', async (box) => {
    const list = await look(box);
    assert.deepStrictEqual(list.members.map((m) => [m.username, m.email, m.role.name]), [
      ['vera', 'vera@example.com', 'viewer'], ['ada', 'ada@example.com', 'admin'],
      ['bob', 'bob@example.com', 'member'], ['slash/ed', 'slash/ed@example.com', 'auditor'],
      [null, 'masked@example.com', 'viewer'], [null, null, 'viewer']]);
    assert.ok(list.members.every((m) => /^User:\d+$/.test(Buffer.from(m.id, 'base64').toString())));
    assert.deepStrictEqual(list.teamMembers.map((m) => [m.team.name, m.role.name]),
      [['acme-ml', 'member'], ['acme-data', 'auditor']]);
    await box.control('POST', 'schema', { remove: ['Project.members'] });
    assert.ok(JSON.stringify((await box.query(MEMBERS, MODEL)).errors).includes('members'));
  });

  test('members', 'members: add, role, remove, and what is refused', async (box) => {
    const { id: projectId, members, teamMembers } = await look(box);
    const userId = members.find((m) => m.username === 'bob').id;
    const change = (document, input, key) => box.query(
      document, { input: { projectId, ...input } }, { key });
    const succeeds = async (document, input) => assert.deepStrictEqual(
      (await change(document, input)).data, { result: { success: true } });
    await succeeds(ADD, { userIds: [userId], teamIds: [] });
    assert.strictEqual(roleOf(await look(box), 'bob'), 'member');
    await succeeds(ROLE, { userId, userProjectRole: 'auditor' });
    assert.strictEqual(roleOf(await look(box), 'bob'), 'auditor');
    assert.strictEqual((await change(ROLE, { userId, userProjectRole: 'Viewer' })).status, 400);
    assert.strictEqual((await change(ROLE, { userId, userProjectRole: 'admin' }, KEYS.vera)).status, 403);
    assert.strictEqual((await change(REMOVE, { userIds: [userId] }, KEYS.bob)).status, 403);
    assert.strictEqual(roleOf(await look(box), 'bob'), 'auditor');
    await succeeds(REMOVE, { userIds: [userId], teamIds: null });
    await succeeds(REMOVE, { userIds: [userId] });
    assert.strictEqual(roleOf(await look(box), 'bob'), undefined);
    assert.strictEqual((await change(ROLE, { userId, userProjectRole: 'viewer' })).status, 404);
    await succeeds(ADD, { userIds: [userId] });
    assert.strictEqual(roleOf(await look(box), 'bob'), 'restricted_viewer');
    const teamId = teamMembers[0].team.id;
    await succeeds(TEAM_ROLE, { teamId, teamProjectRole: 'viewer' });
    assert.strictEqual((await look(box)).teamMembers[0].role.name, 'viewer');
    assert.strictEqual((await change(ADD, { userIds: [teamId] })).status, 404);
  });

  test('members', 'users: a part of a name, for site administrators', async (box) => {
    assert.deepStrictEqual(await search(box, 'bob', SITE_ADMIN_KEY), ['bob', 'bobby']);
    assert.deepStrictEqual(await search(box, 'masked@example', SITE_ADMIN_KEY), ['masked']);
    assert.deepStrictEqual(await search(box, 'bob', KEYS.ada), []);
  });
};
