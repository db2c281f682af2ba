// SPDX-License-Identifier: MIT
// Versions with every kind of lineage; --param versions=N: so many in the collection `many`.
'use strict';

const { plant } = require('./plant');
const { people } = require('./people');

const MANY_RUNS = 250;

const files = (text) => ({ 'a.txt': `${text}\n`, 'b/c.txt': `${text}, too\n` });

const shelf = {
  name: 'shelf', type: 'model',
  versions: [
    {
      description: 'logged by a run, used by several, linked to three places',
      files: files('v0'),
      loggedBy: 'lab/training/run0',
      usedBy: ['lab/serving/zebra', 'lab/evaluation/ape', 'lab/serving/cat', 'lab/serving/cat',
        { run: 'lab/secret/hidden-one', hidden: true }],
      alsoIn: ['other/beta', 'other/alpha', 'other/unseen'],
    },
    { description: 'logged by a person, used by nobody', files: files('v1'), loggedBy: { user: 'ada' } },
    {
      description: 'logged by a hidden run', files: files('v2'),
      loggedBy: { run: 'lab/secret/hidden-two', hidden: true },
      usedBy: [{ run: 'lab/secret/hidden-three', hidden: true }],
    },
    { description: 'of unknown origin', files: files('v3') },
    {
      description: 'used by more runs than a page holds', files: files('v4'),
      loggedBy: 'lab/training/run4',
      usedBy: Array.from({ length: MANY_RUNS }, (_, i) => `lab/sweep/run${i}`),
    },
    { description: 'without a manifest', files: {}, noManifest: true, loggedBy: 'lab/training/run5' },
    {
      description: 'unusual names of runs', files: files('v6'), loggedBy: 'lab/training/a\nb\u0007c',
      usedBy: ['lab/serving/d\re', 'lab/serving/größe 模型'],
    },
    {
      description: 'unusual names of files',
      loggedBy: 'lab/training/run7',
      files: [
        { path: 'back\\slash', text: 'a\n' },
        { path: 'new\nline', text: 'b\n' },
        { path: 'return\r', text: 'c\n' },
        { path: 'both\\\n', text: 'd\n' },
        { path: 'per%41cent', text: 'e\n' },
        { path: ' blank and "quotes"', text: 'f\n' },
        { path: '-dash', text: 'g\n' },
        { path: 'folder/\\x/y', text: 'h\n' },
        { path: 'clash', text: 'i\n' },
        { path: 'clash/inside', text: 'j\n' },
        { path: 'n'.repeat(300), text: 'k\n' },
        { path: 'empty', text: '' },
        { path: 'elsewhere', ref: 's3://bucket/elsewhere', digest: 'etag', size: 5 },
      ],
    },
  ],
};

const many = (count) => ({
  name: 'many', type: 'model',
  versions: Array.from({ length: count }, (_, i) => ({
    files: { f: `${i}\n` },
    loggedBy: `lab/training/many${i}`,
    usedBy: [`lab/serving/user-of-${i}`],
  })),
});

function build(store, params) {
  plant(store, {
    organizations: [{
      name: 'acme', entity: 'acme-org-entity', sources: 'lab',
      registries: [
        { name: 'wandb-registry-model', collections: [shelf, many(Number(params.versions || 0))] },
        {
          name: 'wandb-registry-other',
          collections: [{ name: 'alpha', type: 'model' }, { name: 'beta', type: 'model' },
            { name: 'unseen', type: 'model', hiddenProject: true }],
        },
      ],
    }],
    teams: [{ name: 'lab', organization: 'acme' }],
    users: people(['acme'], 'lab'),
  });
}

module.exports = { build };
