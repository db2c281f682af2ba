// SPDX-License-Identifier: MIT
// Faults on the wire: what happens to the bytes of an answer's body.
'use strict';

const zlib = require('zlib');
const { Readable, Transform, pipeline } = require('stream');
const { abort, head, send } = require('./respond');

const DRIPS_PER_SECOND = 10;

const readable = (source) => (Buffer.isBuffer(source) ? Readable.from([source]) : source);

// Passes the first `limit` bytes on, then calls `atLimit` and swallows the rest.
function sendFirst(response, source, limit, atLimit) {
  const input = readable(source);
  let left = limit;
  const stop = () => {
    input.destroy();
    atLimit();
  };
  if (left === 0) {
    response.flushHeaders();
    setImmediate(stop);
    return;
  }
  input.on('error', () => abort(response));
  input.on('end', () => left > 0 && response.end());
  response.on('close', () => input.destroy());
  input.on('data', (chunk) => {
    if (left === 0) {
      return;
    }
    const part = chunk.subarray(0, left);
    left -= part.length;
    input.pause();
    response.write(part, () => (left === 0 ? stop() : input.resume()));
  });
}

function drip(response, source, bytesPerSecond) {
  const step = Math.max(1, Math.floor(bytesPerSecond / DRIPS_PER_SECOND));
  const pause = Math.max(1000 / DRIPS_PER_SECOND, (1000 * step) / bytesPerSecond);
  let timer = null;
  const slow = new Transform({
    transform(chunk, _, callback) {
      let at = 0;
      const next = () => {
        if (at >= chunk.length) {
          callback();
          return;
        }
        this.push(chunk.subarray(at, at + step));
        at += step;
        timer = setTimeout(next, pause);
      };
      next();
    },
  });
  response.on('close', () => clearTimeout(timer));
  pipeline(readable(source), slow, response, () => {});
}

// At most `bytes` every `ms`, from `ms` on: what one connection's window lets through, or a wire that
// connections share.
class Pace {
  constructor(bytes, ms, most) {
    this.bytes = bytes;
    this.ms = ms;
    this.most = most;
    this.left = 0;
    this.last = 0;
    this.users = 0;
    this.waiting = [];
  }

  begin() {
    this.users++;
    if (!this.timer) {
      this.last = Date.now();
      this.timer = setInterval(() => this.tick(), this.ms);
    }
  }

  // Timers are late when the machine is busy.
  tick() {
    const now = Date.now();
    const more = Math.floor((this.bytes * (now - this.last)) / this.ms);
    this.left = Math.min(this.most, this.left + more);
    this.last = now;
    this.waiting.splice(0).forEach((goOn) => goOn());
  }

  end() {
    this.users--;
    if (this.users === 0) {
      clearInterval(this.timer);
      this.timer = null;
    }
  }

  // Hands the chunk over to `push`, in parts as time goes by, then calls `done`.
  pass(chunk, push, done) {
    const part = chunk.subarray(0, this.left);
    this.left -= part.length;
    if (part.length > 0) {
      push(part);
    }
    if (part.length === chunk.length) {
      done();
    } else {
      this.waiting.push(() => this.pass(chunk.subarray(part.length), push, done));
    }
  }
}

// The largest part of a body that one response takes at once: others want their share.
const SHARE = 256 * 1024;

function* shares(source) {
  for (let at = 0; at < source.length; at += SHARE) {
    yield source.subarray(at, at + SHARE);
  }
}

function sendPaced(response, source, pace) {
  pace.begin();
  const paced = new Transform({
    transform(chunk, _, callback) {
      pace.pass(chunk, (part) => this.push(part), callback);
    },
  });
  response.on('close', () => pace.end());
  const input = Buffer.isBuffer(source) ? Readable.from(shares(source)) : source;
  pipeline(input, paced, response, () => {});
}

function flipBytes(response, source, offset, count) {
  let position = 0;
  const flip = new Transform({
    transform(chunk, _, callback) {
      const copy = Buffer.from(chunk);
      for (let i = Math.max(0, offset - position); i < copy.length; i++) {
        if (position + i >= offset + count) {
          break;
        }
        copy[i] ^= 0xff;
      }
      position += chunk.length;
      callback(null, copy);
    },
  });
  pipeline(readable(source), flip, response, () => {});
}

const SHAPE = {
  // Headers and some bytes, then silence.
  stall: {
    params: ['after_bytes'],
    shape: (faults, fault, response, status, headers, source, size) => {
      head(response, status, headers);
      faults.hold(response);
      sendFirst(response, source, Math.min(size, fault.after_bytes || 0), () => {});
      return true;
    },
  },
  // The connection breaks although Content-Length promised more.
  cut: {
    params: ['after_bytes'],
    shape: (faults, fault, response, status, headers, source, size) => {
      head(response, status, headers);
      sendFirst(response, source, Math.min(size, fault.after_bytes || 0), () => abort(response));
      return true;
    },
  },
  // A shorter body that claims to be the whole.
  truncate: {
    params: ['bytes'],
    shape: (faults, fault, response, status, headers, source, size) => {
      const length = Math.min(size, fault.bytes || 0);
      head(response, status, { ...headers, 'content-length': length });
      sendFirst(response, source, length, () => response.end());
      return true;
    },
  },
  drip: {
    params: ['bytes_per_second'],
    needs: ['bytes_per_second'],
    shape: (faults, fault, response, status, headers, source) => {
      head(response, status, headers);
      drip(response, source, fault.bytes_per_second);
      return true;
    },
  },
  window: {
    params: ['bytes', 'ms', 'shared'],
    needs: ['bytes', 'ms'],
    shape: (faults, fault, response, status, headers, source) => {
      head(response, status, headers);
      const most = fault.bytes * (fault.shared ? 10 : 1);
      const pace = faults.paces.get(fault) || new Pace(fault.bytes, fault.ms, most);
      if (fault.shared) {
        faults.paces.set(fault, pace);
      }
      sendPaced(response, source, pace);
      return true;
    },
  },
  wrong_bytes: {
    params: ['offset', 'count'],
    shape: (faults, fault, response, status, headers, source) => {
      head(response, status, headers);
      flipBytes(response, source, fault.offset || 0, fault.count || 1);
      return true;
    },
  },
  // Encoded, whether the client asked for that or not.
  gzip: {
    params: [],
    shape: (faults, fault, response, status, headers, source) => {
      const { 'content-length': _, ...others } = headers;
      head(response, status, { ...others, 'content-encoding': 'gzip' });
      pipeline(readable(source), zlib.createGzip(), response, () => {});
      return true;
    },
  },
  // Content-Length is off by `delta`; the connection is closed behind the body.
  wrong_length: {
    params: ['delta'],
    shape: (faults, fault, response, status, headers, source, size) => {
      const length = Math.max(0, size + (fault.delta === undefined ? 10 : fault.delta));
      response.shouldKeepAlive = false;
      head(response, status, { ...headers, 'content-length': length });
      send(response, source);
      return true;
    },
  },
};

module.exports = { SHAPE };
