// SPDX-License-Identifier: MIT
// API keys (Basic, user `api`) and access tokens (Bearer), protocol 1.2 and 1.5.
'use strict';

const crypto = require('crypto');

// The user of a request; null without usable credentials.
function userOf(store, request) {
  const header = request.headers.authorization || '';
  const [scheme, ...rest] = header.split(' ');
  const value = rest.join(' ').trim();
  if (/^basic$/i.test(scheme)) {
    const text = Buffer.from(value, 'base64').toString();
    return text.startsWith('api:') ? store.keys.get(text.slice(4)) || null : null;
  }
  if (/^bearer$/i.test(scheme)) {
    const token = store.tokens.live.get(value);
    return token && token.expires > Date.now() ? token.user : null;
  }
  return null;
}

const json = (status, value) => ({
  status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(value)),
});

// POST /oidc/token: a JWT of the seed is exchanged for a token of limited life.
function exchange(store, body) {
  const form = new URLSearchParams(body.toString());
  if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') {
    return json(400, { error: 'unsupported_grant_type' });
  }
  const user = store.tokens.assertions.get(form.get('assertion'));
  if (!user) {
    return json(400, { error: 'invalid_grant' });
  }
  const token = `sandbox-${crypto.randomBytes(24).toString('hex')}`;
  store.tokens.live.set(token, { user, expires: Date.now() + store.tokens.life * 1000 });
  return json(200, { access_token: token, expires_in: store.tokens.life, token_type: 'Bearer' });
}

module.exports = { userOf, exchange, json };
