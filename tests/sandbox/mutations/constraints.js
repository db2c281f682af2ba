// SPDX-License-Identifier: MIT
// The SDL's @constraints directive, enforced for any input value.
'use strict';

const {
  getNullableType, isInputObjectType, isListType, getDirectiveValues,
} = require('graphql');
const { badRequest } = require('../errors');

function checkOne(constraints, value, where) {
  const length = typeof value === 'string' ? [...value].length : value.length;
  if (constraints.max !== undefined && length > constraints.max) {
    throw badRequest(`${where}: must not be longer than ${constraints.max}`);
  }
  if (constraints.min !== undefined && length < constraints.min) {
    throw badRequest(`${where}: must not be shorter than ${constraints.min}`);
  }
  if (constraints.pattern && !new RegExp(constraints.pattern).test(value)) {
    throw badRequest(`${where}: must match ${constraints.pattern}`);
  }
}

// Walks an input value along its type; `where` names it in the message.
function check(type, value, where) {
  if (value === null || value === undefined) {
    return;
  }
  const bare = getNullableType(type);
  if (isListType(bare)) {
    value.forEach((item, i) => check(bare.ofType, item, `${where}[${i}]`));
    return;
  }
  if (!isInputObjectType(bare)) {
    return;
  }
  for (const field of Object.values(bare.getFields())) {
    const inner = value[field.name];
    const constraints = field.astNode && CONSTRAINTS && getDirectiveValues(CONSTRAINTS, field.astNode);
    if (constraints && inner !== null && inner !== undefined) {
      checkOne(constraints, inner, `${where}.${field.name}`);
    }
    check(field.type, inner, `${where}.${field.name}`);
  }
}

let CONSTRAINTS = null;

// The directive comes with the schema, which is built after this module is loaded.
function useSchema(schema) {
  CONSTRAINTS = schema.getDirective('constraints');
}

module.exports = { check, useSchema };
