// SPDX-License-Identifier: MIT
// The documents that selftest.js sends.
'use strict';

const MODEL = { entity: 'acme-org-entity', name: 'wandb-registry-model' };
const PROJECT = `query P($entity: String!, $name: String!) {
  entity(name: $entity) { project(name: $name) { id internalId name access description updatedAt
    allowAllArtifactTypesInRegistry artifactTypes(includeAll: true) { edges { node { name } } } } } }`;
const UPSERT = `mutation U($input: UpsertModelInput!) {
  upsertModel(input: $input) { inserted project { id name access description updatedAt } } }`;
const RENAME = `mutation N($input: RenameProjectInput!) {
  renameProject(input: $input) { project { name } inserted } }`;
const DELETE = 'mutation D($id: String!) { deleteModel(input: {id: $id}) { success } }';
const LIST = `query L($org: String!, $filters: JSONString, $after: String, $first: Int, $order: String) {
  organization(name: $org) { orgEntity { projects(filters: $filters, after: $after, first: $first,
    order: $order) { edges { node { name } } pageInfo { hasNextPage endCursor } } } } }`;
const VERSIONS = `query M($org: String!, $p: JSONString, $c: JSONString, $f: JSONString, $first: Int) {
  organization(name: $org) { orgEntity { artifactMemberships(projectFilters: $p, collectionFilters: $c,
    filters: $f, first: $first) { edges { node { versionIndex artifact { id createdAt } } }
    pageInfo { hasNextPage } } } } }`;
const FILE = `query F($e: String!, $p: String!, $c: String!, $v: String!, $n: [String!]) {
  project(entityName: $e, name: $p) { artifactCollection(name: $c) { artifactMembership(aliasName: $v) {
    versionIndex artifact { id currentManifest { file { directUrl } } }
    files(names: $n) { totalCount edges { node { displayName directUrl url sizeBytes md5 } } } } } } }`;
const LINEAGE = `query L($id: ID!, $first: Int, $after: String) { artifact(id: $id) {
  createdBy { __typename ... on Run { name project { name } } ... on User { username } }
  usedBy(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { name project { name } } } }
  artifactMemberships { edges { node { artifactCollection { __typename name project { name } } } } } } }`;

module.exports = { MODEL, PROJECT, UPSERT, RENAME, DELETE, LIST, VERSIONS, FILE, LINEAGE };
