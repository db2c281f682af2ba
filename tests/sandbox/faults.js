// SPDX-License-Identifier: MIT
// Faults on demand: chosen by target and operation, applied to one answer.
'use strict';

const { deliver, abort } = require('./respond');
const { REPLACE } = require('./faults-replace');
const { CHANGE } = require('./faults-change');
const { SHAPE } = require('./faults-shape');
const { badRequest } = require('./errors');

const TARGETS = ['graphql', 'storage', 'oidc', 'artifacts', 'any'];
const COMMON = ['target', 'operation', 'kind', 'times', 'after', 'execute'];

// Of one answer's faults, one may replace it and one may shape its way onto the
// wire; delays and changes of its content add up.
const KINDS = new Map();
KINDS.set('delay', { group: 'wait', params: ['ms'] });
for (const [group, table] of [['replace', REPLACE], ['change', CHANGE], ['shape', SHAPE]]) {
  for (const [name, kind] of Object.entries(table)) {
    KINDS.set(name, { ...kind, group });
  }
}

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function matches(fault, target, operation) {
  if (fault.target !== 'any' && fault.target !== target) {
    return false;
  }
  return fault.operation.endsWith('*') ? operation.startsWith(fault.operation.slice(0, -1))
    : operation === fault.operation;
}

function checkFault(spec) {
  const kind = spec && KINDS.get(spec.kind);
  if (!kind) {
    throw badRequest(`unknown kind of fault: ${spec && spec.kind}`);
  }
  const target = spec.target === undefined ? 'graphql' : spec.target;
  if (!TARGETS.includes(target)) {
    throw badRequest(`unknown target: ${target}`);
  }
  for (const name of Object.keys(spec)) {
    if (!COMMON.includes(name) && !kind.params.includes(name)) {
      throw badRequest(`the fault ${spec.kind} has no parameter ${name}`);
    }
  }
  for (const name of kind.needs || []) {
    if (spec[name] === undefined) {
      throw badRequest(`the fault ${spec.kind} needs the parameter ${name}`);
    }
  }
  return { ...spec, target };
}

class Faults {
  constructor(world) {
    this.world = world;
    this.list = [];
    this.latency = new Map();
    this.held = new Set();
    this.paces = new WeakMap();
    this.lastId = 0;
  }

  add(spec) {
    const fault = {
      operation: '*', times: spec.kind === 'empty_pages' ? spec.n : 1, after: 0,
      ...checkFault(spec), id: ++this.lastId, seen: 0, hits: 0,
    };
    this.list.push(fault);
    return fault;
  }

  // Forgets all faults and ends what they hold.
  clear() {
    this.list = [];
    this.latency.clear();
    for (const response of this.held) {
      abort(response);
    }
    this.held.clear();
  }

  setLatency(target, ms) {
    if (!TARGETS.includes(target)) {
      throw badRequest(`unknown target: ${target}`);
    }
    this.latency.set(target, ms);
  }

  // The faults for one answer, by group.
  take(target, operation) {
    const chosen = { wait: [], replace: [], change: [], shape: [] };
    for (const fault of this.list) {
      if (!matches(fault, target, operation)) {
        continue;
      }
      fault.seen++;
      const kind = KINDS.get(fault.kind);
      const group = chosen[kind.group];
      const taken = (group === chosen.replace || group === chosen.shape) && group.length > 0;
      if (fault.seen > fault.after && (fault.times < 0 || fault.hits < fault.times) && !taken
        && (!kind.applies || kind.applies(fault))) {
        fault.hits++;
        group.push(fault);
      }
    }
    return chosen;
  }

  // Leaves a response open until the faults are cleared or the client goes.
  hold(response) {
    this.held.add(response);
    response.on('close', () => this.held.delete(response));
  }

  async wait(target, faults) {
    const latency = Math.max(this.latency.get(target) || 0, this.latency.get('any') || 0);
    const total = faults.reduce((sum, fault) => sum + Number(fault.ms), latency);
    if (total > 0) {
      await sleep(total);
    }
  }

  // produce(change) makes the good answer; `about` is { target, operation, keys }.
  async deliver(about, request, response, produce) {
    const chosen = this.take(about.target, about.operation);
    await this.wait(about.target, chosen.wait);
    const change = this.changeOf(chosen.change);
    let answer;
    if (chosen.replace.length > 0) {
      const [fault] = chosen.replace;
      const kind = REPLACE[fault.kind];
      const good = fault.execute || kind.executes || (kind.wantsGood && kind.wantsGood(fault))
        ? await produce(change) : null;
      answer = kind.answer({ fault, request, response, about, good, faults: this });
    } else {
      answer = await produce(change);
    }
    if (!answer) {
      return;
    }
    for (const fault of chosen.change) {
      answer = CHANGE[fault.kind].answer ? CHANGE[fault.kind].answer(fault, answer) : answer;
    }
    const [fault] = chosen.shape;
    await deliver(request, response, answer, fault && {
      shape: (...parts) => SHAPE[fault.kind].shape(this, fault, ...parts),
    });
  }

  // What the execution has to do differently; null when nothing.
  changeOf(faults) {
    if (faults.length === 0) {
      return null;
    }
    const options = {};
    for (const fault of faults) {
      Object.assign(options, CHANGE[fault.kind].options ? CHANGE[fault.kind].options(fault) : {});
    }
    return {
      options,
      apply: (result) => faults.forEach((fault) => {
        if (CHANGE[fault.kind].result && result.data) {
          CHANGE[fault.kind].result(fault, result.data);
        }
      }),
    };
  }
}

module.exports = { Faults };
