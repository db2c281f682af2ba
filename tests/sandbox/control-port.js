// SPDX-License-Identifier: MIT
// The control port: what tests see and turn (JSON over HTTP).
'use strict';

const http = require('http');
const { parseBody, stringify } = require('./graphql');
const { readBody } = require('./api');
const { badRequest } = require('./errors');
const { dump } = require('./state');
const lists = require('./lists');

function number(value, name, least) {
  if (typeof value !== 'number' || !(value >= least)) {
    throw badRequest(`${name} must be a number of at least ${least}`);
  }
  return value;
}

const ROUTES = {
  'GET /counts': (world) => world.counters.report(),
  'POST /counts/reset': (world) => {
    world.counters.reset();
    return {};
  },
  'GET /requests': (world, _, query) => world.counters
    .last(Number(query.get('last') || 100), query.get('target') || 'graphql'),
  'POST /graphql': (world, body) => world.api.executeAsAdmin(parseBody(Buffer.from(JSON.stringify(body)))),
  'GET /state': (world) => dump(world.store),
  'POST /features': (world, body) => setFeatures(world, body),
  'GET /features': (world) => Object.fromEntries(world.store.features),
  'POST /schema': (world, body) => {
    if (!Array.isArray(body.remove)) {
      throw badRequest('remove must be a list of Type.field');
    }
    world.engine.rebuild(body.remove);
    return { removed: body.remove };
  },
  'POST /url_life': (world, body) => {
    world.store.urlLife = number(body.seconds, 'seconds', -3600);
    return {};
  },
  'POST /token_life': (world, body) => {
    world.store.tokens.life = number(body.seconds, 'seconds', 0);
    return {};
  },
  'POST /artifacts': (world, body) => {
    world.artifacts.redirect = Boolean(body.redirect);
    return {};
  },
  'POST /references': (world, body) => {
    if (!['listed', 'unlisted', 'signed'].includes(body)) {
      throw badRequest('references are listed, unlisted or signed');
    }
    world.store.references = body;
    return {};
  },
  'POST /storage': (world, body) => {
    world.storage.form = body;
    return {};
  },
  'POST /canned': (world, body) => {
    world.api.canned = body.on ? new Map() : null;
    return {};
  },
  'GET /faults': (world) => world.faults.list,
  'POST /faults': (world, body) => world.faults.add(body),
  'DELETE /faults': (world) => {
    world.faults.clear();
    return {};
  },
  'POST /delay': (world, body) => {
    world.faults.setLatency(body.target || 'any', number(body.ms, 'ms', 0));
    return {};
  },
  'POST /seed': (world, body) => {
    lists.clear();
    world.loadSeed(body);
    return {};
  },
};

function setFeatures(world, body) {
  const { store } = world;
  for (const [name, value] of Object.entries(body)) {
    if (name === 'absent') {
      store.featuresAbsent = Boolean(value);
    } else {
      store.features.set(name, value);
    }
  }
  return Object.fromEntries(store.features);
}

function parseControl(buffer) {
  const text = buffer.toString().trim();
  if (text === '') {
    return {};
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function handle(world, request, response) {
  const url = new URL(request.url, 'http://control');
  const route = ROUTES[`${request.method} ${url.pathname}`];
  let [status, value] = [404, { error: `no such verb: ${request.method} ${url.pathname}` }];
  if (route) {
    try {
      const body = parseControl(await readBody(request));
      [status, value] = [200, await route(world, body, url.searchParams)];
      if (url.pathname === '/graphql') {
        [status, value] = [value.status, value.result];
      }
    } catch (error) {
      [status, value] = [error.status || 500, { error: error.message }];
    }
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${stringify(value)}\n`);
}

function createControl(world) {
  return http.createServer((request, response) => {
    handle(world, request, response).catch(() => response.destroy());
  });
}

module.exports = { createControl };
