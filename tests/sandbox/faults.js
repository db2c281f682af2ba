// SPDX-License-Identifier: MIT
// Faults on demand: chosen by target and operation, applied to one answer.
'use strict';

const { deliver } = require('./respond');

class Faults {
  constructor(world) {
    this.world = world;
    this.list = [];
  }

  async deliver(target, operation, request, response, produce) {
    const answer = await produce(null);
    return deliver(request, response, answer, null);
  }
}

module.exports = { Faults };
