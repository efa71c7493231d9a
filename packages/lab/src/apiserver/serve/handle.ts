import type { Api } from '../api.ts';
import * as faults from '../status.ts';
import { failure } from '../status.ts';
import { serveDiscovery } from './discovery.ts';
import { serveOpenApi, serveOpenApiV2 } from './openapi.ts';
import { type ApiRequest, type ApiResponse, replyJson, replyPlain, replyStatus } from './request.ts';
import { serveResource, verbOf } from './resource.ts';
import { serveReview } from './review.ts';
import { parseRoute } from './route.ts';

/** What the server says it is. */
const VERSION = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+muslin-lab',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
};

/** Answers one authenticated request. */
export function handle(api: Api, request: ApiRequest): ApiResponse {
  const { path } = request;
  if (path === '/version') return replyJson(200, VERSION);
  if (/^\/(healthz|livez|readyz)(\/|$)/.test(path)) return replyPlain(200, 'ok');
  if (path === '/openapi/v2') return serveOpenApiV2(request.accept);
  if (path.startsWith('/openapi/v3')) return serveOpenApi(api, path) ?? notFoundPage();
  const review = serveReview(api, request);
  if (review !== undefined) return review;
  const route = parseRoute(path);
  if (route === undefined) return serveDiscovery(api, path, request.accept) ?? notFoundPage();
  const kind = api.registry.find(route.group, route.version, route.plural);
  if (kind === undefined)
    return servesBuiltIns(api, route) ? replyStatus(faults.noSuchResource()) : notFoundPage();
  const namespaced = route.namespace !== '';
  const nowhere = () => (kind.builtIn ? replyStatus(faults.noSuchResource()) : notFoundPage());
  if (namespaced && !kind.namespaced) return nowhere();
  if (!namespaced && kind.namespaced && (route.name !== '' || (!kind.builtIn && request.method !== 'GET')))
    return nowhere();
  const resource = route.subresource === '' ? kind.plural : `${kind.plural}/${route.subresource}`;
  const verb = verbOf(request, route);
  const attempt = {
    user: request.user,
    verb,
    group: kind.group,
    resource,
    namespace: route.namespace,
    name: route.name,
  };
  if (!api.authorize(attempt)) {
    const where = route.namespace === '' ? 'at the cluster scope' : `in the namespace "${route.namespace}"`;
    const why = `User "${request.user.user}" cannot ${verb} resource "${resource}" in API group "${kind.group}" ${where}`;
    return replyStatus(faults.forbidden(kind, route.name, why));
  }
  return serveResource(api, kind, route, request);
}

/** A path below a group of definitions leads nowhere at all. */
function servesBuiltIns(api: Api, route: { readonly group: string; readonly version: string }): boolean {
  for (const kind of api.registry.all()) {
    if (kind.builtIn && kind.group === route.group && kind.version === route.version) return true;
  }
  return false;
}

function notFoundPage(): ApiResponse {
  return replyPlain(404, '404 page not found\n');
}

/** The answer to a request without a known bearer token. */
export function unauthorized(): ApiResponse {
  return replyStatus(failure(401, 'Unauthorized', 'Unauthorized'));
}
