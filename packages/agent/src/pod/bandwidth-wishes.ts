import type { AnyObject } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Attachment, Rate } from '../cni/attachment.ts';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import type { Bandwidth } from './bandwidth.ts';

/** Prefix of Calico's annotations of limits. */
export const QOS = 'qos.projectcalico.org/';
const KUBERNETES = 'kubernetes.io/';
/** Quantities of Kubernetes (apimachinery resource.Quantity) that rates are written in. */
const UNIT: Readonly<Record<string, number>> = {
  ...{ '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 },
};
/** Annotations of Calico that nothing here enforces. */
const UNENFORCED = ['Peakrate', 'Minburst'].flatMap(name => [`${QOS}ingress${name}`, `${QOS}egress${name}`]);

/**
 * How fast an interface may be: what the caller says, else Calico's annotations of the pod
 * (`qos.projectcalico.org/ingressBandwidth`, `ingressBurst` and the like), else Kubernetes'
 * (`kubernetes.io/ingress-bandwidth`).
 */
export function bandwidthFor(object: AnyObject, attachment: Attachment): Result<Bandwidth, CniFault> {
  const annotations = object.metadata.annotations ?? {};
  const both = { ingress: attachment.ingress, egress: attachment.egress };
  for (const way of ['ingress', 'egress'] as const) {
    if (both[way] !== undefined) continue;
    const rate = readRate(
      annotations,
      [`${QOS}${way}Bandwidth`, `${KUBERNETES}${way}-bandwidth`],
      `${QOS}${way}Burst`,
    );
    if (!rate.ok) return rate;
    both[way] = rate.value;
  }
  return ok(both);
}

/** The annotations of a pod that ask for limits which are not enforced; to be told of. */
export function unenforcedLimits(object: AnyObject): readonly string[] {
  return UNENFORCED.filter(name => object.metadata.annotations?.[name] !== undefined);
}

function readRate(
  annotations: Readonly<Record<string, string>>,
  names: readonly string[],
  burstName: string,
): Result<Rate | undefined, CniFault> {
  const name = names.find(each => annotations[each] !== undefined);
  if (name === undefined) return ok(undefined);
  const bitsPerSecond = quantity(annotations[name]);
  const burst = annotations[burstName];
  const burstBits = burst === undefined ? undefined : quantity(burst);
  const wrong =
    bitsPerSecond === undefined
      ? name
      : burst !== undefined && burstBits === undefined
        ? burstName
        : undefined;
  if (wrong !== undefined)
    return fail({
      code: CNI_CODE.invalidConfig,
      message: `annotation ${wrong} must be a number of bits above 0, such as 10M, not ${annotations[wrong]?.slice(0, 40)}`,
    });
  return ok({ bitsPerSecond: bitsPerSecond as number, burstBits });
}

/** A whole number above 0 (of bits, packets); undefined when the text is none. */
export function quantity(text: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(k|[MGT]|[KMGT]i)?$/.exec(text ?? '') ?? [];
  const value = Math.floor(Number(digits) * (UNIT[unit] ?? Number.NaN));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
