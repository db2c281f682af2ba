// SPDX-License-Identifier: MIT
// Resolvers by type. Sources are objects of the store; a field without a resolver
// is the member of that name.
'use strict';

const identity = require('./identity');
const registry = require('./registry');
const collection = require('./collection');
const version = require('./version');
const file = require('./file');
const lineage = require('./lineage');
const mutations = require('../mutations');

module.exports = {
  resolvers: {
    ...identity, ...registry, ...collection, ...version, ...file, ...lineage, Mutation: mutations,
    Artifact: { ...version.Artifact, ...lineage.Artifact },
    Query: { ...identity.Query, ...registry.Query, ...collection.Query, ...version.Query },
  },
};
