// SPDX-License-Identifier: MIT
// Mongo-style filters (protocol 7). An unknown field or operator is refused, so
// that a client's mistake never looks like an empty result.
'use strict';

const { badRequest } = require('./errors');

const date = (value) => (value === null || value === undefined ? null : Date.parse(value));

const PROJECT_BASIC = {
  id: (p) => p.n,
  name: (p) => p.name,
  entity_id: (p) => p.entity.n,
  description: (p) => p.description,
  created_at: { date: (p) => p.createdAt },
  updated_at: { date: (p) => p.updatedAt },
};

const COLLECTION_BASIC = {
  artifact_collection_id: (c) => c.n,
  name: (c) => c.name,
  tag: (c) => c.tags,
  description: (c) => c.description,
  created_at: { date: (c) => c.createdAt },
  updated_at: { date: (c) => c.updatedAt },
};

const VERSION_BASIC = {
  id: (m) => m.artifact.n,
  version: (m) => m.versionIndex,
  tag: (m) => m.artifact.tags,
  alias: (m) => m.aliases,
  metadata: { nested: (m) => metadataOf(m.artifact) },
  created_at: { date: (m) => m.artifact.createdAt },
  updated_at: { date: (m) => m.artifact.updatedAt },
};

const PROJECT_ADVANCED = {
  project_id: PROJECT_BASIC.id, name: PROJECT_BASIC.name, entity_id: PROJECT_BASIC.entity_id,
};

const COLLECTION_ADVANCED = {
  artifact_collection_id: COLLECTION_BASIC.artifact_collection_id,
  name: COLLECTION_BASIC.name,
  tag: COLLECTION_BASIC.tag,
};

const VERSION_ADVANCED = {
  artifact_id: VERSION_BASIC.id,
  version: VERSION_BASIC.version,
  tag: VERSION_BASIC.tag,
  alias: VERSION_BASIC.alias,
  metadata: VERSION_BASIC.metadata,
  artifact_created_at: VERSION_BASIC.created_at,
  artifact_size: (m) => Number(m.artifact.size === undefined
    ? m.artifact.fileSet.bytes(true) : m.artifact.size),
};

// Older clients know the basic names only, so a server with the advanced search
// takes both.
const LEVELS = {
  project: PROJECT_BASIC,
  collection: COLLECTION_BASIC,
  version: VERSION_BASIC,
  projectAdvanced: { ...PROJECT_BASIC, ...PROJECT_ADVANCED },
  collectionAdvanced: { ...COLLECTION_BASIC, ...COLLECTION_ADVANCED },
  versionAdvanced: { ...VERSION_BASIC, ...VERSION_ADVANCED },
};

function metadataOf(artifact) {
  try {
    return JSON.parse(artifact.metadata);
  } catch {
    return null;
  }
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const many = (value) => (Array.isArray(value) ? value : [value]);

function operandNumber(value, operator) {
  if (value === null || !['string', 'number', 'boolean'].includes(typeof value)) {
    throw badRequest(`invalid operand of ${operator}`);
  }
  return value;
}

function listOperand(value, operator) {
  if (!Array.isArray(value)) {
    throw badRequest(`${operator} needs a list`);
  }
  return value;
}

function same(actual, wanted) {
  if (actual === null || actual === undefined) {
    return wanted === null;
  }
  if (typeof actual === 'number' && typeof wanted === 'string') {
    return String(actual) === wanted.replace(/^v(?=\d+$)/, '');
  }
  if (typeof actual === 'object') {
    return JSON.stringify(actual) === JSON.stringify(wanted);
  }
  return actual === wanted;
}

function compare(actual, wanted) {
  if (actual === null || actual === undefined || typeof actual === 'object') {
    return NaN;
  }
  if (typeof actual === 'number') {
    return actual - Number(String(wanted).replace(/^v(?=\d+$)/, ''));
  }
  if (typeof wanted !== typeof actual) {
    return NaN;
  }
  return actual < wanted ? -1 : Number(actual > wanted);
}

function pattern(text) {
  if (typeof text !== 'string') {
    throw badRequest('$regex needs a text');
  }
  try {
    return new RegExp(text);
  } catch (error) {
    throw badRequest(`invalid regular expression: ${error.message}`);
  }
}

const anyOf = (values, test) => many(values).some(test);

// Each makes a predicate from its operand, so that a bad operand fails even
// where there is nothing to test.
const OPERATORS = {
  $eq: (wanted) => (v) => same(v, wanted) || (Array.isArray(v) && v.some((x) => same(x, wanted))),
  $ne: (wanted) => (v) => !OPERATORS.$eq(wanted)(v),
  $gt: (w) => { operandNumber(w, '$gt'); return (v) => anyOf(v, (x) => compare(x, w) > 0); },
  $gte: (w) => { operandNumber(w, '$gte'); return (v) => anyOf(v, (x) => compare(x, w) >= 0); },
  $lt: (w) => { operandNumber(w, '$lt'); return (v) => anyOf(v, (x) => compare(x, w) < 0); },
  $lte: (w) => { operandNumber(w, '$lte'); return (v) => anyOf(v, (x) => compare(x, w) <= 0); },
  $in: (w) => { listOperand(w, '$in'); return (v) => w.some((x) => OPERATORS.$eq(x)(v)); },
  $nin: (w) => { listOperand(w, '$nin'); return (v) => !w.some((x) => OPERATORS.$eq(x)(v)); },
  $exists: (w) => {
    if (typeof w !== 'boolean') {
      throw badRequest('$exists needs true or false');
    }
    return (v) => (v !== undefined && v !== null) === w;
  },
  $regex: (w) => {
    const expression = pattern(w);
    return (v) => anyOf(v, (x) => typeof x === 'string' && expression.test(x));
  },
  $contains: (w) => (v) => anyOf(v, (x) => typeof x === 'string' && x.includes(String(w))),
  $size: (w) => (v) => Array.isArray(v) && v.length === w,
  $all: (w) => { listOperand(w, '$all'); return (v) => w.every((x) => many(v).includes(x)); },
};

function parseDate(value) {
  if (value === null || typeof value === 'boolean') {
    return value;
  }
  const text = String(value);
  if (!/^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2}(\.\d+)?Z?)?$/.test(text)) {
    throw badRequest(`invalid date: ${text}`);
  }
  const iso = text.replace(' ', 'T');
  return Date.parse(iso.length === 10 || iso.endsWith('Z') ? iso : `${iso}Z`);
}

function condition(spec, convert) {
  if (!isObject(spec)) {
    if (Array.isArray(spec)) {
      throw badRequest('a list is not a condition; use $in');
    }
    return OPERATORS.$eq(convert(spec));
  }
  const tests = Object.entries(spec).map(([operator, operand]) => {
    if (operator === '$not') {
      const inner = condition(operand, convert);
      return (v) => !inner(v);
    }
    if (!Object.hasOwn(OPERATORS, operator)) {
      throw badRequest(`unknown filter operator: ${operator}`);
    }
    return OPERATORS[operator](Array.isArray(operand) ? operand.map(convert) : convert(operand));
  });
  return (v) => tests.every((test) => test(v));
}

function walk(value, keys) {
  let at = value;
  for (const key of keys) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, key)) {
      return undefined;
    }
    at = at[key];
  }
  return at;
}

function fieldTest(key, spec, fields) {
  const [head, ...rest] = key.split('.');
  const field = Object.hasOwn(fields, head) ? fields[head] : undefined;
  if (!field || (rest.length > 0 && !field.nested)) {
    throw badRequest(`unknown filter field: ${key}`);
  }
  if (field.nested) {
    const test = condition(spec, (x) => x);
    return (item) => test(walk(field.nested(item), rest));
  }
  if (field.date) {
    const test = condition(spec, parseDate);
    return (item) => test(date(field.date(item)));
  }
  const test = condition(spec, (x) => x);
  return (item) => test(field(item));
}

function compile(filter, fields) {
  if (!isObject(filter)) {
    throw badRequest('a filter must be a JSON object');
  }
  const tests = Object.entries(filter).map(([key, spec]) => {
    if (['$and', '$or', '$nor'].includes(key)) {
      const inner = listOperand(spec, key).map((part) => compile(part, fields));
      const any = (item) => inner.some((test) => test(item));
      return { $and: (item) => inner.every((t) => t(item)), $or: any, $nor: (i) => !any(i) }[key];
    }
    if (key === '$not') {
      const inner = compile(spec, fields);
      return (item) => !inner(item);
    }
    if (key.startsWith('$')) {
      throw badRequest(`unknown filter operator: ${key}`);
    }
    return fieldTest(key, spec, fields);
  });
  return (item) => tests.every((test) => test(item));
}

// The predicate of a filter text; null and an empty text let everything pass.
function predicate(text, level) {
  if (text === null || text === undefined || text === '') {
    return () => true;
  }
  let filter;
  try {
    filter = JSON.parse(text);
  } catch (error) {
    throw badRequest(`invalid filters: ${error.message}`);
  }
  return compile(filter, LEVELS[level]);
}

const ORDERS = {
  name: (x) => x.name,
  created_at: (x) => Date.parse(x.createdAt) || 0,
  updated_at: (x) => Date.parse(x.updatedAt || x.createdAt) || 0,
};

// A comparison for an `order` text; the default is newest id first.
function ordering(order) {
  if (!order) {
    return (a, b) => b.n - a.n;
  }
  const match = /^([+-]?)(.*)$/.exec(order);
  if (!Object.hasOwn(ORDERS, match[2])) {
    throw badRequest(`unknown order: ${order}`);
  }
  const key = ORDERS[match[2]];
  const sign = match[1] === '-' ? -1 : 1;
  return (a, b) => {
    const [x, y] = [key(a), key(b)];
    return sign * (x < y ? -1 : Number(x > y)) || b.n - a.n;
  };
}

module.exports = { predicate, ordering };
