// SPDX-License-Identifier: MIT
// The sample with members of every kind in acme/model: fixed and custom roles, names that are no
// file names, a person whom only an e-mail names, one whom nothing names, two teams.
'use strict';

const sample = require('./sample');

const SITE_ADMIN_KEY = 'ad31000000000000000000000000000000000ad3';

// `search`: ada administers the site, too.
function build(store, params = {}) {
  sample.build(store);
  store.users.find((u) => u.username === 'ada').admin = Boolean(params.search);
  const acme = store.organizations.find((o) => o.name === 'acme');
  acme.customRoles.push('auditor');
  store.addEntity('acme-data', 'team', acme);
  store.addUser({ username: 'root', key: SITE_ADMIN_KEY, admin: true });
  for (const username of ['bobby', 'slash/ed', 'masked', 'unnamed']) {
    store.addUser({ username, organizations: { acme: 'viewer' } });
  }
  const project = store.findProject(acme.orgEntity.name, 'wandb-registry-model');
  project.members.push(
    { username: 'vera', role: 'viewer' },
    { username: 'ada', role: 'admin' },
    { username: 'bob', role: 'member' },
    { username: 'slash/ed', role: 'auditor' },
    { username: 'masked', role: 'viewer', hidden: ['username', 'name'] },
    { username: 'unnamed', role: 'viewer', hidden: ['username', 'name', 'email'] },
  );
  project.teamMembers.push({ team: 'acme-ml', role: 'member' }, { team: 'acme-data', role: 'auditor' });
}

module.exports = { build, SITE_ADMIN_KEY };
