// SPDX-License-Identifier: MIT
// What the server was asked for, and the last requests as they came in.
'use strict';

const KEPT_REQUESTS = 2000;
const SECRET_HEADERS = ['authorization', 'cookie', 'proxy-authorization'];

// Headers without credentials; of an Authorization header only the scheme stays, of cookies that
// there were some.
function publicHeaders(headers) {
  const out = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!SECRET_HEADERS.includes(name) && !name.startsWith(':')) {
      out[name] = value;
    }
  }
  if (headers.authorization) {
    out.authorization_scheme = String(headers.authorization).split(' ')[0];
  }
  if (headers.cookie) {
    out.cookie = '(hidden)';
  }
  return out;
}

class Counters {
  constructor() {
    this.requests = [];
    this.reset();
  }

  reset() {
    this.graphql = 0;
    this.mutations = 0;
    this.operations = {};
    this.oidc = 0;
    this.artifacts = 0;
    this.storage = { gets: 0, heads: 0, bytes: 0, authorized: 0, ranges: 0, denied: 0 };
    this.cpu = process.cpuUsage();
    this.requests = [];
  }

  countOperation(name, isMutation) {
    this.graphql++;
    this.mutations += isMutation ? 1 : 0;
    this.operations[name] = (this.operations[name] || 0) + 1;
  }

  // Adds a line to the request log; the caller fills in status and ms later.
  record(target, request, details) {
    const line = {
      target, method: request.method, ...details,
      status: null, headers: publicHeaders(request.headers), ms: null,
    };
    const start = process.hrtime.bigint();
    this.requests.push(line);
    if (this.requests.length > KEPT_REQUESTS) {
      this.requests.splice(0, KEPT_REQUESTS / 2);
    }
    return (status) => {
      if (line.ms === null) {
        line.status = status;
        line.ms = Number(process.hrtime.bigint() - start) / 1e6;
      }
    };
  }

  last(count, target) {
    const wanted = this.requests.filter((r) => target === 'any' || r.target === target);
    return wanted.slice(-count);
  }

  report() {
    const used = process.cpuUsage(this.cpu);
    return {
      graphql: this.graphql, mutations: this.mutations, operations: this.operations,
      oidc: this.oidc, artifacts: this.artifacts, storage: this.storage,
      busy_ms: (used.user + used.system) / 1000,
    };
  }
}

module.exports = { Counters };
