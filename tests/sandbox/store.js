// SPDX-License-Identifier: MIT
// The server's state, in memory: who exists, what they own, who may see it.
'use strict';

const { FileSet } = require('./files');

const FEATURES = [
  'ARTIFACT_REGISTRY_SEARCH',
  'INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION',
  'ARTIFACT_TAGS',
  'PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP',
  'ARTIFACT_COLLECTION_MEMBERSHIP_FILES',
  'ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER',
  'ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID',
  'ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE',
  'TOTAL_COUNT_IN_FILE_CONNECTION',
  'ARTIFACT_COLLECTIONS_FILTERING_SORTING',
];

const EPOCH = '2025-01-01T00:00:00Z';
const ROLES = ['none', 'restricted_viewer', 'viewer', 'member', 'admin'];

const encodeId = (kind, value) => Buffer.from(`${kind}:${value}`).toString('base64');

// 8 hex digits, like the server's short commit ids; the same at every start.
const commitHash = (n) => (Math.imul(n, 2654435761) >>> 0).toString(16).padStart(8, '0');

class Store {
  constructor() {
    this.users = [];
    this.keys = new Map();
    this.organizations = [];
    this.entities = new Map();
    this.projectsById = new Map();
    this.collections = new Map();
    this.memberships = new Map();
    this.artifacts = new Map();
    this.clientIds = new Map();
    this.features = new Map(FEATURES.map((name) => [name, true]));
    this.featuresAbsent = false;
    // How `files` lists references: listed, unlisted, or signed like stored files.
    this.references = 'listed';
    this.tokens = { life: 3600, assertions: new Map(), live: new Map() };
    this.urlLife = 3600;
    this.defaultKey = null;
    this.lastNumber = 0;
    this.lastTime = 0;
    // Moves with every change; caches of computed lists depend on it.
    this.revision = 0;
  }

  nextNumber() {
    this.revision++;
    return ++this.lastNumber;
  }

  // Strictly growing, so that two changes never bear the same date.
  now() {
    this.revision++;
    this.lastTime = Math.max(Date.now(), this.lastTime + 1);
    return new Date(this.lastTime).toISOString();
  }

  addEntity(name, type, organization, user) {
    const entity = {
      n: this.nextNumber(), name, type, organization: organization || null, user: user || null,
      projects: [],
    };
    this.entities.set(name, entity);
    return entity;
  }

  addOrganization(spec) {
    const organization = {
      n: this.nextNumber(),
      name: spec.name,
      advancedSearch: Boolean(spec.advancedSearch),
      roles: new Map(),
      customRoles: [...(spec.customRoles || [])],
      orgEntity: null,
    };
    if (spec.entity !== null) {
      const name = spec.entity || `${spec.name}-org-entity`;
      organization.orgEntity = this.addEntity(name, 'organization', organization);
      organization.orgEntity.entityType = spec.entityType || 'organization';
    }
    this.organizations.push(organization);
    return organization;
  }

  addUser(spec) {
    const user = {
      n: this.nextNumber(),
      name: spec.name || spec.username,
      username: spec.username,
      email: spec.email || `${spec.username}@example.com`,
      admin: Boolean(spec.admin),
      readOnly: Boolean(spec.readOnly),
      serviceAccount: Boolean(spec.serviceAccount),
      entity: spec.entity === undefined ? spec.username : spec.entity,
      teams: spec.teams || [],
      organizations: [],
    };
    for (const [name, role] of Object.entries(spec.organizations || {})) {
      const organization = this.organizations.find((o) => o.name === name);
      organization.roles.set(user, role);
      user.organizations.push(organization);
    }
    if (!user.serviceAccount && !this.entities.has(spec.username)) {
      this.addEntity(spec.username, 'user', null, user);
    }
    this.users.push(user);
    if (spec.key) {
      this.keys.set(spec.key, user);
      this.defaultKey = this.defaultKey || spec.key;
    }
    if (spec.assertion) {
      this.tokens.assertions.set(spec.assertion, user);
    }
    return user;
  }

  // The id carries the name, as on the real server: it changes with a rename.
  indexProject(project) {
    let id = encodeId('Project', `v1:${project.name}:${project.entity.name}`);
    while (this.projectsById.has(id)) {
      id = encodeId('Project', `v1:${project.name}:${project.entity.name}:${project.n}`);
    }
    project.id = id;
    this.projectsById.set(id, project);
  }

  addProject(entity, spec) {
    const project = {
      n: this.nextNumber(),
      entity,
      name: spec.name,
      description: spec.description === undefined ? null : spec.description,
      createdAt: spec.createdAt || EPOCH,
      updatedAt: spec.updatedAt === undefined ? null : spec.updatedAt,
      access: spec.access === undefined ? 'PRIVATE' : spec.access,
      allowAll: spec.allowAll === undefined ? !spec.types : spec.allowAll,
      types: [...(spec.types || [])],
      readOnly: Boolean(spec.readOnly),
      members: spec.members || [],
      teamMembers: spec.teamMembers || [],
      collections: [],
      hidden: spec.hidden || null,
      unlisted: Boolean(spec.unlisted),
    };
    entity.projects.push(project);
    this.indexProject(project);
    return project;
  }

  findProject(entityName, name) {
    const entity = this.entities.get(entityName);
    return entity ? entity.projects.find((p) => p.name === name) : undefined;
  }

  renameProject(project, name) {
    this.projectsById.delete(project.id);
    project.name = name;
    this.indexProject(project);
  }

  deleteProject(project) {
    for (const collection of [...project.collections]) {
      this.deleteCollection(collection);
    }
    this.projectsById.delete(project.id);
    project.entity.projects.splice(project.entity.projects.indexOf(project), 1);
    this.revision++;
  }

  addCollection(project, spec) {
    const collection = {
      n: this.nextNumber(),
      kind: spec.kind || 'PORTFOLIO',
      project,
      name: spec.name,
      description: spec.description === undefined ? null : spec.description,
      createdAt: spec.createdAt || project.createdAt,
      updatedAt: spec.updatedAt === undefined ? null : spec.updatedAt,
      state: 'READY',
      typeName: spec.type || 'model',
      tags: [...(spec.tags || [])],
      memberships: [],
      nextIndex: 0,
      hidden: spec.hidden || null,
      unlisted: Boolean(spec.unlisted),
      hiddenProject: Boolean(spec.hiddenProject),
    };
    project.collections.push(collection);
    this.collections.set(collection.n, collection);
    return collection;
  }

  deleteCollection(collection) {
    collection.state = 'DELETED';
    for (const membership of collection.memberships) {
      this.memberships.delete(membership.n);
    }
    this.collections.delete(collection.n);
    const list = collection.project.collections;
    list.splice(list.indexOf(collection), 1);
    this.revision++;
  }

  addArtifact(sequence, spec) {
    const artifact = {
      n: this.nextNumber(),
      sequence,
      sourceIndex: sequence.nextIndex,
      typeName: spec.type || sequence.typeName,
      description: spec.description === undefined ? null : spec.description,
      metadata: spec.metadata === undefined ? null : spec.metadata,
      tags: [...(spec.tags || [])],
      state: spec.state || 'COMMITTED',
      createdAt: spec.createdAt || sequence.createdAt,
      updatedAt: spec.updatedAt === undefined ? null : spec.updatedAt,
      historyStep: spec.historyStep === undefined ? null : spec.historyStep,
      ttl: spec.ttl === undefined ? -1 : spec.ttl,
      ttlIsInherited: spec.ttl === undefined,
      fileSet: spec.fileSet instanceof FileSet ? spec.fileSet : new FileSet(spec.files || {}),
      layout: spec.layout || 'V2',
      region: spec.region || null,
      size: spec.size,
      digest: spec.digest || null,
      noManifest: Boolean(spec.noManifest),
      manifest: spec.manifest === undefined ? null : spec.manifest,
      createdBy: spec.createdBy || null,
      memberships: [],
    };
    this.artifacts.set(artifact.n, artifact);
    if (spec.clientId) {
      this.clientIds.set(spec.clientId, artifact);
    }
    this.link(sequence, artifact, { createdAt: artifact.createdAt, aliases: ['latest'] });
    return artifact;
  }

  // Puts an artifact into a collection; `latest` moves to the newest link.
  link(collection, artifact, spec = {}) {
    const index = spec.versionIndex === undefined ? collection.nextIndex : spec.versionIndex;
    const n = this.nextNumber();
    const membership = {
      n, collection, artifact,
      versionIndex: index,
      createdAt: spec.createdAt || artifact.createdAt,
      commitHash: spec.commitHash === undefined ? commitHash(n) : spec.commitHash,
      aliases: [],
      hidden: spec.hidden || null,
      hiddenArtifact: Boolean(spec.hiddenArtifact),
      hiddenCollection: Boolean(spec.hiddenCollection),
    };
    collection.nextIndex = Math.max(collection.nextIndex, (index || 0) + 1);
    collection.memberships.push(membership);
    artifact.memberships.push(membership);
    this.memberships.set(n, membership);
    for (const alias of ['latest', ...(spec.aliases || [])]) {
      this.setAlias(membership, alias);
    }
    return membership;
  }

  // An alias names one version of a collection: it moves here from another one.
  setAlias(membership, alias) {
    const { collection } = membership;
    collection.aliasOwner = collection.aliasOwner || new Map();
    const owner = collection.aliasOwner.get(alias);
    if (owner === membership) {
      return;
    }
    if (owner) {
      owner.aliases = owner.aliases.filter((a) => a !== alias);
    }
    membership.aliases.push(alias);
    collection.aliasOwner.set(alias, membership);
    this.revision++;
  }

  removeAlias(membership, alias) {
    membership.aliases = membership.aliases.filter((a) => a !== alias);
    membership.collection.aliasOwner.delete(alias);
    this.revision++;
  }

  unlink(membership) {
    const { collection, artifact } = membership;
    for (const alias of [...membership.aliases]) {
      this.removeAlias(membership, alias);
    }
    collection.memberships.splice(collection.memberships.indexOf(membership), 1);
    artifact.memberships.splice(artifact.memberships.indexOf(membership), 1);
    this.memberships.delete(membership.n);
    this.revision++;
  }

  // Protocol 5.8: alias, vN, commit hash or digest.
  resolveAlias(collection, name) {
    const owner = collection.aliasOwner && collection.aliasOwner.get(name);
    if (owner) {
      return owner;
    }
    const index = /^v(\d+)$/.exec(name);
    if (index) {
      const wanted = Number(index[1]);
      return collection.memberships.find((m) => m.versionIndex === wanted) || null;
    }
    const byDigest = /^[0-9a-f]{32}$/.test(name);
    // The hash is the artifact's, whichever of its places tells it.
    const hasHash = (m) => m.artifact.memberships.some((place) => place.commitHash === name);
    return collection.memberships.find((m) => hasHash(m)
      || (byDigest && (m.artifact.digest || m.artifact.fileSet.digest()) === name)) || null;
  }

  // The effective role is the highest of organization, team and registry role.
  role(user, project) {
    if (!user || user.admin) {
      return user ? 'admin' : 'none';
    }
    const { entity } = project;
    const candidates = ['none'];
    if (entity.type !== 'organization') {
      const own = user.entity === entity.name || user.username === entity.name;
      return own || user.teams.includes(entity.name) ? 'admin' : 'none';
    }
    const organizationRole = entity.organization.roles.get(user);
    if (organizationRole && (organizationRole === 'admin' || project.access !== 'RESTRICTED')) {
      candidates.push(organizationRole);
    }
    for (const member of project.members) {
      if (member.username === user.username) {
        candidates.push(member.role);
      }
    }
    for (const member of project.teamMembers) {
      if (user.teams.includes(member.team)) {
        candidates.push(member.role);
      }
    }
    const rank = (role) => (ROLES.includes(role) ? ROLES.indexOf(role) : 2);
    return candidates.sort((a, b) => rank(b) - rank(a))[0];
  }

  canSee(user, project) {
    return this.role(user, project) !== 'none';
  }

  // A restricted viewer sees collections and versions, but no files (protocol 5.9).
  canReadFiles(user, project) {
    return !['none', 'restricted_viewer'].includes(this.role(user, project));
  }

  canSeeOrganization(user, organization) {
    return Boolean(user) && (user.admin || organization.roles.has(user));
  }

  canSeeEntity(user, entity) {
    if (user.admin || entity.user === user || user.teams.includes(entity.name)) {
      return true;
    }
    return Boolean(entity.organization) && this.canSeeOrganization(user, entity.organization);
  }
}

module.exports = { Store, ROLES, encodeId };
