// SPDX-License-Identifier: MIT
// Executes one GraphQL request body against the schema.
'use strict';

const { parse, validate, execute, Kind } = require('graphql');
const { buildSchema, stringify, mode } = require('./schema');
const { useSchema } = require('./mutations/constraints');
const { badRequest, statusOf } = require('./errors');
const { damage } = require('./paging');

const KEPT_DOCUMENTS = 500;

class Engine {
  constructor() {
    this.rebuild([]);
  }

  rebuild(removed) {
    this.schema = buildSchema(removed);
    this.removed = removed;
    this.documents = new Map();
    useSchema(this.schema);
  }

  // { document, errors }, remembered by text.
  prepare(query) {
    let prepared = this.documents.get(query);
    if (!prepared) {
      prepared = this.check(query);
      if (this.documents.size >= KEPT_DOCUMENTS) {
        this.documents.clear();
      }
      this.documents.set(query, prepared);
    }
    return prepared;
  }

  check(query) {
    try {
      const document = parse(query);
      return { document, errors: validate(this.schema, document) };
    } catch (error) {
      return { document: null, errors: [error] };
    }
  }

  // Name, kind and top-level keys of the operation that a body asks for.
  describe(body) {
    const { document } = typeof body.query === 'string' ? this.prepare(body.query) : {};
    const operations = document
      ? document.definitions.filter((d) => d.kind === Kind.OPERATION_DEFINITION) : [];
    const chosen = operations.find((o) => o.name && o.name.value === body.operationName)
      || operations[0];
    const name = body.operationName || (chosen && chosen.name && chosen.name.value) || 'anonymous';
    const fields = chosen ? chosen.selectionSet.selections.filter((s) => s.kind === Kind.FIELD) : [];
    return {
      name,
      isMutation: Boolean(chosen) && chosen.operation === 'mutation',
      keys: fields.map((f) => (f.alias || f.name).value),
    };
  }

  // { status, result }: `result` is what is to be printed.
  run(body, context, options = {}) {
    const prepared = this.prepare(body.query);
    if (prepared.errors.length > 0) {
      return { status: 400, result: { errors: prepared.errors.map((e) => e.toJSON()) } };
    }
    mode.int64AsText = Boolean(options.int64AsText);
    damage.emptyPage = options.emptyPage || 0;
    damage.repeatCursor = options.repeatCursor || null;
    let executed;
    try {
      executed = execute({
        schema: this.schema,
        document: prepared.document,
        contextValue: context,
        variableValues: body.variables || {},
        operationName: body.operationName || undefined,
      });
    } finally {
      mode.int64AsText = false;
      damage.emptyPage = 0;
      damage.repeatCursor = null;
    }
    if (!executed.errors) {
      return { status: 200, result: executed };
    }
    const status = statusOf(executed.errors, executed.data !== undefined);
    if (status === 500) {
      process.stderr.write(`sandbox: ${executed.errors.map((e) => e.stack).join('\n')}\n`);
    }
    return { status, result: { errors: executed.errors.map((e) => e.toJSON()), data: executed.data } };
  }
}

// The parsed body of a request; throws what is to be answered with 400.
function parseBody(buffer) {
  let body;
  try {
    body = JSON.parse(buffer.toString('utf8'));
  } catch {
    throw badRequest('the request body is not JSON');
  }
  if (body === null || typeof body !== 'object' || typeof body.query !== 'string') {
    throw badRequest('must provide a query text');
  }
  if (body.variables !== undefined && body.variables !== null
      && (typeof body.variables !== 'object' || Array.isArray(body.variables))) {
    throw badRequest('variables must be an object');
  }
  return body;
}

module.exports = { Engine, parseBody, stringify };
