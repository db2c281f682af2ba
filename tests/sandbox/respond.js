// SPDX-License-Identifier: MIT
// Puts an answer on the wire, with whatever damage the faults ask for.
'use strict';

const zlib = require('zlib');
const { pipeline } = require('stream');

const GZIP_FROM = 256;

// Ends the connection (HTTP/1) or resets the stream (HTTP/2) without an answer.
function abort(response) {
  if (response.stream && response.stream.close) {
    response.stream.close(2);
  } else if (response.socket) {
    response.socket.destroy();
  }
}

function gzip(body) {
  return new Promise((resolve, reject) => {
    zlib.gzip(body, { level: 1 }, (error, out) => (error ? reject(error) : resolve(out)));
  });
}

function head(response, status, headers) {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== null && value !== undefined) {
      response.setHeader(name, value);
    }
  }
  response.writeHead(status);
}

// answer: { status, headers, body: Buffer } or { status, headers, size, open() }.
async function deliver(request, response, answer, shaper) {
  let { body } = answer;
  const headers = { ...answer.headers };
  if (body && body.length >= GZIP_FROM && answer.compress
      && /\bgzip\b/.test(request.headers['accept-encoding'] || '')) {
    body = await gzip(body);
    headers['content-encoding'] = 'gzip';
    headers.vary = 'Accept-Encoding';
  }
  const size = body ? body.length : answer.size;
  headers['content-length'] = size;
  if (response.destroyed || response.writableEnded) {
    return;
  }
  if (request.method === 'HEAD') {
    head(response, answer.status, headers);
    response.end();
    return;
  }
  const source = body || (size > 0 ? answer.open() : Buffer.alloc(0));
  if (shaper && shaper.shape(response, answer.status, headers, source, size)) {
    return;
  }
  head(response, answer.status, headers);
  send(response, source);
}

function send(response, source) {
  if (Buffer.isBuffer(source)) {
    response.end(source);
  } else {
    pipeline(source, response, () => {});
  }
}

module.exports = { deliver, abort, head, send };
