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
import { parseText, readBody } from './body.ts';
import { deletedStatus, deleteObject, readDeleteOptions } from './delete.ts';
import { fieldValidationOf, takeIn } from './intake.ts';
import { listObjects } from './list.ts';
import { patchObject, patchTypeOf } from './patch.ts';
import { choosePresentation, type Presentation, presentList, presentOne } from './presentation.ts';
import { type ApiRequest, type ApiResponse, type Reply, replyJson, replyText } from './request.ts';
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
export function serveResource(api: Api, kind: Kind, route: Route, request: ApiRequest): Answer {
  const chosen = choosePresentation(request.accept, request.query);
  if (!chosen.ok) return chosen;
  const call = new Call(api, kind, route, request, chosen.value);
  switch (route.subresource) {
    case '':
      return call.main();
    case 'status':
      return kind.hasStatus ? call.status() : refuse(faults.noSuchResource());
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
      return refuse(faults.noSuchResource());
  }
}

/** One request with everything that its steps need. */
class Call {
  readonly #api: Api;
  readonly #kind: Kind;
  readonly #route: Route;
  readonly #request: ApiRequest;
  readonly #as: Presentation;

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
        return collection ? this.#create() : refuse(faults.notAllowed());
      case 'update':
        return collection ? refuse(faults.notAllowed()) : this.update();
      case 'patch':
        return collection ? refuse(faults.notAllowed()) : this.#patch();
      case 'delete':
        return this.#delete();
      case 'deletecollection':
        return this.#kind.namespaced && namespace === '' ? refuse(faults.notAllowed()) : this.#deleteAll();
      default:
        return refuse(faults.notAllowed());
    }
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
        return refuse(faults.notAllowed());
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
    const given = isObject(body.value['metadata']) ? body.value['metadata'] : {};
    if (textAt(given, 'name') !== name) {
      const why = `the name of the object (${textAt(given, 'name')}) does not match the name on the URL (${name})`;
      return refuse(badRequest(why));
    }
    if (textAt(given, 'namespace') !== '' && textAt(given, 'namespace') !== namespace)
      return refuse(this.#otherNamespace());
    const taken = takeIn(body.value, this.#kind, fieldValidationOf(this.#request.query));
    if (!taken.ok) return taken;
    const old = this.#find();
    if (!old.ok) return old;
    if (!this.#kind.builtIn && textAt(given, 'resourceVersion') === '') {
      const cause = fieldInvalid('metadata.resourceVersion', 0, 'must be specified for an update');
      return refuse(faults.invalid(this.#kind, name, [cause], this.#kind.plural));
    }
    const written = updateObject(
      this.#api,
      this.#kind,
      old.value,
      taken.value.object,
      this.#context('Update'),
    );
    return written.ok ? ok(this.#one(200, written.value, taken.value.warnings)) : written;
  }

  #get(): Answer {
    const found = this.#find();
    return found.ok ? ok(this.#one(200, found.value)) : found;
  }

  #list(): Answer {
    const page = listObjects(this.#api, this.#kind, this.#route.namespace, this.#request.query);
    if (!page.ok) return page;
    const text = presentList(this.#kind, page.value.objects, page.value.metadata, this.#as, this.#api.now());
    return ok(this.#reply(200, text));
  }

  #create(): Answer {
    const body = readBody(this.#request, this.#kind);
    if (!body.ok) return body;
    const taken = takeIn(body.value, this.#kind, fieldValidationOf(this.#request.query));
    if (!taken.ok) return taken;
    const placed = this.#place(taken.value.object);
    if (!placed.ok) return placed;
    const { metadata } = placed.value;
    if (metadata.name === undefined && metadata.generateName === undefined) {
      const cause = fieldRequired('metadata.name', 'name or generateName is required');
      return refuse(faults.invalid(this.#kind, '', [cause]));
    }
    const made = createObject(this.#api, this.#kind, placed.value, this.#context('Update'));
    return made.ok ? ok(this.#one(201, made.value, taken.value.warnings)) : made;
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
      return ok(this.#one(applied.value.created ? 201 : 200, applied.value.object, applied.value.warnings));
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
    return patched.ok ? ok(this.#one(200, patched.value.object, patched.value.warnings)) : patched;
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

  #deleteAll(): Answer {
    const body = this.#deleteOptions();
    if (!body.ok) return body;
    const selection = readSelection(this.#kind, this.#route.namespace, this.#request.query);
    if (!selection.ok) return selection;
    const options = readDeleteOptions(body.value, this.#request.query);
    const gone: KubeObject[] = [];
    for (const [, object] of this.#api.store.list(this.#kind.storage)) {
      if (!selection.value.matches(object)) continue;
      const deleted = deleteObject(this.#api, this.#kind, object, options);
      if (!deleted.ok) return deleted;
      gone.push(deleted.value.object);
    }
    const metadata = { resourceVersion: String(this.#api.store.revision) };
    return ok(this.#reply(200, presentList(this.#kind, gone, metadata, this.#as, this.#api.now())));
  }

  #deleteOptions(): Result<JsonObject, Status> {
    if (this.#request.body.trim() === '') return ok({});
    const parsed = parseText(this.#request.body, this.#request.contentType.includes('yaml'));
    if (!parsed.ok || !isObject(parsed.value))
      return refuse(badRequest('the body of a DELETE must be DeleteOptions'));
    return ok(parsed.value);
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
    };
  }

  #one(code: number, object: KubeObject, warnings: readonly string[] = []): Reply {
    return this.#reply(code, presentOne(this.#kind, object, this.#as, this.#api.now()), warnings);
  }

  #reply(code: number, text: string, warnings: readonly string[] = []): Reply {
    const reply = replyText(code, text, warnings);
    return { ...reply, headers: { ...reply.headers, 'content-type': this.#as.contentType } };
  }
}
