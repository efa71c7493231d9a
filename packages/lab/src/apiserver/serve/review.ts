import type { Api } from '../api.ts';
import { at, isObject, type JsonObject, objectAt, textAt } from '../json.ts';
import { badRequest } from '../status.ts';
import { parseText } from './body.ts';
import { type ApiRequest, type Reply, replyJson, replyStatus } from './request.ts';

/** Who am I, and may I: virtual resources that are answered and not stored. undefined for other paths. */
export function serveReview(api: Api, request: ApiRequest): Reply | undefined {
  if (request.method !== 'POST') return undefined;
  const review = REVIEWS[request.path];
  if (review === undefined) return undefined;
  const body = parseText(request.body, request.contentType.includes('yaml'));
  if (!body.ok || !isObject(body.value)) return replyStatus(badRequest('a review object is expected'));
  return replyJson(201, { ...body.value, status: review(api, request, body.value) });
}

const REVIEWS: Readonly<Record<string, (api: Api, request: ApiRequest, body: JsonObject) => JsonObject>> = {
  '/apis/authentication.k8s.io/v1/selfsubjectreviews': (_api, { user }) => ({
    userInfo: { username: user.user, groups: user.groups },
  }),
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
