// SPDX-License-Identifier: MIT
// Tests of runs and places (protocol 5.11, 5.12), for selftest.js.
'use strict';

const assert = require('assert');
const { LINEAGE, VERSIONS } = require('./selftest-documents');

module.exports = (test) => {
  test('lineage', 'runs that logged and used an artifact, and its places', async (box) => {
    const list = await box.query(VERSIONS, {
      org: 'acme', p: '{"name":"wandb-registry-model"}', c: '{"name":"shelf"}', first: 100,
    });
    const ids = list.data.organization.orgEntity.artifactMemberships.edges.reverse()
      .map((edge) => edge.node.artifact.id);
    const look = async (version, first, after) => (await box.query(
      LINEAGE, { id: ids[version], first, after })).data.artifact;
    const all = await look(0);
    assert.deepStrictEqual(
      [all.createdBy.__typename, all.createdBy.name, all.createdBy.project.name], ['Run', 'run0', 'training']);
    assert.strictEqual(all.usedBy.totalCount, 5);
    assert.strictEqual(all.usedBy.edges.filter((edge) => edge.node.project === null).length, 1);
    const places = all.artifactMemberships.edges.map((edge) => edge.node.artifactCollection);
    assert.deepStrictEqual(places.map((c) => `${c.__typename} ${c.name} ${c.project ? 'seen' : 'hidden'}`), [
      'ArtifactSequence shelf-run seen', 'ArtifactPortfolio shelf seen', 'ArtifactPortfolio beta seen',
      'ArtifactPortfolio alpha seen', 'ArtifactPortfolio unseen hidden']);
    assert.deepStrictEqual((await look(1)).createdBy, { __typename: 'User', username: 'ada' });
    assert.strictEqual((await look(2)).createdBy.project, null);
    assert.strictEqual((await look(3)).createdBy, null);
    const [names, pages] = [new Set(), []];
    for (let after = null; pages.length < 3; after = pages[pages.length - 1].pageInfo.endCursor) {
      const page = (await look(4, 100, after)).usedBy;
      page.edges.forEach((edge) => names.add(edge.node.name));
      pages.push(page);
    }
    assert.deepStrictEqual([names.size, pages[2].pageInfo.hasNextPage], [250, false]);
    await box.control('POST', 'schema', { remove: ['Artifact.usedBy.first', 'Artifact.createdBy'] });
    const refused = JSON.stringify((await box.query(LINEAGE, { id: ids[0] })).errors);
    assert.ok(refused.includes('createdBy') && refused.includes('first'));
  });
};
