import type { Result } from '@muslin/net';
import type { Api } from '../api.ts';
import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kube-object.ts';
import type { ApiRequest } from '../serve/request.ts';
import type { Route } from '../serve/route.ts';
import type { WriteContext } from '../serve/write.ts';
import { failure, refuse, type Status } from '../status.ts';

export interface Applied {
  readonly created: boolean;
  readonly object: KubeObject;
  readonly warnings: readonly string[];
}

export function applyObject(
  _api: Api,
  _kind: Kind,
  _old: KubeObject | undefined,
  _route: Route,
  _request: ApiRequest,
  _context: WriteContext,
): Result<Applied, Status> {
  return refuse(failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {}));
}
