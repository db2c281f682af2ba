// SPDX-License-Identifier: MIT
// Finds a seed by name or file and fills a store with it.
'use strict';

const fs = require('fs');
const path = require('path');
const { Store } = require('../store');
const { plant } = require('./plant');

function findSeed(name) {
  if (/^[a-z0-9-]+$/.test(name)) {
    for (const extension of ['.js', '.json']) {
      const file = path.join(__dirname, name + extension);
      if (fs.existsSync(file)) {
        return file;
      }
    }
  }
  if (fs.existsSync(name)) {
    return path.resolve(name);
  }
  throw new Error(`no such seed: ${name}`);
}

// A seed is a JSON tree for plant(), or a module with build(store, params).
function loadStore(name, params) {
  const file = findSeed(name);
  const store = new Store();
  if (file.endsWith('.json')) {
    plant(store, JSON.parse(fs.readFileSync(file, 'utf8')));
  } else {
    require(file).build(store, params);
  }
  store.references = params.references || store.references;
  return store;
}

module.exports = { loadStore };
