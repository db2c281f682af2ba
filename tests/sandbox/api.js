// SPDX-License-Identifier: MIT
// The API port: /graphql, /oidc/token and the file fallback.
'use strict';

const { parseBody, stringify } = require('./graphql');
const { userOf, exchange, json } = require('./auth');
const { badRequest } = require('./errors');

const MAX_BODY = 16 << 20;

// The whole body of a request; an error when it is too long or cut off.
function readBody(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      if (size > MAX_BODY) {
        reject(badRequest('the request body is too large'));
        request.destroy();
        return;
      }
      chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the client went away')));
  });
}

// What newer servers do without saying so (protocol 5.6).
const RETIRED = [
  'ARTIFACT_TAGS', 'PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP', 'ARTIFACT_COLLECTION_MEMBERSHIP_FILES',
  'ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER',
];

// What resolvers get: the caller, the state and what the server can do.
function makeContext(world, user, userAgent) {
  const { features, featuresAbsent } = world.store;
  const feature = (name) => (RETIRED.includes(name)
    ? featuresAbsent || features.get(name) !== false
    : !featuresAbsent && features.get(name) === true);
  return {
    world,
    store: world.store,
    user,
    userAgent,
    baseUrl: world.baseUrl,
    feature,
    requireFeature: (name) => {
      if (!feature(name)) {
        throw badRequest(`the feature ${name} is not available on this server`);
      }
    },
    sign: (artifact, entry) => world.storage.sign(artifact, entry),
  };
}

const graphqlAnswer = (status, value) => ({
  status,
  headers: {
    'content-type': 'application/json; charset=utf-8',
    'ratelimit-limit': '1000', 'ratelimit-remaining': '999', 'ratelimit-reset': '60',
  },
  body: Buffer.from(typeof value === 'string' ? value : stringify(value)),
  compress: true,
});

function unauthorized() {
  const answer = json(401, { errors: [{ message: 'user is not logged in' }] });
  answer.headers['www-authenticate'] = 'Basic realm="sandbox"';
  return answer;
}

class Api {
  constructor(world) {
    this.world = world;
    this.canned = null;
  }

  async handle(request, response) {
    const path = request.url.split('?')[0];
    if (path === '/graphql') {
      return this.graphql(request, response);
    }
    if (path === '/oidc/token') {
      return this.oidc(request, response);
    }
    if (path.startsWith('/artifacts/') || path.startsWith('/artifactsV2/')) {
      return this.world.artifacts.handle(request, response);
    }
    return this.world.faults.deliver({ target: 'any', operation: path }, request, response, () => ({
      status: 404,
      headers: { 'content-type': 'text/html' },
      body: Buffer.from('<html><body><h1>404 Not Found</h1></body></html>'),
    }));
  }

  async oidc(request, response) {
    const body = await readBody(request);
    this.world.counters.oidc++;
    const done = this.world.counters.record('oidc', request, { path: request.url });
    response.on('close', () => done(response.statusCode));
    return this.world.faults.deliver({ target: 'oidc', operation: 'token' }, request, response, () => (
      request.method === 'POST' ? exchange(this.world.store, body) : json(405, { error: 'POST only' })));
  }

  async graphql(request, response) {
    const buffer = await readBody(request);
    let body = {};
    let problem = null;
    try {
      body = parseBody(buffer);
    } catch (error) {
      problem = error;
    }
    const { name, isMutation, keys } = this.world.engine.describe(body);
    this.world.counters.countOperation(name, isMutation);
    const done = this.world.counters.record('graphql', request, {
      operation: name, variables: body.variables === undefined ? null : body.variables,
    });
    response.on('close', () => done(response.statusCode));
    const about = { target: 'graphql', operation: name, keys };
    return this.world.faults.deliver(about, request, response, (change) => {
      if (request.method !== 'POST' || problem) {
        return graphqlAnswer(problem ? 400 : 405, {
          errors: [{ message: problem ? problem.message : 'POST only' }],
        });
      }
      return this.execute(request, body, buffer, change);
    });
  }

  // `change` alters the result of the execution (a fault), or is null.
  execute(request, body, buffer, change) {
    const user = userOf(this.world.store, request);
    if (!user) {
      return unauthorized();
    }
    const key = this.canned && !change
      ? `${request.headers.authorization}\n${buffer.toString('latin1')}` : null;
    if (key && this.canned.has(key)) {
      return this.canned.get(key);
    }
    const context = makeContext(this.world, user, request.headers['user-agent']);
    const { status, result } = this.world.engine.run(body, context, change ? change.options : {});
    if (change) {
      change.apply(result);
    }
    const answer = graphqlAnswer(status, result);
    if (key) {
      this.canned.set(key, answer);
    }
    return answer;
  }

  // The control port's way in: an administrator, unharmed and uncounted.
  executeAsAdmin(body) {
    const administrator = {
      n: 0, name: 'Sandbox control', username: 'sandbox-control', email: 'control@example.com',
      admin: true, readOnly: false, entity: null, teams: [], organizations: this.world.store.organizations,
    };
    return this.world.engine.run(body, makeContext(this.world, administrator, 'control'));
  }
}

module.exports = { Api, readBody, graphqlAnswer, unauthorized };
