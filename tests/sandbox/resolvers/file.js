// SPDX-License-Identifier: MIT
// Files of a version and the manifest's file (protocol 8.1 and 8.2).
'use strict';

const { encodeId } = require('../store');
const { badRequest, permissionDenied } = require('../errors');
const { connection } = require('../paging');
const { manifestText } = require('../files');

const FILES = { page: 50, max: 5000 };

const show = (entry) => entry.hidden || 'show';

function requireFiles(ctx, project) {
  if (!ctx.store.canReadFiles(ctx.user, project)) {
    throw permissionDenied();
  }
}

// References among them, unless the seed says otherwise (protocol 8.1).
function selected(artifact, names, ctx) {
  const set = artifact.fileSet;
  const unlisted = ctx.store.references === 'unlisted';
  if (!names) {
    return unlisted ? set.stored() : set.entries();
  }
  return names.map((name) => set.entries()[set.position(name)])
    .filter((e) => e && !(e.ref && unlisted));
}

const fileEdges = (artifact, edges) => edges.map((edge) => ({
  ...edge, node: edge.node && { artifact, entry: edge.node },
}));

function filesPage(artifact, project, args, ctx) {
  requireFiles(ctx, project);
  const page = connection(selected(artifact, args.names, ctx), args, show, FILES);
  page.edges = fileEdges(artifact, page.edges);
  page.totalCount = ctx.feature('TOTAL_COUNT_IN_FILE_CONNECTION') ? page.totalCount : null;
  return page;
}

// Answers follow the manifest's paths; what is unknown, or a reference, is left out.
function filesByEntries(artifact, args, ctx) {
  requireFiles(ctx, artifact.sequence.project);
  if (args.manifestVersion !== '1' || args.storageLayout !== artifact.layout) {
    throw badRequest('unknown manifest version or storage layout');
  }
  const wanted = new Map((args.entries || []).map((e) => [e.name, e.digest]));
  const found = artifact.fileSet.stored().filter((e) => wanted.get(e.path) === e.digest);
  const page = connection(found, args, show, FILES);
  page.edges = fileEdges(artifact, page.edges);
  return page;
}

const storedName = (file) => (file.entry ? file.entry.path : 'wandb_manifest.json');

function mimetype(name) {
  const known = { json: 'application/json', md: 'text/markdown', txt: 'text/plain' };
  return known[name.split('.').pop()] || 'application/octet-stream';
}

// Goes through the API host: needs credentials (protocol 8.3). Of a reference: the reference itself.
function fallbackUrl(file, ctx) {
  const { artifact, entry } = file;
  if (!entry) {
    return null;
  }
  if (entry.ref) {
    return ctx.store.references === 'signed' ? null : entry.ref;
  }
  const { project } = artifact.sequence;
  const hex = entry.content.md5Hex();
  const owner = encodeURIComponent(project.entity.name);
  if (artifact.layout === 'V1') {
    return `${ctx.baseUrl}/artifacts/${owner}/${hex}`;
  }
  const birth = encodeURIComponent(entry.birth || encodeId('Artifact', artifact.n));
  return `${ctx.baseUrl}/artifactsV2/${artifact.region || 'default'}/${owner}/${birth}/${hex}`;
}

// A server that signs whatever it lists does so for references as well.
function directUrl(file, ctx) {
  const { entry } = file;
  return entry && entry.ref && ctx.store.references !== 'signed' ? entry.ref
    : ctx.sign(file.artifact, entry);
}

const isStored = (file) => Boolean(file.entry && !file.entry.ref);

const File = {
  id: (f) => encodeId('File', `${f.artifact.n}:${storedName(f)}`),
  name: storedName,
  displayName: storedName,
  url: (f, _, ctx) => fallbackUrl(f, ctx),
  directUrl: (f, _, ctx) => directUrl(f, ctx),
  sizeBytes: (f) => (f.entry ? f.entry.size || 0
    : Buffer.byteLength(manifestText(f.artifact, encodeId('Artifact', f.artifact.n)))),
  storagePath: (f) => (isStored(f) ? `wandb_artifacts/${f.artifact.n}/${f.entry.content.md5Hex()}` : null),
  mimetype: (f) => (f.entry && f.entry.ref ? null : mimetype(storedName(f))),
  updatedAt: (f) => (f.entry && f.entry.updatedAt) || f.artifact.createdAt,
  digest: (f) => (f.entry ? f.entry.digest : null),
  md5: (f) => (isStored(f) ? f.entry.digest : null),
};

const ArtifactManifest = { file: (m) => ({ artifact: m.artifact, entry: null }) };

module.exports = { File, ArtifactManifest, helpers: { filesPage, filesByEntries } };
