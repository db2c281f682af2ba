// SPDX-License-Identifier: MIT
// Errors of resolvers. The HTTP status mirrors them (protocol 2.2 and 2.3).
'use strict';

const { GraphQLError } = require('graphql');

class ApiError extends GraphQLError {
  constructor(message, status, code) {
    super(message, code ? { extensions: { code } } : {});
    this.status = status;
  }
}

const badRequest = (message) => new ApiError(message, 400);
const permissionDenied = () => new ApiError('permission denied', 403, 'PERMISSION_ERROR');
const notFound = (what) => new ApiError(`${what} not found`, 404);
const conflict = (message) => new ApiError(message, 409);

// The status for the `errors` of an executed document.
function statusOf(errors, hasData) {
  for (const error of errors) {
    const original = error.originalError || error;
    if (original.status) {
      return original.status;
    }
    if (error.originalError && !(error.originalError instanceof GraphQLError)) {
      return 500;
    }
  }
  return hasData ? 200 : 400;
}

module.exports = { ApiError, badRequest, permissionDenied, notFound, conflict, statusOf };
