// SPDX-License-Identifier: MIT
// Command line, ports, ready file, shutdown.
'use strict';

const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const { Engine } = require('./graphql');
const { Counters } = require('./counters');
const { Storage } = require('./storage');
const { Faults } = require('./faults');
const { Api } = require('./api');
const { Artifacts } = require('./artifacts');
const { createControl } = require('./control-port');
const { loadStore } = require('./seeds');
const { keepLargeInMemory, removeTemporaryDirectory } = require('./content');

const USAGE = `usage: sandbox [--seed NAME-or-FILE] [--param KEY=VALUE]... [--port N]
               [--storage-port N] [--control-port N] [--ready-file FILE]
               [--tls-cert FILE --tls-key FILE] [--large-in-memory yes]
`;

const OPTIONS = {
  seed: 'sample', port: '0', 'storage-port': '0', 'control-port': '0',
  'ready-file': null, 'tls-cert': null, 'tls-key': null,
  'large-in-memory': null,
};

function usageError(message) {
  process.stderr.write(`sandbox: ${message}\n${USAGE}`);
  process.exit(1);
}

function parseArguments(argv) {
  const options = { ...OPTIONS, params: {} };
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--help' || argv[i] === '-h') {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const match = /^--([a-z-]+)(?:=([\s\S]*))?$/.exec(argv[i]);
    const known = match && (match[1] === 'param' || Object.hasOwn(OPTIONS, match[1]));
    if (!known) {
      usageError(`unknown argument: ${argv[i]}`);
    }
    const value = match[2] === undefined ? argv[++i] : match[2];
    if (value === undefined) {
      usageError(`--${match[1]} needs a value`);
    }
    if (match[1] === 'param') {
      const [key, ...rest] = value.split('=');
      options.params[key] = rest.join('=');
    } else {
      options[match[1]] = value;
    }
  }
  return options;
}

// Everything that the parts of the server share.
function createWorld(options) {
  const world = { baseUrl: null, storageUrl: null, controlUrl: null };
  world.loadSeed = (wanted) => {
    const isText = typeof wanted === 'string';
    const name = isText ? wanted : wanted.name || options.seed;
    world.store = loadStore(name, isText ? {} : wanted.params || {});
    if (world.api && world.api.canned) {
      world.api.canned.clear();
    }
  };
  world.loadSeed({ name: options.seed, params: options.params });
  world.engine = new Engine();
  world.counters = new Counters();
  world.storage = new Storage(world);
  world.faults = new Faults(world);
  world.api = new Api(world);
  world.artifacts = new Artifacts(world);
  return world;
}

function createServer(options, handler) {
  const safely = (request, response) => {
    // A client that goes away is no concern of the others.
    request.on('error', () => {});
    response.on('error', () => {});
    Promise.resolve(handler(request, response)).catch((error) => {
      if (error.status && !response.headersSent) {
        response.writeHead(error.status, { 'content-type': 'text/plain' });
        response.end(error.message);
      } else {
        response.destroy();
      }
    });
  };
  if (!options['tls-cert']) {
    return http.createServer({ keepAliveTimeout: 60000, noDelay: true }, safely);
  }
  return http2.createSecureServer({
    allowHTTP1: true,
    cert: fs.readFileSync(options['tls-cert']),
    key: fs.readFileSync(options['tls-key']),
  }, safely);
}

// Listens on loopback and answers the URL; keeps count of connections for the end.
function listen(server, port, scheme, sockets) {
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(Number(port), '127.0.0.1', 1024, () => {
      resolve(`${scheme}://127.0.0.1:${server.address().port}`);
    });
  });
}

function writeReadyFile(file, world) {
  const ready = {
    pid: process.pid,
    base_url: world.baseUrl,
    storage_url: world.storageUrl,
    control_url: world.controlUrl,
    api_key: world.store.defaultKey,
  };
  fs.writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(ready)}\n`);
  fs.renameSync(`${file}.${process.pid}`, file);
}

function endOnSignal(servers, sockets) {
  const end = () => {
    servers.forEach((server) => server.close());
    sockets.forEach((socket) => socket.destroy());
    removeTemporaryDirectory();
    process.exit(0);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

async function start(options) {
  const world = createWorld(options);
  const scheme = options['tls-cert'] ? 'https' : 'http';
  const sockets = new Set();
  const api = createServer(options, (q, r) => world.api.handle(q, r));
  const storage = createServer(options, (q, r) => world.storage.handle(q, r));
  const control = createControl(world);
  endOnSignal([api, storage, control], sockets);
  world.baseUrl = await listen(api, options.port, scheme, sockets);
  world.storageUrl = await listen(storage, options['storage-port'], scheme, sockets);
  world.controlUrl = await listen(control, options['control-port'], 'http', sockets);
  if (options['ready-file']) {
    writeReadyFile(options['ready-file'], world);
  }
  process.stdout.write(`sandbox: API ${world.baseUrl}, key ${world.store.defaultKey}, control ${
    world.controlUrl}\n`);
}

function main(argv) {
  const options = parseArguments(argv);
  if (Boolean(options['tls-cert']) !== Boolean(options['tls-key'])) {
    usageError('--tls-cert and --tls-key belong together');
  }
  process.on('exit', removeTemporaryDirectory);
  if (options['large-in-memory'] === 'yes') {
    keepLargeInMemory();
  }
  start(options).catch((error) => {
    process.stderr.write(`sandbox: ${error.message}\n`);
    process.exit(1);
  });
}

module.exports = { main };
