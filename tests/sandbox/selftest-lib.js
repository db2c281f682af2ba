// SPDX-License-Identifier: MIT
// Starts a sandbox of its own for a test and speaks to it.
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');

const { KEYS } = require('./seeds/people');

// One exchange: { status, headers, body: Buffer } or { failure } when it broke off.
function exchange(url, options = {}) {
  return new Promise((resolve) => {
    const request = http.request(url, {
      method: options.method || 'GET', headers: options.headers || {}, agent: false,
    }, (response) => {
      const chunks = [];
      const done = (failure) => resolve({
        status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks), failure,
      });
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => done(null));
      response.on('error', () => done('cut'));
    });
    request.on('error', () => resolve({ status: 0, failure: 'no answer' }));
    if (options.timeout) {
      request.setTimeout(options.timeout, () => request.destroy());
    }
    request.end(options.body);
  });
}

const basic = (key) => `Basic ${Buffer.from(`api:${key}`).toString('base64')}`;

class Sandbox {
  constructor(child, ready) {
    this.child = child;
    Object.assign(this, ready);
  }

  // Runs a document; { status, data, errors, headers, body }.
  async query(query, variables, options = {}) {
    const answer = await exchange(`${this.base_url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: options.authorization || basic(options.key || KEYS.ada),
        ...options.headers,
      },
      body: JSON.stringify({ query, variables }),
      timeout: options.timeout,
    });
    try {
      return { ...answer, ...JSON.parse(answer.body.toString()) };
    } catch {
      return answer;
    }
  }

  async control(method, verb, value) {
    const answer = await exchange(`${this.control_url}/${verb}`, {
      method, body: value === undefined ? undefined : JSON.stringify(value),
    });
    return { status: answer.status, value: JSON.parse(answer.body.toString()) };
  }

  fault(value) {
    return this.control('POST', 'faults', value);
  }

  stop() {
    if (this.child.exitCode !== null) {
      return Promise.resolve(this.child.exitCode);
    }
    return new Promise((resolve) => {
      this.child.on('exit', (code) => resolve(code));
      this.child.kill('SIGTERM');
    });
  }
}

// Waits for the ready file; a sandbox that ends before is an error.
function start(args = []) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sandbox-selftest-'));
  const file = path.join(directory, 'ready.json');
  const child = spawn(path.join(__dirname, 'sandbox'), ['--ready-file', file, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      if (fs.existsSync(file)) {
        clearInterval(timer);
        const ready = JSON.parse(fs.readFileSync(file, 'utf8'));
        fs.rmSync(directory, { recursive: true });
        resolve(new Sandbox(child, ready));
      }
    }, 20);
    child.on('exit', (code) => {
      clearInterval(timer);
      reject(new Error(`the sandbox ended with ${code}`));
    });
  });
}

module.exports = { start, exchange, basic, KEYS };
