// SPDX-License-Identifier: MIT
// What a newcomer sees first: two organizations with a few registries.
'use strict';

const { plant } = require('./plant');
const { people } = require('./people');
const { encodeId } = require('../store');

const day = (n, hour = 9) => new Date(Date.UTC(2025, 0, n, hour, 15, n % 60))
  .toISOString().replace('.000Z', 'Z');

const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

function modelFiles(name, seed, architecture) {
  return {
    'config.json': json({ model_type: architecture, hidden_size: 256 + 64 * seed, layers: 4 + seed }),
    'README.md': `# ${name}\n\nTrained on the weekly snapshot, run ${seed}.\n\n## Use\n\n`
      + '    model = load("model.pt")\n',
    'model.pt': { random: { seed: 1000 + seed, size: 2 * 1024 * 1024 + 4097 * seed } },
    'tokenizer/vocab.txt': Array.from({ length: 200 }, (_, i) => `token_${i * seed + i}`).join('\n'),
    'tokenizer/merges.txt': '#version: 0.2\nt h\nth e\ni n\n',
    'tokenizer/special/tokens.json': json({ pad: 0, unknown: 1, begin: 2, end: 3 }),
  };
}

function metadata(seed, accuracy) {
  return JSON.stringify({
    accuracy,
    learning_rate: 0.0003,
    epochs: 10 + seed,
    optimizer: { name: 'adamw', betas: [0.9, 0.999], weight_decay: 0.01 },
    dataset: { name: 'churn-2025', rows: 184203, split: { train: 0.8, test: 0.2 } },
    metrics: { confusion: [[812, 31], [45, 512]], auc: accuracy + 0.02 },
    note: 'größer ist besser – 模型',
    frozen: seed % 2 === 0,
    parent: null,
  });
}

function versions(name, count, architecture, last) {
  return Array.from({ length: count }, (_, i) => ({
    description: i === 0 ? `First ${name}` : `Retrained ${name}, take ${i + 1}`,
    metadata: metadata(i + 1, Math.round((0.86 + 0.02 * i) * 1000) / 1000),
    tags: i % 2 === 0 ? ['baseline', `take-${i}`] : ['gpu', 'reviewed'],
    createdAt: day(5 + 3 * i),
    updatedAt: i === 0 ? null : day(6 + 3 * i),
    historyStep: 100 * (i + 1),
    ttl: i === 0 ? 2592000 : undefined,
    files: modelFiles(name, i + 1, architecture),
    layout: i % 2 === 0 ? 'V2' : 'V1',
    loggedBy: i % 2 === 0 ? `acme-ml/training/${architecture}-${i + 1}` : { user: 'ada' },
    usedBy: [`acme-ml/evaluation/nightly-${i + 1}`, `acme-ml/serving/canary-${architecture}`],
    aliases: i === count - 1 ? last : [['production'], ['staging'], []][i % 3],
  }));
}

const models = {
  name: 'wandb-registry-model',
  description: 'Models that may go to production.\nAsk the platform team before you promote one.',
  createdAt: day(1),
  updatedAt: day(40),
  collections: [
    {
      name: 'churn', type: 'model', tags: ['tabular', 'production'], createdAt: day(2),
      updatedAt: day(30), description: 'Who is about to leave?',
      versions: versions('churn', 3, 'gradient-boosting', ['candidate']),
    },
    {
      name: 'fraud-detector', type: 'model', tags: ['payments'], createdAt: day(3),
      versions: versions('fraud-detector', 5, 'transformer', ['candidate', 'eu-west']),
    },
    {
      name: 'sentiment v2', type: 'model', description: '', createdAt: day(4),
      versions: versions('sentiment v2', 1, 'distilbert', ['staging']),
    },
    { name: 'empty-shelf', type: 'model', createdAt: day(9) },
  ],
};

const datasets = {
  name: 'wandb-registry-dataset',
  description: 'Frozen snapshots for training and evaluation.',
  createdAt: day(1),
  types: ['dataset', 'evaluation-set'],
  collections: [
    {
      name: 'churn-2025', type: 'dataset', tags: ['weekly'], createdAt: day(2),
      versions: [1, 2].map((week) => ({
        createdAt: day(7 * week), aliases: week === 2 ? ['weekly'] : [],
        metadata: JSON.stringify({ rows: 184203 + week, week }),
        files: {
          'train.csv': `customer,months,left\n${'4711,12,0\n0815,3,1\n'.repeat(50 * week)}`,
          'test.csv': 'customer,months,left\n1234,7,0\n',
          'schema/columns.json': json(['customer', 'months', 'left']),
          'images/0001.png': { random: { seed: 77 + week, size: 120000 } },
        },
      })),
    },
  ],
};

const restricted = {
  name: 'wandb-registry-restricted',
  description: 'Invited members only.',
  access: 'RESTRICTED',
  allowAll: false,
  types: ['model'],
  createdAt: day(10),
  members: [{ username: 'ada', role: 'admin' }, { username: 'rex', role: 'restricted_viewer' }],
  collections: [{
    name: 'secret-sauce', type: 'model', createdAt: day(11),
    versions: versions('secret-sauce', 1, 'mixture', ['production']),
  }],
};

const clip = {
  name: 'wandb-registry-vision',
  description: null,
  createdAt: day(20),
  collections: [{
    name: 'clip', type: 'model', createdAt: day(21), tags: ['image', 'text'],
    versions: versions('clip', 2, 'vit', ['production']),
  }],
};

// A version of references of every scheme, next to one stored file.
function addReferences(store) {
  const project = store.findProject('acme-org-entity', 'wandb-registry-dataset');
  const target = store.findProject('acme-org-entity', 'wandb-registry-model')
    .collections[0].memberships[0].artifact;
  store.clientIds.set('c0ffee00c0ffee00c0ffee00c0ffee00', target);
  const config = target.fileSet.entries()[target.fileSet.position('config.json')];
  const hex = Buffer.from(encodeId('Artifact', target.n), 'base64').toString('hex');
  const collection = store.addCollection(project, {
    name: 'links', type: 'dataset', createdAt: day(22), description: 'References of every kind',
  });
  const sequence = store.addCollection(store.findProject('acme-ml', 'training'), {
    name: 'links-run', type: 'dataset', kind: 'SEQUENCE', createdAt: day(22),
  });
  const artifact = store.addArtifact(sequence, {
    createdAt: day(23),
    files: [
      { path: 'README.md', text: 'Most of this lives elsewhere.\n' },
      { path: 's3/weights.bin', ref: 's3://acme-bucket/weights.bin', digest: 'd41d8cd9-etag',
        size: 123456789, extra: { etag: 'd41d8cd9-etag', versionID: '3sL4kqtJlcpXroDTDmJ' } },
      { path: 'web/paper.pdf', ref: 'https://example.com/paper.pdf', digest: 'W/"abc"', size: 90210 },
      { path: 'web/unsized.html', ref: 'https://example.com/' },
      { path: 'config.json', ref: `wandb-artifact://${hex}/config.json`,
        digest: config.digest, size: config.size },
      { path: 'by-client-id.json',
        ref: 'wandb-client-artifact://c0ffee00c0ffee00c0ffee00c0ffee00/config.json',
        digest: config.digest, size: config.size },
      { path: 'local/data.bin', ref: 'file:///mnt/share/data.bin',
        digest: '1B2M2Y8AsgTpgAmY7PhCfg==', size: 0 },
    ],
  });
  store.link(collection, artifact, { aliases: ['everything'] });
}

function build(store) {
  plant(store, {
    organizations: [
      { name: 'acme', entity: 'acme-org-entity', sources: 'acme-ml',
        registries: [models, datasets, restricted] },
      { name: 'Globex Research', entity: 'globex_registry_7f3a', sources: 'globex-lab',
        advancedSearch: true, registries: [clip] },
    ],
    teams: [{ name: 'acme-ml', organization: 'acme' },
      { name: 'globex-lab', organization: 'Globex Research' }],
    users: people(['acme', 'Globex Research'], 'acme-ml'),
  });
  addReferences(store);
}

module.exports = { build };
