#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// The sandbox's own tests: selftest.js [PART-OF-A-NAME]
'use strict';

const assert = require('assert');
const { execFileSync } = require('child_process');
const fs = require('fs');
const http2 = require('http2');
const https = require('https');
const os = require('os');
const path = require('path');
const { start, exchange, basic, KEYS } = require('./selftest-lib');
const {
  MODEL, PROJECT, UPSERT, RENAME, DELETE, LIST, VERSIONS, FILE,
} = require('./selftest-documents');
const lineageTests = require('./selftest-lineage');

const tests = [];
const test = (seed, name, run) => tests.push({ seed, name, run });

async function project(box, where = MODEL) {
  return (await box.query(PROJECT, where)).data.entity.project;
}

async function upsert(box, input, options) {
  return box.query(UPSERT, { input: { entityName: MODEL.entity, name: MODEL.name, ...input } }, options);
}

async function file(box, name, overrides = {}) {
  const answer = await box.query(FILE, {
    e: MODEL.entity, p: MODEL.name, c: 'churn', v: 'v0', n: name ? [name] : null, ...overrides,
  });
  const membership = answer.data.project.artifactCollection.artifactMembership;
  return {
    membership, nodes: membership.files.edges.map((e) => e.node),
    manifestUrl: membership.artifact.currentManifest.file.directUrl,
  };
}

// Walks all pages; { pages, names } with null for a null node.
async function walk(box, org, first) {
  const names = [];
  let [after, pages, more] = [null, 0, true];
  while (more) {
    const answer = await box.query(LIST, { org, first, after });
    const page = answer.data.organization.orgEntity.projects;
    names.push(...page.edges.map((e) => e.node && e.node.name));
    pages++;
    more = page.pageInfo.hasNextPage;
    assert.notStrictEqual(more && page.pageInfo.endCursor, after);
    after = page.pageInfo.endCursor;
  }
  return { pages, names };
}

test('sample', 'credentials: none, wrong, Basic with another user name', async (box) => {
  for (const authorization of ['', basic('x'.repeat(40)), 'Bearer nothing',
    `Basic ${Buffer.from(`user:${KEYS.ada}`).toString('base64')}`]) {
    const answer = await box.query('{ viewer { id } }', {}, { authorization: authorization || 'None' });
    assert.strictEqual(answer.status, 401);
    assert.strictEqual(answer.errors[0].message, 'user is not logged in');
  }
  assert.strictEqual((await box.query('{ viewer { username } }')).data.viewer.username, 'ada');
});

test('sample', 'credentials: a token is exchanged, lives for its time, and is renewed', async (box) => {
  const ask = (assertion) => exchange(`${box.base_url}/oidc/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion,
    }).toString(),
  });
  const refused = await ask('wrong');
  assert.deepStrictEqual([refused.status, refused.body.toString()], [400, '{"error":"invalid_grant"}']);
  const token = JSON.parse((await ask('sandbox.jwt.ada')).body);
  const authorization = `Bearer ${token.access_token}`;
  assert.ok(token.expires_in > 0);
  assert.strictEqual((await box.query('{ viewer { id } }', {}, { authorization })).status, 200);
  await box.control('POST', 'token_life', { seconds: 0 });
  const dead = JSON.parse((await ask('sandbox.jwt.ada')).body);
  const late = await box.query('{ viewer { id } }', {}, {
    authorization: `Bearer ${dead.access_token}`,
  });
  assert.strictEqual(late.status, 401);
});

test('sample', 'documents: validated by graphql-js, introspection, gzip', async (box) => {
  const wrong = await box.query('query Q { viewer { nonsense } }');
  assert.strictEqual(wrong.status, 400);
  assert.strictEqual(wrong.errors[0].message, 'Cannot query field "nonsense" on type "User".');
  const type = await box.query('{ __type(name: "Artifact") { fields { name } } }');
  assert.ok(type.data.__type.fields.some((f) => f.name === 'historyStep'));
  const missing = await box.query(PROJECT, { entity: 'x' });
  assert.strictEqual(missing.status, 400);
  const packed = await box.query(LIST, { org: 'acme' }, { headers: { 'accept-encoding': 'gzip' } });
  assert.strictEqual(packed.headers['content-encoding'], 'gzip');
});

test('sample', 'permissions: read-only, viewer, stranger, restricted viewer', async (box) => {
  const before = await project(box);
  for (const key of [KEYS.guest, KEYS.vera]) {
    const answer = await upsert(box, { description: 'no' }, { key });
    assert.strictEqual(answer.status, 403);
    assert.strictEqual(answer.errors[0].message, 'permission denied');
    assert.strictEqual(answer.errors[0].extensions.code, 'PERMISSION_ERROR');
    assert.deepStrictEqual(answer.data, { upsertModel: null });
  }
  assert.deepStrictEqual(await project(box), before);
  const stranger = await box.query(LIST, { org: 'acme' }, { key: KEYS.nobody });
  assert.strictEqual(stranger.data.organization, null);
  const entityName = await box.query(LIST, { org: 'acme-org-entity' });
  assert.strictEqual(entityName.data.organization, null);
  const bob = await box.query(LIST, { org: 'acme' }, { key: KEYS.bob });
  assert.strictEqual(bob.data.organization.orgEntity.projects.edges.length, 2);
  const rex = await box.query(FILE, {
    e: MODEL.entity, p: 'wandb-registry-restricted', c: 'secret-sauce', v: 'v0',
  }, { key: KEYS.rex });
  assert.strictEqual(rex.status, 403);
});

test('sample', 'upsert: changes what is given, creates what is missing', async (box) => {
  const before = await project(box);
  const answer = await upsert(box, { access: 'RESTRICTED' });
  assert.strictEqual(answer.data.upsertModel.inserted, false);
  const after = await project(box);
  assert.strictEqual(after.access, 'RESTRICTED');
  assert.strictEqual(after.description, before.description);
  assert.notStrictEqual(after.updatedAt, before.updatedAt);
  assert.strictEqual((await upsert(box, { description: '' })).data.upsertModel.project.description, '');
  assert.strictEqual((await upsert(box, { access: 'NONSENSE' })).status, 400);
  const made = await upsert(box, { name: 'wandb-registry-new' });
  assert.strictEqual(made.data.upsertModel.inserted, true);
  assert.strictEqual((await upsert(box, { name: 'x'.repeat(129) })).status, 400);
  assert.strictEqual((await upsert(box, { name: 'é'.repeat(128) })).status, 200);
  assert.strictEqual((await upsert(box, { name: 'wandb-registry-' })).status, 400);
});

test('sample', 'upsert: artifact types are add-only', async (box) => {
  const names = async () => (await project(box)).artifactTypes.edges.map((e) => e.node.name);
  const types = (...list) => ({ artifactTypes: list.map((name) => ({ name })) });
  assert.strictEqual((await upsert(box, types('more'))).status, 400);
  const off = await upsert(box, { allowAllArtifactTypesInRegistry: false, ...types('more') });
  assert.strictEqual(off.status, 200);
  assert.deepStrictEqual(await names(), ['model', 'more']);
  await upsert(box, types('third'));
  assert.deepStrictEqual(await names(), ['model', 'more', 'third']);
  await upsert(box, { artifactTypes: [] });
  assert.deepStrictEqual(await names(), ['model', 'more', 'third']);
  for (const bad of ['a/b', 'a:b', '', 'x'.repeat(129)]) {
    assert.strictEqual((await upsert(box, types(bad))).status, 400);
  }
});

test('sample', 'rename and delete', async (box) => {
  const rename = (oldProjectName, newProjectName) => box.query(RENAME, {
    input: { entityName: MODEL.entity, oldProjectName, newProjectName },
  });
  const { id } = await project(box);
  assert.strictEqual((await rename(MODEL.name, 'wandb-registry-dataset')).status, 409);
  assert.strictEqual((await rename('wandb-registry-nothing', 'wandb-registry-x')).status, 404);
  assert.strictEqual((await rename(MODEL.name, 'wandb-registry-renamed')).status, 200);
  assert.strictEqual(await project(box), null);
  const renamed = await project(box, { ...MODEL, name: 'wandb-registry-renamed' });
  assert.notStrictEqual(renamed.id, id);
  assert.strictEqual((await box.query(DELETE, { id })).status, 404);
  assert.deepStrictEqual((await box.query(DELETE, { id: renamed.id })).data.deleteModel, { success: true });
  assert.strictEqual((await box.query(DELETE, { id: renamed.id })).status, 404);
});

test('sample', 'aliases move, tags and links work', async (box) => {
  const { membership } = await file(box, null, { v: 'v1' });
  const alias = {
    alias: 'production', entityName: MODEL.entity, projectName: MODEL.name, artifactCollectionName: 'churn',
  };
  const answer = await box.query('mutation A($input: AddAliasesInput!) { addAliases(input: $input) { success } }',
    { input: { artifactID: membership.artifact.id, aliases: [alias] } });
  assert.strictEqual(answer.data.addAliases.success, true);
  assert.strictEqual((await file(box, null, { v: 'production' })).membership.versionIndex, 1);
  const tag = `mutation T($input: CreateArtifactCollectionTagAssignmentsInput!) {
    createArtifactCollectionTagAssignments(input: $input) { tags { name } } }`;
  const tags = (...list) => ({
    input: {
      entityName: MODEL.entity, projectName: MODEL.name, artifactCollectionName: 'churn',
      tags: list.map((tagName) => ({ tagName })),
    },
  });
  assert.strictEqual((await box.query(tag, tags('fine tag'))).status, 200);
  assert.strictEqual((await box.query(tag, tags('not/fine'))).status, 400);
  assert.strictEqual((await box.query(tag, tags(...Array(21).fill('t')))).status, 400);
  const link = await box.query(`mutation L($input: LinkArtifactInput!) {
    linkArtifact(input: $input) { versionIndex artifactMembership { aliases { alias } } } }`, {
    input: {
      artifactID: membership.artifact.id, artifactPortfolioName: 'brand-new',
      entityName: MODEL.entity, projectName: MODEL.name,
    },
  });
  assert.strictEqual(link.data.linkArtifact.versionIndex, 0);
  assert.strictEqual((await file(box, 'config.json', { c: 'brand-new' })).nodes.length, 1);
});

test('sample', 'storage: ranges, tampering, expiry, no credentials', async (box) => {
  const { nodes: [node] } = await file(box, 'model.pt');
  const get = (headers, url = node.directUrl) => exchange(url, { headers });
  const whole = await get({});
  assert.strictEqual(whole.body.length, node.sizeBytes);
  const part = await get({ range: 'bytes=10-19' });
  assert.strictEqual(part.status, 206);
  assert.strictEqual(part.headers['content-range'], `bytes 10-19/${node.sizeBytes}`);
  assert.deepStrictEqual(part.body, whole.body.subarray(10, 20));
  const rest = await get({ range: `bytes=${node.sizeBytes - 5}-` });
  assert.deepStrictEqual(rest.body, whole.body.subarray(-5));
  assert.deepStrictEqual((await get({ range: 'bytes=-7' })).body, whole.body.subarray(-7));
  assert.strictEqual((await get({ range: `bytes=${node.sizeBytes}-` })).status, 416);
  assert.strictEqual((await get({}, `${node.directUrl}x`)).status, 403);
  assert.strictEqual((await get({}, node.directUrl.replace('%3B', ';'))).status, 403);
  assert.strictEqual((await get({ authorization: basic(KEYS.ada) })).status, 400);
  const { value } = await box.control('GET', 'counts');
  assert.strictEqual(value.storage.authorized, 1);
  await box.control('POST', 'url_life', { seconds: -1 });
  const { nodes: [late] } = await file(box, 'model.pt');
  const expired = await get({}, late.directUrl);
  assert.strictEqual(expired.status, 403);
  assert.match(expired.body.toString(), /<Error><Code>AccessDenied/);
});

test('sample', 'manifest and its digest', async (box) => {
  const { manifestUrl } = await file(box, null);
  const manifest = JSON.parse((await exchange(manifestUrl)).body);
  assert.strictEqual(manifest.version, 1);
  const paths = Object.keys(manifest.contents);
  assert.deepStrictEqual(paths, [...paths].sort());
  const { nodes } = await file(box, 'tokenizer/vocab.txt');
  assert.strictEqual(manifest.contents['tokenizer/vocab.txt'].digest, nodes[0].md5);
  assert.ok(manifest.contents['tokenizer/vocab.txt'].birthArtifactID);
});

test('sample', 'fallback: all URL forms, credentials, redirect', async (box) => {
  const headers = { authorization: basic(KEYS.ada) };
  const { nodes: [v2], membership, manifestUrl } = await file(box, 'config.json');
  const { nodes: [v1] } = await file(box, 'config.json', { v: 'v1' });
  const entry = JSON.parse((await exchange(manifestUrl)).body).contents['config.json'];
  const hex = Buffer.from(entry.digest, 'base64').toString('hex');
  const birth = encodeURIComponent(entry.birthArtifactID);
  const own = encodeURIComponent(membership.artifact.id);
  const stem = `${box.base_url}/artifactsV2/default/${MODEL.entity}/${MODEL.name}/churn`;
  for (const url of [v1.url, v2.url, `${stem}/${birth}/${hex}/config.json`,
    `${stem}/${own}/${birth}/${hex}/config.json`]) {
    assert.strictEqual((await exchange(url)).status, 401);
    assert.strictEqual((await exchange(url, { headers })).status, 200, url);
  }
  const missing = `${stem}/${birth}/${'0'.repeat(32)}/config.json`;
  assert.strictEqual((await exchange(missing, { headers })).status, 404);
  await box.control('POST', 'artifacts', { redirect: true });
  const moved = await exchange(v2.url, { headers });
  assert.strictEqual(moved.status, 302);
  assert.strictEqual((await exchange(moved.headers.location)).status, 200);
});

test('sample', 'an old server lacks what was removed from its schema', async (box) => {
  await box.control('POST', 'schema', { remove: ['ServerInfo.features', 'Project.artifact.enableTracking'] });
  const answer = await box.query('{ serverInfo { features { name } } }');
  assert.strictEqual(answer.errors[0].message, 'Cannot query field "features" on type "ServerInfo".');
  assert.strictEqual((await box.control('POST', 'schema', { remove: ['X.y'] })).status, 400);
  await box.control('POST', 'schema', { remove: [] });
  assert.strictEqual((await box.query('{ serverInfo { features { name } } }')).status, 200);
  await box.control('POST', 'features', { ARTIFACT_COLLECTION_MEMBERSHIP_FILES: false });
  const files = await box.query(FILE, { e: MODEL.entity, p: MODEL.name, c: 'churn', v: 'v0' });
  assert.strictEqual(files.status, 400);
});

test('sample', 'counters, request log, another client, reload', async (box) => {
  await box.control('POST', 'counts/reset');
  await upsert(box, { description: 'one' });
  await box.query(LIST, { org: 'acme' });
  const counts = (await box.control('GET', 'counts')).value;
  assert.deepStrictEqual([counts.graphql, counts.mutations, counts.operations], [2, 1, { U: 1, L: 1 }]);
  const [last] = (await box.control('GET', 'requests?last=1')).value;
  assert.strictEqual(last.operation, 'L');
  assert.strictEqual(last.headers.authorization_scheme, 'Basic');
  assert.ok(!JSON.stringify(last).includes(Buffer.from(KEYS.ada).toString('base64').slice(4, 20)));
  const other = await box.control('POST', 'graphql', {
    query: UPSERT, variables: { input: { entityName: MODEL.entity, name: MODEL.name, description: 'two' } },
  });
  assert.strictEqual(other.value.data.upsertModel.inserted, false);
  assert.strictEqual((await box.control('GET', 'counts')).value.graphql, 2);
  assert.strictEqual((await project(box)).description, 'two');
  const { value } = await box.control('GET', 'state');
  const acme = value.organizations.find((o) => o.name === 'acme');
  assert.ok(acme.registries.some((r) => r.name === MODEL.name && r.description === 'two'));
  await box.control('POST', 'seed', 'sample');
  assert.notStrictEqual((await project(box)).description, 'two');
});

test('sample', 'canned answers repeat until switched off', async (box) => {
  await box.control('POST', 'canned', { on: true });
  const before = (await project(box)).description;
  await box.control('POST', 'graphql', {
    query: UPSERT, variables: { input: { entityName: MODEL.entity, name: MODEL.name, description: 'new' } },
  });
  assert.strictEqual((await project(box)).description, before);
  await box.control('POST', 'canned', { on: false });
  assert.strictEqual((await project(box)).description, 'new');
});

test('sample', 'faults that replace an answer', async (box) => {
  const ask = () => box.query('query V { viewer { id } }', {}, { timeout: 5000 });
  const cases = [
    [{ kind: 'status', status: 429, headers: { 'Retry-After': '2' } },
      (a) => a.status === 429 && a.headers['retry-after'] === '2'],
    [{ kind: 'status', status: 503 }, (a) => a.status === 503],
    [{ kind: 'html' }, (a) => a.headers['content-type'].startsWith('text/html')],
    [{ kind: 'bad_json' }, (a) => a.data === undefined && a.status === 200],
    [{ kind: 'deep_json', levels: 50 }, (a) => a.body.toString().includes('['.repeat(50))],
    [{ kind: 'huge_body', bytes: 300000 }, (a) => a.body.length > 290000],
    [{ kind: 'errors', errors: ['text'], data: 'null' }, (a) => a.errors[0] === 'text' && a.data === null],
    [{ kind: 'errors', errors: { message: 'm' }, status: 500 },
      (a) => a.error.message === 'm' && a.status === 500],
    [{ kind: 'errors', data: 'partial' }, (a) => a.data.viewer === null],
    [{ kind: 'errors', data: 'keep' }, (a) => a.data.viewer.id && a.errors.length === 1],
    [{ kind: 'empty' }, (a) => a.body.length === 0],
    [{ kind: 'data_null' }, (a) => a.data === null],
    [{ kind: 'viewer_null' }, (a) => a.data.viewer === null && a.status === 200],
    [{ kind: 'drop' }, (a) => a.failure],
    [{ kind: 'redirect', to: 'other_host' }, (a) => a.headers.location.startsWith('http://localhost:')],
    [{ kind: 'unauthorized_text' }, (a) => a.status === 401 && a.body.toString() === 'unauthorized'],
    [{ kind: 'unauthorized_json' }, (a) => a.status === 401 && a.errors[0].message],
  ];
  for (const [fault, holds] of cases) {
    await box.fault(fault);
    assert.ok(holds(await ask()), JSON.stringify(fault));
    assert.strictEqual((await ask()).data.viewer.id.length > 0, true, 'the fault is used up');
  }
  assert.strictEqual((await box.fault({ kind: 'nonsense' })).status, 400);
  assert.strictEqual((await box.fault({ kind: 'drop', typo: 1 })).status, 400);
});

test('sample', 'faults that change or shape an answer', async (box) => {
  const ask = () => box.query('query V { viewer { id name } }', {}, { timeout: 5000 });
  const cases = [
    [{ kind: 'null_at', path: ['viewer', 'id'] }, (a) => a.data.viewer.id === null],
    [{ kind: 'set_at', path: ['viewer', '*'], value: 7 }, (a) => a.data.viewer.name === 7],
    [{ kind: 'content_type', value: 'text/plain' },
      (a) => a.headers['content-type'] === 'text/plain' && a.data],
    [{ kind: 'truncate', bytes: 9 }, (a) => a.body.length === 9 && !a.failure],
    [{ kind: 'cut', after_bytes: 9 }, (a) => a.body.length === 9 && a.failure],
    [{ kind: 'wrong_bytes', offset: 2, count: 1 }, (a) => a.data === undefined],
    [{ kind: 'wrong_length', delta: 5 }, (a) => a.failure],
    [{ kind: 'drip', bytes_per_second: 500 }, (a) => a.data.viewer],
    [{ kind: 'window', bytes: 40, ms: 1 }, (a) => a.data.viewer],
    [{ kind: 'delay', ms: 50 }, (a) => a.data.viewer],
  ];
  for (const [fault, holds] of cases) {
    await box.fault(fault);
    assert.ok(holds(await ask()), JSON.stringify(fault));
    assert.ok((await ask()).data.viewer.id);
  }
});

test('sample', 'faults: chosen by operation, after, times, target', async (box) => {
  const ask = (name) => box.query(`query ${name} { viewer { id } }`);
  await box.fault({ kind: 'limit', requests: 2, ms: 60000, times: -1 });
  assert.deepStrictEqual([(await ask('A')).status, (await ask('A')).status, (await ask('A')).status],
    [200, 200, 429]);
  await box.control('DELETE', 'faults');
  await box.fault({ kind: 'status', status: 500, operation: 'Li*', after: 1, times: 2 });
  const seen = [];
  for (const name of ['Other', 'List', 'List', 'Lists', 'List', 'Other']) {
    seen.push((await ask(name)).status);
  }
  assert.deepStrictEqual(seen, [200, 200, 500, 500, 200, 200]);
  const [fault] = (await box.control('GET', 'faults')).value;
  assert.deepStrictEqual([fault.hits, fault.seen], [2, 4]);
  await box.control('DELETE', 'faults');
  await box.fault({ kind: 'status', status: 502, times: 1 });
  await box.fault({ kind: 'status', status: 503, times: 1 });
  const three = [await ask('A'), await ask('A'), await ask('A')].map((a) => a.status);
  assert.deepStrictEqual(three, [502, 503, 200]);
  await box.fault({ kind: 'wrong_range', target: 'storage', operation: 'model.pt' });
  const { nodes: [model] } = await file(box, 'model.pt');
  const { nodes: [config] } = await file(box, 'config.json');
  const headers = { range: 'bytes=0-3' };
  assert.strictEqual((await exchange(config.directUrl, { headers })).status, 206);
  assert.strictEqual((await exchange(model.directUrl, { headers })).status, 200);
});

test('sample', 'faults: a hang holds nobody else and is released', async (box) => {
  await box.fault({ kind: 'hang', operation: 'Hung' });
  await box.fault({ kind: 'stall', operation: 'Stalled', after_bytes: 3 });
  const hung = box.query('query Hung { viewer { id } }');
  const stalled = box.query('query Stalled { viewer { id } }');
  assert.strictEqual((await box.query('query Free { viewer { id } }')).status, 200);
  while ((await box.control('GET', 'faults')).value.some((f) => f.hits === 0)) {
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  await box.control('DELETE', 'faults');
  assert.ok((await hung).failure);
  assert.ok((await stalled).failure);
});

test('sample', 'faults: a lost answer and inserted: false have taken effect', async (box) => {
  await box.fault({ kind: 'lose_answer', operation: 'U' });
  assert.ok((await upsert(box, { description: 'took effect' })).failure);
  assert.strictEqual((await project(box)).description, 'took effect');
  await box.fault({ kind: 'status', status: 500, operation: 'U' });
  await upsert(box, { description: 'did not' });
  assert.strictEqual((await project(box)).description, 'took effect');
  await box.fault({ kind: 'inserted_false' });
  const made = await upsert(box, { name: 'wandb-registry-made' });
  assert.strictEqual(made.data.upsertModel.inserted, false);
});

test('sample', 'faults of pages: empty ones first, a cursor that repeats', async (box) => {
  await box.fault({ kind: 'empty_pages', n: 3 });
  const { pages, names } = await walk(box, 'acme', 2);
  assert.deepStrictEqual([pages, names.length], [5, 3]);
  await box.fault({ kind: 'repeat_cursor', times: 3 });
  const cursors = [];
  for (let after = null, i = 0; i < 3; i++) {
    const answer = await box.query(LIST, { org: 'acme', first: 1, after });
    const info = answer.data.organization.orgEntity.projects.pageInfo;
    assert.strictEqual(info.hasNextPage, true);
    after = info.endCursor;
    cursors.push(after);
  }
  assert.strictEqual(new Set(cursors).size, 1);
  await box.fault({ kind: 'int64_as_text' });
  const { nodes: [node] } = await file(box, 'config.json');
  assert.strictEqual(typeof node.sizeBytes, 'string');
});

test('paging', 'pages, gaps and null nodes', async (box) => {
  const { pages, names } = await walk(box, 'paging', 100);
  assert.ok(pages >= 4);
  assert.strictEqual(names.filter((n) => n && /^wandb-registry-r\d/.test(n)).length, 250);
  assert.ok(names.includes(null));
  assert.ok(names.some((n) => n && !n.startsWith('wandb-registry-')));
  const empty = await box.query(LIST, { org: 'nothing' });
  assert.deepStrictEqual(empty.data.organization.orgEntity.projects,
    { edges: [], pageInfo: { hasNextPage: false, endCursor: null } });
  const bad = await box.query(LIST, { org: 'paging', after: 'nonsense' });
  assert.strictEqual(bad.status, 400);
  assert.strictEqual((await box.query(LIST, { org: 'paging', first: -1 })).status, 400);
  const all = await box.query(LIST, { org: 'paging', first: 100000 });
  assert.strictEqual(all.data.organization.orgEntity.projects.pageInfo.hasNextPage, false);
});

test('filters', 'filters by level, unknown ones refused', async (box) => {
  const count = async (level, filter, org = 'filters') => {
    const answer = await box.query(VERSIONS, { org, first: 1000, [level]: JSON.stringify(filter) });
    return answer.status === 200
      ? answer.data.organization.orgEntity.artifactMemberships.edges.length : answer.status;
  };
  assert.strictEqual(await count('f', {}), 600);
  assert.strictEqual(await count('p', { name: 'wandb-registry-model' }), 120);
  assert.strictEqual(await count('c', { name: { $regex: '^churn' } }), 100);
  assert.strictEqual(await count('c', { $or: [{ tag: 'dev' }, { tag: 'with space' }] }), 240);
  assert.strictEqual(await count('f', { tag: { $in: ['gpu', 'cpu'] } }), 360);
  assert.strictEqual(await count('f', { alias: 'production' }), 60);
  assert.strictEqual(await count('f', { version: { $gte: 5 } }), 300);
  assert.strictEqual(await count('f', { 'metadata.framework': 'torch', 'metadata.epochs': { $lt: 1 } }), 10);
  assert.strictEqual(await count('f', { 'metadata.run.host.name': { $contains: 'node-6' } }), 85);
  assert.strictEqual(await count('f', { 'metadata.note': { $exists: true } }), 0);
  const since = await count('f', { created_at: { $gte: '2024-07-01' } });
  assert.ok(since > 0 && since < 600);
  assert.strictEqual(since + await count('f', { $not: { created_at: { $gte: '2024-07-01' } } }), 600);
  for (const bad of [{ colour: 1 }, { tag: { $near: 1 } }, { tags: 'gpu' }, { artifact_size: 1 },
    { $xor: [] }, { 'tag.x': 1 }, { created_at: 'soon' }, { tag: { $regex: '(' } }, [1], 'text']) {
    assert.strictEqual(await count('f', bad), 400, JSON.stringify(bad));
  }
  assert.strictEqual((await box.query(VERSIONS, { org: 'filters', f: '{' })).status, 400);
  assert.ok(await count('f', { artifact_size: { $gt: 50 } }, 'advanced') > 0);
  assert.strictEqual(await count('f', { tag: 'gpu' }, 'advanced'), 48);
});

test('filters', 'orders', async (box) => {
  const list = async (order) => {
    const answer = await box.query(LIST, { org: 'filters', order });
    return answer.errors ? answer.status
      : answer.data.organization.orgEntity.projects.edges.map((e) => e.node.name.slice(15));
  };
  assert.deepStrictEqual(await list(null), ['prod-us', 'prod-eu', 'eval', 'dataset', 'model']);
  assert.deepStrictEqual(await list('name'), ['dataset', 'eval', 'model', 'prod-eu', 'prod-us']);
  assert.deepStrictEqual(await list('-name'), ['prod-us', 'prod-eu', 'model', 'eval', 'dataset']);
  assert.strictEqual(await list('colour'), 400);
});

test('hostile', 'hostile texts arrive as they are', async (box) => {
  const answer = await box.query(LIST, { org: 'hostile', first: 1000 });
  const text = answer.body.toString();
  for (const part of ['\\ud800', '\\u0000', '\\u001b[31m', '%2F', '../../etc/passwd', '"node":null']) {
    assert.ok(text.includes(part), part);
  }
  const sizes = await box.query(`{ project(entityName: "hostile-entity", name: "wandb-registry-zoo") {
    artifactCollection(name: "sizes") { artifactMemberships { edges { node { artifact { size } } } } } } }`);
  assert.ok(sizes.body.toString().includes('{"size":9223372036854775808}'));
  assert.ok(sizes.body.toString().includes('{"size":-1}'));
  const state = await box.query(`{ project(entityName: "hostile-entity", name: "wandb-registry-zoo") {
    artifactCollection(name: "states") { artifactMembership(aliasName: "v3") { artifact { state } } } } }`);
  assert.match(state.body.toString(), /ARCHIVED_BY_A_NEWER_SERVER/);
});

test('hostile', 'organizations without an entity, all pages empty', async (box) => {
  const none = await box.query(LIST, { org: 'no-entity' });
  assert.strictEqual(none.data.organization.orgEntity, null);
  const { pages, names } = await walk(box, 'only-gaps', 100);
  assert.deepStrictEqual([pages, names], [2, []]);
});

// The bodies that HTTP/2 and HTTP/1.1 get for one GET without credentials.
function askTwice(url, ca) {
  const session = http2.connect(url, { ca });
  const second = new Promise((resolve) => {
    session.request({ ':path': '/artifacts/x/y' }).on('response', (h) => resolve(h[':status'])).end();
  });
  const first = new Promise((resolve, reject) => {
    https.get(`${url}/artifacts/x/y`, { ca, agent: false }, (response) => {
      response.resume();
      resolve(`${response.httpVersion} ${response.statusCode}`);
    }).on('error', reject);
  });
  return Promise.all([second, first]).finally(() => session.close());
}

test('sample', 'TLS with HTTP/2 and HTTP/1.1', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sandbox-tls-'));
  const [cert, key] = [path.join(directory, 'cert.pem'), path.join(directory, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj',
    '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  { stdio: 'ignore' });
  const box = await start(['--tls-cert', cert, '--tls-key', key]);
  const answers = await askTwice(box.base_url, fs.readFileSync(cert));
  assert.strictEqual(await box.stop(), 0);
  fs.rmSync(directory, { recursive: true });
  assert.deepStrictEqual(answers, [401, '1.1 401']);
});

require('./selftest-members')(test);

test('sample', 'seeds: parameters, a JSON file, one that is missing', async () => {
  const large = await start(['--seed', 'large', '--param', 'collections=2', '--param', 'versions=3',
    '--param', 'files=150', '--param', 'big_bytes=20000000']);
  const { value } = await large.control('GET', 'state');
  assert.strictEqual(await large.stop(), 0);
  const { collections } = value.organizations[0].registries[0];
  assert.deepStrictEqual(collections.map((c) => c.versions.length), [3, 3]);
  assert.strictEqual(collections[0].versions[0].files.length, 151);
  const file = path.join(os.tmpdir(), `sandbox-seed-${process.pid}.json`);
  fs.writeFileSync(file, JSON.stringify({
    organizations: [{ name: 'mine', entity: 'mine-entity', registries: [{
      name: 'wandb-registry-a', collections: [{ name: 'c', versions: [{ files: { f: 'x' } }] }],
    }] }],
    users: [{ username: 'me', key: KEYS.ada, organizations: { mine: 'admin' } }],
  }));
  const mine = await start(['--seed', file]);
  fs.rmSync(file);
  const answer = await mine.query(LIST, { org: 'mine', filters: '{"name":"wandb-registry-a"}' });
  assert.strictEqual(await mine.stop(), 0);
  assert.strictEqual(answer.data.organization.orgEntity.projects.edges.length, 1);
  await assert.rejects(start(['--seed', 'no-such-seed']));
});

lineageTests(test);

test('sample', 'a signal ends the server although requests hang', async (box) => {
  await box.fault({ kind: 'hang', times: -1 });
  const hung = box.query('{ viewer { id } }');
  while ((await box.control('GET', 'faults')).value[0].hits === 0) {
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  assert.strictEqual(await box.stop(), 0);
  assert.ok((await hung).failure);
});

async function main(wanted) {
  let [passed, failed] = [0, 0];
  for (const { seed, name, run } of tests.filter((t) => t.name.includes(wanted))) {
    const box = await start(['--seed', seed]);
    try {
      await run(box);
      assert.strictEqual(await box.stop(), 0);
      passed++;
    } catch (error) {
      failed++;
      process.stdout.write(`FAILED ${name}\n${error.stack}\n`);
      await box.stop();
    }
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

main(process.argv[2] || '');
