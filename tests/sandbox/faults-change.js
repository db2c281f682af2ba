// SPDX-License-Identifier: MIT
// Faults that change the content of a good answer.
'use strict';

// Sets what `path` leads to; '*' stands for every item of a list.
function setAt(data, path, value) {
  const [key, ...rest] = path;
  if (data === null || typeof data !== 'object') {
    return;
  }
  for (const name of key === '*' ? Object.keys(data) : [key]) {
    if (!Object.hasOwn(data, name)) {
      continue;
    }
    if (rest.length === 0) {
      data[name] = value;
    } else {
      setAt(data[name], rest, value);
    }
  }
}

const CHANGE = {
  null_at: {
    params: ['path'],
    needs: ['path'],
    result: (fault, data) => setAt(data, fault.path, null),
  },
  set_at: {
    params: ['path', 'value'],
    needs: ['path', 'value'],
    result: (fault, data) => setAt(data, fault.path, fault.value),
  },
  inserted_false: {
    params: [],
    result: (fault, data) => setAt(data, ['*', 'inserted'], false),
  },
  int64_as_text: { params: [], options: () => ({ int64AsText: true }) },
  // The pages go on as if there were more, from the first page's end cursor.
  repeat_cursor: {
    params: [],
    options: (fault) => {
      fault.memory = fault.memory || {};
      return { repeatCursor: fault.memory };
    },
  },
  // A page without edges comes first, `n` times; nothing is lost behind it.
  empty_pages: {
    params: ['n'],
    needs: ['n'],
    options: (fault) => ({ emptyPage: fault.hits }),
  },
  wrong_range: { params: [], options: () => ({ ignoreRange: true }) },
  content_type: {
    params: ['value'],
    needs: ['value'],
    answer: (fault, answer) => ({
      ...answer, headers: { ...answer.headers, 'content-type': fault.value },
    }),
  },
};

module.exports = { CHANGE };
