// SPDX-License-Identifier: MIT
// Everything unusual that a server may say: names, dates, states, nulls, metadata
// and files that a client must survive.
'use strict';

const { plant, Sources, addVersion } = require('./plant');
const { people } = require('./people');
const files = require('./hostile-files');

const PREFIX = 'wandb-registry-';

// Names that share 250 bytes and differ behind them.
const LONG = '長'.repeat(83);

const NAMES = [
  'a/b', '.', '..', '../../etc/passwd', '%41', '%2F', 'a%2Fb', '100%', '%', '%zz', '%2f',
  'tab\there', 'line\nbreak', 'carriage\rreturn', 'bell\u0007', 'nul\u0000inside', 'del\u007f',
  'escape\u001b[31mred\u001b]0;title\u0007', 'c1\u009b31m', 'bidi\u202etxt.exe', 'lone\ud800high',
  'lone\udc00low', 'replacement\ufffd', 'emoji\u{1f9e0}', 'e\u0301 decomposed', '\u00e9 composed',
  ' leading', 'trailing ', 'trailing.', ' ', 'two  blanks', '-rf', '--help', '~', '~root', '#hash',
  '*', '?', '[a-z]', '$HOME', '`id`', '$(id)', '"quoted"', "it's", 'back\\slash', 'a:b', 'a|b', 'a;b',
  '@tag=prod', '@{"name":"x"}', '@', '.registryfs', '.registryfs-errors', '.hidden', '.git',
  'name', 'description', 'visibility', 'collections', 'versions', 'aliases', 'files', 'v7', 'v0',
  'latest', 'Case', 'case', 'CASE', 'null', 'undefined', '__proto__', 'constructor', 'NUL', 'CON',
  `${LONG}one`, `${LONG}two`, '長'.repeat(113), 'x'.repeat(113), `${'x'.repeat(112)}/`,
  `${'%41'.repeat(37)}`, '4913', 'name~', '.name.swp', '#name#', '.#name',
];

const ACCESS = ['PRIVATE', 'RESTRICTED', null, '', 'USER_READ', 'private', 'ORGANIZATION'];

const DATES = [
  '2025-05-09T22:41:18Z', '2025-05-09T22:41:18.123Z', '2025-05-09T22:41:18.123456789Z',
  '2025-05-09T22:41:18+02:00', '2025-05-09T22:41:18', '2025-05-09', '', 'yesterday',
  '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '1969-12-31T23:59:59Z', '2025-13-45T99:99:99Z',
  '2038-01-19T03:14:08Z', '2025-02-30T00:00:00Z', '2025-05-09T22:41:60Z', '\u001b[2J',
];

const FIVE_MB = 'five MB\n'.repeat(655360);
const deep = (levels) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

const METADATA = [
  null, '', 'null', '{}', '{ broken', '[1,2,3]', '"just a text"', '42', 'NaN', '{"nan": NaN}',
  '{"big": 123456789012345678901234567890, "min": -9223372036854775809, "max": 18446744073709551616}',
  '{"one": 1.0, "tiny": 1e-400, "huge": 1e400, "long": 3.14159265358979323846264338327950288, "e": 1E5, "negative": -0.0}',
  '{"a": 1, "b": 2, "a": 3}', deep(100), deep(5000), `[${'['.repeat(3000)}${']'.repeat(3000)}]`,
  '{"nul": "a\\u0000b", "lone": "\\ud800", "pair": "\\ud83e\\udde0", "": "empty key"}',
  '{"z": 1, "a": 2, "m": {"z": 1, "a": 2}}', '{"trailing": 1,}', '{"a": 1} {"b": 2}',
  '\ufeff{"bom": true}', `{${Array.from({ length: 150 }, (_, i) => `"k${i}": ${i}`).join(', ')}}`,
  '{"escape": "\\u001b[31m", "raw": "tab\\there"}', `{"long": "${'x'.repeat(300000)}"}`,
];

const ALIASES = [
  'a/b', '..', '.', '', 'v3', 'v99', 'v01', 'V1', 'line\nbreak', 'esc\u001b[0m', '@x', '%2F', ' ',
  'nul\u0000', 'lone\ud800', 'x'.repeat(300), 'with:colon', '__proto__', 'latest ',
];

const TAGS = ['plain', 'line\nbreak', '', 'esc\u001b[0m', 'b', 'a', 'Z', 'plain', 'ü', 'lone\udfff'];

const DESCRIPTIONS = [null, '', '\n', 'no newline', 'newline\n', 'two\n\n', 'crlf\r\n', '\u0000nul',
  'esc\u001b[2J', 'lone\ud800', ' ', 'ünïcode 模型 \u{1f9e0}', '\ufeffbom', 'x'.repeat(70000)];

// One registry for every hostile name, with the odd attributes in turn.
function namedRegistries() {
  return NAMES.map((name, i) => ({
    name: PREFIX + name,
    description: DESCRIPTIONS[i % DESCRIPTIONS.length],
    access: i % 2 === 0 ? 'PRIVATE' : ACCESS[i % ACCESS.length],
    createdAt: DATES[i % 2],
    updatedAt: i % 3 === 0 ? DATES[i % DATES.length] : null,
    hidden: i % 17 === 16 ? 'null' : null,
    members: [{ username: 'ada', role: 'admin' }],
  }));
}

function unprefixed() {
  const names = ['my-project', 'model-registry', PREFIX, 'WANDB-REGISTRY-upper', 'wandb-registry',
    'x-wandb-registry-y', ''];
  return names.map((name, i) => ({ name, access: 'USER_READ', hidden: i === 1 ? 'gap' : null }));
}

function oddTypes() {
  return {
    name: `${PREFIX}odd-types`,
    types: ['model', null, 'a/b', '', 'line\nbreak', 'esc\u001b[0m', 'wandb-internal', 'job',
      'x'.repeat(300), 'model'],
    updatedAt: DATES[2],
  };
}

function namedCollections() {
  return {
    name: `${PREFIX}names`,
    collections: NAMES.concat(['']).map((name, i) => ({
      name,
      tags: TAGS.slice(i % 3),
      description: DESCRIPTIONS[i % DESCRIPTIONS.length],
      createdAt: DATES[i % DATES.length],
      updatedAt: DATES[(i + 3) % DATES.length],
      hidden: [null, null, null, null, null, 'null', null, 'gap'][i % 8],
      hiddenProject: i % 11 === 10,
      versions: [{ files: { 'model.txt': `content of ${i}\n` }, aliases: ['production'] }],
    })),
  };
}

function zoo() {
  const states = ['PENDING', 'DELETED', 'COMMITTED', 'ARCHIVED_BY_A_NEWER_SERVER'];
  const sizes = [-1, '12345', 9223372036854775807n, 9223372036854775808n, 18446744073709551616n,
    -9223372036854775809n];
  const small = { 'a.txt': 'a\n' };
  return {
    name: `${PREFIX}zoo`,
    collections: [
      { name: 'states', versions: states.map((state) => ({ state, files: small })) },
      { name: 'sizes', versions: sizes.map((size) => ({ size, files: small })) },
      { name: 'dates',
        versions: DATES.map((date) => ({ createdAt: date, updatedAt: date, files: small })) },
      { name: 'metadata', versions: METADATA.map((metadata) => ({ metadata, files: small })) },
      { name: 'descriptions',
        versions: DESCRIPTIONS.map((description) => ({ description, files: small })) },
      { name: 'aliases', versions: ALIASES.map((alias) => ({ aliases: [alias], files: small })) },
      { name: 'tags', tags: TAGS, versions: [{ tags: TAGS, files: small }] },
      { name: 'history',
        versions: [null, 0, 1, -5, '7', 9007199254740993n]
          .map((historyStep) => ({ historyStep, files: small })) },
      { name: 'ttl', versions: [-1, -2, 0, 5, '60', 31536000000]
        .map((ttl) => ({ ttl, files: small })) },
      { name: 'nulls', versions: [
        { files: small },
        { files: small, link: { hidden: 'null' } },
        { files: small, link: { hidden: 'gap' } },
        { files: small, link: { hiddenArtifact: true } },
        { files: small, link: { hiddenCollection: true } },
        { files: small, link: { versionIndex: null } },
        { files: small, link: { commitHash: null } },
        { files: small, link: { versionIndex: -1 } },
        { files: small, link: { versionIndex: 0 } },
        { files: small, digest: 'not a digest' },
        { files: small, noManifest: true },
      ] },
      { name: 'twins', versions: [{ files: small }] },
      { name: 'twins', versions: [{ files: small }, { files: small }] },
      { name: 'last-index', versions: [{ files: small, link: { versionIndex: 2147483647 } }] },
      { name: 'no-versions' },
    ],
  };
}

// Nothing but null nodes and gaps, in front of one good thing.
function mostlyHidden() {
  const hidden = Array.from({ length: 150 }, (_, i) => ({
    name: `hidden-${i}`, hidden: i % 2 === 0 ? 'gap' : 'null',
  }));
  return { name: `${PREFIX}mostly-hidden`, collections: [{ name: 'visible' }, ...hidden] };
}

function addHiddenSources(store) {
  const project = store.addProject(store.entities.get('other-team'), { name: 'secret' });
  const registry = store.addProject(store.entities.get('hostile-entity'), {
    name: `${PREFIX}hidden-sources`,
  });
  const collection = store.addCollection(registry, { name: 'from-elsewhere' });
  const sequence = store.addCollection(project, { name: 'secret-run', kind: 'SEQUENCE' });
  const readOnly = store.addProject(store.entities.get('hostile-entity'), {
    name: 'frozen', readOnly: true,
  });
  const frozen = store.addCollection(readOnly, { name: 'frozen-run', kind: 'SEQUENCE' });
  addVersion(store, null, collection, { sequence, files: { 'a.txt': 'hidden source\n' } });
  addVersion(store, null, collection, { sequence: frozen, files: { 'a.txt': 'frozen source\n' } });
}

// Sequences stand in a registry as well as portfolios: they are not its collections.
function addSequences(store) {
  const registry = store.addProject(store.entities.get('hostile-entity'), {
    name: `${PREFIX}with-sequences`,
  });
  const sequence = store.addCollection(registry, { name: 'a-sequence', kind: 'SEQUENCE' });
  store.addArtifact(sequence, { files: { 'a.txt': 'logged straight into the registry\n' } });
  store.addCollection(registry, { name: 'a-portfolio' });
}

function addFiles(store) {
  const entity = store.entities.get('hostile-entity');
  const registry = store.addProject(entity, { name: `${PREFIX}artifact-files` });
  const sources = new Sources(store, 'hostile-team');
  for (const [name, versions] of Object.entries(files.collections(store))) {
    const collection = store.addCollection(registry, { name });
    versions.forEach((version) => addVersion(store, sources, collection, version));
  }
}

const ODD_ORGANIZATIONS = ['..', 'a/b', '.registryfs', '', 'line\nbreak', '@org', 'esc\u001b[31m',
  '%41', 'lone\ud800', `${LONG}one`, `${LONG}two`, 'nul\u0000', 'Hostile'];

function build(store) {
  const organizations = [
    { name: 'hostile', entity: 'hostile-entity', sources: 'hostile-team',
      registries: [...namedRegistries(), ...unprefixed(), oddTypes(), namedCollections(), zoo(),
        mostlyHidden()] },
    { name: 'hostile-big', entity: 'hostile-big-entity', registries: [
      { name: `${PREFIX}huge-description`, description: FIVE_MB, collections: [
        { name: 'huge', description: FIVE_MB, versions: [
          { description: FIVE_MB, files: { 'a.txt': 'a\n' } },
          { metadata: JSON.stringify({ one: FIVE_MB, two: 1 }), files: { 'a.txt': 'a\n' } },
          { metadata: `[${'-1.0,'.repeat(1048576)}0]`, files: { 'a.txt': 'a\n' } }] }] },
      { name: `${PREFIX}plain`, description: 'next to a huge one' }] },
    { name: 'no-entity', entity: null },
    { name: 'odd-entity-type', entity: 'odd-entity', entityType: 'team', registries: [
      { name: `${PREFIX}plain` }] },
    { name: 'only-gaps', entity: 'only-gaps-entity', registries: Array.from({ length: 130 },
      (_, i) => ({ name: `${PREFIX}gap-${i}`, hidden: 'gap' })) },
    ...ODD_ORGANIZATIONS.map((name, i) => ({ name, entity: `odd-organization-${i}` })),
  ];
  plant(store, {
    features: { NULL_FEATURE: null, A_FEATURE_OF_TOMORROW: true },
    organizations,
    teams: [{ name: 'hostile-team', organization: 'hostile' }, { name: 'other-team' }],
    users: people(organizations.map((o) => o.name), 'hostile-team'),
  });
  store.users[0].teams.push('gone-team');
  addHiddenSources(store);
  addSequences(store);
  addFiles(store);
}

module.exports = { build };
