// SPDX-License-Identifier: MIT
// The executable schema: the SDL, minus what an old server lacks, plus resolvers.
'use strict';

const fs = require('fs');
const path = require('path');
const {
  parse, buildASTSchema, isObjectType, isAbstractType, Kind,
} = require('graphql');
const { resolvers } = require('./resolvers');
const { badRequest } = require('./errors');

const SDL = fs.readFileSync(path.join(__dirname, 'schema.graphql'), 'utf8');
const RAW = '\u0002int:';

// Set while a document runs for which Int64 values are to be printed as text.
const mode = { int64AsText: false };

const HOLDERS = [
  Kind.OBJECT_TYPE_DEFINITION, Kind.INTERFACE_TYPE_DEFINITION,
  Kind.INPUT_OBJECT_TYPE_DEFINITION, Kind.ENUM_TYPE_DEFINITION,
];

function dropMember(definition, wanted) {
  const list = definition.kind === Kind.ENUM_TYPE_DEFINITION ? 'values' : 'fields';
  const [member, argument] = wanted;
  return {
    ...definition,
    [list]: definition[list].flatMap((field) => {
      if (field.name.value !== member) {
        return [field];
      }
      if (!argument) {
        return [];
      }
      return [{ ...field, arguments: field.arguments.filter((a) => a.name.value !== argument) }];
    }),
  };
}

const owns = (definition, type) => HOLDERS.includes(definition.kind)
  && (definition.name.value === type
    || (definition.interfaces || []).some((i) => i.name.value === type));

// `removed` names Type.field, Type.field.argument, Input.field or Enum.VALUE;
// what is taken from an interface is taken from its types as well.
function withoutMembers(document, removed) {
  let definitions = [...document.definitions];
  for (const item of removed) {
    const [type, ...wanted] = item.split('.');
    const known = definitions.some((d) => HOLDERS.includes(d.kind) && d.name.value === type
      && [...(d.fields || []), ...(d.values || [])].some((f) => f.name.value === wanted[0]));
    if (!known) {
      throw badRequest(`no such member in the schema: ${item}`);
    }
    definitions = definitions.map((d) => (owns(d, type) ? dropMember(d, wanted) : d));
  }
  return { ...document, definitions };
}

// Text goes out as it is; what exceeds a JavaScript number is marked, and
// becomes a number in stringify().
function serializeInt64(value) {
  if (mode.int64AsText || typeof value === 'string') {
    return String(value);
  }
  const fits = typeof value === 'number' || (value >= Number.MIN_SAFE_INTEGER
    && value <= Number.MAX_SAFE_INTEGER);
  return fits ? Number(value) : `${RAW}${value}\u0002`;
}

function parseInt64(value) {
  const text = String(value);
  if (!/^-?\d+$/.test(text)) {
    throw badRequest(`Int64 cannot represent value: ${text}`);
  }
  return Number(text);
}

function adjustScalars(schema) {
  const int64 = schema.getType('Int64');
  int64.serialize = serializeInt64;
  int64.parseValue = parseInt64;
  int64.parseLiteral = (node) => parseInt64(node.value);
  // Newer servers know states that the SDL does not: they are printed as stored.
  for (const name of ['ArtifactState', 'ArtifactCollectionState', 'ArtifactCollectionType']) {
    schema.getType(name).serialize = (value) => value;
  }
}

function attach(schema) {
  for (const [name, fields] of Object.entries(resolvers)) {
    const type = schema.getType(name);
    if (isAbstractType(type)) {
      type.resolveType = fields.resolveType;
    } else if (type && isObjectType(type)) {
      const known = type.getFields();
      for (const [field, resolve] of Object.entries(fields)) {
        if (known[field]) {
          known[field].resolve = resolve;
        }
      }
    }
  }
}

function buildSchema(removed = []) {
  const document = withoutMembers(parse(SDL, { noLocation: true }), removed);
  const schema = buildASTSchema(document);
  adjustScalars(schema);
  attach(schema);
  return schema;
}

// JSON text of an answer, with marked integers as numbers.
function stringify(value) {
  return JSON.stringify(value).replace(/"\\u0002int:(-?\d+)\\u0002"/g, '$1');
}

module.exports = { buildSchema, stringify, mode };
