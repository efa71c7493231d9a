import type { Api } from '../api.ts';
import { at, isObject, type JsonObject, objectAt, textAt } from '../json.ts';
import { badRequest, forbidden } from '../status.ts';
import { parseText } from './body.ts';
import { type ApiRequest, type Reply, replyJson, replyStatus } from './request.ts';

/** Who am I, and may I: virtual resources that are answered and not stored. undefined for other paths. */
export function serveReview(api: Api, request: ApiRequest): Reply | undefined {
  if (request.method !== 'POST') return undefined;
  const review = REVIEWS[request.path];
  if (review === undefined) return undefined;
  const body = parseText(request.body, request.contentType.includes('yaml'));
  if (!body.ok || !isObject(body.value)) return replyStatus(badRequest('a review object is expected'));
  // Whoever asks about others needs a right to; about oneself everybody may.
  if (request.path === TOKEN_REVIEWS && !mayReviewTokens(api, request))
    return replyStatus(forbidden(TOKEN_REVIEW, '', `User "${request.user.user}" cannot create resource`));
  return replyJson(201, { ...body.value, status: review(api, request, body.value) });
}

const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const TOKEN_REVIEW = { group: 'authentication.k8s.io', kind: 'TokenReview', plural: 'tokenreviews' };
/** Whom tokens are for that name nobody. */
const API_AUDIENCE = 'https://kubernetes.default.svc.cluster.local';

function mayReviewTokens(api: Api, { user }: ApiRequest): boolean {
  const { group, plural: resource } = TOKEN_REVIEW;
  return api.authorize({ user, verb: 'create', group, resource, namespace: '', name: '' });
}

const REVIEWS: Readonly<Record<string, (api: Api, request: ApiRequest, body: JsonObject) => JsonObject>> = {
  '/apis/authentication.k8s.io/v1/selfsubjectreviews': (_api, { user }) => ({
    userInfo: { username: user.user, groups: user.groups },
  }),
  [TOKEN_REVIEWS]: (api, _request, body) => {
    const user = api.whoIs(textAt(body, 'spec', 'token'));
    const asked = at(body, 'spec', 'audiences');
    const audience = user?.audience ?? API_AUDIENCE;
    const wanted = Array.isArray(asked) && asked.length > 0 ? asked : [API_AUDIENCE];
    if (user === undefined || !wanted.includes(audience))
      return { authenticated: false, error: 'invalid bearer token' };
    const { extra } = user;
    return {
      authenticated: true,
      user: { username: user.user, groups: user.groups, ...(extra !== undefined && { extra }) },
      audiences: [audience],
    };
  },
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': (api, { user }, body) => {
    const asked = objectAt(body, 'spec', 'resourceAttributes');
    const sub = textAt(asked, 'subresource');
    const resource = textAt(asked, 'resource');
    const allowed = api.authorize({
      user,
      verb: textAt(asked, 'verb'),
      group: textAt(asked, 'group'),
      resource: sub === '' ? resource : `${resource}/${sub}`,
      namespace: textAt(asked, 'namespace'),
      name: textAt(asked, 'name'),
    });
    return { allowed, ...(at(body, 'spec') === undefined ? { reason: 'no spec' } : {}) };
  },
};
