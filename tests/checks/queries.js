#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Every document of the client is valid for the server's schema: as it is, without each part that
// can be left out for an older server, and without all of them. What a part is marked with exists
// in the schema, or is the name of a server feature.
'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { buildSchema, parse, validate } = createRequire('/usr/share/nodejs/')('graphql');

const root = path.join(__dirname, '..', '..');
const folder = path.join(root, 'client', 'queries');
const schema = buildSchema(fs.readFileSync(path.join(root, 'tests/sandbox/schema.graphql'), 'utf8'));

function readDocuments() {
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.graphql')).sort()
    .map((name) => path.join(folder, name));
  const json = execFileSync('python3', [path.join(folder, 'embed.py'), '--json', ...files]);
  return JSON.parse(json);
}

// The text without the parts that need one of the words, as client/documents.c writes it.
function without(document, words) {
  let text = '';
  let written = 0;
  for (const part of document.optional) {
    if (part.start < written || !part.words.some((word) => words.has(word))) continue;
    text += document.text.slice(written, part.start);
    written = part.end;
  }
  return text + document.text.slice(written);
}

function exists(word) {
  const [type, field, argument] = word.split('.');
  if (!field) return /^[A-Z_0-9]+$/.test(type);
  const found = schema.getType(type)?.getFields?.()[field];
  return Boolean(found) && (!argument || found.args.some((one) => one.name === argument));
}

let passed = 0;
let failed = 0;
function check(name, problems) {
  if (problems.length) failed++;
  else passed++;
  for (const problem of problems) console.log(`${name}: ${problem}`);
}

function checkText(name, text) {
  try {
    check(name, validate(schema, parse(text)).map((error) => error.message));
  } catch (error) {
    check(name, [error.message]);
  }
}

for (const document of readDocuments()) {
  const words = new Set(document.optional.flatMap((part) => part.words));
  checkText(document.name, document.text);
  checkText(`${document.name} without anything optional`, without(document, words));
  for (const word of words) {
    checkText(`${document.name} without ${word}`, without(document, new Set([word])));
    check(document.name, exists(word) ? [] : [`${word} is not in the schema`]);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
