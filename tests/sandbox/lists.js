// SPDX-License-Identifier: MIT
// Filtered and sorted lists behind connections, and who may see what in them.
// Computed lists are kept while the state stays as it is: paging through 100,000
// versions must not filter them anew for every page.
'use strict';

const { predicate, ordering } = require('./filters');

const KEPT = 32;
const kept = new Map();

function remembered(store, key, compute) {
  const full = `${store.revision}\n${key}`;
  let list = kept.get(full);
  if (!list || list.store !== store) {
    list = { store, items: compute() };
    kept.set(full, list);
    if (kept.size > KEPT) {
      kept.delete(kept.keys().next().value);
    }
  }
  return list.items;
}

function clear() {
  kept.clear();
}

function projects(store, entity, args) {
  const test = predicate(args.filters, 'project');
  const order = ordering(args.order);
  return remembered(store, `projects ${entity.n} ${args.filters} ${args.order}`, () => (
    entity.projects.filter(test).sort(order)));
}

function wantedKind(types) {
  return (c) => !types || types.length === 0 || types.includes(c.kind);
}

function collectionsOfEntity(store, entity, args) {
  const inProject = predicate(args.projectFilters, 'project');
  const test = predicate(args.filters, 'collection');
  const kind = wantedKind(args.collectionTypes);
  const order = ordering(args.order);
  const key = JSON.stringify([args.projectFilters, args.filters, args.collectionTypes, args.order]);
  return remembered(store, `collections ${entity.n} ${key}`, () => (
    entity.projects.filter(inProject)
      .flatMap((p) => p.collections.filter((c) => kind(c) && test(c))).sort(order)));
}

function collectionsOfProject(store, project, args, typeName) {
  const test = predicate(args.filters, 'collection');
  const order = ordering(args.order);
  const key = `project ${project.n} ${args.filters} ${args.order} ${typeName}`;
  return remembered(store, key, () => project.collections
    .filter((c) => (!typeName || c.typeName === typeName) && test(c)).sort(order));
}

// Memberships are tested by their artifact: one without is never found by a
// filter, but stands in an unfiltered list.
function membershipTest(text, level) {
  const test = predicate(text, level);
  const empty = !text || /^\s*\{\s*\}\s*$/.test(text);
  return (m) => empty || (m.artifact !== null && test(m));
}

function membershipsOfEntity(store, entity, args) {
  const advanced = entity.organization && entity.organization.advancedSearch ? 'Advanced' : '';
  const inProject = predicate(args.projectFilters, `project${advanced}`);
  const inCollection = predicate(args.collectionFilters, `collection${advanced}`);
  const test = membershipTest(args.filters, `version${advanced}`);
  const order = ordering(args.order);
  const key = JSON.stringify([args.projectFilters, args.collectionFilters, args.filters,
    args.order]);
  return remembered(store, `memberships ${entity.n} ${key}`, () => {
    const found = [];
    for (const project of entity.projects.filter(inProject)) {
      for (const collection of project.collections.filter(inCollection)) {
        for (const membership of collection.memberships) {
          if (test(membership)) {
            found.push(membership);
          }
        }
      }
    }
    return found.sort(order);
  });
}

function membershipsOfCollection(store, collection, filters, order) {
  const test = membershipTest(filters, 'version');
  const by = ordering(order);
  return remembered(store, `versions ${collection.n} ${filters} ${order}`, () => (
    collection.memberships.filter(test).sort(by)));
}

// Visibility rules for paging.connection(). What is unlisted is a null node in the lists of its own
// kind, and is there for whoever asks by name, and in the versions that it holds.
const unlessUnlisted = (item, visibility) => (
  visibility === 'show' && item.unlisted ? 'null' : visibility);
const collectionVisibility = (ctx, c) => c.hidden || c.project.hidden
  || (ctx.store.canSee(ctx.user, c.project) ? 'show' : 'gap');
const showProject = (ctx) => (p) => unlessUnlisted(
  p, p.hidden || (ctx.store.canSee(ctx.user, p) ? 'show' : 'gap'));
const showCollection = (ctx) => (c) => unlessUnlisted(c, collectionVisibility(ctx, c));
const showMembership = (ctx) => (m) => m.hidden || collectionVisibility(ctx, m.collection);

module.exports = {
  projects, collectionsOfEntity, collectionsOfProject, membershipsOfEntity,
  membershipsOfCollection, showProject, showCollection, showMembership, clear,
};
