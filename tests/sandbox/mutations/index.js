// SPDX-License-Identifier: MIT
// Mutations. Every input is checked against the SDL's @constraints first.
'use strict';

const { permissionDenied } = require('../errors');
const { check } = require('./constraints');
const registry = require('./registry');
const collection = require('./collection');
const version = require('./version');
const members = require('./members');

const all = { ...registry, ...collection.mutations, ...version.mutations, ...members };

// A read-only account may not change anything.
function guarded(resolve) {
  return (source, args, ctx, info) => {
    if (ctx.user.readOnly) {
      throw permissionDenied();
    }
    for (const argument of info.parentType.getFields()[info.fieldName].args) {
      check(argument.type, args[argument.name], argument.name);
    }
    return resolve(args.input, ctx);
  };
}

module.exports = Object.fromEntries(
  Object.entries(all).map(([name, resolve]) => [name, guarded(resolve)]));
