// SPDX-License-Identifier: MIT
// Faults that replace an answer. Unless they say `executes`, or the fault carries
// execute: true, the request has no effect on the state.
'use strict';

const { Readable } = require('stream');
const { abort } = require('./respond');

const TEXTS = {
  400: 'Bad Request', 401: 'unauthorized', 403: 'permission denied', 404: 'Not Found',
  409: 'Conflict', 413: 'Payload Too Large', 429: 'Rate limit exceeded',
  500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
const PAGE = '<!DOCTYPE html><html><head><title>Sign in</title></head><body>Proxy</body></html>';
const CHUNK = Buffer.alloc(65536, 'a');

const make = (status, type, body, headers = {}) => ({
  status,
  headers: { 'content-type': type, ...headers },
  body: Buffer.isBuffer(body) ? body : Buffer.from(body),
});

const makeJson = (status, value) => make(status, 'application/json', JSON.stringify(value));

function status({ fault }) {
  const isText = fault.body === undefined || typeof fault.body === 'string';
  const body = isText ? fault.body : JSON.stringify(fault.body);
  if (fault.body_base64 !== undefined) {
    return make(fault.status, fault.content_type || 'application/json',
      Buffer.from(fault.body_base64, 'base64'), fault.headers);
  }
  return make(fault.status,
    fault.content_type || (isText ? 'text/plain' : 'application/json'),
    body === undefined ? TEXTS[fault.status] || 'Error' : body, fault.headers);
}

const nulls = (keys) => Object.fromEntries((keys || []).map((key) => [key, null]));

// Every shape of protocol 2.3: `errors` is the list as it is to stand in the
// answer; `data` says what stands beside it.
function errors({ fault, about, good }) {
  const list = fault.errors === undefined ? [{ message: 'sandbox fault' }] : fault.errors;
  const body = Array.isArray(list) ? { errors: list } : { error: list };
  if (fault.data === 'null') {
    body.data = null;
  } else if (fault.data === 'partial') {
    body.data = nulls(about.keys);
  } else if (fault.data === 'keep' && good) {
    body.data = JSON.parse(good.body.toString()).data;
  }
  return makeJson(fault.status || 200, body);
}

// A body of `bytes` bytes that is made as it is sent.
function hugeBody({ fault, response }) {
  const state = { left: Math.max(0, fault.bytes - 20) };
  const body = new Readable({
    read() {
      const length = Math.min(state.left, CHUNK.length);
      state.left -= length;
      this.push(length > 0 ? CHUNK.subarray(0, length) : null);
    },
  });
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"data":{"x":"');
  body.on('end', () => response.end('"}}'));
  body.on('error', () => abort(response));
  response.on('close', () => body.destroy());
  body.pipe(response, { end: false });
  return null;
}

function redirect({ fault, request, about, faults }) {
  const { baseUrl, storageUrl } = faults.world;
  let { location } = fault;
  if (fault.to === 'self') {
    location = (about.target === 'storage' ? storageUrl : baseUrl) + request.url;
  } else if (fault.to === 'other_host') {
    location = storageUrl.replace('127.0.0.1', 'localhost') + request.url;
  }
  return make(fault.status || 302, 'text/plain', 'moved', { location });
}

// Lets so many requests through in any period of that length; those that are refused do not count.
function isOverLimit(fault) {
  const now = Date.now();
  fault.passed = (fault.passed || []).filter((time) => time > now - fault.ms);
  if (fault.passed.length >= fault.requests) {
    return true;
  }
  fault.passed.push(now);
  return false;
}

const REPLACE = {
  hang: {
    params: [],
    answer: ({ response, faults }) => {
      faults.hold(response);
      return null;
    },
  },
  drop: {
    params: [],
    answer: ({ response }) => {
      abort(response);
      return null;
    },
  },
  lose_answer: {
    params: [],
    executes: true,
    answer: ({ response }) => {
      abort(response);
      return null;
    },
  },
  status: {
    params: ['status', 'headers', 'body', 'body_base64', 'content_type'],
    needs: ['status'],
    answer: status,
  },
  limit: {
    params: ['requests', 'ms'],
    needs: ['requests', 'ms'],
    applies: isOverLimit,
    answer: () => make(429, 'text/plain', TEXTS[429]),
  },
  html: {
    params: ['status'],
    answer: ({ fault }) => make(fault.status || 200, 'text/html; charset=utf-8', PAGE),
  },
  bad_json: {
    params: ['body'],
    answer: ({ fault }) => make(200, 'application/json', fault.body || '{"data": {"viewer": {"id":'),
  },
  deep_json: {
    params: ['levels'],
    answer: ({ fault }) => {
      const levels = fault.levels || 100000;
      return make(200, 'application/json', `{"data":${'['.repeat(levels)}${']'.repeat(levels)}}`);
    },
  },
  huge_body: { params: ['bytes'], needs: ['bytes'], answer: hugeBody },
  errors: {
    params: ['errors', 'data', 'status'],
    wantsGood: (fault) => fault.data === 'keep',
    answer: errors,
  },
  empty: {
    params: ['status'],
    answer: ({ fault }) => make(fault.status || 200, 'application/json', ''),
  },
  data_null: { params: [], answer: () => makeJson(200, { data: null }) },
  viewer_null: { params: [], answer: ({ about }) => makeJson(200, { data: nulls(about.keys) }) },
  redirect: { params: ['location', 'to', 'status'], answer: redirect },
  unauthorized_text: { params: [], answer: () => make(401, 'text/plain', 'unauthorized') },
  unauthorized_json: {
    params: [],
    answer: () => makeJson(401, { errors: [{ message: 'user is not logged in' }] }),
  },
};

module.exports = { REPLACE };
