/** A quantity in units of 10⁻⁹ (nano), so that sums and comparisons are exact. */
export type Quantity = bigint;

const FACTORS: Readonly<Record<string, bigint>> = {
  n: 1n,
  u: 10n ** 3n,
  m: 10n ** 6n,
  '': 10n ** 9n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: 2n ** 10n * 10n ** 9n,
  Mi: 2n ** 20n * 10n ** 9n,
  Gi: 2n ** 30n * 10n ** 9n,
  Ti: 2n ** 40n * 10n ** 9n,
  Pi: 2n ** 50n * 10n ** 9n,
  Ei: 2n ** 60n * 10n ** 9n,
};

/** Parses `100m`, `1.5Gi`, `2e3` (Kubernetes, resource.Quantity); undefined for anything else. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = /^([+-]?)(\d+)?(?:\.(\d*))?(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const power = exponent === undefined ? 0 : Number(exponent.slice(1));
  let value = BigInt(`${whole}${fraction}` || '0') * (FACTORS[suffix] as bigint);
  const shift = power - fraction.length;
  value = shift >= 0 ? value * 10n ** BigInt(shift) : value / 10n ** BigInt(-shift);
  return sign === '-' ? -value : value;
}
