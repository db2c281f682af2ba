#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Prints, one JSON object a line, each place of the client's reading documents that may be null by
// the schema, or that holds a text or number: {operation, path, type}. "*" in a path: every item.
'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const graphql = require('/usr/share/nodejs/graphql');

const root = path.join(__dirname, '..', '..');
const folder = path.join(root, 'client', 'queries');
const schema = graphql.buildSchema(
  fs.readFileSync(path.join(root, 'tests/sandbox/schema.graphql'), 'utf8'));

function readDocuments() {
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.graphql')).sort()
    .map((name) => path.join(folder, name));
  return JSON.parse(execFileSync('python3', [path.join(folder, 'embed.py'), '--json', ...files]));
}

function print(operation, where, type) {
  const nullable = !graphql.isNonNullType(type);
  const leaf = graphql.isLeafType(graphql.getNamedType(type));
  const name = graphql.getNamedType(type).name;
  console.log(JSON.stringify({ operation, path: where, nullable, scalar: leaf ? name : null }));
}

// A field, and the items of the lists it holds.
function visitType(operation, where, type, visitObject) {
  print(operation, where, type);
  const inner = graphql.isNonNullType(type) ? type.ofType : type;
  if (graphql.isListType(inner)) visitType(operation, [...where, '*'], inner.ofType, visitObject);
  else if (graphql.isCompositeType(inner)) visitObject(inner, where);
}

function visitDocument({ name, text }) {
  const document = graphql.parse(text);
  const fragments = new Map(document.definitions
    .filter((one) => one.kind === 'FragmentDefinition').map((one) => [one.name.value, one]));
  const visitSelections = (set, type, where) => {
    for (const node of set.selections) {
      if (node.kind === 'FragmentSpread') {
        visitSelections(fragments.get(node.name.value).selectionSet, type, where);
      } else if (node.kind === 'InlineFragment') {
        visitSelections(node.selectionSet, schema.getType(node.typeCondition.name.value), where);
      } else if (node.name.value !== '__typename') {
        visitType(name, [...where, (node.alias || node.name).value],
          type.getFields()[node.name.value].type,
          (inner, there) => visitSelections(node.selectionSet, inner, there));
      }
    }
  };
  const operation = document.definitions.find((one) => one.kind === 'OperationDefinition');
  if (operation && operation.operation === 'query') {
    visitSelections(operation.selectionSet, schema.getQueryType(), []);
  }
}

readDocuments().forEach(visitDocument);
