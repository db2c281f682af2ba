// SPDX-License-Identifier: MIT
// Versions whose files, manifests and references are not what they should be.
'use strict';

const { encodeId } = require('../store');

const LONG = '長'.repeat(83);

const PATHS = {
  'good.txt': 'good\n',
  'folder/good.txt': 'good as well\n',
  '/etc/passwd': 'absolute\n',
  '../escape.txt': 'dots\n',
  'a/../../escape.txt': 'dots inside\n',
  './dot.txt': 'a dot\n',
  'a/./dot.txt': 'a dot inside\n',
  '': 'no name\n',
  '.': 'a dot alone\n',
  '..': 'dots alone\n',
  'empty//part.txt': 'an empty part\n',
  'trailing/': 'a trailing slash\n',
  clash: 'a file where a folder must be\n',
  'clash/inside.txt': 'inside the folder\n',
  'clash/deep/er.txt': 'deeper\n',
  'deepclash/x/y': 'a file\n',
  'deepclash/x/y/z': 'below a file\n',
  '%41.txt': 'percent\n',
  '%2F.txt': 'percent 2F\n',
  'A.txt': 'upper\n',
  'a.txt': 'lower\n',
  'line\nbreak.txt': 'line break\n',
  'nul\u0000.txt': 'nul\n',
  'esc\u001b[31m.txt': 'escape\n',
  'lone\ud800.txt': 'surrogate\n',
  'back\\slash.txt': 'backslash\n',
  'C:\\windows.txt': 'a drive\n',
  '@query': 'at sign\n',
  '.registryfs': 'control\n',
  '.hidden': 'hidden\n',
  constructor: 'constructor\n',
  'empty.bin': '',
  [`${LONG}one`]: 'long one\n',
  [`${LONG}two`]: 'long two\n',
  [`${LONG}one/below`]: 'below a long folder\n',
  [Array(200).fill('deep').join('/')]: 'deep\n',
};

const pathFiles = () => [
  ...Object.entries(PATHS).map(([path, text]) => ({ path, text })),
  { path: '__proto__', text: 'prototype\n' },
  { path: 'hidden-node.txt', text: 'listed as a null node\n', hidden: 'null' },
];

const wrong = [
  { path: 'wrong-md5.bin', text: 'not what the digest says\n', digest: '1B2M2Y8AsgTpgAmY7PhCfg==' },
  { path: 'wrong-md5-large.bin', random: { seed: 5, size: 3000000 },
    digest: 'AAAAAAAAAAAAAAAAAAAAAA==' },
  { path: 'bad-digest.bin', text: 'not base64\n', digest: '*** not base64 ***' },
  { path: 'no-digest.bin', text: 'empty digest\n', digest: '' },
  { path: 'short-digest.bin', text: 'too short\n', digest: 'AAAA' },
  { path: 'size-too-small.bin', text: 'longer than it says\n', size: 3 },
  { path: 'size-too-large.bin', text: 'shorter than it says\n', size: 300 },
  { path: 'size-negative.bin', text: 'negative\n', size: -1 },
  { path: 'size-2-63.bin', text: 'huge\n', size: 9223372036854775808n },
  { path: 'size-2-63-less-1.bin', text: 'huge\n', size: 9223372036854775807n },
  { path: 'good.bin', text: 'good\n' },
];

function references(hex) {
  return [
    { path: 'passwd', ref: 'file:///etc/passwd', digest: 'x', size: 10 },
    { path: 'metadata-service', ref: 'http://169.254.169.254/latest/meta-data/', digest: 'x' },
    { path: 'script', ref: 'javascript:alert(1)', digest: 'x' },
    { path: 'escape', ref: 'https://example.com/\u001b[31m\n', digest: 'x', size: 1 },
    { path: 'empty-ref-scheme', ref: '://', digest: 'x' },
    { path: 'not-hex', ref: 'wandb-artifact://zz/a.txt', digest: 'x', size: 1 },
    { path: 'odd-hex', ref: 'wandb-artifact://abc/a.txt', digest: 'x', size: 1 },
    { path: 'unknown-artifact', ref: 'wandb-artifact://41727469666163743a393939393939/a.txt',
      digest: 'x', size: 1 },
    { path: 'unknown-path', ref: `wandb-artifact://${hex}/nowhere.txt`, digest: 'x', size: 1 },
    { path: 'dots', ref: `wandb-artifact://${hex}/../../etc/passwd`, digest: 'x', size: 1 },
    { path: 'unknown-client', ref: 'wandb-client-artifact://nobody/a.txt', digest: 'x', size: 1 },
    { path: 'good', ref: `wandb-artifact://${hex}/good.txt`, digest: 'x', size: 5 },
    { path: 'huge', ref: 's3://bucket/huge', digest: 'x', size: 9223372036854775807n },
    { path: 'unsized', ref: 's3://bucket/unsized', digest: 'x' },
  ];
}

// The hex that a wandb-artifact:// reference names the version of a sequence by.
function hexOf(store, sequenceName) {
  const found = [...store.artifacts.values()].find((a) => a.sequence.name === sequenceName);
  return Buffer.from(encodeId('Artifact', found.n), 'base64').toString('hex');
}

// References that lead back to themselves.
function loops(hex) {
  return [['a', 'b'], ['b', 'a'], ['self', 'self']].map(([path, target]) => (
    { path, ref: `wandb-artifact://${hex}/${target}`, digest: 'x', size: 1 }));
}

const MANIFESTS = [
  '', 'not json', '{}', '[]', 'null', '{"version": 2, "contents": {}}', '{"version": "1"}',
  '{"version": 1, "storagePolicy": "other-policy", "storagePolicyConfig": {}, "contents": {}}',
  '{"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": []}',
  '{"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": {"a": null, "b": [], "c": {}, '
    + '"d": {"digest": 7}, "e": {"digest": "x", "size": "12"}, "f": {"digest": "x", "size": 1.5}}}',
  `{"version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": {"storageLayout": "V9"},
    "contents": {"a.txt": {"digest": "YLclqrO5PCpNS2jrgGPCzA==", "size": 2}}}`,
  `{"version": 1, "contents": ${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`,
];

function collections(store) {
  return {
    paths: [{ files: pathFiles() }, { files: pathFiles, layout: 'V1' }],
    wrong: [{ files: wrong }],
    references: [{ files: () => references(hexOf(store, 'paths-run')) }],
    loops: [{ files: () => loops(hexOf(store, 'loops-run')) }],
    manifests: MANIFESTS.map((manifest) => ({ manifest, files: { 'a.txt': 'a\n' } })),
    nothing: [{ files: {} }],
  };
}

module.exports = { collections };
