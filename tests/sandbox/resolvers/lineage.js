// SPDX-License-Identifier: MIT
// Which run logged an artifact, and which ones used it (protocol 5.11).
'use strict';

const { encodeId } = require('../store');
const { plain } = require('../paging');

const Initiator = {
  resolveType: (one) => (one.username === undefined ? 'Run' : 'User'),
};

const Run = {
  id: (r) => encodeId('Run', `v1:${r.name}:${r.project.name}:${r.project.entity.name}`),
  displayName: (r) => r.displayName,
  // A run is told of, whoever asks; where it ran, only to those who may know.
  project: (r, _, ctx) => (!r.hidden && ctx.store.canSee(ctx.user, r.project) ? r.project : null),
  outputArtifacts: (r, args) => plain(r.logged, args),
  inputArtifacts: (r, args) => plain(r.used, args),
};

const Artifact = {
  usedBy: (a, args) => plain(a.usedBy || [], args),
  createdBy: (a) => a.createdBy,
};

module.exports = { Initiator, Run, Artifact };
