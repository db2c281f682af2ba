// SPDX-License-Identifier: MIT
// Relay connections. Authorization filters after paging, as on the real server:
// what a caller may not see leaves a gap in the page, or a null node.
'use strict';

const { badRequest } = require('./errors');

const PAGE = 100;
const MAX_PAGE = 1000;

// Set by faults while a document runs: the number of an empty page to be put in
// front, or where the cursor to be repeated is kept.
const damage = { emptyPage: 0, repeatCursor: null };

const cursorOf = (item, position) => Buffer
  .from(`cursor:${item && item.n ? item.n : 0}:${position}`).toString('base64');

// Where a cursor points to in `items`: behind its item, wherever that stands now.
function position(items, cursor) {
  const text = Buffer.from(cursor, 'base64').toString();
  const before = /^before:\d+:(\d+)$/.exec(text);
  if (before) {
    return Number(before[1]);
  }
  const match = /^cursor:(\d+):(\d+)$/.exec(text);
  if (!match) {
    throw badRequest('invalid cursor');
  }
  const [n, at] = [Number(match[1]), Number(match[2])];
  if (n === 0 || (items[at] && items[at].n === n)) {
    return at + 1;
  }
  const moved = items.findIndex((item) => item && item.n === n);
  return moved < 0 ? Math.min(at, items.length) : moved + 1;
}

function bounds(items, args, limits) {
  for (const name of ['first', 'last']) {
    if (args[name] !== undefined && args[name] !== null && args[name] < 0) {
      throw badRequest(`argument ${name} must not be negative`);
    }
  }
  const start = args.after ? position(items, args.after) : 0;
  const stop = args.before ? position(items, args.before) - 1 : items.length;
  const wanted = args.first === undefined || args.first === null ? limits.page : args.first;
  const count = Math.min(wanted, limits.max);
  if (args.last !== undefined && args.last !== null && !args.first) {
    return [Math.max(start, stop - Math.min(args.last, limits.max)), stop];
  }
  return [start, Math.max(start, Math.min(stop, start + count))];
}

// visible(item) answers 'show', 'null' (a null node) or 'gap' (no edge at all).
function connection(items, args, visible, options = {}) {
  const limits = { page: options.page || PAGE, max: options.max || MAX_PAGE };
  const [start, stop] = bounds(items, args, limits);
  const edges = [];
  for (let i = start; i < stop; i++) {
    const shown = visible(items[i]);
    if (shown !== 'gap') {
      const node = shown === 'show' ? items[i] : null;
      edges.push({ node, cursor: cursorOf(items[i], i), position: i });
    }
  }
  const page = {
    totalCount: items.length,
    edges,
    pageInfo: {
      hasNextPage: stop < items.length,
      endCursor: stop > start ? cursorOf(items[stop - 1], stop - 1) : null,
      hasPreviousPage: start > 0,
      startCursor: stop > start ? cursorOf(items[start], start) : null,
    },
  };
  return options.whole ? page : damaged(page, start);
}

function damaged(page, start) {
  if (damage.emptyPage > 0) {
    const endCursor = Buffer.from(`before:${damage.emptyPage}:${start}`).toString('base64');
    return { ...page, edges: [], pageInfo: { ...page.pageInfo, hasNextPage: true, endCursor } };
  }
  if (damage.repeatCursor) {
    const memory = damage.repeatCursor;
    memory.cursor = memory.cursor || page.pageInfo.endCursor;
    return {
      ...page, pageInfo: { ...page.pageInfo, hasNextPage: true, endCursor: memory.cursor },
    };
  }
  return page;
}

// A connection over plain values: no visibility rules, never damaged by a fault.
const plain = (items, args, options) => connection(
  items, args || {}, () => 'show', { ...options, whole: true });

module.exports = { connection, plain, damage };
