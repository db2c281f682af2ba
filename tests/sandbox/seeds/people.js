// SPDX-License-Identifier: MIT
// The accounts that every seed has. The first key is the well-known one.
'use strict';

const KEYS = {
  ada: '5a6d0b0c9f1e4d2b8a7c3e5f6d7081920a1b2c3d',
  bob: 'b0b0000000000000000000000000000000000b0b',
  bot: 'local-c1c1000000000000000000000000000000000001',
  guest: '9e57000000000000000000000000000000009e57',
  vera: 'feed00000000000000000000000000000000beef',
  rex: '4e58000000000000000000000000000000004e58',
  nobody: `wandb_v1_${'N0body_'.repeat(11)}`,
};

// ada: administrator of all organizations; bob: member, default entity is a team;
// bot: service account of the team; guest: sees all, changes nothing; vera: viewer;
// rex: restricted viewer (no files); nobody: belongs nowhere.
function people(organizations, team) {
  const roles = (role) => Object.fromEntries(organizations.map((name) => [name, role]));
  const first = { [organizations[0]]: 'member' };
  return [
    { username: 'ada', name: 'Ada Example', key: KEYS.ada, organizations: roles('admin'),
      teams: team ? [team] : [], assertion: 'sandbox.jwt.ada' },
    { username: 'bob', key: KEYS.bob, organizations: first, entity: team || 'bob',
      teams: team ? [team] : [] },
    { username: 'ci-bot', key: KEYS.bot, organizations: first, entity: team || null,
      teams: team ? [team] : [], serviceAccount: true, assertion: 'sandbox.jwt.bot' },
    { username: 'guest', key: KEYS.guest, organizations: roles('viewer'), readOnly: true },
    { username: 'vera', key: KEYS.vera, organizations: { [organizations[0]]: 'viewer' } },
    { username: 'rex', key: KEYS.rex,
      organizations: { [organizations[0]]: 'restricted_viewer' } },
    { username: 'nobody', key: KEYS.nobody },
  ];
}

module.exports = { people, KEYS };
