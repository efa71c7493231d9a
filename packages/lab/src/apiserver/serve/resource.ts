import { ok, type Result } from '@muslin/net';
import type { Api } from '../api.ts';
import { applyObject } from '../apply/server-side-apply.ts';
import { fieldInvalid, fieldRequired } from '../field-error.ts';
import { isObject, type JsonObject, textAt } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import { type KubeObject, withMetadata } from '../kube-object.ts';
import * as faults from '../status.ts';
import { badRequest, failure, refuse, type Status } from '../status.ts';
import { keyOf } from '../store/store.ts';
import { bindPod } from './bind-pod.ts';
import { type Body, parseText, readBody, typeMetaFault } from './body.ts';
import { deletedStatus, deleteObject, readDeleteOptions } from './delete.ts';
import { fieldValidationOf, takeIn } from './intake.ts';
import { listObjects } from './list.ts';
import { checkDeleteOptions, checkOptions } from './options-check.ts';
import { patchObject, patchTypeOf } from './patch.ts';
import { choosePresentation, type Presentation, presentList, presentOne } from './presentation.ts';
import {
  type ApiRequest,
  type ApiResponse,
  type Reply,
  replyJson,
  replyStatus,
  replyText,
  withWarnings,
} from './request.ts';
import type { Route } from './route.ts';
import { readSelection } from './selection.ts';
import { watchObjects } from './watch.ts';
import { createObject, updateObject, type WriteContext } from './write.ts';

type Answer = Result<ApiResponse, Status>;

/** The verb that authorisation and discovery know a request by. */
export function verbOf(request: ApiRequest, route: Route): string {
  const watching = request.query.get('watch') === 'true' || request.query.get('watch') === '1';
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      if (route.name !== '') return 'get';
      return watching ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return route.name === '' ? 'deletecollection' : 'delete';
    default:
      return request.method.toLowerCase();
  }
}

/** Answers a request for objects of a kind. */
export function serveResource(api: Api, kind: Kind, route: Route, request: ApiRequest): ApiResponse {
  const chosen = choosePresentation(request.accept, request.query, kind.builtIn);
  if (!chosen.ok) return replyStatus(chosen.fault);
  const call = new Call(api, kind, route, request, chosen.value);
  const answer = checked(call, kind, route, request);
  const response = answer.ok ? answer.value : replyStatus(answer.fault);
  return response.type === 'reply'
    ? withWarnings(response, [...(kind.warning ?? []), ...call.warnings])
    : response;
}

function checked(call: Call, kind: Kind, route: Route, request: ApiRequest): Answer {
  const wrong = checkOptions(request);
  return wrong === undefined ? serveDoor(call, kind, route, request) : refuse(wrong);
}

/** The object itself, or one of its subresources. */
function serveDoor(call: Call, kind: Kind, route: Route, request: ApiRequest): Answer {
  switch (route.subresource) {
    case '':
      return call.main();
    case 'status':
      return kind.hasStatus ? call.status() : call.noSuchDoor();
    case 'finalize':
      return kind.storage === '/namespaces' && request.method === 'PUT'
        ? call.update()
        : refuse(faults.noSuchResource());
    case 'binding':
      return kind.storage === '/pods' && request.method === 'POST'
        ? call.bind()
        : refuse(faults.noSuchResource());
    case 'exec':
    case 'attach':
    case 'portforward':
    case 'log': {
      if (kind.storage !== '/pods') return refuse(faults.noSuchResource());
      const why = `pods/${route.subresource} needs a kubelet; this API server of the Muslin lab has none behind it; a command runs there with: npm run -s lab -- exec NAMESPACE/POD -- COMMAND`;
      return refuse(failure(501, 'NotImplemented', why, {}));
    }
    default:
      return call.noSuchDoor();
  }
}

/** One request with everything that its steps need. */
class Call {
  readonly #api: Api;
  readonly #kind: Kind;
  readonly #route: Route;
  readonly #request: ApiRequest;
  readonly #as: Presentation;
  /** What the client is told besides the answer. */
  readonly warnings = new Set<string>();

  constructor(api: Api, kind: Kind, route: Route, request: ApiRequest, as: Presentation) {
    this.#api = api;
    this.#kind = kind;
    this.#route = route;
    this.#request = request;
    this.#as = as;
  }

  main(): Answer {
    const { name, namespace } = this.#route;
    const collection = name === '';
    switch (verbOf(this.#request, this.#route)) {
      case 'list':
        return this.#list();
      case 'watch':
        return watchObjects(this.#api, this.#kind, namespace, this.#request.query, this.#as);
      case 'get':
        return this.#get();
      case 'create':
        return collection || !this.#kind.builtIn ? this.#create() : refuse(faults.notAllowed());
      case 'update':
        return collection ? this.#nameless() : this.update();
      case 'patch':
        return this.#patch();
      case 'delete':
        return this.#delete();
      case 'deletecollection':
        return this.#kind.namespaced && namespace === '' ? refuse(faults.notAllowed()) : this.#deleteAll();
      default:
        return refuse(faults.notAllowed());
    }
  }

  /** A subresource that is none: custom kinds say that the object isn't there. */
  noSuchDoor(): Answer {
    const { builtIn } = this.#kind;
    return refuse(builtIn ? faults.noSuchResource() : faults.notFound(this.#kind, this.#route.name));
  }

  /** A write of one object to the path of all. */
  #nameless(): Answer {
    return refuse(this.#kind.builtIn ? faults.notAllowed() : badRequest('name must be provided'));
  }

  status(): Answer {
    switch (this.#request.method) {
      case 'GET':
      case 'HEAD':
        return this.#get();
      case 'PUT':
        return this.update();
      case 'PATCH':
        return this.#patch();
      default:
        return refuse(
          this.#kind.builtIn
            ? faults.notAllowed()
            : faults.notSupported(this.#kind, verbOf(this.#request, this.#route)),
        );
    }
  }

  bind(): Answer {
    const pod = this.#find();
    if (!pod.ok) return pod;
    const body = parseText(this.#request.body, false);
    if (!body.ok || !isObject(body.value)) return refuse(badRequest('a Binding is expected'));
    const bound = bindPod(this.#api, this.#kind, pod.value, body.value);
    return bound.ok
      ? ok(replyJson(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }))
      : bound;
  }

  update(): Answer {
    const body = readBody(this.#request, this.#kind);
    if (!body.ok) return body;
    const { name, namespace } = this.#route;
    const given = isObject(body.value.object['metadata']) ? body.value.object['metadata'] : {};
    if (textAt(given, 'name') === '') {
      return refuse(
        badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`),
      );
    }
    if (textAt(given, 'name') !== name) {
      const why = `the name of the object (${textAt(given, 'name')}) does not match the name on the URL (${name})`;
      return refuse(badRequest(why));
    }
    if (textAt(given, 'namespace') !== '' && textAt(given, 'namespace') !== namespace)
      return refuse(this.#otherNamespace());
    const taken = this.#takeIn(body.value);
    if (!taken.ok) return taken;
    const old = this.#find();
    if (!old.ok) return old;
    const revision = textAt(given, 'resourceVersion');
    if (!/^\d*$/.test(revision)) {
      const why = `strconv.ParseUint: parsing ${JSON.stringify(revision)}: invalid syntax`;
      return refuse(faults.internalError(why));
    }
    if (!this.#kind.builtIn && Number(revision) === 0) {
      const cause = fieldInvalid('metadata.resourceVersion', 0, 'must be specified for an update');
      return refuse(faults.invalid(this.#kind, name, [cause], this.#kind.plural));
    }
    const written = updateObject(this.#api, this.#kind, old.value, taken.value, this.#context('Update'));
    return written.ok ? ok(this.#one(200, written.value)) : written;
  }

  #get(): Answer {
    const found = this.#find();
    if (!found.ok) return found;
    return this.#as.of === 'list'
      ? refuse(faults.internalError('content is not a list'))
      : ok(this.#one(200, found.value));
  }

  #list(): Answer {
    if (this.#as.of === 'one') {
      const why =
        'you requested PartialObjectMetadata, but the requested object is a list (*unstructured.UnstructuredList)';
      return refuse(failure(406, 'NotAcceptable', why));
    }
    const page = listObjects(this.#api, this.#kind, this.#route.namespace, this.#request.query);
    if (!page.ok) return page;
    const metadata = this.#listMeta(page.value.metadata);
    const text = presentList(this.#kind, page.value.objects, metadata, this.#as, this.#api.now());
    return ok(this.#reply(200, text));
  }

  /** A list of custom objects always has a token, empty on its last page. */
  #listMeta(metadata: JsonObject): JsonObject {
    return this.#kind.builtIn || this.#as.form !== 'object' ? metadata : { continue: '', ...metadata };
  }

  #create(): Answer {
    const body = readBody(this.#request, this.#kind);
    if (!body.ok) return body;
    const taken = this.#takeIn(body.value);
    if (!taken.ok) return taken;
    const placed = this.#place(taken.value);
    if (!placed.ok) return placed;
    const { metadata } = placed.value;
    if (this.#kind.builtIn && metadata.name === undefined && metadata.generateName === undefined) {
      const cause = fieldRequired('metadata.name', 'name or generateName is required');
      return refuse(faults.invalid(this.#kind, '', [cause]));
    }
    const made = createObject(this.#api, this.#kind, placed.value, this.#context('Update'));
    return made.ok ? ok(this.#one(201, made.value)) : made;
  }

  #takeIn({ object, repeated }: Body): Result<KubeObject, Status> {
    const taken = takeIn(object, this.#kind, fieldValidationOf(this.#request.query), repeated);
    if (!taken.ok) return taken;
    for (const text of taken.value.warnings) this.warnings.add(text);
    return ok(taken.value.object);
  }

  /** The object with the namespace of the path, which its own must not contradict. */
  #place(object: KubeObject): Result<KubeObject, Status> {
    const given = object.metadata.namespace ?? '';
    if (!this.#kind.namespaced) return ok(withMetadata(object, { namespace: undefined }));
    if (this.#route.namespace === '') return refuse(badRequest('the namespace of the request must be given'));
    if (given !== '' && given !== this.#route.namespace) return refuse(this.#otherNamespace());
    return ok(withMetadata(object, { namespace: this.#route.namespace }));
  }

  #otherNamespace(): Status {
    return badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }

  #patch(): Answer {
    const type = patchTypeOf(this.#request, this.#kind);
    if (!type.ok) return type;
    if (this.#route.name === '') return this.#nameless();
    const old = this.#find();
    if (type.value === 'application/apply-patch+yaml') {
      const applied = applyObject(
        this.#api,
        this.#kind,
        old.ok ? old.value : undefined,
        this.#route,
        this.#request,
        this.#context('Apply'),
      );
      if (!applied.ok) return applied;
      for (const text of applied.value.warnings) this.warnings.add(text);
      return ok(this.#one(applied.value.created ? 201 : 200, applied.value.object));
    }
    if (!old.ok) return old;
    const patched = patchObject(
      this.#api,
      this.#kind,
      old.value,
      this.#request,
      type.value,
      this.#context('Update'),
    );
    if (!patched.ok) return patched;
    for (const text of patched.value.warnings) this.warnings.add(text);
    return ok(this.#one(200, patched.value.object));
  }

  #delete(): Answer {
    const options = this.#deleteOptions();
    if (!options.ok) return options;
    const old = this.#find();
    if (!old.ok) return old;
    const deleted = deleteObject(
      this.#api,
      this.#kind,
      old.value,
      readDeleteOptions(options.value, this.#request.query),
    );
    if (!deleted.ok) return deleted;
    const { gone, object } = deleted.value;
    // Pods and Services answer with themselves, as the real server's registries do.
    const shown = !gone || this.#kind.storage === '/pods' || this.#kind.storage === '/services';
    return ok(shown ? this.#one(200, object) : replyJson(200, deletedStatus(this.#kind, object)));
  }

  /** Answers with what was there before. */
  #deleteAll(): Answer {
    const body = this.#deleteOptions();
    if (!body.ok) return body;
    const selection = readSelection(this.#kind, this.#route.namespace, this.#request.query);
    if (!selection.ok) return selection;
    const options = readDeleteOptions(body.value, this.#request.query);
    const { revision } = this.#api.store;
    const chosen: KubeObject[] = [];
    for (const [, object] of this.#api.store.list(this.#kind.storage)) {
      if (!selection.value.matches(object)) continue;
      const deleted = deleteObject(this.#api, this.#kind, object, options);
      if (!deleted.ok) return deleted;
      chosen.push(object);
    }
    const metadata = this.#listMeta({ resourceVersion: String(revision) });
    return ok(this.#reply(200, presentList(this.#kind, chosen, metadata, this.#as, this.#api.now())));
  }

  #deleteOptions(): Result<JsonObject, Status> {
    if (this.#request.body.trim() === '') return ok({});
    const parsed = parseText(this.#request.body, this.#request.contentType.includes('yaml'));
    const wrong = parsed.ok ? typeMetaFault(parsed.value) : parsed.fault;
    if (wrong !== undefined)
      return refuse(badRequest(`couldn't get version/kind; json parse error: ${wrong}`));
    const options = parsed.ok && isObject(parsed.value) ? parsed.value : {};
    const fault = checkDeleteOptions(options);
    return fault === undefined ? ok(options) : refuse(fault);
  }

  #find(): Result<KubeObject, Status> {
    const { namespace, name } = this.#route;
    const found = this.#api.store.get(
      this.#kind.storage,
      keyOf(this.#kind.namespaced ? namespace : '', name),
    );
    return found === undefined ? refuse(faults.notFound(this.#kind, name)) : ok(found);
  }

  #context(operation: 'Update' | 'Apply'): WriteContext {
    const agent = (this.#request.userAgent.split('/')[0] ?? '').slice(0, 128);
    return {
      manager: this.#request.query.get('fieldManager') || agent || 'unknown',
      operation,
      subresource: this.#route.subresource,
      dryRun: this.#request.query.get('dryRun') === 'All',
      warn: text => this.warnings.add(text),
    };
  }

  #one(code: number, object: KubeObject): Reply {
    return this.#reply(code, presentOne(this.#kind, object, this.#as, this.#api.now()));
  }

  #reply(code: number, text: string): Reply {
    const reply = replyText(code, text);
    return { ...reply, headers: { ...reply.headers, 'content-type': this.#as.contentType } };
  }
}
